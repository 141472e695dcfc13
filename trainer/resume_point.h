#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "trainer/trial_state.h"

namespace medley::trainer {

/// The state of an unfinished trial between two steps is one file, `<trial id>.resume`. It is an NPZ of its parameters,
/// its optimiser's moments, the best parameters so far, the epochs so far and its place. A trial that resumes from it
/// ends with the same bits, on a worker of the same arithmetic. A trial's id covers everything else that decides its
/// numbers. Any attempt may therefore write the file, and any of that arithmetic may read it.
std::filesystem::path resume_point(const std::filesystem::path& folder, const std::string& trial_id);

/// The same at the end of a trial with `stop_after`, for those that train longer. `trial_id` is that of the trial
/// without it.
std::filesystem::path rung_point(const std::filesystem::path& folder, const std::string& trial_id);

/// `trial_id` is the file's. `weights` may be undefined for a trial that is done. Written whole or not at all. Throws
/// data::Error when the file cannot be written.
void write_resume_point(const std::filesystem::path& path, const std::string& trial_id, const TrialState& trial,
                        const TrialState::Weights& weights);

/// The state of `trial` (given before its first step) at the point of the file, with its weights in `resumed`. nullopt:
/// there is no such file, or it has more epochs than the trial. Throws Error naming the file and what is wrong with it,
/// such as another arithmetic than that of the trial's result.
std::optional<TrialState> read_resume_point(const std::filesystem::path& path, const std::string& trial_id,
                                            const TrialState& trial);

}  // namespace medley::trainer
