#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sweep/device.h"
#include "trainer/data/dataset.h"
#include "trainer/data/file_states.h"
#include "worker/link.h"
#include "worker/mpi_gang.h"
#include "worker/pack_sizes.h"

namespace medley::worker {

/// The dataset in `folder`, in every rank of the gang. One rank of each host reads it, and the features lie once in
/// each host's memory. `fingerprint` and `test_fingerprint` are "" or what they must be. Throws Error on every rank
/// when one cannot read it.
data::Dataset load_in_gang(const std::string& folder, const std::string& fingerprint,
                           const std::string& test_fingerprint, MpiGang& gang);

/// The arithmetic of this process on `device` (trainer/arithmetic.h). Of a gang (borrowed; nullptr: none), in which
/// every rank calls it, what agree_on_arithmetic() gives. Throws Error for ranks of several arithmetics.
std::string arithmetic_of(const sweep::Device& device, MpiGang* gang);

/// Trains packs with the real trainer; keeps the dataset of the last one in memory, as long as its files stay as they
/// were. In a gang every rank has one, and one rank of each host reads the dataset for all of them.
class PackTrainer {
 public:
  /// `gang` is borrowed; nullptr: this process alone. With `sizes` (borrowed; alone only) it measures once for each
  /// dataset and fusibility key which packs of up to `capacity` train fastest. It reports the size, and trains larger
  /// packs in parts. `arithmetic` is that of arithmetic_of().
  PackTrainer(sweep::Device device, std::string arithmetic, MpiGang* gang, PackSizes* sizes = nullptr, int capacity = 1)
      : device_(device), arithmetic_(std::move(arithmetic)), gang_(gang), sizes_(sizes), capacity_(capacity) {}

  /// Throws what train_pack() throws, and DatasetChanged for a dataset that is not the one that the pack was made for,
  /// also if its files changed while it trained: features are used where they lie on disk.
  std::vector<sweep::TrialResult> operator()(const Pack& pack);

 private:
  const data::Dataset& load(const Pack& pack);
  /// What happened to the files of the dataset since they were read; "" nothing. The same on every rank.
  std::string change();
  int best_size(const data::Dataset& dataset, const sweep::TrialSpec& trial);

  sweep::Device device_;
  std::string arithmetic_;
  MpiGang* gang_;
  PackSizes* sizes_;
  int capacity_;
  std::optional<data::Dataset> dataset_;
  data::FileStates files_;
};

}  // namespace medley::worker
