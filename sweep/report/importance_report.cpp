#include "sweep/report/importance_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "sweep/error.h"
#include "sweep/half.h"
#include "sweep/nearest.h"
#include "sweep/score/importance_statistics.h"
#include "sweep/score/statistics.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

std::vector<double> mean_vector(const std::vector<std::vector<double>>& rows) {
  std::vector<double> means(rows.empty() ? 0 : rows.front().size());
  for (const auto& row : rows) {
    if (row.size() != means.size()) throw Error("trials of one config have importance statistics of different sizes");
    for (std::size_t i = 0; i < row.size(); ++i) means[i] += row[i] / static_cast<double>(rows.size());
  }
  return means;
}

std::string group_of(const ImportanceInput& input, const std::string& encoder) {
  const auto known = input.labels_of.find(encoder);
  return known == input.labels_of.end() ? kOtherGroup : word_of(known->second, input.by, kOtherGroup);
}

/// Of the labels of all encoders, and the default one.
std::vector<std::string> label_names(const ImportanceInput& input) {
  std::set<std::string> names = {kModality};
  for (const auto& [encoder, labels] : input.labels_of) {
    for (const auto& [name, word] : labels) names.insert(name);
  }
  return {names.begin(), names.end()};
}

EncoderSummary summarise(const ImportanceInput& input, std::size_t encoder, const std::vector<int>& folds) {
  EncoderSummary summary;
  summary.encoder = input.trials.front().importance.encoders[encoder].encoder;
  summary.group = group_of(input, summary.encoder);
  std::vector<double> weights;
  std::vector<double> selected;
  std::vector<std::vector<double>> ranks;
  std::vector<std::vector<double>> quantiles;
  std::vector<std::vector<double>> histograms;
  std::map<int, std::vector<double>> by_fold;
  for (const TrialImportance& trial : input.trials) {
    const EncoderImportance& one = trial.importance.encoders[encoder];
    weights.push_back(one.mean);
    selected.push_back(one.selection_frequency);
    ranks.push_back(one.ranks);
    quantiles.push_back(one.quantiles);
    double clips = 0;
    for (const std::int64_t count : one.histogram) clips += static_cast<double>(count);
    auto& shares = histograms.emplace_back();
    for (const std::int64_t count : one.histogram) shares.push_back(static_cast<double>(count) / std::max(1.0, clips));
    by_fold[trial.fold].push_back(one.mean);
  }
  summary.weight = spread(weights);
  summary.selected = spread(selected);
  summary.ranks = mean_vector(ranks);
  for (std::size_t rank = 0; rank < summary.ranks.size(); ++rank) {
    summary.mean_rank += static_cast<double>(rank + 1) * summary.ranks[rank];
  }
  summary.quantiles = mean_vector(quantiles);
  summary.histogram = mean_vector(histograms);
  for (const int fold : folds) summary.by_fold.push_back(spread(by_fold[fold]));
  return summary;
}

GroupSummary summarise(const ImportanceInput& input, const std::vector<EncoderSummary>& encoders,
                       const std::string& group) {
  GroupSummary summary;
  summary.group = group;
  std::vector<bool> member;
  for (const EncoderSummary& encoder : encoders) {
    member.push_back(encoder.group == group);
    summary.encoders += member.back();
  }
  std::vector<double> shares;
  std::vector<double> of_clips;
  for (const TrialImportance& trial : input.trials) {
    const auto share = [&](const auto& weight) {
      double part = 0;
      double whole = 0;
      for (std::size_t e = 0; e < member.size(); ++e) {
        whole += weight(e);
        if (member[e]) part += weight(e);
      }
      return whole > 0 ? part / whole : kNaN;
    };
    shares.push_back(share([&](std::size_t e) { return trial.importance.encoders[e].mean; }));
    const auto& weights = trial.importance.weights;
    for (std::size_t row = 0; row + member.size() <= weights.size(); row += member.size()) {
      const double of_clip = share([&](std::size_t e) { return double{half_value(weights[row + e])}; });
      if (!std::isnan(of_clip)) of_clips.push_back(of_clip);
    }
  }
  summary.share = spread(shares);
  if (of_clips.empty()) return summary;
  for (const double p : {.05, .25, .5, .75, .95}) summary.quantiles.push_back(quantile(of_clips, p));
  return summary;
}

/// Of the raters of each group its W, mean over the groups that have one.
template <class Key>
double mean_agreement(const std::map<Key, std::vector<std::vector<double>>>& groups) {
  std::vector<double> known;
  for (const auto& [key, raters] : groups) {
    if (const double w = kendall_w(raters); !std::isnan(w)) known.push_back(w);
  }
  return mean(known);
}

Agreement agreement_of(const std::vector<TrialImportance>& trials) {
  std::vector<std::vector<double>> runs;
  std::map<std::uint64_t, std::vector<std::vector<double>>> of_seed;
  std::map<int, std::vector<std::vector<double>>> of_fold;
  for (const TrialImportance& trial : trials) {
    std::vector<double> weights;
    for (const EncoderImportance& encoder : trial.importance.encoders) weights.push_back(encoder.mean);
    of_seed[trial.seed].push_back(weights);
    of_fold[trial.fold].push_back(weights);
    runs.push_back(std::move(weights));
  }
  return {kendall_w(runs), mean_agreement(of_seed), mean_agreement(of_fold)};
}

std::vector<KeptBySeeds> kept_by_seeds(const std::vector<TrialImportance>& trials) {
  std::vector<KeptBySeeds> disagree;
  for (std::size_t e = 0; e < trials.front().importance.encoders.size(); ++e) {
    std::map<std::uint64_t, std::vector<double>> kept;
    for (const TrialImportance& trial : trials) {
      kept[trial.seed].push_back(trial.importance.encoders[e].selection_frequency);
    }
    KeptBySeeds one{trials.front().importance.encoders[e].encoder, 0, static_cast<int>(kept.size())};
    for (const auto& [seed, shares] : kept) one.seeds += mean(shares) >= .5;
    if (one.seeds > 0 && one.seeds < one.of) disagree.push_back(std::move(one));
  }
  return disagree;
}

std::vector<NearCopies> near_copies_of(const std::vector<EncoderSummary>& encoders, const std::vector<double>& cka) {
  std::vector<NearCopies> found;
  if (cka.empty()) return found;
  double total = 0;
  for (const EncoderSummary& encoder : encoders) total += encoder.weight.mean;
  const double even = total / static_cast<double>(encoders.size());
  for (std::size_t a = 0; a < encoders.size(); ++a) {
    for (std::size_t b = 0; b < encoders.size(); ++b) {
      const double heavier = encoders[a].weight.mean, lighter = encoders[b].weight.mean;
      const double alike = cka[a * encoders.size() + b];
      if (alike >= kNearCopyCka && heavier > lighter && heavier >= 2 * lighter && heavier >= even) {
        found.push_back({encoders[a].encoder, encoders[b].encoder, alike, heavier, lighter});
      }
    }
  }
  return found;
}

MeasuredScore measured(const ConfigReport& config) {
  MeasuredScore score;
  score.config = config.id;
  score.paper = config.paper_score.mean;
  score.interval = config.paper_interval;
  if (config.held_out_seeds > 0) {
    score.held_out = config.held_out.score();
    score.interval = config.held_out_interval;
  }
  return score;
}

/// Equal settings but for those named; what one side does not read does not count.
bool same_but(const json& a, const json& b, const std::set<std::string>& names) {
  for (const auto& [name, value] : a.items()) {
    if (names.count(name) == 0 && b.contains(name) && b[name] != value) return false;
  }
  return true;
}

/// Configs of subsets of one config's encoders.
class Subsets {
 public:
  Subsets(const ConfigReport& config, const Report& report, const std::vector<const ConfigReport*>& others)
      : config_(config) {
    for (const ConfigReport& other : report.configs) add(other);
    for (const ConfigReport* other : others) add(*other);
  }

  /// nullptr where the subset was not trained.
  const ConfigReport* find(const std::set<std::string>& encoders) const {
    const auto known = by_set_.find(encoders);
    if (known == by_set_.end()) return nullptr;
    const std::set<std::string> free = {"encoders", "top_n"};
    const ConfigReport* best = nullptr;
    for (const ConfigReport* candidate : known->second) {
      // Selecting as many as there are is `all` (canonical()).
      const bool keeps_all = candidate->settings.value("selection", std::string()) == "all" &&
                             config_.settings.value("top_n", 0) >= static_cast<int>(encoders.size());
      std::set<std::string> names = free;
      if (keeps_all) names.insert("selection");
      const bool same = same_but(config_.settings, candidate->settings, names);
      if (same && (!best || preferred(*candidate, *best))) best = candidate;
    }
    return best;
  }

 private:
  void add(const ConfigReport& config) {
    if (config.paper_score.count == 0 || !config.settings.contains("encoders")) return;
    const auto names = config.settings["encoders"].get<std::vector<std::string>>();
    by_set_[{names.begin(), names.end()}].push_back(&config);
  }
  bool preferred(const ConfigReport& a, const ConfigReport& b) const {
    const auto kept = [](const ConfigReport& config) {
      return config.settings.value("top_n", static_cast<int>(config.settings["encoders"].size()));
    };
    const auto key = [&](const ConfigReport& config) {
      return std::make_tuple(kept(config) == kept(config_), kept(config));
    };
    return key(a) != key(b) ? key(a) > key(b) : a.id < b.id;
  }

  const ConfigReport& config_;
  std::map<std::set<std::string>, std::vector<const ConfigReport*>> by_set_;
};

std::optional<ScoreLoss> loss_of(const ConfigReport& config, const ConfigReport& without, int folds) {
  ScoreLoss loss;
  loss.config = without.id;
  auto comparison = compare_runs(config, without, &RunScore::held_out, folds);
  if (!comparison) {
    loss.held_out = false;
    comparison = compare_runs(config, without, &RunScore::paper, folds);
  }
  if (!comparison) return std::nullopt;
  loss.difference = comparison->result();
  return loss;
}

/// Where enough subsets have a Score of all their runs.
std::optional<ShapleyReport> shapley_of(const std::vector<std::string>& encoders, const Subsets& subsets,
                                        const std::vector<double>& probe, int folds) {
  const auto players = static_cast<int>(encoders.size());
  if (players < 2 || players > kMaxPlayers) return std::nullopt;
  std::vector<const ConfigReport*> by_set(std::size_t{1} << players);
  for (std::size_t set = 1; set < by_set.size(); ++set) {
    std::set<std::string> names;
    for (std::size_t e = 0; e < encoders.size(); ++e) {
      if (set >> e & 1u) names.insert(encoders[e]);
    }
    const ConfigReport* found = subsets.find(names);
    if (found && found->complete()) by_set[set] = found;
  }
  return make_shapley_report(players, by_set, probe, folds);
}

std::vector<EffectSeries> effect_of_n(const ConfigReport& config, const Report& report,
                                      const std::vector<const ConfigReport*>& others, int encoders) {
  const auto seeds_of = [](const ConfigReport& one) {
    std::set<std::uint64_t> seeds;
    for (const RunScore& run : one.runs) seeds.insert(run.seed);
    return seeds;
  };
  std::map<std::string, EffectSeries> series;
  const auto add = [&](const ConfigReport& other, bool of_other_sweep) {
    const std::string selection = other.settings.value("selection", std::string());
    if (selection.empty() || other.paper_score.count == 0) return;
    if (!same_but(config.settings, other.settings, {"top_n", "selection"})) return;
    const bool constant = !other.settings.contains("top_n");
    if (constant && selection != "all") return;  // keeps as many as it likes: no place on this axis
    // Scores of other seeds differ by these, too.
    if (of_other_sweep && seeds_of(other) != seeds_of(config)) return;
    EffectSeries& one = series[selection];
    one.selection = selection;
    one.constant = constant;
    one.points.push_back({constant ? encoders : other.settings["top_n"].get<int>(), measured(other)});
  };
  for (const ConfigReport& other : report.configs) add(other, false);
  for (const ConfigReport* other : others) add(*other, true);
  // Keeping as many as there are is `all` (canonical()): the last point of each selection by number.
  if (const auto keeps_all = series.find("all"); keeps_all != series.end() && !keeps_all->second.points.empty()) {
    for (auto& [selection, one] : series) {
      if (!one.constant) one.points.push_back(keeps_all->second.points.front());
    }
  }
  std::vector<EffectSeries> all;
  for (auto& [selection, one] : series) {
    // Several at one n differ in what `config` does not read, or are of several sweeps: the first stays.
    std::stable_sort(one.points.begin(), one.points.end(), [](const auto& a, const auto& b) { return a.n < b.n; });
    one.points.erase(
        std::unique(one.points.begin(), one.points.end(), [](const auto& a, const auto& b) { return a.n == b.n; }),
        one.points.end());
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

std::vector<std::string> encoders_of(const ImportanceInput& input) {
  std::vector<std::string> names;
  for (const EncoderImportance& encoder : input.trials.front().importance.encoders) names.push_back(encoder.encoder);
  return names;
}

ImportanceReport make_importance_report(const ImportanceInput& input, const Report& report,
                                        const std::vector<const ConfigReport*>& others) {
  const auto config = std::find_if(report.configs.begin(), report.configs.end(),
                                   [&](const ConfigReport& c) { return c.id == input.config; });
  if (config == report.configs.end()) throw Error("config " + input.config + " is not one of sweep " + report.sweep);
  if (input.trials.empty()) throw Error("config " + input.config + " has no trial with a gate");
  const std::vector<std::string> names = encoders_of(input);
  std::set<int> folds;
  for (const TrialImportance& trial : input.trials) {
    folds.insert(trial.fold);
    const auto& encoders = trial.importance.encoders;
    if (!std::equal(encoders.begin(), encoders.end(), names.begin(), names.end(),
                    [](const EncoderImportance& a, const std::string& b) { return a.encoder == b; })) {
      throw Error("trials of config " + input.config + " name different encoders");
    }
  }

  ImportanceReport made;
  made.by = input.by;
  made.labels = label_names(input);
  if (std::find(made.labels.begin(), made.labels.end(), input.by) == made.labels.end()) {
    throw UnknownLabel("no encoder has a label '" + input.by + "'" + suggestion(input.by, made.labels));
  }
  made.sweep = report.sweep;
  made.dataset = report.dataset;
  made.synthetic = report.synthetic;
  made.actors = report.actors;
  made.repeats = report.partitions.size();
  made.config = config->id;
  made.settings = config->settings;
  made.transductive = config->transductive;
  made.trials = static_cast<int>(input.trials.size());
  made.expected = config->expected;
  made.folds.assign(folds.begin(), folds.end());
  for (std::size_t e = 0; e < names.size(); ++e) made.encoders.push_back(summarise(input, e, made.folds));
  for (const EncoderSummary& encoder : made.encoders) {
    const bool known = std::any_of(made.groups.begin(), made.groups.end(),
                                   [&](const GroupSummary& one) { return one.group == encoder.group; });
    if (!known) made.groups.push_back(summarise(input, made.encoders, encoder.group));
    made.chance += encoder.selected.mean / static_cast<double>(names.size());
  }
  std::vector<std::vector<double>> cka;
  for (const TrialImportance& trial : input.trials) {
    if (!trial.importance.cka.empty()) cka.emplace_back(trial.importance.cka.begin(), trial.importance.cka.end());
  }
  made.cka = mean_vector(cka);
  made.near_copies = near_copies_of(made.encoders, made.cka);
  made.agreement = agreement_of(input.trials);
  made.seeds_disagree = kept_by_seeds(input.trials);

  const Subsets subsets(*config, report, others);
  const std::set<std::string> all(names.begin(), names.end());
  made.shapley = shapley_of(names, subsets, input.probe, report.folds);
  if (made.shapley) made.shapley->no_probe = input.no_probe;
  struct Paired {
    std::vector<double> gate, score;
  } with_loss, with_alone;
  for (std::size_t e = 0; e < names.size(); ++e) {
    EncoderSummary& encoder = made.encoders[e];
    std::set<std::string> rest = all;
    rest.erase(names[e]);
    if (const ConfigReport* without = rest.empty() ? nullptr : subsets.find(rest)) {
      encoder.loss = loss_of(*config, *without, report.folds);
    }
    if (const ConfigReport* alone = subsets.find({names[e]})) encoder.alone = measured(*alone);
    if (encoder.loss) {
      with_loss.gate.push_back(encoder.weight.mean);
      with_loss.score.push_back(encoder.loss->difference.mean);
    }
    if (encoder.alone) {
      with_alone.gate.push_back(encoder.weight.mean);
      with_alone.score.push_back(encoder.alone->value());
    }
  }
  made.gate_and_loss = spearman(with_loss.gate, with_loss.score);
  made.gate_and_alone = spearman(with_alone.gate, with_alone.score);
  made.effect_of_n = effect_of_n(*config, report, others, static_cast<int>(names.size()));
  return made;
}

std::string config_for_importance(const Report& report) {
  std::string best;
  std::pair<std::size_t, bool> most{0, false};
  for (const ConfigReport& config : report.configs) {
    if (!config.settings.contains("gate") || config.paper_score.count == 0) continue;
    const std::string selection = config.settings.value("selection", std::string());
    const bool chooses = selection != "fixed" && selection != "random";
    const std::pair<std::size_t, bool> order{config.settings["encoders"].size(), chooses};
    if (order > most) {
      most = order;
      best = config.id;
    }
  }
  return best;
}

}  // namespace medley::sweep
