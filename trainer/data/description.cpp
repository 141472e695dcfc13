#include "trainer/data/description.h"

#include <algorithm>
#include <set>

#include <yaml-cpp/yaml.h>

#include "storage/files/error.h"
#include "storage/files/mapped_file.h"
#include "sweep/nearest.h"
#include "trainer/data/error.h"
#include "trainer/data/npy.h"

namespace medley::data {
namespace {

constexpr std::size_t kMaxYaml = 1 << 20;
constexpr std::size_t kMaxText = 128;
/// Names of labels stand in file names, addresses of pages and command lines.
constexpr char kLabelCharacters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

class Parser {
 public:
  explicit Parser(const std::filesystem::path& path) : path_(path) {}

  Description parse(const YAML::Node& root) {
    if (!root.IsMap()) fail(root, "a mapping is expected");
    Description description;
    const std::vector<std::string> keys = {"classes", "exclusive", "encoders", "synthetic", "columns", "prepared"};
    std::set<std::string> seen;
    for (const auto& entry : root) {
      const std::string key = text(entry.first, "a key");
      if (!seen.insert(key).second) fail(entry.first, "key '" + key + "' occurs twice");
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
        fail(entry.first, "unknown key '" + key + "'" + sweep::suggestion(key, keys));
      }
    }
    if (const YAML::Node names = root["classes"]) description.classes = classes(names);
    if (const YAML::Node exclusive = root["exclusive"]) {
      if (!description.classes) description.classes = sweep::Classes::blemore();
      mark_exclusive(exclusive, *description.classes);
    }
    if (const YAML::Node node = root["encoders"]) description.encoders = encoders(node);
    if (const YAML::Node node = root["synthetic"]) {
      if (!YAML::convert<bool>::decode(node, description.synthetic)) fail(node, "synthetic: true or false is expected");
    }
    if (const YAML::Node node = root["columns"]) description.columns = columns(node);
    if (const YAML::Node node = root["prepared"]) description.prepared = list(node, "prepared", 1024);
    return description;
  }

 private:
  ColumnNames columns(const YAML::Node& node) {
    if (!node.IsMap()) fail(node, "columns: a mapping of our name to yours is expected, as in 'video_id: speaker'");
    ColumnNames columns;
    const std::vector<std::string> known = metadata_columns();
    for (const auto& entry : node) {
      const std::string name = text(entry.first, "a column's name");
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        fail(entry.first, "columns: unknown column '" + name + "'" + sweep::suggestion(name, known));
      }
      columns[name] = text(entry.second, "the name of your column for '" + name + "'");
    }
    return columns;
  }

  sweep::Classes classes(const YAML::Node& node) {
    sweep::Classes classes;
    classes.names = list(node, "classes");
    classes.exclusive.assign(classes.names.size(), false);
    if (classes.names.size() < 2 || classes.names.size() > sweep::kMaxClasses) {
      fail(node, "classes: " + std::to_string(classes.names.size()) + " names; valid: 2 to " +
                     std::to_string(sweep::kMaxClasses));
    }
    return classes;
  }

  void mark_exclusive(const YAML::Node& node, sweep::Classes& classes) {
    classes.exclusive.assign(classes.names.size(), false);
    for (const std::string& name : list(node, "exclusive")) {
      const int index = classes.index_of(name);
      if (index < 0) fail(node, "exclusive: '" + name + "' is not a class" + sweep::suggestion(name, classes.names));
      classes.exclusive[static_cast<std::size_t>(index)] = true;
    }
  }

  std::vector<Description::EncoderEntry> encoders(const YAML::Node& node) {
    if (!node.IsMap()) fail(node, "encoders: a mapping of encoder to modality is expected, as in 'clip: video'");
    std::vector<Description::EncoderEntry> entries;
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const std::string name = text(entry.first, "an encoder's name");
      if (!seen.insert(name).second) fail(entry.first, "encoders: '" + name + "' occurs twice");
      entries.push_back({name, labels(entry.second, name)});
    }
    if (entries.empty()) fail(node, "encoders: none is named; leave the key out to use every feature file");
    return entries;
  }

  /// A word is the modality; else a mapping of label to word.
  sweep::EncoderLabels labels(const YAML::Node& node, const std::string& encoder) {
    if (node.IsNull()) return {};
    if (!node.IsMap()) return {{sweep::kModality, text(node, "the modality of '" + encoder + "', or its labels,")}};
    sweep::EncoderLabels labels;
    for (const auto& entry : node) {
      const std::string name = text(entry.first, "a label of '" + encoder + "'");
      if (name.find_first_not_of(kLabelCharacters) != std::string::npos) {
        fail(entry.first, "label '" + name + "' of '" + encoder + "': valid are letters, digits, '_' and '-'");
      }
      const std::string word = text(entry.second, "the " + name + " of '" + encoder + "'");
      if (!labels.emplace(name, word).second)
        fail(entry.first, "label '" + name + "' of '" + encoder + "' occurs twice");
    }
    return labels;
  }

  std::vector<std::string> list(const YAML::Node& node, const std::string& key, std::size_t longest = kMaxText) {
    if (!node.IsSequence()) fail(node, key + ": a list is expected, as in [ang, disg]");
    std::vector<std::string> names;
    for (const YAML::Node& item : node) {
      const std::string name = text(item, key + ": a name", longest);
      if (std::find(names.begin(), names.end(), name) != names.end()) fail(item, key + ": '" + name + "' occurs twice");
      names.push_back(name);
    }
    return names;
  }

  std::string text(const YAML::Node& node, const std::string& what, std::size_t longest = kMaxText) {
    if (!node.IsScalar() || node.Scalar().empty() || node.Scalar().size() > longest) fail(node, what + " is expected");
    decode_utf8(node.Scalar(), where(node) + what + ": ");  // `import` could not write other bytes
    return node.Scalar();
  }

  std::string where(const YAML::Node& node) const {
    return path_.string() + ":" + std::to_string(node.Mark().line + 1) + ": ";
  }
  [[noreturn]] void fail(const YAML::Node& node, const std::string& what) const { throw Error(where(node) + what); }

  const std::filesystem::path& path_;
};

}  // namespace

Description read_description(const std::filesystem::path& path) {
  const auto file = files::rethrow_as<Error>([&] { return files::MappedFile(path); });
  if (file.size() > kMaxYaml) throw Error(path.string() + ": longer than " + std::to_string(kMaxYaml) + " bytes");
  try {
    const YAML::Node root = YAML::Load(std::string(reinterpret_cast<const char*>(file.data()), file.size()));
    if (root.IsNull()) return {};
    return Parser(path).parse(root);
  } catch (const YAML::Exception& error) {
    throw Error(path.string() + ":" + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

std::string description_text(const Description& description) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  if (description.classes) {
    std::vector<std::string> exclusive;
    for (std::size_t i = 0; i < description.classes->names.size(); ++i) {
      if (description.classes->exclusive[i]) exclusive.push_back(description.classes->names[i]);
    }
    out << YAML::Key << "classes" << YAML::Value << YAML::Flow << description.classes->names;
    if (!exclusive.empty()) out << YAML::Key << "exclusive" << YAML::Value << YAML::Flow << exclusive;
  }
  if (!description.encoders.empty()) {
    out << YAML::Key << "encoders" << YAML::Value << YAML::BeginMap;
    for (const Description::EncoderEntry& entry : description.encoders) {
      out << YAML::Key << entry.name << YAML::Value;
      if (entry.labels.empty()) {
        out << YAML::Null;
      } else if (entry.labels.size() == 1 && entry.labels.count(sweep::kModality) == 1) {
        out << entry.labels.begin()->second;
      } else {
        out << YAML::Flow << entry.labels;
      }
    }
    out << YAML::EndMap;
  }
  if (description.synthetic) out << YAML::Key << "synthetic" << YAML::Value << true;
  if (!description.columns.empty()) out << YAML::Key << "columns" << YAML::Value << description.columns;
  if (!description.prepared.empty()) out << YAML::Key << "prepared" << YAML::Value << description.prepared;
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

}  // namespace medley::data
