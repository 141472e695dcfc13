#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "storage/reader.h"

namespace medley::coordinator {

/// Where medley-worker is; throws Error when it is not there. This program does not load LibTorch.
using WorkerProgram = std::function<std::filesystem::path()>;

/// Which clips of a folder an ensemble's checkpoints predict, and how.
struct PredictOptions {
  std::filesystem::path data;  ///< a dataset, or new clips alone
  bool all = false;            ///< all clips, not only those of test_metadata.csv
  bool in_sample = false;      ///< clips that the ensemble trained on: by all members, not only those that did not
};

/// Probabilities [clip, class], and of each clip the models that gave them: "all" members, those that did not train on
/// it ("out-of-fold"), or all although some did ("in-sample").
struct Predicted {
  std::vector<std::string> filenames;
  std::vector<double> p;
  std::vector<std::string> models;
};

/// What the store has of the members' test predictions.
struct StoredTests {
  std::vector<double> sums;  ///< [test clip, class]: weight times sweep::mix_term(), for sweep::mix_sums()
  double weight = 0;         ///< of all members
  std::vector<storage::MemberRecord> others;  ///< trained before the test clips of the dataset came; not in `sums`
};

/// Throws storage::Error for an ensemble without weight, and for a member without a result.
StoredTests sum_stored_tests(storage::Reader& reader, const storage::EnsembleRecord& ensemble,
                             const storage::DatasetRecord& dataset);

/// The ensemble's mix of the checkpoints of `members`, some or all of its own, as medley-worker computes it. The
/// checkpoints lie in the store of `folder`. Throws storage::Error for members without a checkpoint. An ensemble of
/// paper-style epochs has members whose checkpoint keeps another epoch: these are an error too.
Predicted predict_members(storage::Reader& reader, const std::filesystem::path& folder,
                          const storage::EnsembleRecord& ensemble, const std::vector<storage::MemberRecord>& members,
                          const PredictOptions& options, const WorkerProgram& worker);

/// Writes NPZ: P [clip, class], filenames, classes, models, and the ensemble's alpha and beta.
void write_predicted(const Predicted& predicted, const sweep::Classes& classes, const sweep::Thresholds& thresholds,
                     const std::filesystem::path& out);

}  // namespace medley::coordinator
