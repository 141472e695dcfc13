// Do intervals of a difference cover it, and how often is one found where there is none? Each sweep is a new draw of
// actors from a made-up population: two configs are trained on its folds with several seeds and compared by each
// estimator. What is true is known: 0 where both configs read encoders of one quality, else the mean over all sweeps.
//
// usage: calibration [sweeps=300 [WORD [DESIGN]]]      prints a Markdown table, of the worlds whose name holds WORD and
// the designs whose text holds DESIGN (folds x seeds x repeats of made folds, "5 x 1 x 4"). 300 take about two hours on
// one core. A second table is of the intervals of ensembles; "ensembles" prints it alone. Exits with 1 where the
// estimator by actors, over all lines, finds other than 2 to 7 % of nothing or covers other than 93 to 97.5 %, beyond
// chance.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "sweep/partition.h"
#include "sweep/score/metric.h"
#include "sweep/score/statistics.h"
#include "tests/bench/calibration_ensembles.h"
#include "tests/bench/calibration_population.h"

namespace {

using namespace medley::sweep;
using namespace medley::calibration;

/// Held-out hits by (seed, fold), as a report counts them.
std::vector<RunDifference> run_config(const Clips& clips, const Matrix& x, int folds, int seeds,
                                      const ModelOptions& model, std::uint64_t base, int repeat) {
  const Classes classes = Classes::blemore();
  std::vector<RunDifference> runs;
  for (int seed = 0; seed < seeds; ++seed) {
    std::vector<std::vector<double>> predicted;
    std::vector<ThresholdSurface> surfaces;
    ThresholdSurface all;
    for (int fold = 0; fold < folds; ++fold) {
      predicted.push_back(predict(clips, x, fold, model, base + static_cast<std::uint64_t>(1000 * seed + fold)));
      std::vector<Label> truth;
      for (std::size_t i = 0; i < clips.truth.size(); ++i) {
        if (clips.fold[i] == fold) truth.push_back(clips.truth[i]);
      }
      surfaces.push_back(
          threshold_surface({predicted.back().data(), static_cast<int>(truth.size()), 6}, truth, classes));
      all += surfaces.back();
    }
    for (int fold = 0; fold < folds; ++fold) {
      ThresholdSurface others = all;
      others -= surfaces[static_cast<std::size_t>(fold)];
      const Thresholds thresholds = others.best().thresholds;
      std::map<int, Tally> tallies;
      Tally sum;
      const double* row = predicted[static_cast<std::size_t>(fold)].data();
      for (std::size_t i = 0; i < clips.truth.size(); ++i) {
        if (clips.fold[i] != fold) continue;
        tallies[clips.actor[i]].add(decode(row, classes, thresholds), clips.truth[i]);
        row += 6;
      }
      RunDifference run{fold, 0, static_cast<std::uint64_t>(seed), {}, repeat};
      for (const auto& [actor, tally] : tallies) {
        sum += tally;
        run.actors.push_back(
            {actor, 1.0 * tally.presence_hits, 1.0 * tally.salience_hits, 1.0 * tally.clips, 1.0 * tally.blends});
      }
      run.value = sum.accuracy().score();
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

struct World {
  const char* name;
  bool null;  ///< both configs are equally good
  std::function<void(const Clips&, int actors, Random&, Matrix (&x)[2], ModelOptions (&model)[2])> make;
};

const std::vector<World>& worlds() {
  static const std::vector<World> all = {
      {"encoders of one quality", true,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], ModelOptions(&)[2]) {
         for (Matrix& one : x) one = features(clips, actors, {}, random);
       }},
      {"the same, actors alike", true,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], ModelOptions(&)[2]) {
         for (Matrix& one : x) one = features(clips, actors, {.5, .2, 1}, random);
       }},
      {"noisy copies of one encoder", true,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], ModelOptions(&)[2]) {
         x[0] = x[1] = features(clips, actors, {}, random);
         for (Matrix& one : x) {
           for (Row& row : one) {
             for (double& value : row) value += .7 * normal(random);
           }
         }
       }},
      {"penalty 2 against 20", false,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], ModelOptions(&model)[2]) {
         x[0] = x[1] = features(clips, actors, {}, random);
         model[0].penalty = 20;
         model[1].penalty = 2;
       }},
      {"hidden 24 against 72", false,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], ModelOptions(&model)[2]) {
         x[0] = x[1] = features(clips, actors, {}, random);
         model[0].hidden = 24;
         model[1].hidden = 72;
       }},
      {"two encoders against one", false,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], ModelOptions(&)[2]) {
         x[0] = x[1] = features(clips, actors, {}, random);
         const Matrix more = features(clips, actors, {}, random);
         for (std::size_t i = 0; i < more.size(); ++i) x[1][i].insert(x[1][i].end(), more[i].begin(), more[i].end());
       }},
  };
  return all;
}

struct Design {
  int folds, seeds, repeats;
  std::string text() const {
    return std::to_string(folds) + " x " + std::to_string(seeds) + " x " + std::to_string(repeats);
  }
};
const Design kDesigns[] = {{5, 1, 1}, {5, 3, 1}, {10, 2, 1}, {3, 5, 1}, {5, 1, 4}, {5, 2, 2}, {10, 1, 2}};

/// Puts clips in made folds.
void regroup(Clips& clips, int folds, std::uint64_t seed, int repeat) {
  std::vector<std::string> actors;
  std::vector<int> strata;
  for (std::size_t i = 0; i < clips.truth.size(); ++i) {
    actors.push_back(std::to_string(clips.actor[i]));
    strata.push_back(stratum_of(clips.truth[i]));
  }
  clips.fold = deal_folds(actors, strata, folds, seed, repeat);
}

struct Judged {
  double mean;
  Interval interval;
  double p;
};

/// Of one sweep: by folds, Nadeau & Bengio's own, by actors.
std::vector<Judged> judge(const World& world, int actors, const Design& design, std::uint64_t sweep) {
  const auto& [folds, seeds, repeats] = design;
  Random random(sweep * 1'000'003 + static_cast<std::uint64_t>(actors * 100 + folds * 10 + seeds));
  Clips clips = clips_of(actors, folds, random);
  Matrix x[2];
  ModelOptions model[2];
  world.make(clips, actors, random, x, model);
  std::vector<RunDifference> base, runs;
  for (int repeat = 1; repeat <= repeats; ++repeat) {
    if (repeats > 1) regroup(clips, folds, sweep, repeat);
    const std::uint64_t first =
        sweep * 20'000 + 1'000'000'000 + static_cast<std::uint64_t>(1000 * seeds * (repeat - 1));
    for (const auto& run : run_config(clips, x[0], folds, seeds, model[0], first, repeat)) base.push_back(run);
    for (const auto& run : run_config(clips, x[1], folds, seeds, model[1], first + 10'000, repeat)) runs.push_back(run);
  }
  std::vector<double> values;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    runs[r].value -= base[r].value;
    values.push_back(runs[r].value);
    for (std::size_t a = 0; a < runs[r].actors.size(); ++a) {
      runs[r].actors[a].presence -= base[r].actors[a].presence;
      runs[r].actors[a].salience -= base[r].actors[a].salience;
    }
  }
  std::vector<Judged> judged;
  for (const PairedComparison& c : {BlockedComparison(runs, folds).result(), compare_paired(values, folds),
                                    ActorComparison(runs, folds).result()}) {
    judged.push_back({c.mean, c.interval, c.p});
  }
  return judged;
}

/// Of many sweeps with known truth.
struct Tally {
  long sweeps = 0;
  long hits = 0;
  void add(bool hit) {
    ++sweeps;
    hits += hit;
  }
  /// The share lies between `low` and `high`, or beyond by less than three standard errors.
  bool within(double low, double high) const {
    if (sweeps == 0) return true;
    const auto count = static_cast<double>(sweeps);
    const double share = static_cast<double>(hits) / count;
    const auto slack = [&](double bound) { return 3 * std::sqrt(bound * (1 - bound) / count); };
    return share >= low - slack(low) && share <= high + slack(high);
  }
};

/// False where the estimator by actors is not calibrated.
bool calibrate_comparisons(long sweeps, const std::string& word, const std::string& wanted) {
  std::printf(
      "%ld sweeps a line; of each estimator the share found (p < .05) and the share of 95 %% intervals that "
      "cover the truth\n\n"
      "| configs | actors | folds x seeds x repeats | difference | SD | by folds | Nadeau-Bengio | **by actors** |\n"
      "|---|---|---|---|---|---|---|---|\n",
      sweeps);
  Tally found_in_nothing, covered_by_actors;
  for (const World& world : worlds()) {
    if (std::string(world.name).find(word) == std::string::npos) continue;
    for (const int actors : {10, 20, 40}) {
      for (const Design& design : kDesigns) {
        if (design.text().find(wanted) == std::string::npos) continue;
        std::vector<std::vector<Judged>> all;
        std::vector<double> pooled;
        for (long sweep = 0; sweep < sweeps; ++sweep) {
          all.push_back(judge(world, actors, design, static_cast<std::uint64_t>(sweep)));
          pooled.push_back(all.back().back().mean);
        }
        const double truth = world.null ? 0 : mean(pooled);
        for (const auto& sweep : all) {
          const Judged& by_actors = sweep.back();
          if (world.null) found_in_nothing.add(by_actors.p < .05);
          covered_by_actors.add(by_actors.interval.low <= truth && truth <= by_actors.interval.high);
        }
        std::printf("| %s | %d | %s | %+.4f | %.4f |", world.name, actors, design.text().c_str(), mean(pooled),
                    sample_sd(pooled));
        for (std::size_t e = 0; e < all[0].size(); ++e) {
          int found = 0, covered = 0;
          for (const auto& sweep : all) {
            found += sweep[e].p < .05;
            covered += sweep[e].interval.low <= truth && truth <= sweep[e].interval.high;
          }
          const auto share = [&](int count) { return static_cast<double>(count) / static_cast<double>(sweeps); };
          std::printf(" %.3f, %.3f |", share(found), share(covered));
        }
        std::printf("\n");
        std::fflush(stdout);
      }
    }
  }
  const bool right = found_in_nothing.within(.02, .07) && covered_by_actors.within(.93, .975);
  if (!right) std::printf("\nthe estimator by actors is not calibrated\n");
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  const long sweeps = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 300;
  const std::string word = argc > 2 ? argv[2] : "", design = argc > 3 ? argv[3] : "";
  if (sweeps < 2) {
    std::fprintf(stderr, "usage: calibration [sweeps=300 [WORD [DESIGN]]]\n");
    return 2;
  }
  const bool right = calibrate_comparisons(sweeps, word, design);
  if (design.empty()) calibrate_ensembles(sweeps, word);
  return right ? 0 : 1;
}
