#pragma once

#include <optional>
#include <vector>

#include "sweep/search/strategy.h"

/// What strategies share that compare configs after every round.
namespace medley::sweep {

/// An interval is narrower where its width is below this share of what it was.
inline constexpr double kNarrower = 0.9;

/// Throws Error for a space of fewer than two folds: its variance of a difference is not known.
void check_folds(const SearchSpace& space);

/// Rounds that were trained.
int rounds_of(const History& history);

/// Configs without a decision, ascending.
std::vector<int> configs_in(const SearchSpace& space, const History& history);

/// Runs of one config that have a Score, by seed and fold.
using ConfigRuns = std::vector<const EndedRun*>;

/// Of every config of the space, from runs in History's order, which must outlive them.
std::vector<ConfigRuns> runs_by_config(const SearchSpace& space, const std::vector<EndedRun>& runs);

/// Sorts `configs` by their mean Scores over `runs`, the best first and ties as they were. One of which a run has no
/// Score is behind all that have.
void sort_by_score(std::vector<int>& configs, const SearchSpace& space, const std::vector<EndedRun>& runs);

/// In the runs that both have. Without actors where a pair of runs differs in them.
std::vector<RunDifference> differences(const ConfigRuns& config, const ConfigRuns& other);

/// The mean run of `configs` for every seed and fold, over those that have it. Without actors where runs differ in
/// them.
std::vector<EndedRun> mean_runs(const std::vector<ConfigRuns>& runs, const std::vector<int>& configs);

/// Of `configs`, the one with the highest mean Score, less the mean of all of them in every run. Only those with the
/// largest number of Scores are compared. The first on ties; nullopt where none has a Score.
std::optional<int> best_config(const std::vector<ConfigRuns>& runs, const std::vector<int>& configs);

}  // namespace medley::sweep
