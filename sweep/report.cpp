#include "sweep/report.h"

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
using Cell = std::pair<std::uint64_t, int>;  // seed, fold
/// Finished trials of one config, diverged ones included.
using Cells = std::map<Cell, const TrialScores*>;

ScoreSpread spread(const std::vector<double>& values) {
  return {static_cast<int>(values.size()), mean(values), sample_sd(values)};
}

bool has_number(const TrialScores& trial) { return trial.outcome == Outcome::kFinished; }

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

/// One config and the Scores of its cells, for paired comparisons.
struct Measured {
  ConfigReport report;
  std::map<Cell, double> paper;
  std::map<Cell, double> clean;
};

Measured measure(const ReportConfig& config, const Cells& cells, const ReportInput& input) {
  Measured measured;
  ConfigReport& report = measured.report;
  report.id = config.id;
  report.settings = config.settings;
  report.axis_values = config.axis_values;
  report.transductive = config.transductive;
  report.expected = static_cast<int>(input.folds.size() * input.seeds.size());
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
    measured.paper[cell] = trial->paper.score();
  }
  report.paper_presence = spread(presence);
  report.paper_salience = spread(salience);
  report.paper_score = spread(score);

  std::vector<Accuracy> pooled;
  std::vector<Accuracy> clean;
  std::vector<double> clean_scores;
  for (const std::uint64_t seed : input.seeds) {
    const auto block = block_of(cells, seed, input.folds);
    if (block.empty()) continue;
    pooled.push_back(pooled_paper(block));
    const CleanBlock honest = clean_block(block, input.decode);
    if (!honest.why_not.empty()) {
      report.no_clean = honest.why_not;
      continue;
    }
    Tally sum;
    for (std::size_t i = 0; i < block.size(); ++i) {
      sum += honest.folds[i];
      measured.clean[{seed, block[i]->fold}] = honest.folds[i].accuracy().score();
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
  return measured;
}

std::optional<PairedComparison> compare(const std::map<Cell, double>& a, const std::map<Cell, double>& b, int folds) {
  std::vector<double> differences;
  for (const auto& [cell, score] : a) {
    const auto other = b.find(cell);
    if (other != b.end()) differences.push_back(score - other->second);
  }
  if (differences.size() < 2 || folds < 2) return std::nullopt;
  return compare_paired(differences, folds);
}

/// Numbers ascending, then everything else by its text, null last.
bool value_before(const json& a, const json& b) {
  const auto kind = [](const json& value) { return value.is_number() ? 0 : value.is_null() ? 2 : 1; };
  if (kind(a) != kind(b)) return kind(a) < kind(b);
  if (a.is_number() && a.get<double>() != b.get<double>()) return a.get<double>() < b.get<double>();
  return value_text(a) < value_text(b);
}

std::vector<AxisReport> make_axes(const std::vector<Measured>& ranked) {
  std::set<std::string> names;
  for (const Measured& measured : ranked) {
    for (const auto& [axis, value] : measured.report.axis_values.items()) names.insert(axis);
  }
  std::vector<AxisReport> axes;
  for (const std::string& name : names) {
    AxisReport axis;
    axis.axis = name;
    std::map<json, std::vector<const Measured*>, bool (*)(const json&, const json&)> groups(value_before);
    for (const Measured& measured : ranked)
      groups[measured.report.axis_values.value(name, json())].push_back(&measured);
    for (const auto& [value, members] : groups) {
      AxisValueReport row;
      row.value = value;
      row.configs = static_cast<int>(members.size());
      std::vector<double> paper;
      std::vector<double> clean;
      for (const Measured* member : members) {
        row.whole = row.whole && member->report.whole();
        for (const auto& [cell, score] : member->paper) paper.push_back(score);
        if (member->report.clean_seeds > 0) clean.push_back(member->report.clean.score());
        if (row.best_config.empty() && member->report.paper_score.count > 0) {
          row.best_config = member->report.id;
          row.best_paper_score = member->report.paper_score.mean;
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

Report make_report(const ReportInput& given) {
  // Sorted, so that sums are the same to the bit in any order of input. All but the trials, which may be many.
  ReportInput input{given.sweep, given.dataset, given.synthetic, given.folds, given.seeds, given.configs,
                    {},          given.decode};
  std::sort(input.folds.begin(), input.folds.end());
  std::sort(input.seeds.begin(), input.seeds.end());
  std::map<std::string, Cells> cells;
  for (const ReportConfig& config : input.configs) {
    if (!cells.try_emplace(config.id).second) throw Error("config " + config.id + " is given twice");
  }
  for (const TrialScores& trial : given.trials) {
    const auto config = cells.find(trial.config_id);
    if (config == cells.end()) throw Error("trial " + trial.trial_id + " is of unknown config " + trial.config_id);
    const bool expected = std::binary_search(input.folds.begin(), input.folds.end(), trial.fold) &&
                          std::binary_search(input.seeds.begin(), input.seeds.end(), trial.seed);
    const std::string where = "fold " + std::to_string(trial.fold) + ", seed " + std::to_string(trial.seed);
    if (!expected) throw Error("trial " + trial.trial_id + " is outside the sweep: " + where);
    if (!config->second.try_emplace({trial.seed, trial.fold}, &trial).second) {
      throw Error("config " + trial.config_id + " has two trials of " + where);
    }
  }

  Report report;
  report.sweep = input.sweep;
  report.dataset = input.dataset;
  report.synthetic = input.synthetic;
  report.folds = static_cast<int>(input.folds.size());
  report.seeds = static_cast<int>(input.seeds.size());
  report.decode = input.decode;
  std::vector<Measured> ranked;
  for (const ReportConfig& config : input.configs) ranked.push_back(measure(config, cells[config.id], input));

  bool any_clean = false;
  for (const Measured& measured : ranked) {
    any_clean = any_clean || measured.report.clean_seeds > 0;
    // A config that merely is not far enough must not switch the ranking of all others.
    const bool never_clean = measured.report.pooled_seeds > 0 && measured.report.clean_seeds == 0;
    if (never_clean) report.ranked_by = RankedBy::kPaperScore;
  }
  if (!any_clean) report.ranked_by = RankedBy::kPaperScore;
  const auto key = [&](const Measured& measured) {
    const ConfigReport& config = measured.report;
    const bool clean = report.ranked_by == RankedBy::kCleanScore;
    const bool number = clean ? config.clean_seeds > 0 : config.paper_score.count > 0;
    const int group = config.whole() ? 0 : number ? 1 : config.paper_score.count > 0 ? 2 : 3;
    const double score = number                         ? (clean ? config.clean.score() : config.paper_score.mean)
                         : config.paper_score.count > 0 ? config.paper_score.mean
                                                        : 0;
    return std::make_tuple(group, -score, config.id);
  };
  std::sort(ranked.begin(), ranked.end(), [&](const Measured& a, const Measured& b) { return key(a) < key(b); });

  report.compared_clean = report.ranked_by == RankedBy::kCleanScore;
  for (std::size_t i = 1; i < ranked.size(); ++i) {
    ranked[i].report.against_best = report.compared_clean ? compare(ranked[i].clean, ranked[0].clean, report.folds)
                                                          : compare(ranked[i].paper, ranked[0].paper, report.folds);
  }
  report.axes = make_axes(ranked);
  for (Measured& measured : ranked) report.configs.push_back(std::move(measured.report));
  return report;
}

}  // namespace medley::sweep
