#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "sweep/report/report_text.h"

namespace medley::coordinator {

/// A trial of a sweep with everything that its report says of it.
struct TrialLine {
  storage::TrialRow row;
  std::string worker_name;             ///< for people; "" before it was assigned
  nlohmann::json settings;             ///< of its config
  nlohmann::json axis_values;          ///< of its config
  std::optional<sweep::RunScore> run;  ///< none before it has a number
};

/// "pending", "running", "finished", "diverged", "failed", or "changed" since it was stored.
std::string state_of(const storage::TrialRow& row);

/// What a list of trials says of each: one list for text, CSV and JSON.
struct TrialColumn {
  const char* id;
  nlohmann::json (*value)(const TrialLine& line);  ///< null where there is none
  const char* meaning;
  bool shown = false;  ///< in text, if nothing else is asked for
};
const std::vector<TrialColumn>& trial_columns();

/// All trials of a sweep, in trial order.
class TrialList {
 public:
  /// Throws storage::Error.
  TrialList(storage::Reader& reader, const storage::SweepSummary& sweep);
  /// The same by the report of the sweep.
  TrialList(storage::Reader& reader, const storage::SweepSummary& sweep, const sweep::Report& report);

  const std::vector<TrialLine>& lines() const { return lines_; }
  const std::vector<std::string>& axes() const { return axes_; }
  /// Columns and settings that select(), sort() and value() know.
  std::vector<std::string> names() const;

  /// Keeps those for which `condition` holds: NAME=VALUE, with !=, <, <=, > or >= in place of =. NAME is a column, or a
  /// setting of the config. Numbers are compared as numbers, and axes by text() too. Throws UsageError for a name that
  /// nothing has.
  void select(const std::string& condition);
  /// The condition for which no trial was left, with the values that its name had; "" where there are trials.
  const std::string& unmatched() const { return unmatched_; }
  /// By a column or setting: the largest first, text in its order, those without a value last. Throws as select().
  void sort(const std::string& name);
  nlohmann::json value(const TrialLine& line, const std::string& name) const;
  /// The value of an axis in the words of reports, "all 4"; value_text() of everything else.
  std::string text(const TrialLine& line, const std::string& name) const;
  /// The name that `name` stands for: `score` is held_out_score. Throws UsageError.
  std::string resolved(const std::string& name) const;

 private:
  sweep::AxisText axis_text_;
  std::vector<TrialLine> lines_;
  std::string unmatched_;
  std::vector<std::string> axes_;  ///< settings that the sweep varies
};

}  // namespace medley::coordinator
