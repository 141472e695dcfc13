#include "tests/bench/calibration_ensembles.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <numeric>
#include <vector>

#include "sweep/score/ensemble.h"
#include "tests/bench/calibration_population.h"

namespace medley::calibration {
namespace {

using namespace sweep;

/// Every eighth sweep meets new actors, as predicting them takes most of the time.
constexpr int kNewActors = 200;
constexpr std::uint64_t kMeets = 8;
constexpr int kResamples = 1000;

/// Of hits by actor: the interval of the pooled Score.
using Estimator = std::function<Interval(const std::vector<Tally>& actors, const std::vector<Tally>& folds)>;

/// As Nadeau & Bengio (2003) inflate the variance of a difference, for training sets that overlap.
double of_overlap(const std::vector<Tally>& folds) { return 1 + 1.0 / static_cast<double>(folds.size() - 1); }

Tally resample(const std::vector<Tally>& actors, const std::vector<int>& counts) {
  Tally sum;
  for (std::size_t a = 0; a < actors.size(); ++a) {
    sum += {counts[a] * actors[a].presence_hits, counts[a] * actors[a].salience_hits, counts[a] * actors[a].clips,
            counts[a] * actors[a].blends};
  }
  return sum;
}

double score(const Tally& tally) { return tally.accuracy().score(); }

/// By the influences of actors, each as often as drawn.
double standard_error(const std::vector<Tally>& actors, const std::vector<int>& counts) {
  const Tally all = resample(actors, counts);
  const Accuracy value = all.accuracy();
  double squares = 0;
  for (std::size_t a = 0; a < actors.size(); ++a) {
    const double u = ((actors[a].presence_hits - value.presence * actors[a].clips) / all.clips +
                      (actors[a].salience_hits - value.salience * actors[a].blends) / all.blends) /
                     2;
    squares += counts[a] * u * u;
  }
  return std::sqrt(squares);
}

/// Efron's percentiles (1979), and Student's bootstrap (bootstrap-t; Efron & Tibshirani 1993, 12.5).
Interval bootstrap(const std::vector<Tally>& actors, bool student) {
  const std::vector<int> once(actors.size(), 1);
  const double value = score(resample(actors, once)), error = standard_error(actors, once);
  std::vector<double> drawn;
  for (int i = 0; i < kResamples; ++i) {
    const auto counts = bootstrap_counts(static_cast<int>(actors.size()), i, 20240607);
    const double here = score(resample(actors, counts));
    drawn.push_back(student ? (here - value) / std::max(1e-9, standard_error(actors, counts)) : here);
  }
  const double low = quantile(drawn, .025), high = quantile(drawn, .975);
  return student ? Interval{value - high * error, value - low * error} : Interval{low, high};
}

struct Candidate {
  const char* name;
  Estimator interval;
};

const std::vector<Candidate>& candidates() {
  using Groups = const std::vector<Tally>&;
  static const std::vector<Candidate> all = {
      {"percentiles", [](Groups actors, Groups) { return bootstrap(actors, false); }},
      {"bootstrap-t", [](Groups actors, Groups) { return bootstrap(actors, true); }},
      {"CR2 t", [](Groups actors, Groups) { return accuracy_interval(actors, 1).score; }},
      {"x (1 + 1/(k-1))",
       [](Groups actors, Groups folds) { return accuracy_interval(actors, of_overlap(folds)).score; }},
      {"x 1.3 (1 + 1/(k-1))",
       [](Groups actors, Groups folds) { return accuracy_interval(actors, 1.3 * of_overlap(folds)).score; }},
      {"**x 1.3**", [](Groups actors, Groups) { return accuracy_interval(actors, kTrainingInflation).score; }},
      {"by folds", [](Groups, Groups folds) { return accuracy_interval(folds, 1).score; }},
      {"by folds x 1.3", [](Groups, Groups folds) { return accuracy_interval(folds, kTrainingInflation).score; }},
  };
  return all;
}

struct World {
  const char* name;
  std::vector<Encoder> encoders;
};

const std::vector<World>& worlds() {
  static const std::vector<World> all = {
      {"ensembles of four encoders", {{1, .6, 1}, {1, .6, 1.5}, {1.3, .8, 1}, {1, .6, 2}}},
      {"ensembles, actors alike", {{.5, .2, 1}, {.5, .2, 1.5}, {.6, .3, 1}, {.5, .2, 2}}},
  };
  return all;
}

constexpr Mix kMixes[] = {Mix::kArithmetic, Mix::kGeometric};

/// One ensemble of one sweep.
struct Outcome {
  double nested = 0;
  bool met = false;           ///< new actors were predicted
  double true_of_folds = 0;   ///< its models of one fold each on new actors
  double true_of_export = 0;  ///< all its models averaged on new actors
  std::vector<Interval> intervals;
};

double score_of(const std::vector<double>& p, const Clips& clips, Thresholds thresholds) {
  Tally tally;
  const Classes classes = Classes::blemore();
  for (std::size_t i = 0; i < clips.truth.size(); ++i) {
    tally.add(decode(&p[i * 6], classes, thresholds), clips.truth[i]);
  }
  return score(tally);
}

/// New actors, whom every sweep of a world meets.
struct NewActors {
  Clips clips;
  std::vector<Matrix> x;  ///< [encoder]
};

NewActors new_actors(const World& world) {
  Random random(987'654'321);
  NewActors made{clips_of(kNewActors, 2, random), {}};
  for (const Encoder& encoder : world.encoders) made.x.push_back(features(made.clips, kNewActors, encoder, random));
  return made;
}

std::vector<int> all_of(const Clips& clips) {
  std::vector<int> indices(clips.truth.size());
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

/// Of each member the models of all folds.
double score_of_export(const Ensemble& ensemble, const std::vector<OutOfFold>& unseen, const Clips& strangers,
                       Mix mix) {
  OutOfFold all = unseen[0];
  std::vector<double> weights;
  all.candidates.clear();
  for (const OutOfFold& of_fold : unseen) {
    for (std::size_t m = 0; m < of_fold.candidates.size(); ++m) {
      all.candidates.push_back(of_fold.candidates[m]);
      weights.push_back(ensemble.fitted.weights[m] / static_cast<double>(unseen.size()));
    }
  }
  return score_of(mix_candidates(all, weights, all_of(strangers), mix), strangers, ensemble.fitted.thresholds);
}

/// `unseen`: new actors by the models without a fold, [fold]; or none.
Outcome judge(const OutOfFold& rows, const std::vector<OutOfFold>& unseen, const Clips& strangers, Mix mix) {
  EnsembleOptions options;
  options.method = EnsembleMethod::kSimplex;
  options.mix = mix;
  const Ensemble ensemble = fit_ensemble(rows, options);
  Outcome outcome;
  outcome.nested = ensemble.nested.score();
  outcome.met = !unseen.empty();
  std::map<int, Tally> actors;
  std::vector<Tally> folds;
  const std::vector<int> everyone = all_of(strangers);
  for (const Ensemble::Fold& fold : ensemble.folds) {
    std::vector<int> held;
    for (int clip = 0; clip < rows.clips(); ++clip) {
      if (rows.fold[static_cast<std::size_t>(clip)] == fold.fold) held.push_back(clip);
    }
    const auto p = mix_candidates(rows, fold.fitted.weights, held, mix);
    Tally here;
    for (std::size_t i = 0; i < held.size(); ++i) {
      const auto clip = static_cast<std::size_t>(held[i]);
      const Label said = decode(&p[i * 6], rows.classes, fold.fitted.thresholds);
      here.add(said, rows.truth[clip]);
      actors[rows.actor[clip]].add(said, rows.truth[clip]);
    }
    folds.push_back(here);
    if (!outcome.met) continue;
    const OutOfFold& of_fold = unseen[static_cast<std::size_t>(fold.fold)];
    outcome.true_of_folds +=
        static_cast<double>(held.size()) / rows.clips() *
        score_of(mix_candidates(of_fold, fold.fitted.weights, everyone, mix), strangers, fold.fitted.thresholds);
  }
  if (outcome.met) outcome.true_of_export = score_of_export(ensemble, unseen, strangers, mix);
  std::vector<Tally> of_actors;
  for (const auto& [actor, tally] : actors) of_actors.push_back(tally);
  for (const Candidate& candidate : candidates()) outcome.intervals.push_back(candidate.interval(of_actors, folds));
  return outcome;
}

/// One sweep: an outcome a mix.
std::vector<Outcome> run_sweep(const World& world, const NewActors& strangers, int actors, int folds,
                               std::uint64_t sweep) {
  Random random(sweep * 1'000'003 + static_cast<std::uint64_t>(actors * 100 + folds));
  const Clips clips = clips_of(actors, folds, random);
  OutOfFold rows;
  rows.classes = Classes::blemore();
  rows.truth = clips.truth;
  rows.fold = clips.fold;
  rows.actor = clips.actor;
  std::vector<OutOfFold> unseen(sweep % kMeets == 0 ? static_cast<std::size_t>(folds) : 0);
  for (OutOfFold& one : unseen) {
    one.classes = rows.classes;
    one.truth = strangers.clips.truth;
  }
  for (std::size_t e = 0; e < world.encoders.size(); ++e) {
    const Matrix x = features(clips, actors, world.encoders[e], random);
    auto& own = rows.candidates.emplace_back(clips.truth.size() * 6);
    for (int fold = 0; fold < folds; ++fold) {
      const Model model(clips, x, fold, {}, sweep * 20'000 + 1000 * e + static_cast<std::uint64_t>(fold));
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (clips.fold[i] != fold) continue;
        std::vector<double> p;
        model.predict(x[i], p);
        std::copy(p.begin(), p.end(), &own[i * 6]);
      }
      if (unseen.empty()) continue;
      auto& new_rows = unseen[static_cast<std::size_t>(fold)].candidates.emplace_back();
      for (const Row& row : strangers.x[e]) model.predict(row, new_rows);
    }
  }
  std::vector<Outcome> outcomes;
  for (const Mix mix : kMixes) outcomes.push_back(judge(rows, unseen, strangers.clips, mix));
  return outcomes;
}

void print_row(const World& world, int actors, int folds, Mix mix, const std::vector<Outcome>& sweeps) {
  std::vector<double> nested, of_folds, of_export;
  for (const Outcome& sweep : sweeps) {
    nested.push_back(sweep.nested);
    if (!sweep.met) continue;
    of_folds.push_back(sweep.true_of_folds);
    of_export.push_back(sweep.true_of_export);
  }
  std::printf("| %s | %s | %d | %d | %.4f | %.4f | %.4f | %.4f |", world.name, name_of(mix), actors, folds,
              mean(nested), sample_sd(nested), mean(of_folds), mean(of_export));
  const double expected = mean(nested);
  for (std::size_t e = 0; e < candidates().size(); ++e) {
    int covered = 0, covered_own = 0;
    double width = 0;
    for (const Outcome& sweep : sweeps) {
      const Interval& interval = sweep.intervals[e];
      covered += interval.low <= expected && expected <= interval.high;
      covered_own += sweep.met && interval.low <= sweep.true_of_folds && sweep.true_of_folds <= interval.high;
      width += interval.high - interval.low;
    }
    const auto count = static_cast<double>(sweeps.size());
    std::printf(" %.3f, %.3f (%.3f) |", covered / count, covered_own / static_cast<double>(of_folds.size()),
                width / count);
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

void calibrate_ensembles(long sweeps, const std::string& word) {
  std::printf(
      "\n%ld sweeps a line; of each interval the share that holds the mean of all sweeps, and in every eighth sweep "
      "the "
      "Score of its own models on new actors (mean width)\n\n| world | mix of simplex weights | actors | folds | "
      "nested | SD | on new actors | "
      "export on new actors |",
      sweeps);
  for (const Candidate& candidate : candidates()) std::printf(" %s |", candidate.name);
  std::printf("\n|---|---|---|---|---|---|---|---|");
  for (std::size_t e = 0; e < candidates().size(); ++e) std::printf("---|");
  std::printf("\n");
  for (const World& world : worlds()) {
    if (std::string(world.name).find(word) == std::string::npos) continue;
    const NewActors strangers = new_actors(world);
    for (const int actors : {10, 20, 40}) {
      for (const int folds : {3, 5, 10}) {
        std::vector<std::vector<Outcome>> of_mixes(std::size(kMixes));
        for (long sweep = 0; sweep < sweeps; ++sweep) {
          const auto outcomes = run_sweep(world, strangers, actors, folds, static_cast<std::uint64_t>(sweep));
          for (std::size_t m = 0; m < outcomes.size(); ++m) of_mixes[m].push_back(outcomes[m]);
        }
        for (std::size_t m = 0; m < of_mixes.size(); ++m) print_row(world, actors, folds, kMixes[m], of_mixes[m]);
      }
    }
  }
}

}  // namespace medley::calibration
