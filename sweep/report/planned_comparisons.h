#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/family.h"
#include "sweep/named_enum.h"
#include "sweep/score/statistics.h"

namespace medley::sweep {

struct RunScore;
struct ConfigReport;

/// kHelps: Holm-adjusted p < .05, and better than the baseline. kHurts: the same, and worse. kEquivalent: the interval
/// lies entirely within the margin, whether or not it holds 0. kNotJudged: runs are still to be trained, or one side
/// has no number to judge by.
#define MEDLEY_VERDICT(X) \
  X(kHelps, "helps")      \
  X(kHurts, "hurts") X(kEquivalent, "equivalent") X(kInconclusive, "inconclusive") X(kNotJudged, "not judged")
MEDLEY_NAMED_ENUM(Verdict, MEDLEY_VERDICT)

/// One pair of configs that differ in the axis only. Differences are value less baseline, paired by partition, fold and
/// seed.
struct PlannedComparison {
  nlohmann::json value;                            ///< of the axis
  nlohmann::json held = nlohmann::json::object();  ///< the other axes' values; of either side where the other has none
  std::string config;
  std::string baseline_config;
  bool transductive = false;        ///< either config is
  int runs = 0;                     ///< partitions x folds x seeds
  int pairs = 0;                    ///< runs in which both have a paper-style number
  int seeds = 0;                    ///< of these
  int diverged = 0;                 ///< runs in which either diverged
  std::optional<Comparison> paper;  ///< compare_runs()
  std::optional<Comparison> held_out;
  std::optional<PairedComparison> plain_paper;  ///< Nadeau-Bengio's own: all pairs as if exchangeable
  std::optional<PairedComparison> plain_held_out;
  bool complete = false;  ///< every run of both is done
  double adjusted_p = 1;  ///< Holm, over the family's rows that can be judged
  Verdict verdict = Verdict::kNotJudged;

  /// For kInconclusive: the number of additional seeds that would give a verdict if mean and variances stay as they
  /// are. None where no number would, as the fold term does not shrink. None with one seed too, from which the variance
  /// of training is not known.
  std::optional<int> more_seeds;
};

struct FamilyReport {
  Family family;
  bool judged_held_out = true;  ///< by held-out Scores; else by paper-style ones, as no row has a held-out number
  std::vector<PlannedComparison> rows;  ///< by value, then by what is held

  const std::optional<Comparison>& judged(const PlannedComparison& row) const {
    return judged_held_out ? row.held_out : row.paper;
  }
};

/// Pairs of configs whose active settings are equal but for the axis. A setting that only one side reads restricts
/// nothing, and each config of that side is compared. Pure.
FamilyReport judge(const Family& family, const std::vector<ConfigReport>& configs, int folds);

/// Additional seeds from which on the interval at 1 - `level` excludes 0, or the one at .95 lies within the margin, if
/// mean and variances stay as they are with `now` seeds. None where no number would do.
std::optional<int> settling_seeds(const Comparison& comparison, int now, double level, double margin);

/// Two-sided level of verdicts.
inline constexpr double kLevel = 0.05;

/// Fewer shared runs than these say nothing of their variance: no interval and no p.
inline constexpr std::size_t kFewestRuns = 3;

/// `run` less `baseline`, by `score`; nullptr: less nothing. Has actors for RunScore::held_out, where both have them.
RunDifference difference_of(const RunScore& run, const RunScore* baseline, double RunScore::*score);

/// Those of the runs that both have, where both have a number.
std::vector<RunDifference> run_differences(const ConfigReport& config, const ConfigReport& baseline,
                                           double RunScore::*score);

/// Of two folds at least, and kFewestRuns differences.
bool comparable(const std::vector<RunDifference>& differences);

/// None where they are not comparable. `folds`: of a partition of the sweep.
std::optional<Comparison> compare_differences(const std::vector<RunDifference>& differences, int folds);

/// `config` less `baseline` over the runs that both have, of RunScore::paper or held-out. None where
/// compare_differences() gives none.
std::optional<Comparison> compare_runs(const ConfigReport& config, const ConfigReport& baseline,
                                       double RunScore::*score, int folds);

/// Numbers ascending, then everything else by its text, null last.
bool value_before(const nlohmann::json& a, const nlohmann::json& b);

}  // namespace medley::sweep
