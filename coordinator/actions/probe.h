#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/probe_file.h"
#include "sweep/score/ridge_probe.h"
#include "trainer/data/dataset.h"

namespace medley::coordinator {

/// What the ridge probe of these encoders reads, in the folds of a partition. Layers are averaged. Reads `dataset`
/// while the probe is made. Throws data::Error for an encoder that it lacks.
sweep::ProbeInput probe_input(const data::Dataset& dataset, const storage::ProbeKey& key);

/// A probe, or why there is none.
struct MadeProbe {
  std::vector<double> worth;
  std::string missing;
};

/// The probe of `key`: as the store keeps it, else made from the dataset where its folder is still the same, and kept.
/// `started` is called before it is made, with the number of subsets.
MadeProbe find_probe(storage::Reader& reader, const storage::ProbeKey& key,
                     const std::function<void(std::size_t subsets)>& started);

}  // namespace medley::coordinator
