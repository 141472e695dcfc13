#include "sweep/report/planned_comparisons.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "sweep/config.h"
#include "sweep/report/report.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr int kMostSeeds = 10'000;  ///< more are as good as none

/// What must be equal in a pair: the other settings; between variants, which differ in many, the other axes' values.
const json& held_of(const ConfigReport& config, const std::string& axis) {
  return find_setting(axis) ? config.settings : config.axis_values;
}

std::set<std::string> held_names(const ConfigReport& config, const std::string& axis) {
  std::set<std::string> names;
  for (const auto& [name, value] : held_of(config, axis).items()) {
    if (name != axis) names.insert(name);
  }
  return names;
}

std::string text_of(const json& held, const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + "=" + held[name].dump() + "\n";
  return text;
}

/// Pairs (config, baseline) of indices. Configs that read the same settings are matched through an index of what both
/// sides read, so that large sweeps do not compare every pair.
std::vector<std::pair<std::size_t, std::size_t>> matches(const Family& family,
                                                         const std::vector<ConfigReport>& configs) {
  using Group = std::map<std::set<std::string>, std::vector<std::size_t>>;
  Group others;
  Group baselines;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const auto value = configs[i].axis_values.find(family.axis);
    if (value == configs[i].axis_values.end()) continue;
    Group& group = value_text(*value) == family.baseline ? baselines : others;
    group[held_names(configs[i], family.axis)].push_back(i);
  }
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (const auto& [read, members] : others) {
    for (const auto& [baseline_read, baseline_members] : baselines) {
      std::set<std::string> shared;
      std::set_intersection(read.begin(), read.end(), baseline_read.begin(), baseline_read.end(),
                            std::inserter(shared, shared.end()));
      std::map<std::string, std::vector<std::size_t>> by_shared;
      for (const std::size_t b : baseline_members)
        by_shared[text_of(held_of(configs[b], family.axis), shared)].push_back(b);
      for (const std::size_t i : members) {
        for (const std::size_t b : by_shared[text_of(held_of(configs[i], family.axis), shared)])
          pairs.emplace_back(i, b);
      }
    }
  }
  return pairs;
}

std::vector<double> values_of(const std::vector<RunDifference>& differences) {
  std::vector<double> values;
  for (const RunDifference& difference : differences) values.push_back(difference.value);
  return values;
}

PlannedComparison compare_configs(const Family& family, const ConfigReport& config, const ConfigReport& baseline,
                                  int folds) {
  PlannedComparison row;
  row.value = config.axis_values[family.axis];
  row.held = baseline.axis_values;
  row.held.update(config.axis_values);
  row.held.erase(family.axis);
  row.config = config.id;
  row.baseline_config = baseline.id;
  row.transductive = config.transductive || baseline.transductive;
  row.runs = config.expected;
  const auto paper = run_differences(config, baseline, &RunScore::paper);
  row.pairs = static_cast<int>(paper.size());
  std::set<std::uint64_t> seeds;
  for (const RunDifference& difference : paper) seeds.insert(difference.seed);
  row.seeds = static_cast<int>(seeds.size());
  row.diverged = config.diverged + baseline.diverged;
  row.paper = compare_differences(paper, folds);
  const auto held_out = run_differences(config, baseline, &RunScore::held_out);
  row.held_out = compare_differences(held_out, folds);
  if (row.paper) row.plain_paper = compare_paired(values_of(paper), folds);
  if (row.held_out) row.plain_held_out = compare_paired(values_of(held_out), folds);
  row.complete = config.done == config.expected && baseline.done == baseline.expected;
  return row;
}

}  // namespace

RunDifference difference_of(const RunScore& run, const RunScore* baseline, double RunScore::*score) {
  RunDifference difference{run.fold, run.*score - (baseline ? baseline->*score : 0), run.seed, {}, run.repeat};
  if (score != &RunScore::held_out) return difference;
  if (!baseline) {
    difference.actors = run.actors;
  } else if (run.actors.size() == baseline->actors.size()) {  // of the same clips
    difference.actors.reserve(run.actors.size());
    for (std::size_t i = 0; i < run.actors.size(); ++i) {
      const ActorHits &mine = run.actors[i], &theirs = baseline->actors[i];
      difference.actors.push_back(
          {mine.actor, mine.presence - theirs.presence, mine.salience - theirs.salience, mine.clips, mine.blends});
    }
  }
  return difference;
}

std::vector<RunDifference> run_differences(const ConfigReport& config, const ConfigReport& baseline,
                                           double RunScore::*score) {
  std::vector<RunDifference> made;
  made.reserve(config.runs.size());
  auto other = baseline.runs.begin();  // most configs have their runs in one order
  for (const RunScore& run : config.runs) {
    const auto is_same = [&](const RunScore& one) {
      return one.repeat == run.repeat && one.seed == run.seed && one.fold == run.fold;
    };
    if (other == baseline.runs.end() || !is_same(*other)) {
      other = std::find_if(baseline.runs.begin(), baseline.runs.end(), is_same);
    }
    if (other == baseline.runs.end()) continue;
    if (std::isfinite(run.*score - (*other).*score)) made.push_back(difference_of(run, &*other, score));
    ++other;
  }
  return made;
}

std::optional<int> settling_seeds(const Comparison& comparison, int now, double level, double margin) {
  const double mean = std::fabs(comparison.result().mean);
  const auto settles = [&](double width, double strict_width) { return mean > strict_width || mean + width <= margin; };
  if (!settles(comparison.half_width_floor(), comparison.half_width_floor(1 - level))) return std::nullopt;
  int low = now;
  int high = now + 1;
  const auto enough = [&](int seeds) {
    return settles(comparison.half_width(seeds), comparison.half_width(seeds, 1 - level));
  };
  while (!enough(high)) {
    if (high >= kMostSeeds) return std::nullopt;
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return high - now;
}

bool comparable(const std::vector<RunDifference>& differences) {
  const bool several_folds = std::any_of(differences.begin(), differences.end(), [&](const RunDifference& one) {
    return one.fold != differences.front().fold;
  });
  return several_folds && differences.size() >= kFewestRuns;
}

std::optional<Comparison> compare_differences(const std::vector<RunDifference>& differences, int folds) {
  return comparable(differences) ? std::optional<Comparison>(Comparison(differences, folds)) : std::nullopt;
}

std::optional<Comparison> compare_runs(const ConfigReport& config, const ConfigReport& baseline,
                                       double RunScore::*score, int folds) {
  return compare_differences(run_differences(config, baseline, score), folds);
}

bool value_before(const json& a, const json& b) {
  const auto kind = [](const json& value) { return value.is_number() ? 0 : value.is_null() ? 2 : 1; };
  if (kind(a) != kind(b)) return kind(a) < kind(b);
  if (a.is_number() && a.get<double>() != b.get<double>()) return a.get<double>() < b.get<double>();
  return value_text(a) < value_text(b);
}

FamilyReport judge(const Family& family, const std::vector<ConfigReport>& configs, int folds) {
  FamilyReport report;
  report.family = family;
  for (const auto& [config, baseline] : matches(family, configs)) {
    report.rows.push_back(compare_configs(family, configs[config], configs[baseline], folds));
  }
  std::sort(report.rows.begin(), report.rows.end(), [](const PlannedComparison& a, const PlannedComparison& b) {
    if (a.value != b.value) return value_before(a.value, b.value);
    for (const auto& [axis, value] : a.held.items()) {
      const json other = b.held.value(axis, json());
      if (value != other) return value_before(value, other);
    }
    return std::tie(a.config, a.baseline_config) < std::tie(b.config, b.baseline_config);
  });
  report.judged_held_out =
      std::any_of(report.rows.begin(), report.rows.end(), [](const auto& row) { return row.held_out; }) ||
      std::none_of(report.rows.begin(), report.rows.end(), [](const auto& row) { return row.paper; });

  std::vector<PlannedComparison*> judged;
  std::vector<double> p;
  for (PlannedComparison& row : report.rows) {
    if (!row.complete || !report.judged(row)) continue;
    judged.push_back(&row);
    p.push_back(report.judged(row)->result().p);
  }
  const std::vector<double> adjusted = holm_adjusted(p);
  for (std::size_t i = 0; i < judged.size(); ++i) {
    PlannedComparison& row = *judged[i];
    const Comparison& comparison = *report.judged(row);
    const PairedComparison& result = comparison.result();
    row.adjusted_p = adjusted[i];
    row.verdict = Verdict::kInconclusive;
    if (result.interval.low >= -family.margin && result.interval.high <= family.margin) {
      row.verdict = Verdict::kEquivalent;
    } else if (row.adjusted_p < kLevel) {
      row.verdict = result.mean > 0 ? Verdict::kHelps : Verdict::kHurts;
    } else if (row.seeds > 1) {
      // At its present place in Holm's order.
      const auto before = std::count_if(p.begin(), p.end(), [&](double other) { return other < p[i]; });
      const double level = kLevel / static_cast<double>(static_cast<std::ptrdiff_t>(p.size()) - before);
      row.more_seeds = settling_seeds(comparison, row.seeds, level, family.margin);
    }
  }
  return report;
}

}  // namespace medley::sweep
