#include "sweep/report/ablation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "sweep/config.h"
#include "sweep/error.h"
#include "sweep/nearest.h"
#include "sweep/report/config_names.h"
#include "sweep/score/statistics.h"
#include "sweep/search/parameter_space.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

using Names = std::vector<std::string>;

Names encoders_of(const ConfigReport& config) {
  return config.settings.contains("encoders") ? config.settings["encoders"].get<Names>() : Names();
}

/// Everything but the encoders, as text.
std::string other_settings(const ConfigReport& config) {
  json settings = config.settings;
  settings.erase("encoders");
  return settings.dump();
}

/// [encoder] of any config, the largest subset of the best config first.
Names all_encoders(const Report& report) {
  std::vector<Names> sets;
  for (const ConfigReport& config : report.configs) sets.push_back(encoders_of(config));
  std::stable_sort(sets.begin(), sets.end(), [](const Names& a, const Names& b) { return a.size() > b.size(); });
  Names all;
  for (const Names& set : sets) {
    for (const std::string& name : set) {
      if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
    }
  }
  return all;
}

/// Configs with a number, by everything but the encoders, then by these.
using Measured = std::map<std::pair<std::string, std::vector<bool>>, const ConfigReport*>;

/// Of one run; none of them without actors, or all.
RunDifference mean_difference(const std::vector<RunDifference>& values) {
  RunDifference mean = values.front();
  const auto count = static_cast<double>(values.size());
  mean.value = 0;
  for (const RunDifference& one : values) mean.value += one.value / count;
  for (std::size_t i = 0; i < mean.actors.size(); ++i) {
    mean.actors[i].presence = mean.actors[i].salience = 0;
    for (const RunDifference& one : values) {
      mean.actors[i].presence += one.actors.at(i).presence / count;
      mean.actors[i].salience += one.actors.at(i).salience / count;
    }
  }
  return mean;
}

/// `index` is the encoder's among those of the keys.
MarginalEffect effect_of(const std::string& encoder, std::size_t index, const Measured& known, const Report& report) {
  const auto score = report.ranks_held_out() ? &RunScore::held_out : &RunScore::paper;
  MarginalEffect effect;
  effect.encoder = encoder;
  std::map<std::tuple<int, int, std::uint64_t>, std::vector<RunDifference>> runs;  // repeat, fold, seed
  for (const auto& [key, with] : known) {
    auto has = key.second;
    if (!has[index]) continue;
    has[index] = false;
    const auto without = known.find({key.first, has});
    if (without == known.end()) continue;
    ++effect.pairs;
    for (RunDifference& difference : run_differences(*with, *without->second, score)) {
      runs[{difference.repeat, difference.fold, difference.seed}].push_back(std::move(difference));
    }
  }
  std::vector<RunDifference> means;
  for (const auto& [run, values] : runs) means.push_back(mean_difference(values));
  effect.difference = compare_differences(means, report.folds);
  return effect;
}

const AxisReport& axis_of(const Report& report, const std::string& name) {
  for (const AxisReport& axis : report.axes) {
    if (axis.axis == name) return axis;
  }
  std::vector<std::string> known;
  for (const AxisReport& axis : report.axes) known.push_back(axis.axis);
  throw Error("the sweep does not vary '" + name + "'" + (known.empty() ? ", nor anything" : suggestion(name, known)));
}

std::size_t index_of(const std::vector<json>& values, const json& value) {
  return static_cast<std::size_t>(std::find(values.begin(), values.end(), value) - values.begin());
}

}  // namespace

Interval ranked_interval(const Report& report, const ConfigReport& config) {
  return report.ranked_by == RankedBy::kHeldOutScore ? config.held_out_interval : config.paper_interval;
}

SubsetMatrix subset_matrix(const Report& report) {
  SubsetMatrix matrix;
  matrix.encoders = all_encoders(report);
  Measured measured;
  std::map<std::vector<bool>, SubsetRow> rows;
  std::set<std::vector<std::string>> sets;
  for (const ConfigReport& config : report.configs) sets.insert(encoders_of(config));
  matrix.subsets = static_cast<int>(sets.size());
  for (const ConfigReport& config : report.configs) {  // in the order of the ranking: the first of a subset is its best
    const auto score = ranked_score(report, config);
    if (!score) continue;
    const Names names = encoders_of(config);
    std::vector<bool> has;
    for (const std::string& encoder : matrix.encoders) {
      has.push_back(std::find(names.begin(), names.end(), encoder) != names.end());
    }
    measured[{other_settings(config), has}] = &config;
    SubsetRow& row = rows[has];
    if (row.configs++ == 0) {
      row.has = has;
      row.best = config.id;
      row.score = *score;
      row.interval = ranked_interval(report, config);
      row.complete = config.complete();
    }
  }
  for (auto& [has, row] : rows) matrix.rows.push_back(std::move(row));
  std::sort(matrix.rows.begin(), matrix.rows.end(), [](const SubsetRow& a, const SubsetRow& b) {
    return std::make_tuple(!a.complete, -a.score, a.best) < std::make_tuple(!b.complete, -b.score, b.best);
  });
  for (std::size_t e = 0; e < matrix.encoders.size(); ++e) {
    matrix.effects.push_back(effect_of(matrix.encoders[e], e, measured, report));
  }
  return matrix;
}

CrossTable cross_axes(const Report& report, const std::string& row_axis, const std::string& column_axis) {
  if (row_axis == column_axis) throw Error("an axis cannot be set against itself: '" + row_axis + "'");
  CrossTable table;
  table.row_axis = row_axis;
  table.column_axis = column_axis;
  for (const AxisValueReport& value : axis_of(report, row_axis).values) table.rows.push_back(value.value);
  for (const AxisValueReport& value : axis_of(report, column_axis).values) table.columns.push_back(value.value);
  table.cells.resize(table.rows.size() * table.columns.size());
  const auto by = report.ranks_held_out() ? &RunScore::held_out : &RunScore::paper;
  std::vector<std::map<std::tuple<int, int, std::uint64_t>, std::vector<RunDifference>>> runs(table.cells.size());
  for (const ConfigReport& config : report.configs) {
    const auto score = ranked_score(report, config);
    if (!score) continue;
    const std::size_t row = index_of(table.rows, config.axis_values.value(row_axis, json()));
    const std::size_t column = index_of(table.columns, config.axis_values.value(column_axis, json()));
    const std::size_t at = row * table.columns.size() + column;
    CrossCell& cell = table.cells[at];
    for (const RunScore& run : config.runs) {
      if (std::isfinite(run.*by)) runs[at][{run.repeat, run.fold, run.seed}].push_back(difference_of(run, nullptr, by));
    }
    cell.best = cell.configs == 0 ? *score : std::max(cell.best, *score);
    cell.score += *score;
    cell.complete = cell.complete && config.complete();
    ++cell.configs;
  }
  for (std::size_t i = 0; i < table.cells.size(); ++i) {
    CrossCell& cell = table.cells[i];
    std::vector<RunDifference> means;
    for (const auto& [run, values] : runs[i]) means.push_back(mean_difference(values));
    if (const auto made = compare_differences(means, report.folds)) cell.interval = made->result().interval;
    cell.score = cell.configs > 0 ? cell.score / cell.configs : kNaN;
    if (cell.configs == 0) cell.best = kNaN;
  }
  return table;
}

std::vector<AxisGroup> axis_groups(const Report& report, const AxisReport& axis) {
  std::map<json, std::vector<const ConfigReport*>, bool (*)(const json&, const json&)> by_value(value_before);
  for (const ConfigReport& config : report.configs) {
    by_value[config.axis_values.value(axis.axis, json())].push_back(&config);
  }
  std::vector<AxisGroup> groups;
  for (auto& [value, members] : by_value) groups.push_back({value, std::move(members)});
  if (!is_drawn(axis)) return groups;
  constexpr std::size_t kRanges = 5;
  constexpr int kDigits = 2;
  std::size_t drawn = 0;
  for (const AxisGroup& group : groups) drawn += group.value.is_null() ? 0 : group.members.size();
  std::vector<AxisGroup> ranges;
  std::vector<Interval> ends;
  std::size_t before = 0;
  for (AxisGroup& group : groups) {  // numbers ascending, null last
    if (group.value.is_null()) {
      ranges.push_back(std::move(group));
      break;
    }
    const auto number = group.value.get<double>();
    if (ranges.size() <= before * kRanges / drawn) {
      ranges.emplace_back();
      ends.push_back({number, number});
    }
    before += group.members.size();
    ends.back().high = number;
    auto& members = ranges.back().members;
    members.insert(members.end(), group.members.begin(), group.members.end());
  }
  for (std::size_t i = 0; i < ends.size(); ++i) {
    ranges[i].value = value_text(rounded(ends[i].low, kDigits)) + " to " + value_text(rounded(ends[i].high, kDigits));
    // In the order of the ranking again.
    std::sort(ranges[i].members.begin(), ranges[i].members.end());
  }
  return ranges;
}

std::vector<AxisImportance> axis_importance(const Report& report) {
  std::vector<AxisImportance> all;
  for (const AxisReport& axis : report.axes) {
    std::vector<std::vector<double>> groups;
    std::vector<double> scores;
    for (const AxisGroup& group : axis_groups(report, axis)) {
      std::vector<double> its;
      for (const ConfigReport* config : group.members) {
        const auto score = ranked_score(report, *config);
        if (score && !group.value.is_null()) its.push_back(*score);
      }
      scores.insert(scores.end(), its.begin(), its.end());
      if (!its.empty()) groups.push_back(std::move(its));
    }
    AxisImportance one;
    one.axis = axis.axis;
    one.values = static_cast<int>(groups.size());
    one.configs = static_cast<int>(scores.size());
    one.residual_df = one.configs - one.values;
    const double centre = mean(scores);
    double total = 0;
    for (const double score : scores) total += (score - centre) * (score - centre);
    double between = 0;
    one.lowest = one.highest = kNaN;
    for (const std::vector<double>& members : groups) {
      const double of_value = mean(members);
      between += static_cast<double>(members.size()) * (of_value - centre) * (of_value - centre);
      one.lowest = std::fmin(one.lowest, of_value);  // fmin ignores NaN
      one.highest = std::fmax(one.highest, of_value);
    }
    // One config a value explains everything by construction, one value nothing.
    one.share = total > 0 && groups.size() > 1 && scores.size() > groups.size() ? between / total : kNaN;
    all.push_back(one);
  }
  std::stable_sort(all.begin(), all.end(), [](const AxisImportance& a, const AxisImportance& b) {
    return std::isnan(a.share) != std::isnan(b.share) ? std::isnan(b.share) : a.share > b.share;
  });
  return all;
}

}  // namespace medley::sweep
