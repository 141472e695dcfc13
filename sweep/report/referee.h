#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/family.h"
#include "sweep/score/statistics.h"

namespace medley::sweep {

struct CellScore;
struct ConfigReport;

enum class Verdict {
  kHelps,         ///< Holm-adjusted p < .05, and better than the baseline
  kHurts,         ///< the same, and worse
  kNoDifference,  ///< the whole interval lies within the margin, be 0 in it or not
  kInconclusive,
  kNotJudged,  ///< cells are still to be trained, or one side has no number to judge by
};
const char* verdict_name(Verdict verdict);

/// One pair of configs that differ in the axis only. Differences are value less baseline, paired by fold and seed.
struct RefereeRow {
  nlohmann::json value;                            ///< of the axis
  nlohmann::json held = nlohmann::json::object();  ///< the other axes' values; of either side where the other has none
  std::string config;
  std::string baseline_config;
  bool transductive = false;               ///< either config is
  int cells = 0;                           ///< folds x seeds
  int pairs = 0;                           ///< cells in which both have a paper-style number
  int diverged = 0;                        ///< cells in which either diverged
  std::optional<BlockedComparison> paper;  ///< none below two folds
  std::optional<BlockedComparison> clean;
  std::optional<PairedComparison> plain_paper;  ///< Nadeau-Bengio's own: all pairs as if exchangeable
  std::optional<PairedComparison> plain_clean;
  bool complete = false;  ///< every cell of both is done
  double adjusted_p = 1;  ///< Holm, over the family's rows that can be judged
  Verdict verdict = Verdict::kNotJudged;

  /// For kInconclusive: how many more seeds would give a verdict if mean and variances stay as they are; none: no
  /// number would, as the fold term does not shrink. A lower bound when the sweep has one seed.
  std::optional<int> more_seeds;
};

struct FamilyReport {
  Family family;
  bool judged_clean = true;  ///< by clean Scores; else by paper-style ones, as no row has a clean number
  int seeds = 0;
  std::vector<RefereeRow> rows;  ///< by value, then by what is held

  const std::optional<BlockedComparison>& judged(const RefereeRow& row) const {
    return judged_clean ? row.clean : row.paper;
  }
};

/// Pairs of configs whose active settings are equal but for the axis; one that only one side reads is held by nobody:
/// that side's configs are each compared. Pure.
FamilyReport judge(const Family& family, const std::vector<ConfigReport>& configs, int folds, int seeds);

/// `config` less `baseline` over the cells that both have, of CellScore::paper or clean; none below two folds.
std::optional<BlockedComparison> compare_cells(const ConfigReport& config, const ConfigReport& baseline,
                                               double CellScore::*score, int folds);

/// Numbers ascending, then everything else by its text, null last.
bool value_before(const nlohmann::json& a, const nlohmann::json& b);

}  // namespace medley::sweep
