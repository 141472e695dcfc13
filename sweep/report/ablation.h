#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweep/report/report.h"

namespace medley::sweep {

/// What ablation views read off a report. Scores are those of Report::ranked_by: held-out, or paper-style where not
/// every config has a held-out one. All pure.

/// The 95 % interval of ranked_score(); NaN where ConfigReport has none.
Interval ranked_interval(const Report& report, const ConfigReport& config);

/// One encoder subset that the sweep trained: its best config.
struct SubsetRow {
  std::vector<bool> has;  ///< [encoder]
  int configs = 0;        ///< with this subset and a number
  std::string best;       ///< the first of them in the ranking
  double score = 0;       ///< its Score
  Interval interval;
  bool complete = true;  ///< ConfigReport::complete() of it
};

/// The effect of adding an encoder, over all pairs of configs with a number whose other settings are equal. It is the
/// mean difference in each run, then Comparison over the runs. Positive: it helps.
struct MarginalEffect {
  std::string encoder;
  int pairs = 0;                         ///< of configs
  std::optional<Comparison> difference;  ///< compare_differences()
};

struct SubsetMatrix {
  std::vector<std::string> encoders;    ///< as configs first name them, in the order of the ranking's largest subset
  int subsets = 0;                      ///< of any config, with a number or not
  std::vector<SubsetRow> rows;          ///< best first; complete ones before partial ones
  std::vector<MarginalEffect> effects;  ///< [encoder]
};
SubsetMatrix subset_matrix(const Report& report);

/// Two axes against each other: the mean over the configs of each combination.
struct CrossCell {
  int configs = 0;                ///< with a number
  double score = 0;               ///< NaN without any
  double best = 0;                ///< of one config; NaN without any
  Interval interval{kNaN, kNaN};  ///< 95 %, of the mean over the configs; NaN where compare_differences() gives none
  bool complete = true;
};
struct CrossTable {
  std::string row_axis, column_axis;
  std::vector<nlohmann::json> rows, columns;  ///< values, as in AxisReport; null: the axis plays no part
  std::vector<CrossCell> cells;               ///< [row, column]
};
/// Throws Error for an axis that the sweep does not vary, or the same one twice.
CrossTable cross_axes(const Report& report, const std::string& row_axis, const std::string& column_axis);

/// The configs that have a value of an axis, or a range of them where a random search drew it.
struct AxisGroup {
  nlohmann::json value;  ///< null: the axis plays no part; of a range its text, "1e-05 to 8.3e-05"
  std::vector<const ConfigReport*> members;
};
/// In the order of AxisReport::values. A drawn axis has at most five ranges with equally many configs; equal values
/// share one.
std::vector<AxisGroup> axis_groups(const Report& report, const AxisReport& axis);

/// The share of the spread of Scores that an axis explains by itself, between the configs that vary it. It is eta
/// squared, the sum of squares between its values over the total (one-way analysis of variance). Where the grid is
/// full, it is the first-order term of functional ANOVA (Hutter et al. 2014). In [0, 1]; those of several axes add up
/// to at most 1 on a full grid. An axis that explains nothing has a share of (values - 1) / (configs - 1) on average.
struct AxisImportance {
  std::string axis;
  int values = 0;       ///< groups of axis_groups()
  int configs = 0;      ///< with a number, in which the axis plays a part
  int residual_df = 0;  ///< configs - values
  double share = 0;     ///< NaN when all Scores are equal, with one value, and with one config a value
  double lowest = 0;    ///< mean Score of its worst value
  double highest = 0;   ///< of its best
};
/// Most important first, NaN last.
std::vector<AxisImportance> axis_importance(const Report& report);

}  // namespace medley::sweep
