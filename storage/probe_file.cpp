#include "storage/probe_file.h"

#include <nlohmann/json.hpp>

#include "storage/files/read.h"
#include "storage/files/write.h"
#include "sweep/digest.h"

namespace medley::storage {
namespace {

using nlohmann::json;

/// Changes when ridge_probe() computes other numbers.
constexpr int kProbeVersion = 1;

json head_of(const ProbeKey& key) {
  return {{"version", kProbeVersion},
          {"dataset", key.dataset},
          {"partition", sweep::partition_text(key.partition)},
          {"encoders", key.encoders},
          {"grid", {key.grid.from, key.grid.points}}};
}

std::filesystem::path path_of(const std::filesystem::path& store, const ProbeKey& key) {
  return store / "probes" / (sweep::sha256_hex(head_of(key).dump()).substr(0, 16) + ".json");
}

}  // namespace

ProbeKey probe_key(const SweepSummary& sweep, const std::vector<std::string>& encoders) {
  return {sweep.dataset, sweep.partitions.front(), encoders, sweep.decode.grid};
}

std::optional<std::vector<double>> read_probe(const std::filesystem::path& store, const ProbeKey& key) {
  const auto text = files::read_if_there(path_of(store, key));
  if (!text) return std::nullopt;
  const json read = json::parse(*text, nullptr, false);
  if (!read.is_object() || read.value("head", json()) != head_of(key)) return std::nullopt;
  const json worth = read.value("worth", json());
  if (!worth.is_array() || worth.size() != std::size_t{1} << key.encoders.size()) return std::nullopt;
  for (const json& one : worth) {
    if (!one.is_number()) return std::nullopt;
  }
  return worth.get<std::vector<double>>();
}

std::int64_t probes_changed(const std::filesystem::path& store) {
  std::error_code none;
  const auto time = std::filesystem::last_write_time(store / "probes", none);
  return none ? 0 : static_cast<std::int64_t>(time.time_since_epoch().count());
}

void write_probe(const std::filesystem::path& store, const ProbeKey& key, const std::vector<double>& worth) {
  const std::filesystem::path path = path_of(store, key);
  files::make_folders(path.parent_path());
  files::write(path, json{{"head", head_of(key)}, {"worth", worth}}.dump(), files::Durability::kAtomic);
}

}  // namespace medley::storage
