#include "coordinator/actions/trials.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "coordinator/actions/sweep_results.h"
#include "coordinator/error.h"
#include "sweep/config.h"
#include "sweep/nearest.h"
#include "sweep/report/planned_comparisons.h"
#include "sweep/report/report_json.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;
using sweep::finite;

constexpr std::size_t kSaidValues = 8;

/// A number of a run; null where there is none.
template <class Number>
json of_run(const TrialLine& line, Number number) {
  return line.run ? finite(number(*line.run)) : json();
}

std::map<std::string, std::string> names_of_workers(storage::Reader& reader) {
  std::map<std::string, std::string> names;
  for (const storage::WorkerRow& row : reader.workers()) names[row.worker.id] = row.worker.name;
  return names;
}

std::vector<storage::TrialRow> all_trials(storage::Reader& reader, const std::string& sweep) {
  std::vector<storage::TrialRow> all;
  for (int offset = 0;; offset += storage::kMaxPage) {
    auto page = reader.trials(sweep, {}, {offset, storage::kMaxPage});
    const bool last = static_cast<int>(page.size()) < storage::kMaxPage;
    std::move(page.begin(), page.end(), std::back_inserter(all));
    if (last) return all;
  }
}

/// `text` as JSON says it where it is a number, true, false or null, else the text itself.
json typed(const std::string& text) {
  const json value = json::parse(text, nullptr, false);
  return value.is_number() || value.is_boolean() || value.is_null() ? value : json(text);
}

bool equal(const json& a, const json& b) {
  if (a.is_number() && b.is_number()) return a.get<double>() == b.get<double>();
  return sweep::value_text(a) == sweep::value_text(b);
}

}  // namespace

std::string state_of(const storage::TrialRow& row) {
  if (row.changed) return "changed";
  if (row.outcome == sweep::Outcome::kDiverged) return "diverged";
  if (row.running) return "running";
  return name_of(row.state);
}

const std::vector<TrialColumn>& trial_columns() {
  using Line = const TrialLine&;
  using Run = const sweep::RunScore&;
  static const std::vector<TrialColumn> all = {
      {"trial", [](Line line) { return json(line.row.trial); }, "id", true},
      {"config", [](Line line) { return json(line.row.config); }, "id"},
      {"partition", [](Line line) { return json(line.row.partition); }, "that the fold is of"},
      {"fold", [](Line line) { return json(line.row.fold); }, "that it is validated on", true},
      {"seed", [](Line line) { return json(line.row.seed); }, "of training", true},
      {"state", [](Line line) { return json(state_of(line.row)); },
       "pending, running, finished, diverged, failed, or changed since it was stored", true},
      {"held_out_score", [](Line line) { return of_run(line, [](Run run) { return run.held_out; }); },
       "of the fold's clips, at thresholds of the config's other folds", true},
      {"held_out_acc_presence",
       [](Line line) { return of_run(line, [](Run run) { return run.held_out_accuracy.presence; }); }, "", true},
      {"held_out_acc_salience",
       [](Line line) { return of_run(line, [](Run run) { return run.held_out_accuracy.salience; }); }, "", true},
      {"paper_score", [](Line line) { return of_run(line, [](Run run) { return run.paper; }); },
       "epoch and thresholds tuned on the fold itself (optimistic)", true},
      {"paper_acc_presence",
       [](Line line) { return of_run(line, [](Run run) { return run.paper_accuracy.presence; }); }, ""},
      {"paper_acc_salience",
       [](Line line) { return of_run(line, [](Run run) { return run.paper_accuracy.salience; }); }, ""},
      {"alpha", [](Line line) { return of_run(line, [](Run run) { return run.thresholds.alpha; }); },
       "presence threshold of the held-out Score"},
      {"beta", [](Line line) { return of_run(line, [](Run run) { return run.thresholds.beta; }); },
       "salience threshold of the held-out Score"},
      {"head_fusion",
       [](Line line) {
         const bool known = line.run && std::isfinite(line.run->held_out);
         return known ? json(name_of(line.run->fusion)) : json();
       },
       "of the held-out Score"},
      {"paper_epoch", [](Line line) { return line.row.paper_epoch > 0 ? json(line.row.paper_epoch) : json(); },
       "with the best paper-style Score"},
      {"seconds", [](Line line) { return line.row.outcome ? finite(line.row.seconds) : json(); }, "of training", true},
      {"worker", [](Line line) { return line.worker_name.empty() ? json() : json(line.worker_name); },
       "of the newest attempt", true},
      {"attempts", [](Line line) { return json(line.row.attempts); }, "of training it"},
      {"ended_ms", [](Line line) { return line.row.ended > 0 ? json(line.row.ended) : json(); },
       "milliseconds since 1970, UTC"},
      {"reason", [](Line line) { return line.row.reason.empty() ? json() : json(line.row.reason); },
       "why it failed or diverged"},
  };
  return all;
}

TrialList::TrialList(storage::Reader& reader, const storage::SweepSummary& sweep)
    : TrialList(reader, sweep, read_report(reader, sweep)) {}

TrialList::TrialList(storage::Reader& reader, const storage::SweepSummary& sweep, const sweep::Report& report)
    : axis_text_(report) {
  const auto names = names_of_workers(reader);
  std::map<std::string, const sweep::ConfigReport*> configs;
  std::map<std::string, const sweep::RunScore*> runs;
  for (const sweep::ConfigReport& config : report.configs) {
    configs[config.id] = &config;
    for (const sweep::RunScore& run : config.runs) runs[run.trial] = &run;
  }
  std::map<std::string, std::pair<json, json>> settings;  // also of configs without a number
  std::set<std::string> axes;
  for (const storage::SweepConfigRow& row : reader.sweep_configs(sweep.id)) {
    settings[row.id] = {sweep::to_json(row.config), row.axis_values};
    for (const auto& [axis, value] : row.axis_values.items()) axes.insert(axis);
  }
  axes_.assign(axes.begin(), axes.end());
  for (storage::TrialRow& row : all_trials(reader, sweep.id)) {
    TrialLine& line = lines_.emplace_back();
    const auto worker = names.find(row.worker);
    if (worker != names.end()) line.worker_name = worker->second;
    std::tie(line.settings, line.axis_values) = settings.at(row.config);
    const auto run = runs.find(row.trial);
    if (run != runs.end()) line.run = *run->second;
    line.row = std::move(row);
  }
}

std::vector<std::string> TrialList::names() const {
  std::vector<std::string> all;
  for (const TrialColumn& column : trial_columns()) all.emplace_back(column.id);
  for (const std::string& axis : axes_) {
    if (!sweep::find_setting(axis)) all.push_back(axis);  // `variant`
  }
  for (const sweep::Setting& setting : sweep::settings()) all.push_back(setting.name);
  return all;
}

std::string TrialList::resolved(const std::string& name) const {
  static const std::map<std::string, std::string> short_names = {{"score", "held_out_score"},
                                                                 {"acc_presence", "held_out_acc_presence"},
                                                                 {"acc_salience", "held_out_acc_salience"}};
  const auto known = short_names.find(name);
  if (known != short_names.end()) return known->second;
  std::vector<std::string> all = names();
  const std::string setting = sweep::setting_name(name);
  if (std::find(all.begin(), all.end(), setting) != all.end()) return setting;
  for (const auto& [one, column] : short_names) all.push_back(one);
  throw UsageError("trials have no column or setting '" + name + "'" + sweep::suggestion(name, all));
}

json TrialList::value(const TrialLine& line, const std::string& name) const {
  for (const TrialColumn& column : trial_columns()) {
    if (name == column.id) return column.value(line);
  }
  if (line.settings.contains(name)) return line.settings[name];
  return line.axis_values.value(name, json());
}

std::string TrialList::text(const TrialLine& line, const std::string& name) const {
  const json has = value(line, name);
  const bool words = !has.is_null() && std::find(axes_.begin(), axes_.end(), name) != axes_.end();
  return words ? axis_text_(name, has) : sweep::value_text(has);
}

void TrialList::select(const std::string& condition) {
  static constexpr std::array<const char*, 6> kOperators = {"!=", "<=", ">=", "=", "<", ">"};
  const std::size_t at = condition.find_first_of("!<>=");
  const auto used = std::find_if(kOperators.begin(), kOperators.end(), [&](const char* one) {
    return at != std::string::npos && condition.compare(at, std::char_traits<char>::length(one), one) == 0;
  });
  if (used == kOperators.end() || at == 0) {
    throw UsageError("'" + condition + "' is no condition: say NAME=VALUE, or with !=, <, <=, > or >=");
  }
  const std::string name = resolved(condition.substr(0, at));
  const std::string by = *used;
  const std::string said = condition.substr(at + by.size());
  const json wanted = typed(said);
  const auto holds = [&](const TrialLine& line) {
    const json has = value(line, name);
    const bool same = equal(has, wanted) || text(line, name) == said;
    if (by == "=") return same;
    if (by == "!=") return !same;
    if (has.is_null()) return false;
    if (by == "<") return sweep::value_before(has, wanted);
    if (by == ">") return sweep::value_before(wanted, has);
    return by == "<=" ? !sweep::value_before(wanted, has) : !sweep::value_before(has, wanted);
  };
  if (!lines_.empty() && std::none_of(lines_.begin(), lines_.end(), holds)) {
    std::set<std::string> values;
    for (const TrialLine& line : lines_) values.insert(text(line, name));
    unmatched_ = condition + " holds for no trial; " + name + " is ";
    std::size_t listed = 0;
    for (const std::string& one : values) {
      if (listed == kSaidValues) break;
      unmatched_ += (listed++ ? ", " : "") + one;
    }
    if (listed < values.size()) unmatched_ += " and others";
  }
  lines_.erase(std::remove_if(lines_.begin(), lines_.end(), [&](const TrialLine& line) { return !holds(line); }),
               lines_.end());
}

void TrialList::sort(const std::string& name) {
  const std::string by = resolved(name);
  std::stable_sort(lines_.begin(), lines_.end(), [&](const TrialLine& a, const TrialLine& b) {
    const json mine = value(a, by), theirs = value(b, by);
    const bool text = mine.is_string() || theirs.is_string();
    if (mine.is_null() || theirs.is_null()) return !mine.is_null() && theirs.is_null();
    return text ? sweep::value_before(mine, theirs) : sweep::value_before(theirs, mine);
  });
}

}  // namespace medley::coordinator
