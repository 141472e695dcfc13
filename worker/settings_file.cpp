#include "worker/settings_file.h"

#include <algorithm>

#include "storage/files/error.h"
#include "storage/files/read.h"
#include "sweep/nearest.h"
#include "sweep/spec/spec_values.h"
#include "worker/command.h"

namespace medley::worker {

sweep::Config read_settings(const std::filesystem::path& file, const std::vector<std::string>& encoder_names) {
  const std::string text = files::rethrow_as<UsageError>([&] { return files::read(file); });
  if (text.size() > sweep::kMaxSpecBytes) throw UsageError(file.string() + ": more than 1 MiB of settings");
  const std::string name = file.string();
  sweep::Diagnostics diagnostics(name, text);
  const sweep::YamlNode root = sweep::parse_yaml(text, name, diagnostics);
  sweep::Config config;
  config.encoders = encoder_names;
  // More encoders than there are cannot be kept: the default follows a small dataset.
  config.top_n = std::min(config.top_n, static_cast<int>(encoder_names.size()));
  if (root.kind != sweep::YamlNode::Kind::kNull) {
    if (!root.is_map()) diagnostics.add(root.place, "must be a map of settings");
  }
  for (const auto& [key, value] : root.entries) {
    const sweep::Setting* setting = sweep::find_setting(key.place.text);
    if (!setting) {
      diagnostics.add(key.place, "unknown setting " + sweep::shown(key) +
                                     sweep::suggestion(key.place.text, sweep::setting_names()));
      continue;
    }
    if (setting->kind == sweep::Setting::Kind::kEncoders) {
      const auto names = sweep::read_names(value, setting->name, diagnostics);
      if (!names) continue;
      config.encoders.clear();
      for (const sweep::PlacedValue& one : *names) {
        const auto encoder = one.value.get<std::string>();
        if (std::find(encoder_names.begin(), encoder_names.end(), encoder) == encoder_names.end()) {
          diagnostics.add(one.place, "the dataset has no such encoder" + sweep::suggestion(encoder, encoder_names));
        }
        config.encoders.push_back(encoder);
      }
    } else if (const auto read = sweep::read_value(value, *setting, diagnostics)) {
      setting->set(config, read->value);
    }
  }
  diagnostics.throw_if_any();
  if (const auto conflict = sweep::check_config(config)) throw sweep::Error(name + ": " + conflict->message);
  return config;
}

}  // namespace medley::worker
