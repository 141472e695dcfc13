#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "storage/reader.h"

namespace medley::storage {

/// What the ridge probe of a sweep's encoders (sweep::ridge_probe()) depends on.
struct ProbeKey {
  std::string dataset;  ///< fingerprint
  sweep::Partition partition;
  std::vector<std::string> encoders;
  sweep::ThresholdGrid grid;
};
/// Of all subsets of `encoders`, in the first partition of the sweep.
ProbeKey probe_key(const SweepSummary& sweep, const std::vector<std::string>& encoders);

/// A probe takes seconds and is the same for all sweeps of a dataset, so that the store keeps it as a file of its
/// folder, `probes/`. It may be deleted at any time.
///
/// The worths of all subsets by bit mask of `key.encoders`. Nothing where there is none, and where the file is no
/// probe of this key. Throws files::Error for one that cannot be read.
std::optional<std::vector<double>> read_probe(const std::filesystem::path& store, const ProbeKey& key);
/// Another number once a probe has been written; 0 before the first.
std::int64_t probes_changed(const std::filesystem::path& store);
/// Throws files::Error.
void write_probe(const std::filesystem::path& store, const ProbeKey& key, const std::vector<double>& worth);

}  // namespace medley::storage
