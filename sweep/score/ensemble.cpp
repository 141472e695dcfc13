#include "sweep/score/ensemble.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

#include "sweep/error.h"
#include "sweep/nearest.h"
#include "sweep/score/simplex.h"

namespace medley::sweep {
namespace {

std::vector<Label> labels_of(const OutOfFold& rows, const std::vector<int>& clips) {
  std::vector<Label> labels;
  labels.reserve(clips.size());
  for (const int clip : clips) labels.push_back(rows.truth[static_cast<std::size_t>(clip)]);
  return labels;
}

/// Share of each class that a label names: f(class, share).
template <class F>
void for_each_share(const Label& label, F f) {
  f(label.first, label.salience / 100.0);
  if (label.is_blend()) f(label.second, 1 - label.salience / 100.0);
}

double best_score(const std::vector<double>& p, const std::vector<Label>& truth, const Classes& classes) {
  return threshold_surface({p.data(), static_cast<int>(truth.size()), classes.count()}, truth, classes)
      .best()
      .accuracy.score();
}

double log_loss(const std::vector<double>& p, const std::vector<Label>& truth, int classes) {
  double loss = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double* row = &p[i * static_cast<std::size_t>(classes)];
    for_each_share(truth[i], [&](int c, double share) { loss -= share * std::log(floored(row[c])); });
  }
  return loss / static_cast<double>(std::max<std::size_t>(1, truth.size()));
}

/// What a selection is judged by: the official Score at its best thresholds, then, as it moves in steps, the log loss.
/// The loss is taken of ties only: its logarithms cost as much as the Score.
struct Merit {
  double score = -1;
  std::optional<double> loss = {};
  /// `loss_of` and `loss_of_other` give the two losses where they are missing.
  template <class Loss, class OtherLoss>
  bool better_than(Merit& other, Loss loss_of, OtherLoss loss_of_other) {
    if (score != other.score) return score > other.score;
    if (!loss) loss = loss_of();
    if (!other.loss) other.loss = loss_of_other();
    return *loss < *other.loss;
  }
};

/// Rows of one candidate for some clips, [clip, class].
std::vector<double> rows_of(const OutOfFold& rows, int candidate, const std::vector<int>& clips) {
  const auto classes = static_cast<std::size_t>(rows.classes.count());
  const auto& all = rows.candidates[static_cast<std::size_t>(candidate)];
  std::vector<double> part;
  part.reserve(clips.size() * classes);
  for (const int clip : clips) {
    const double* row = &all[static_cast<std::size_t>(clip) * classes];
    part.insert(part.end(), row, row + classes);
  }
  return part;
}

/// `candidates` by merit on `clips`, best first; ties by index.
std::vector<int> ranked(const OutOfFold& rows, const std::vector<int>& clips, std::vector<int> candidates) {
  const auto truth = labels_of(rows, clips);
  std::vector<Merit> merits(rows.candidates.size());
  for (const int m : candidates) {
    merits[static_cast<std::size_t>(m)].score = best_score(rows_of(rows, m, clips), truth, rows.classes);
  }
  const auto loss_of = [&](int m) {
    return [&, m] { return log_loss(rows_of(rows, m, clips), truth, rows.classes.count()); };
  };
  std::sort(candidates.begin(), candidates.end());
  std::stable_sort(candidates.begin(), candidates.end(), [&](int a, int b) {
    return merits[static_cast<std::size_t>(a)].better_than(merits[static_cast<std::size_t>(b)], loss_of(a), loss_of(b));
  });
  return candidates;
}

/// Turns sums of mix_term(), [clip, class], into probabilities.
void mix_rows(Mix mix, std::vector<double>& sums, const Classes& classes, double weight) {
  const auto count = static_cast<std::size_t>(classes.count());
  for (std::size_t i = 0; i < sums.size(); i += count) mix_sums(mix, &sums[i], count, weight);
}

/// How often each candidate is chosen in one bag: greedily, with replacement, then cut after the best prefix. `parts`
/// are mix_term() of their probabilities.
std::vector<int> select_greedily(Mix mix, const std::vector<std::vector<double>>& parts, const std::vector<int>& bag,
                                 const std::vector<Label>& truth, const Classes& classes, int rounds) {
  std::vector<double> sum(parts.front().size());
  std::vector<double> trial(sum.size()), best_trial, best_rows;
  const auto loss_of = [&](const std::vector<double>& p) {
    return [&] { return log_loss(p, truth, classes.count()); };
  };
  std::vector<int> chosen;
  Merit best;
  std::size_t best_length = 0;
  for (int round = 1; round <= rounds; ++round) {
    Merit best_here;
    int added = -1;
    for (const int candidate : bag) {
      const auto& part = parts[static_cast<std::size_t>(candidate)];
      for (std::size_t i = 0; i < sum.size(); ++i) trial[i] = sum[i] + part[i];
      mix_rows(mix, trial, classes, round);
      Merit merit{best_score(trial, truth, classes)};
      if (added < 0 || merit.better_than(best_here, loss_of(trial), loss_of(best_trial))) {
        best_here = merit;
        best_trial.swap(trial);
        trial.resize(sum.size());
        added = candidate;
      }
    }
    const auto& part = parts[static_cast<std::size_t>(added)];
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    chosen.push_back(added);
    if (best_length == 0 || best_here.better_than(best, loss_of(best_trial), loss_of(best_rows))) {
      best = best_here;
      best_rows = best_trial;
      best_length = chosen.size();
    }
  }
  std::vector<int> counts(parts.size());
  for (std::size_t i = 0; i < best_length; ++i) ++counts[static_cast<std::size_t>(chosen[i])];
  return counts;
}

std::vector<double> fit_caruana(const OutOfFold& rows, const std::vector<int>& clips,
                                const std::vector<int>& candidates, const EnsembleOptions& options) {
  const auto truth = labels_of(rows, clips);
  std::vector<std::vector<double>> parts;
  for (const int candidate : candidates) {
    for (double& p : parts.emplace_back(rows_of(rows, candidate, clips))) p = mix_term(options.mix, p);
  }
  const int count = static_cast<int>(parts.size());
  const int bags = count < 3 ? 1 : options.bags;
  std::vector<double> weights(rows.candidates.size());
  for (int bag_number = 0; bag_number < bags; ++bag_number) {
    std::vector<int> bag(parts.size());
    std::iota(bag.begin(), bag.end(), 0);
    if (bags > 1) {
      // Half of the candidates: those that the resample drew most often, ties by rank.
      const auto drawn = bootstrap_counts(count, bag_number, options.seed);
      std::stable_sort(bag.begin(), bag.end(), [&](int a, int b) {
        return drawn[static_cast<std::size_t>(a)] > drawn[static_cast<std::size_t>(b)];
      });
      bag.resize(static_cast<std::size_t>((count + 1) / 2));
      std::sort(bag.begin(), bag.end());
    }
    const auto counts = select_greedily(options.mix, parts, bag, truth, rows.classes, options.rounds);
    const double total = std::accumulate(counts.begin(), counts.end(), 0);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      weights[static_cast<std::size_t>(candidates[i])] += counts[i] / total / bags;
    }
  }
  return weights;
}

std::vector<double> fit_weights(const OutOfFold& rows, const std::vector<int>& clips,
                                const std::vector<int>& candidates, const EnsembleOptions& options) {
  std::vector<int> order = ranked(rows, clips, candidates);
  const auto keep = [&](int most) { order.resize(std::min(order.size(), static_cast<std::size_t>(most))); };
  switch (options.method) {
    case EnsembleMethod::kMean: {
      keep(options.k);
      std::vector<double> weights(rows.candidates.size());
      for (const int m : order) weights[static_cast<std::size_t>(m)] = 1.0 / static_cast<double>(order.size());
      return weights;
    }
    case EnsembleMethod::kSimplex:
      keep(options.most_candidates);
      return fit_simplex(rows, clips, order, options.mix);
    case EnsembleMethod::kCaruana:
      keep(options.most_candidates);
      return fit_caruana(rows, clips, order, options);
  }
  throw Error("unknown ensemble method");
}

std::map<int, std::vector<int>> clips_by_fold(const OutOfFold& rows) {
  std::map<int, std::vector<int>> folds;
  for (int clip = 0; clip < rows.clips(); ++clip) folds[rows.fold[static_cast<std::size_t>(clip)]].push_back(clip);
  return folds;
}

std::vector<int> candidates_for(const OutOfFold& rows, const std::map<int, std::vector<int>>& folds,
                                const Shortlist& shortlist) {
  std::vector<int> candidates(rows.candidates.size());
  std::iota(candidates.begin(), candidates.end(), 0);
  if (!shortlist) return candidates;
  std::vector<int> numbers;
  for (const auto& [fold, part] : folds) numbers.push_back(fold);
  std::vector<int> listed = shortlist(numbers);
  if (listed.empty()) throw Error("the shortlist of an ensemble is empty");
  for (const int m : listed) assert(m >= 0 && m < static_cast<int>(candidates.size()));
  return listed;
}

/// Rows under a fusion of heads: borrowed where it is the heads' own, else made.
class FusedRows {
 public:
  FusedRows(const OutOfFold& rows, HeadFusion fusion, Mix mix) : as_trained_(rows) {
    if (fusion != HeadFusion::kOwn && !rows.said.empty()) made_ = with_head_fusion(rows, fusion, mix);
  }
  const OutOfFold& rows() const { return made_ ? *made_ : as_trained_; }

 private:
  const OutOfFold& as_trained_;
  std::optional<OutOfFold> made_;
};

/// The fusion of heads under which the even mix of the best candidates has the best Score on `clips`; on ties the
/// first. The candidates are ranked by what their heads say by themselves.
HeadFusion best_fusion(const OutOfFold& rows, const std::vector<int>& clips, const std::vector<int>& candidates,
                       const EnsembleOptions& options) {
  const auto truth = labels_of(rows, clips);
  std::vector<int> core = ranked(rows, clips, candidates);
  const int most = options.method == EnsembleMethod::kMean ? options.k : EnsembleOptions::kCore;
  core.resize(std::min(core.size(), static_cast<std::size_t>(most)));
  OutOfFold of_core{rows.classes, rows.truth, rows.fold, {}, {}, {}};
  for (const int m : core) {
    of_core.candidates.push_back(rows.candidates[static_cast<std::size_t>(m)]);
    of_core.said.push_back(rows.said[static_cast<std::size_t>(m)]);
  }
  const std::vector<double> even(core.size(), 1.0);
  HeadFusion best = HeadFusion::kOwn;
  double best_so_far = -1;
  for (const HeadFusion fusion : all_head_fusions()) {
    const FusedRows fused(of_core, fusion, options.mix);
    const double score = best_score(mix_candidates(fused.rows(), even, clips, options.mix), truth, rows.classes);
    if (score <= best_so_far) continue;
    best_so_far = score;
    best = fusion;
  }
  return best;
}

/// Chooses candidates, and fits how heads are fused, weights and thresholds on the rows of `folds`. `as_trained` has
/// the heads' own fusion.
EnsembleWeights fit_on(const OutOfFold& as_trained, const std::map<int, std::vector<int>>& folds,
                       const EnsembleOptions& options, const Shortlist& shortlist) {
  std::vector<int> clips;
  for (const auto& [fold, part] : folds) clips.insert(clips.end(), part.begin(), part.end());
  std::sort(clips.begin(), clips.end());
  EnsembleWeights fitted;
  const std::vector<int> candidates = candidates_for(as_trained, folds, shortlist);
  if (!as_trained.said.empty()) {
    fitted.head_fusion =
        options.head_fusion ? *options.head_fusion : best_fusion(as_trained, clips, candidates, options);
  }
  const FusedRows fused(as_trained, fitted.head_fusion, options.mix);
  const OutOfFold& rows = fused.rows();
  fitted.weights = fit_weights(rows, clips, candidates, options);
  ThresholdSurface pooled;
  Thresholds sum;
  for (const auto& [fold, part] : folds) {
    const auto p = mix_candidates(rows, fitted.weights, part, options.mix);
    const auto surface = threshold_surface({p.data(), static_cast<int>(part.size()), rows.classes.count()},
                                           labels_of(rows, part), rows.classes);
    pooled += surface;
    const Thresholds best = surface.best().thresholds;
    sum.alpha += best.alpha;
    sum.beta += best.beta;
    if (options.thresholds == EnsembleThresholds::kPerFold) fitted.fold_thresholds.emplace_back(fold, best);
  }
  const auto count = static_cast<double>(folds.size());
  fitted.thresholds = options.thresholds == EnsembleThresholds::kPooled
                          ? pooled.best().thresholds
                          : Thresholds{sum.alpha / count, sum.beta / count};
  return fitted;
}

Thresholds thresholds_for(const EnsembleWeights& fitted, int fold) {
  for (const auto& [fitted_fold, thresholds] : fitted.fold_thresholds) {
    if (fitted_fold == fold) return thresholds;
  }
  return fitted.thresholds;
}

void check(const OutOfFold& rows, const EnsembleOptions& options) {
  const std::size_t clips = rows.truth.size();
  if (rows.candidates.empty()) throw Error("an ensemble needs at least one candidate");
  if (rows.fold.size() != clips || (!rows.actor.empty() && rows.actor.size() != clips)) {
    throw Error("folds or actors of an ensemble's rows are not one a clip");
  }
  if (options.k < 1 || options.most_candidates < 1 || options.rounds < 1 || options.bags < 1) {
    throw Error("k, candidates, rounds and bags of an ensemble must be at least 1");
  }
  const std::size_t size = clips * static_cast<std::size_t>(rows.classes.count());
  for (std::size_t m = 0; m < rows.candidates.size(); ++m) {
    if (rows.candidates[m].size() != size) {
      throw Error("candidate " + std::to_string(m) + " has " + std::to_string(rows.candidates[m].size()) +
                  " probabilities, not " + std::to_string(size));
    }
    const bool finite =
        std::all_of(rows.candidates[m].begin(), rows.candidates[m].end(), [](double p) { return std::isfinite(p); });
    if (!finite) throw Error("candidate " + std::to_string(m) + " has a probability that is not finite");
  }
}

template <class E>
E by_name(const std::string& name, const char* what) {
  if (const auto found = find_named<E>(name)) return *found;
  throw Error(std::string("unknown ") + what + " '" + name + "'" + suggestion(name, all_names<E>()));
}

}  // namespace

EnsembleMethod ensemble_method(const std::string& name) { return by_name<EnsembleMethod>(name, "ensemble method"); }

EnsembleThresholds ensemble_thresholds(const std::string& name) {
  return by_name<EnsembleThresholds>(name, "kind of thresholds");
}

OutOfFold with_head_fusion(const OutOfFold& rows, HeadFusion fusion, Mix mix) {
  if (fusion == HeadFusion::kOwn || rows.said.empty()) return rows;
  OutOfFold fused{rows.classes, rows.truth, rows.fold, rows.actor, {}, {}};
  for (const auto& seeds : rows.said) {
    std::vector<double> sums(rows.candidates.front().size());
    for (const Predictions& said : seeds) {
      const std::vector<double> one = fuse_heads(said, rows.classes.count(), fusion);
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += mix_term(mix, one[i]);
    }
    mix_rows(mix, sums, rows.classes, static_cast<double>(seeds.size()));
    fused.candidates.push_back(std::move(sums));
  }
  return fused;
}

std::vector<double> mix_candidates(const OutOfFold& rows, const std::vector<double>& weights,
                                   const std::vector<int>& clips, Mix mix) {
  const auto classes = static_cast<std::size_t>(rows.classes.count());
  std::vector<double> mixed(clips.size() * classes);
  for (std::size_t m = 0; m < weights.size(); ++m) {
    if (weights[m] == 0) continue;
    for (std::size_t i = 0; i < clips.size(); ++i) {
      const double* row = &rows.candidates[m][static_cast<std::size_t>(clips[i]) * classes];
      for (std::size_t c = 0; c < classes; ++c) mixed[i * classes + c] += weights[m] * mix_term(mix, row[c]);
    }
  }
  mix_rows(mix, mixed, rows.classes, std::accumulate(weights.begin(), weights.end(), 0.0));
  return mixed;
}

std::vector<double> fit_simplex(const OutOfFold& rows, const std::vector<int>& clips,
                                const std::vector<int>& candidates, Mix mix) {
  const auto classes = static_cast<std::size_t>(rows.classes.count());
  std::vector<std::vector<double>> members;
  for (const int m : candidates) {
    for (double& p : members.emplace_back(rows_of(rows, m, clips))) p = floored(p);
  }
  std::vector<double> shares(clips.size() * classes);
  for (std::size_t i = 0; i < clips.size(); ++i) {
    for_each_share(rows.truth[static_cast<std::size_t>(clips[i])],
                   [&](int c, double share) { shares[i * classes + static_cast<std::size_t>(c)] = share; });
  }
  const auto fitted = least_loss_weights(mix, members, shares, classes);
  std::vector<double> weights(rows.candidates.size());
  for (std::size_t m = 0; m < candidates.size(); ++m) weights[static_cast<std::size_t>(candidates[m])] = fitted[m];
  return weights;
}

Ensemble fit_ensemble(const OutOfFold& rows, const EnsembleOptions& options, const Shortlist& shortlist) {
  check(rows, options);
  const auto folds = clips_by_fold(rows);
  if (folds.size() < 2) throw Error("a nested estimate needs at least 2 folds");
  const auto classes = static_cast<std::size_t>(rows.classes.count());

  Ensemble ensemble;
  ensemble.fitted = fit_on(rows, folds, options, shortlist);
  const FusedRows own_rows(rows, ensemble.fitted.head_fusion, options.mix);
  Tally optimistic;
  Tally nested;
  std::map<int, Tally> actors;
  std::vector<Tally> of_folds;
  for (const auto& [fold, clips] : folds) {
    auto others = folds;
    others.erase(fold);
    Ensemble::Fold held{fold, fit_on(rows, others, options, shortlist), {}};
    const auto own = mix_candidates(own_rows.rows(), ensemble.fitted.weights, clips, options.mix);
    const FusedRows held_rows(rows, held.fitted.head_fusion, options.mix);
    const auto honest = mix_candidates(held_rows.rows(), held.fitted.weights, clips, options.mix);
    const Thresholds own_thresholds = thresholds_for(ensemble.fitted, fold);
    Tally here;
    for (std::size_t i = 0; i < clips.size(); ++i) {
      const auto clip = static_cast<std::size_t>(clips[i]);
      const Label& truth = rows.truth[clip];
      optimistic.add(decode(&own[i * classes], rows.classes, own_thresholds), truth);
      // The held fold is no fitted fold, so its thresholds come from the others.
      const Label said = decode(&honest[i * classes], rows.classes, thresholds_for(held.fitted, fold));
      here.add(said, truth);
      if (!rows.actor.empty()) actors[rows.actor[clip]].add(said, truth);
    }
    nested += here;
    of_folds.push_back(here);
    held.accuracy = here.accuracy();
    ensemble.folds.push_back(std::move(held));
  }
  ensemble.optimistic = optimistic.accuracy();
  ensemble.nested = nested.accuracy();
  std::vector<Tally> of_actors;
  for (const auto& [actor, tally] : actors) of_actors.push_back(tally);
  ensemble.clusters = of_actors.size() >= 2 ? Clusters::kActors : Clusters::kFolds;
  ensemble.nested_interval = accuracy_interval(ensemble.clusters == Clusters::kActors ? of_actors : of_folds,
                                               kTrainingInflation, options.level);
  return ensemble;
}

}  // namespace medley::sweep
