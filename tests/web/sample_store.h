#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/records.h"
#include "sweep/result.h"

namespace medley::test {

/// Ids of what write_sample_store() made.
struct SampleStore {
  std::string running;         ///< sweep "top-n by learning rate": 9 configs x 5 folds x 3 seeds, two thirds of them
                               ///< finished
  std::string finished;        ///< sweep "gates with an inner fold": 4 configs x 5 folds x 2 seeds, all finished
  std::string hostile;         ///< sweep named `<img src=x onerror=alert(1)>`, paused, nothing trained
  std::string trial;           ///< a finished trial of `running`
  std::string failed;          ///< a trial of `running` that lost all its attempts
  std::string diverged;        ///< a trial of `running` that turned NaN
  std::string running_trial;   ///< a trial of `running` that is being trained
  std::string running_config;  ///< its config
  std::int64_t ensemble = 0;   ///< of two configs of `finished`
};
inline constexpr int kSampleClipsAFold = 40;

/// Every config on every fold of the dataset with seeds 1, 2, ..., `seeds`.
storage::SweepSubmission whole_sweep(const std::string& name, const std::string& yaml,
                                     const std::vector<storage::SweepConfig>& configs, int seeds,
                                     const storage::DatasetRecord& dataset);
/// Five encoders, five folds of kSampleClipsAFold clips, no test clips.
storage::DatasetRecord sample_dataset();
/// What a trial on it might have recorded, a function of its arguments only. At least 22 epochs.
sweep::TrialResult sample_result(const sweep::TrialSpec& trial, const storage::DatasetRecord& dataset, int epochs = 30);

/// A small store in every state that a page can show, through the store's own writer. The numbers are made up
/// by formula: a config's predictions are the truth under noise that falls with top_n. `now` is the time of
/// the newest record.
SampleStore write_sample_store(const std::filesystem::path& folder, std::int64_t now);

}  // namespace medley::test
