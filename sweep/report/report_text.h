#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sweep/report/report.h"
#include "sweep/report/table.h"

namespace medley::sweep {

inline constexpr Table::Align kLeft = Table::Align::kLeft;
inline constexpr Table::Align kRight = Table::Align::kRight;

/// Marks beside numbers, explained below the table that has them.
inline constexpr const char* kIncompleteMark = "*";
inline constexpr const char* kDivergedMark = "†";
inline constexpr const char* kTransductiveMark = "‡";

inline constexpr const char* kTransductiveNote =
    "transductive: training read unlabelled features of clips that it is scored on";
inline constexpr const char* kSyntheticNote = "synthetic data: these numbers say nothing about real clips";

/// "1 trial", "2 trials".
template <class Whole>
std::string counted(Whole count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// ".279 ± .012", without a deviation that is not known.
std::string spread_text(double mean, double sd);
/// "+.012", "-.004".
std::string signed_text(double difference);
/// ".034", "<.001".
std::string p_text(double p);
/// "[.251, .307]"; "-" when it is not known.
std::string interval_text(const Interval& interval);

/// "top_n on blemore (synthetic data)".
std::string source_text(const Report& report);
/// "3 seeds"; where a search ended configs before that, those that they trained: "2 to 3 of at most 8 seeds".
std::string seeds_text(const Report& report, const std::string& seed = "seed");
/// "5 folds x 3 seeds", "10 folds (10 by actor, stratified by label, seed 1, 2 repeats) x 3 seeds".
std::string runs_text(const Report& report);

/// Axes and their values as tables for people show them: by `labels` of the sweep file, and the subsets of `encoders`
/// by what they lack when that is shorter.
class AxisText {
 public:
  explicit AxisText(const Report& report);
  std::string operator()(const std::string& axis, const nlohmann::json& value) const;
  /// The name of an axis.
  std::string axis(const std::string& name) const { return label_of(name, name); }
  /// The sweep file gives this value a label.
  bool labelled(const std::string& axis, const nlohmann::json& value) const;
  /// Of a config: in parentheses what it has without varying the axis, "(not used)" where it does not read it.
  std::string of(const ConfigReport& config, const std::string& axis) const;

 private:
  std::string label_of(const std::string& key, const std::string& otherwise) const;

  std::set<std::string> encoders_;             ///< of any config
  std::map<std::string, std::string> labels_;  ///< Report::labels
};

/// With full precision; "" where there is no number.
std::string full_text(double value);
/// Columns with the same cell in every row become a line above the table; those named only.
void lift_constants(Table& table, const std::set<std::string>& heads);

/// Tables of one family, for people and with full precision. `seeds`: with those that would settle the undecided.
Table planned_comparisons_table(const Report& report, const FamilyReport& family, Detail detail, bool seeds);
Table planned_comparisons_csv(const Report& report);

/// The configs with full precision; empty where there is no number. `select`, `top`: as of RenderOptions; 0: all.
Table full_precision(const Report& report, const std::vector<std::string>& select = {}, int top = 0);

}  // namespace medley::sweep
