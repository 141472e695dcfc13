#include "sweep/report/report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "sweep/config.h"
#include "sweep/error.h"
#include "sweep/score/metric.h"
#include "sweep/score/statistics.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

using Run = std::tuple<int, std::uint64_t, int>;  // repeat, seed, fold
/// Finished trials of one config, diverged ones included.
using Runs = std::map<Run, const TrialScores*>;

bool has_number(const TrialScores& trial) { return trial.outcome == Outcome::kFinished; }

/// Sorted, so that sums are the same to the bit in any order.
template <class T>
std::vector<T> sorted(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  return values;
}

Runs runs_of(const ReportConfig& config, const std::vector<const TrialScores*>& trials, const ReportFrame& frame) {
  const auto has = [](const auto& list, auto value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  Runs runs;
  for (const TrialScores* trial : trials) {
    const std::string where = "partition " + partition_text(trial->partition) + ", fold " +
                              std::to_string(trial->fold) + ", seed " + std::to_string(trial->seed);
    if (trial->config_id != config.id) {
      throw Error("trial " + trial->trial_id + " is of config " + trial->config_id + ", not of " + config.id);
    }
    if (!has(frame.partitions, trial->partition) || !has(frame.folds, trial->fold) || !has(frame.seeds, trial->seed)) {
      throw Error("trial " + trial->trial_id + " is outside the sweep: " + where);
    }
    if (!runs.try_emplace({trial->partition.repeat, trial->seed, trial->fold}, trial).second) {
      throw Error("config " + config.id + " has two trials of " + where);
    }
  }
  return runs;
}

/// The trials of one seed of a partition if every fold has a number, else nothing. A search may ask for some of the
/// folds: those that have a number.
std::vector<const TrialScores*> block_of(const Runs& runs, int repeat, std::uint64_t seed,
                                         const std::vector<int>& folds, bool searched) {
  std::vector<const TrialScores*> block;
  for (const int fold : folds) {
    const auto run = runs.find({repeat, seed, fold});
    const bool there = run != runs.end() && has_number(*run->second);
    if (there) block.push_back(run->second);
    if (!there && !searched) return {};
  }
  return block;
}

Accuracy pooled_paper(const std::vector<const TrialScores*>& block) {
  ThresholdSurface sum;
  for (const TrialScores* trial : block) sum += trial->paper_surface;
  return sum.best().accuracy;
}

/// Held-out hits of each fold of one seed of a partition, or why there are none.
struct HeldOutFold {
  Tally hits;
  std::vector<ActorHits> actors;
  bool at_edge = false;  ///< alpha or beta was chosen at an end of the grid
  HeadFusion fusion = HeadFusion::kOwn;
  Thresholds thresholds;
};
struct HeldOutBlock {
  std::vector<HeldOutFold> folds;
  std::string why_not;
};

/// Probabilities of the held-out clips of one trial under one fusion, and their surface on the grid of the report.
struct FusedFold {
  std::vector<double> fused;  ///< empty where the trial's predictions are not known
  ThresholdSurface surface;
};

const FoldClips* clips_of(const TrialScores& trial, const ReportFrame& frame) {
  return trial.held_out.clips == 0 ? nullptr : frame.clips.find(trial.partition, trial.fold);
}

FusedFold fused_fold(const TrialScores& trial, const ReportFrame& frame, HeadFusion fusion) {
  const FoldClips* clips = clips_of(trial, frame);
  if (!clips) return {{}, trial.held_out_surface};
  const int classes = frame.clips.classes.count();
  if (trial.held_out.fused.size() != clips->truth.size() * static_cast<std::size_t>(classes)) {
    throw Error("trial " + trial.trial_id + " does not predict the clips of fold " + std::to_string(trial.fold));
  }
  FusedFold made{fuse_heads(trial.held_out, classes, fusion), trial.held_out_surface};
  if (fusion != HeadFusion::kOwn) {
    made.surface = threshold_surface({made.fused.data(), trial.held_out.clips, classes}, clips->truth,
                                     frame.clips.classes, frame.decode.grid);
  }
  return made;
}

/// Hits of each actor of the fold; none where its predictions or the actors are not known.
std::vector<ActorHits> actor_hits(const TrialScores& trial, const std::vector<double>& fused, const ReportFrame& frame,
                                  Thresholds thresholds) {
  const FoldClips* clips = clips_of(trial, frame);
  if (!clips || clips->actors.empty()) return {};
  const auto classes = static_cast<std::size_t>(frame.clips.classes.count());
  std::map<int, Tally> tallies;
  for (std::size_t i = 0; i < clips->truth.size(); ++i) {
    tallies[clips->actors[i]].add(sweep::decode(&fused[i * classes], frame.clips.classes, thresholds), clips->truth[i]);
  }
  std::vector<ActorHits> hits;
  for (const auto& [actor, tally] : tallies) {
    hits.push_back(
        {actor, 1.0 * tally.presence_hits, 1.0 * tally.salience_hits, 1.0 * tally.clips, 1.0 * tally.blends});
  }
  return hits;
}

/// What a block's held-out numbers may fuse heads by. Where an inner fold chose the thresholds, only its surface of the
/// heads' own is known.
std::vector<HeadFusion> fusions_for(const std::vector<const TrialScores*>& block, const ReportFrame& frame) {
  for (const TrialScores* trial : block) {
    if (trial->inner_surface.clips > 0 || trial->held_out.presence.empty() || !clips_of(*trial, frame)) {
      return {HeadFusion::kOwn};
    }
  }
  return frame.decode.head_fusion ? std::vector<HeadFusion>{*frame.decode.head_fusion} : all_head_fusions();
}

HeldOutBlock held_out_block(const std::vector<const TrialScores*>& block, const ReportFrame& frame) {
  for (const TrialScores* trial : block) {
    if (trial->held_out_epoch == 0) {
      return {{}, "patience without inner_fold: the reported fold chose when to stop"};
    }
    if (block.size() < 2 && trial->inner_surface.clips == 0) {
      return {{}, "one fold and no inner_fold: no rows are left to choose thresholds on"};
    }
  }
  struct Choice {
    double score = -1;
    Thresholds thresholds;
    std::vector<double> fused;
  };
  HeldOutBlock held_out;
  held_out.folds.resize(block.size());
  std::vector<Choice> choices(block.size());
  for (const HeadFusion fusion : fusions_for(block, frame)) {
    std::vector<FusedFold> made;
    ThresholdSurface all;
    for (const TrialScores* trial : block) {
      made.push_back(fused_fold(*trial, frame, fusion));
      all += made.back().surface;
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
      ThresholdSurface chosen_on = block[i]->inner_surface;
      const bool on_inner = chosen_on.clips > 0;
      if (!on_inner) {
        chosen_on = all;
        chosen_on -= made[i].surface;
      }
      const auto best = chosen_on.best();
      if (best.accuracy.score() <= choices[i].score) continue;
      const int last = on_inner ? kGridSize - 1 : frame.decode.grid.points - 1;
      const auto grid = on_inner ? threshold_grid() : frame.decode.grid.values();
      const auto at = [](int index) { return static_cast<std::size_t>(index); };
      const auto ends = [&](int index) { return index == 0 || index >= last; };
      choices[i] = {
          best.accuracy.score(), {grid[at(best.alpha_index)], grid[at(best.beta_index)]}, std::move(made[i].fused)};
      held_out.folds[i] = {tally_at(made[i].surface, best.alpha_index, best.beta_index),
                           {},
                           ends(best.alpha_index) || ends(best.beta_index),
                           fusion,
                           choices[i].thresholds};
    }
  }
  for (std::size_t i = 0; i < block.size(); ++i) {
    held_out.folds[i].actors = actor_hits(*block[i], choices[i].fused, frame, choices[i].thresholds);
  }
  return held_out;
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

/// As wide as the interval of the mean over runs, within what a Score can be.
Interval interval_about(double centre, const std::vector<RunScore>& runs, double RunScore::*score, std::size_t folds) {
  std::vector<RunDifference> values;
  for (const RunScore& run : runs) {
    if (std::isfinite(run.*score)) values.push_back(difference_of(run, nullptr, score));
  }
  const auto mean = compare_differences(values, static_cast<int>(folds));
  if (!mean) return {kNaN, kNaN};
  const Interval& interval = mean->result().interval;
  const double half = (interval.high - interval.low) / 2;
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
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
      axis.values.push_back(marginal_of(members));
      axis.values.back().value = value;
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

}  // namespace

/// The settings of the same config without adaptation.
nlohmann::json without_adaptation(nlohmann::json settings) {
  for (const char* name : {"adaptation_weight", "adaptation_moments", "adaptation_target"}) settings.erase(name);
  settings["adaptation"] = "none";
  return settings;
}

/// By RunScore::`score`.
std::vector<HarmfulAdaptation> harmful_adaptations(const Report& report, double RunScore::*score) {
  const auto adapts = [](const ConfigReport& config) {
    return config.settings.is_object() && config.settings.value("adaptation", "none") != "none";
  };
  std::multimap<nlohmann::json, const ConfigReport*> without;  // by settings
  for (const ConfigReport& config : report.configs) {
    if (!adapts(config)) without.emplace(config.settings, &config);
  }
  std::vector<HarmfulAdaptation> harmful;
  for (const ConfigReport& config : report.configs) {
    if (!adapts(config)) continue;
    const auto [begin, end] = without.equal_range(without_adaptation(config.settings));
    for (auto other = begin; other != end; ++other) {
      const auto comparison = compare_runs(config, *other->second, score, report.folds);
      if (comparison && comparison->result().interval.high < 0) harmful.push_back({config.id, comparison->result()});
    }
  }
  return harmful;
}

ScoreSpread spread(const std::vector<double>& values) {
  return {static_cast<int>(values.size()), mean(values), sample_sd(values)};
}

AxisValueReport marginal_of(const std::vector<const ConfigReport*>& members) {
  AxisValueReport row;
  row.configs = static_cast<int>(members.size());
  std::vector<double> paper;
  std::vector<double> held_out;
  for (const ConfigReport* member : members) {
    row.complete = row.complete && member->complete();
    row.transductive = row.transductive || member->transductive;
    for (const RunScore& run : member->runs) paper.push_back(run.paper);
    if (member->held_out_seeds > 0) held_out.push_back(member->held_out.score());
    if (row.best_config.empty() && member->paper_score.count > 0) {
      row.best_config = member->id;
      row.best_paper_score = member->paper_score.mean;
    }
  }
  row.trials = static_cast<int>(paper.size());
  row.paper_score = spread(paper);
  row.held_out_score = spread(held_out);
  return row;
}

std::optional<double> ConfigReport::optimism() const {
  if (held_out_seeds == 0 || paper_score.count == 0) return std::nullopt;
  return paper_score.mean - held_out.score();
}

const ConfigReport* Report::reference() const {
  for (const ConfigReport& config : configs) {
    if (config.id == declared_reference) return &config;
  }
  return configs.empty() ? nullptr : &configs.front();
}

std::optional<double> ranked_score(const Report& report, const ConfigReport& config) {
  if (report.ranks_held_out()) {
    return config.held_out_seeds > 0 ? std::optional<double>(config.held_out.score()) : std::nullopt;
  }
  return config.paper_score.count > 0 ? std::optional<double>(config.paper_score.mean) : std::nullopt;
}

std::optional<std::size_t> rank_at(const Report& report, std::size_t index) {
  const bool ranked = index < report.configs.size() && ranked_score(report, report.configs[index]);
  return ranked ? std::optional<std::size_t>(index + 1) : std::nullopt;
}

std::string uncertainty_text(bool held_out, int actors, std::size_t repeats) {
  if (held_out && actors >= 2) {
    return "for other actors and training seeds, cluster-robust over " + std::to_string(actors) + " actors";
  }
  const std::string by_folds = std::string("for other folds and seeds, corrected resampled t (") +
                               (repeats > 1 ? "Bouckaert-Frank, folds of all repeats" : "Nadeau-Bengio, folds") +
                               " as blocks)";
  return held_out ? by_folds + ", as actors are not known" : by_folds;
}

std::string arithmetics_note(const std::map<std::string, int>& arithmetics) {
  if (arithmetics.size() < 2) return "";
  std::vector<std::pair<std::string, int>> counts(arithmetics.begin(), arithmetics.end());
  std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string note;
  for (const auto& [arithmetic, results] : counts) {
    note += note.empty() ? std::to_string(results) + (results == 1 ? " result" : " results") + " of arithmetic "
                         : ", " + std::to_string(results) + " of ";
    note += arithmetic.empty() ? "unknown" : arithmetic;
  }
  return note + ": the last digits may differ between them";
}

ConfigReport unmeasured(const ReportConfig& config, const ReportFrame& frame) {
  ConfigReport report;
  report.id = config.id;
  report.settings = config.settings;
  report.axis_values = config.axis_values;
  report.transductive = config.transductive;
  report.expected = static_cast<int>(config.asked ? config.asked->runs.size()
                                                  : frame.partitions.size() * frame.folds.size() * frame.seeds.size());
  if (config.asked) report.stopped = config.asked->stopped;
  return report;
}

ConfigReport measure_config(const ReportConfig& config, const std::vector<const TrialScores*>& trials,
                            const ReportFrame& frame) {
  const Runs runs = runs_of(config, trials, frame);
  const std::vector<int> folds = sorted(frame.folds);
  ConfigReport report = unmeasured(config, frame);
  report.done = static_cast<int>(runs.size());
  std::vector<double> presence;
  std::vector<double> salience;
  std::vector<double> score;
  std::vector<double> seconds;
  for (const auto& [run, trial] : runs) {
    seconds.push_back(trial->seconds);
    ++report.arithmetics[trial->arithmetic];
    if (!has_number(*trial)) {
      ++report.diverged;
      continue;
    }
    presence.push_back(trial->paper.presence);
    salience.push_back(trial->paper.salience);
    score.push_back(trial->paper.score());
    RunScore& scored = report.runs.emplace_back();
    std::tie(scored.repeat, scored.seed, scored.fold) = run;
    scored.trial = trial->trial_id;
    scored.paper = trial->paper.score();
    scored.paper_accuracy = trial->paper;
  }
  report.paper_presence = spread(presence);
  report.paper_salience = spread(salience);
  report.paper_score = spread(score);
  report.mean_seconds = mean(seconds);

  const auto set_held_out = [&](const TrialScores& trial, const HeldOutFold& held_out_fold) {
    for (RunScore& run : report.runs) {
      if (run.repeat != trial.partition.repeat || run.seed != trial.seed || run.fold != trial.fold) continue;
      run.held_out_accuracy = held_out_fold.hits.accuracy();
      run.held_out = run.held_out_accuracy.score();
      run.thresholds = held_out_fold.thresholds;
      run.fusion = held_out_fold.fusion;
      run.actors = held_out_fold.actors;
    }
  };
  std::vector<Accuracy> pooled;
  std::vector<Accuracy> held_out;
  std::vector<double> held_out_scores;
  const auto measure_block = [&](const std::vector<const TrialScores*>& block) {
    if (block.empty()) return;
    pooled.push_back(pooled_paper(block));
    const HeldOutBlock honest = held_out_block(block, frame);
    if (!honest.why_not.empty()) {
      report.no_held_out = honest.why_not;
      return;
    }
    Tally sum;
    for (std::size_t i = 0; i < block.size(); ++i) {
      ++report.threshold_choices;
      report.edge_choices += honest.folds[i].at_edge;
      ++report.head_fusions[honest.folds[i].fusion];
      sum += honest.folds[i].hits;
      set_held_out(*block[i], honest.folds[i]);
    }
    held_out.push_back(sum.accuracy());
    held_out_scores.push_back(sum.accuracy().score());
  };
  for (const Partition& partition : sorted(frame.partitions)) {
    for (const std::uint64_t seed : sorted(frame.seeds))
      measure_block(block_of(runs, partition.repeat, seed, folds, config.asked.has_value()));
  }
  report.pooled_seeds = static_cast<int>(pooled.size());
  report.pooled = mean_of(pooled);
  report.held_out_seeds = static_cast<int>(held_out.size());
  report.held_out = mean_of(held_out);
  report.held_out_score_sd = sample_sd(held_out_scores);
  if (report.held_out_seeds > 0) report.no_held_out.clear();
  if (report.held_out_seeds == 0 && report.no_held_out.empty() && report.paper_score.count > 0) {
    report.no_held_out = "no seed has a number in every fold yet";
  }
  report.paper_interval = interval_about(report.paper_score.mean, report.runs, &RunScore::paper, folds.size());
  report.held_out_interval = interval_about(report.held_out.score(), report.runs, &RunScore::held_out, folds.size());
  return report;
}

Report make_report(const ReportFrame& frame, std::vector<ConfigReport> measured) {
  Report report;
  report.sweep = frame.sweep;
  report.description = frame.description;
  report.dataset = frame.dataset;
  report.synthetic = frame.synthetic;
  report.partitions = sorted(frame.partitions);
  report.folds = static_cast<int>(frame.folds.size());
  report.seeds = static_cast<int>(frame.seeds.size());
  report.decode = frame.decode;
  report.labels = frame.labels;
  report.standing = frame.standing;
  report.search = frame.search;
  report.rounds = frame.rounds;
  report.failures = frame.failures;
  std::set<int> actors;
  for (const auto& [fold, clips] : frame.clips.folds) {
    actors.insert(clips.actors.begin(), clips.actors.end());
    const bool first = fold.first == report.partitions.front().repeat;
    if (first) report.clips += static_cast<int>(clips.truth.size());
  }
  report.actors = static_cast<int>(actors.size());
  report.configs = std::move(measured);
  std::vector<ConfigReport>& ranked = report.configs;

  bool any_held_out = false;
  for (const ConfigReport& config : ranked) {
    for (const auto& [arithmetic, results] : config.arithmetics) report.arithmetics[arithmetic] += results;
    any_held_out = any_held_out || config.held_out_seeds > 0;
    // A config that merely is not far enough must not switch the ranking of all others.
    const bool never_held_out = config.pooled_seeds > 0 && config.held_out_seeds == 0;
    if (never_held_out) report.ranked_by = RankedBy::kPaperScore;
  }
  if (!any_held_out) report.ranked_by = RankedBy::kPaperScore;
  const auto key = [&](const ConfigReport& config) {
    const bool held_out = report.ranked_by == RankedBy::kHeldOutScore;
    const bool number = held_out ? config.held_out_seeds > 0 : config.paper_score.count > 0;
    const bool behind = config.stopped && config.stopped->kind == DecisionKind::kBehind;
    const int group = behind && number ? 2 : config.complete() ? 0 : number ? 1 : config.paper_score.count > 0 ? 3 : 4;
    const double score = number                         ? (held_out ? config.held_out.score() : config.paper_score.mean)
                         : config.paper_score.count > 0 ? config.paper_score.mean
                                                        : 0;
    return std::make_tuple(group, -score, config.id);
  };
  std::sort(ranked.begin(), ranked.end(),
            [&](const ConfigReport& a, const ConfigReport& b) { return key(a) < key(b); });

  const auto holds = [&](const std::string& id) {
    return std::any_of(ranked.begin(), ranked.end(), [&](const ConfigReport& config) { return config.id == id; });
  };
  if (holds(frame.reference)) report.declared_reference = frame.reference;
  double RunScore::*const score = report.ranks_held_out() ? &RunScore::held_out : &RunScore::paper;
  const ConfigReport* const reference = report.reference();
  for (ConfigReport& config : ranked) {
    if (&config == reference) continue;
    if (const auto comparison = compare_runs(config, *reference, score, report.folds)) {
      config.against_reference = comparison->result();
    }
  }
  report.axes = make_axes(ranked);
  if (report.search.empty()) report.harmful_adaptations = harmful_adaptations(report, score);
  for (const Family& family : frame.families) {
    report.families.push_back(judge(family, ranked, report.folds));
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
