#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trainer/data/dataset.h"
#include "worker/link.h"
#include "worker/mpi_gang.h"

namespace medley::worker {

/// The dataset in `folder`, in every rank of the gang: one rank of each host reads it, and the features lie once in
/// each host's memory. `fingerprint` "" or what it must be. Throws Error on every rank when one cannot read it.
data::Dataset load_in_gang(const std::string& folder, const std::string& fingerprint, MpiGang& gang);

/// Trains packs with the real trainer; keeps the dataset of the last one in memory. In a gang every rank has one, and
/// one rank of each host reads the dataset for all of them.
class PackTrainer {
 public:
  /// `gang` is borrowed; nullptr: this process alone.
  PackTrainer(std::string device, MpiGang* gang) : device_(std::move(device)), gang_(gang) {}

  /// Throws what train_pack() throws, and Error for a dataset that is not the one that the pack was made for.
  std::vector<sweep::TrialResult> operator()(const Pack& pack);

 private:
  const data::Dataset& load(const Pack& pack);

  std::string device_;
  MpiGang* gang_;
  std::optional<data::Dataset> dataset_;
};

}  // namespace medley::worker
