#include "sweep/report/report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "sweep/config.h"
#include "sweep/error.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Cell = std::pair<std::uint64_t, int>;  // seed, fold
/// Finished trials of one config, diverged ones included.
using Cells = std::map<Cell, const TrialScores*>;

ScoreSpread spread(const std::vector<double>& values) {
  return {static_cast<int>(values.size()), mean(values), sample_sd(values)};
}

bool has_number(const TrialScores& trial) { return trial.outcome == Outcome::kFinished; }

/// Sorted, so that sums are the same to the bit in any order.
template <class T>
std::vector<T> sorted(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  return values;
}

Cells cells_of(const ReportConfig& config, const std::vector<const TrialScores*>& trials, const ReportFrame& frame) {
  const auto has = [](const auto& list, auto value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  Cells cells;
  for (const TrialScores* trial : trials) {
    const std::string where = "fold " + std::to_string(trial->fold) + ", seed " + std::to_string(trial->seed);
    if (trial->config_id != config.id) {
      throw Error("trial " + trial->trial_id + " is of config " + trial->config_id + ", not of " + config.id);
    }
    if (!has(frame.folds, trial->fold) || !has(frame.seeds, trial->seed)) {
      throw Error("trial " + trial->trial_id + " is outside the sweep: " + where);
    }
    if (!cells.try_emplace({trial->seed, trial->fold}, trial).second) {
      throw Error("config " + config.id + " has two trials of " + where);
    }
  }
  return cells;
}

/// The trials of one seed if every fold has a number, else nothing.
std::vector<const TrialScores*> block_of(const Cells& cells, std::uint64_t seed, const std::vector<int>& folds) {
  std::vector<const TrialScores*> block;
  for (const int fold : folds) {
    const auto cell = cells.find({seed, fold});
    if (cell == cells.end() || !has_number(*cell->second)) return {};
    block.push_back(cell->second);
  }
  return block;
}

Accuracy pooled_paper(const std::vector<const TrialScores*>& block) {
  ThresholdSurface sum;
  for (const TrialScores* trial : block) sum += trial->paper_surface;
  return sum.best().accuracy;
}

/// Clean hits of each fold of one seed, or why there are none.
struct CleanBlock {
  std::vector<Tally> folds;
  std::string why_not;
};

CleanBlock clean_block(const std::vector<const TrialScores*>& block, CleanDecode decode) {
  CleanBlock clean;
  for (const TrialScores* trial : block) {
    if (trial->clean_epoch == 0) {
      clean.why_not = "patience without inner_fold: the reported fold chose when to stop";
      return clean;
    }
  }
  ThresholdSurface all;
  for (const TrialScores* trial : block) all += trial->clean_surface;
  for (const TrialScores* trial : block) {
    if (decode == CleanDecode::kOptimal) {
      if (!trial->optimal) return {{}, "the score-optimal decode needs predictions of all folds"};
      clean.folds.push_back(*trial->optimal);
      continue;
    }
    ThresholdSurface chosen_on = trial->inner_surface;
    if (chosen_on.clips == 0) {
      if (block.size() < 2) return {{}, "one fold and no inner_fold: no rows are left to choose thresholds on"};
      chosen_on = all;
      chosen_on -= trial->clean_surface;
    }
    const auto best = chosen_on.best();
    clean.folds.push_back(tally_at(trial->clean_surface, best.alpha_index, best.beta_index));
  }
  return clean;
}

Accuracy mean_of(const std::vector<Accuracy>& values) {
  std::vector<double> presence;
  std::vector<double> salience;
  for (const Accuracy& value : values) {
    presence.push_back(value.presence);
    salience.push_back(value.salience);
  }
  return {mean(presence), mean(salience)};
}

/// As wide as the interval of the mean over cells.
Interval interval_about(double centre, const std::vector<CellScore>& cells, double CellScore::*score,
                        std::size_t folds) {
  std::vector<FoldDifference> values;
  for (const CellScore& cell : cells) {
    if (std::isfinite(cell.*score)) values.push_back({cell.fold, cell.*score});
  }
  if (folds < 2) return {kNaN, kNaN};
  const PairedComparison mean = BlockedComparison(values, static_cast<int>(folds)).result();
  const double half = (mean.interval.high - mean.interval.low) / 2;
  return {centre - half, centre + half};
}

std::vector<AxisReport> make_axes(const std::vector<ConfigReport>& ranked) {
  std::set<std::string> names;
  for (const ConfigReport& config : ranked) {
    for (const auto& [axis, value] : config.axis_values.items()) names.insert(axis);
  }
  std::vector<AxisReport> axes;
  for (const std::string& name : names) {
    AxisReport axis;
    axis.axis = name;
    std::map<json, std::vector<const ConfigReport*>, bool (*)(const json&, const json&)> groups(value_before);
    for (const ConfigReport& config : ranked) groups[config.axis_values.value(name, json())].push_back(&config);
    for (const auto& [value, members] : groups) {
      AxisValueReport row;
      row.value = value;
      row.configs = static_cast<int>(members.size());
      std::vector<double> paper;
      std::vector<double> clean;
      for (const ConfigReport* member : members) {
        row.whole = row.whole && member->whole();
        row.transductive = row.transductive || member->transductive;
        for (const CellScore& cell : member->cells) paper.push_back(cell.paper);
        if (member->clean_seeds > 0) clean.push_back(member->clean.score());
        if (row.best_config.empty() && member->paper_score.count > 0) {
          row.best_config = member->id;
          row.best_paper_score = member->paper_score.mean;
        }
      }
      row.trials = static_cast<int>(paper.size());
      row.paper_score = spread(paper);
      row.clean_score = spread(clean);
      axis.values.push_back(std::move(row));
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

}  // namespace

std::optional<double> ConfigReport::gap() const {
  if (clean_seeds == 0 || paper_score.count == 0) return std::nullopt;
  return paper_score.mean - clean.score();
}

ConfigReport measure_config(const ReportConfig& config, const std::vector<const TrialScores*>& trials,
                            const ReportFrame& frame) {
  const Cells cells = cells_of(config, trials, frame);
  const std::vector<int> folds = sorted(frame.folds);
  ConfigReport report;
  report.id = config.id;
  report.settings = config.settings;
  report.axis_values = config.axis_values;
  report.transductive = config.transductive;
  report.expected = static_cast<int>(frame.folds.size() * frame.seeds.size());
  report.done = static_cast<int>(cells.size());
  std::vector<double> presence;
  std::vector<double> salience;
  std::vector<double> score;
  for (const auto& [cell, trial] : cells) {
    if (!has_number(*trial)) {
      ++report.diverged;
      continue;
    }
    presence.push_back(trial->paper.presence);
    salience.push_back(trial->paper.salience);
    score.push_back(trial->paper.score());
    report.cells.push_back({cell.first, cell.second, trial->paper.score(), kNaN});
  }
  report.paper_presence = spread(presence);
  report.paper_salience = spread(salience);
  report.paper_score = spread(score);

  const auto set_clean = [&](std::uint64_t seed, int fold, double clean_score) {
    for (CellScore& cell : report.cells) {
      if (cell.seed == seed && cell.fold == fold) cell.clean = clean_score;
    }
  };
  std::vector<Accuracy> pooled;
  std::vector<Accuracy> clean;
  std::vector<double> clean_scores;
  for (const std::uint64_t seed : sorted(frame.seeds)) {
    const auto block = block_of(cells, seed, folds);
    if (block.empty()) continue;
    pooled.push_back(pooled_paper(block));
    const CleanBlock honest = clean_block(block, frame.decode);
    if (!honest.why_not.empty()) {
      report.no_clean = honest.why_not;
      continue;
    }
    Tally sum;
    for (std::size_t i = 0; i < block.size(); ++i) {
      sum += honest.folds[i];
      set_clean(seed, block[i]->fold, honest.folds[i].accuracy().score());
    }
    clean.push_back(sum.accuracy());
    clean_scores.push_back(sum.accuracy().score());
  }
  report.pooled_seeds = static_cast<int>(pooled.size());
  report.pooled = mean_of(pooled);
  report.clean_seeds = static_cast<int>(clean.size());
  report.clean = mean_of(clean);
  report.clean_score_sd = sample_sd(clean_scores);
  if (report.clean_seeds > 0) report.no_clean.clear();
  if (report.clean_seeds == 0 && report.no_clean.empty() && report.paper_score.count > 0) {
    report.no_clean = "no seed has a number in every fold yet";
  }
  report.paper_interval = interval_about(report.paper_score.mean, report.cells, &CellScore::paper, folds.size());
  report.clean_interval = interval_about(report.clean.score(), report.cells, &CellScore::clean, folds.size());
  return report;
}

Report make_report(const ReportFrame& frame, std::vector<ConfigReport> measured) {
  Report report;
  report.sweep = frame.sweep;
  report.dataset = frame.dataset;
  report.synthetic = frame.synthetic;
  report.folds = static_cast<int>(frame.folds.size());
  report.seeds = static_cast<int>(frame.seeds.size());
  report.decode = frame.decode;
  report.configs = std::move(measured);
  std::vector<ConfigReport>& ranked = report.configs;

  bool any_clean = false;
  for (const ConfigReport& config : ranked) {
    any_clean = any_clean || config.clean_seeds > 0;
    // A config that merely is not far enough must not switch the ranking of all others.
    const bool never_clean = config.pooled_seeds > 0 && config.clean_seeds == 0;
    if (never_clean) report.ranked_by = RankedBy::kPaperScore;
  }
  if (!any_clean) report.ranked_by = RankedBy::kPaperScore;
  const auto key = [&](const ConfigReport& config) {
    const bool clean = report.ranked_by == RankedBy::kCleanScore;
    const bool number = clean ? config.clean_seeds > 0 : config.paper_score.count > 0;
    const int group = config.whole() ? 0 : number ? 1 : config.paper_score.count > 0 ? 2 : 3;
    const double score = number                         ? (clean ? config.clean.score() : config.paper_score.mean)
                         : config.paper_score.count > 0 ? config.paper_score.mean
                                                        : 0;
    return std::make_tuple(group, -score, config.id);
  };
  std::sort(ranked.begin(), ranked.end(),
            [&](const ConfigReport& a, const ConfigReport& b) { return key(a) < key(b); });

  report.compared_clean = report.ranked_by == RankedBy::kCleanScore;
  double CellScore::*const score = report.compared_clean ? &CellScore::clean : &CellScore::paper;
  for (std::size_t i = 1; i < ranked.size(); ++i) {
    if (const auto comparison = compare_cells(ranked[i], ranked[0], score, report.folds)) {
      ranked[i].against_best = comparison->result();
    }
  }
  report.axes = make_axes(ranked);
  for (const Family& family : frame.families) {
    report.families.push_back(judge(family, ranked, report.folds, report.seeds));
  }
  return report;
}

Report make_report(const ReportInput& input) {
  std::map<std::string, std::vector<const TrialScores*>> trials;
  for (const ReportConfig& config : input.configs) {
    if (!trials.try_emplace(config.id).second) throw Error("config " + config.id + " is given twice");
  }
  for (const TrialScores& trial : input.trials) {
    const auto config = trials.find(trial.config_id);
    if (config == trials.end()) throw Error("trial " + trial.trial_id + " is of unknown config " + trial.config_id);
    config->second.push_back(&trial);
  }
  std::vector<ConfigReport> measured;
  for (const ReportConfig& config : input.configs) {
    measured.push_back(measure_config(config, trials.at(config.id), input));
  }
  return make_report(input, std::move(measured));
}

}  // namespace medley::sweep
