// Do intervals of a difference cover it, and how often is one found where there is none? Each sweep is a new draw of
// actors: two configs are trained on its folds with several seeds and compared by each estimator. Of a made-up
// population the truth is known: 0 where both configs read encoders of one quality, else the mean over all sweeps. Of
// the actors of a real dataset it is 0 where configs differ by noise or by seeds alone, else RealActors says how it is
// told.
//
// usage: calibration [--data FOLDER] [sweeps=300 [WORD [DESIGN]]]      prints a Markdown table, of the worlds whose
// name holds WORD and the designs whose text holds DESIGN, or is in it (folds x seeds x repeats of made folds, "5 x 1 x
// 4"), and one of all of them together. With --data, worlds are groups of real actors, of which there are 80 or more. A
// further table is of the intervals of ensembles; "ensembles" prints it alone. Exits with 1 where the estimator by
// actors, over all lines of a made-up population, finds other than 2 to 7 % of nothing or covers other than 93 to 97.5
// %, beyond chance.
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
#include "tests/bench/calibration_estimators.h"
#include "tests/bench/calibration_population.h"
#include "tests/bench/calibration_real.h"

namespace {

using namespace medley::sweep;
using namespace medley::calibration;

/// Held-out hits by (seed, fold), as a report counts them.
std::vector<RunDifference> run_config(const Clips& clips, const Matrix& x, int folds, int seeds,
                                      const ModelOptions& model, std::uint64_t base, int repeat) {
  const Classes& classes = clips.classes;
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

/// Two configs on the clips of one sweep.
struct Drawn {
  Clips clips;
  Matrix x[2];
  ModelOptions model[2];
};

struct World {
  const char* name;
  bool null;  ///< both configs are equally good
  std::function<Drawn(int actors, int folds, std::uint64_t sweep, Random& random)> draw;
  bool real = false;  ///< sweeps 2i and 2i + 1 have disjoint groups of real actors
};

void add_noise(Matrix& x, double sd, Random& random) {
  for (Row& row : x) {
    for (double& value : row) value += sd * normal(random);
  }
}

void append(Matrix& x, const Matrix& more) {
  for (std::size_t i = 0; i < more.size(); ++i) x[i].insert(x[i].end(), more[i].begin(), more[i].end());
}

using Make = std::function<void(const Clips&, int actors, Random&, Drawn&)>;

World made_up(const char* name, bool null, const Make& make) {
  return {name, null, [make](int actors, int folds, std::uint64_t, Random& random) {
            Drawn drawn;
            drawn.clips = clips_of(actors, folds, random);
            make(drawn.clips, actors, random, drawn);
            return drawn;
          }};
}

std::vector<World> made_up_worlds() {
  return {
      made_up("encoders of one quality", true,
              [](const Clips& clips, int actors, Random& random, Drawn& drawn) {
                for (Matrix& one : drawn.x) one = features(clips, actors, {}, random);
              }),
      made_up("the same, actors alike", true,
              [](const Clips& clips, int actors, Random& random, Drawn& drawn) {
                for (Matrix& one : drawn.x) one = features(clips, actors, {.5, .2, 1}, random);
              }),
      made_up("noisy copies of one encoder", true,
              [](const Clips& clips, int actors, Random& random, Drawn& drawn) {
                drawn.x[0] = drawn.x[1] = features(clips, actors, {}, random);
                for (Matrix& one : drawn.x) add_noise(one, .7, random);
              }),
      made_up("penalty 2 against 20", false,
              [](const Clips& clips, int actors, Random& random, Drawn& drawn) {
                drawn.x[0] = drawn.x[1] = features(clips, actors, {}, random);
                drawn.model[0].penalty = 20;
                drawn.model[1].penalty = 2;
              }),
      made_up("hidden 24 against 72", false,
              [](const Clips& clips, int actors, Random& random, Drawn& drawn) {
                drawn.x[0] = drawn.x[1] = features(clips, actors, {}, random);
                drawn.model[0].hidden = 24;
                drawn.model[1].hidden = 72;
              }),
      made_up("two encoders against one", false,
              [](const Clips& clips, int actors, Random& random, Drawn& drawn) {
                drawn.x[0] = drawn.x[1] = features(clips, actors, {}, random);
                append(drawn.x[1], features(clips, actors, {}, random));
              }),
  };
}

/// Of a dataset of several encoders.
std::vector<World> real_worlds(const RealActors& population) {
  using Change = std::function<void(const Clips&, Random&, Drawn&)>;
  const std::vector<std::string> all = population.encoder_names();
  const auto world = [&](const char* name, bool null, const std::vector<std::string>& encoders, const Change& change) {
    return World{name, null,
                 [&population, encoders, change](int actors, int folds, std::uint64_t sweep, Random& random) {
                   Random of_pair(sweep / 2 * 7'919 + static_cast<std::uint64_t>(actors));
                   const std::vector<int> group = population.two_groups(actors, of_pair)[sweep % 2];
                   Drawn drawn;
                   drawn.clips = population.clips_of(group, folds, random);
                   drawn.x[0] = drawn.x[1] = population.features(group, encoders);
                   change(drawn.clips, random, drawn);
                   return drawn;
                 },
                 true};
  };
  const std::vector<std::string> all_but_one(all.begin(), all.end() - 1);
  return {
      world("real actors, noise of clips", true, all,
            [](const Clips&, Random& random, Drawn& drawn) {
              for (Matrix& one : drawn.x) add_noise(one, .7, random);
            }),
      world("real actors, noise of actors", true, all,
            [](const Clips& clips, Random& random, Drawn& drawn) {
              for (Matrix& one : drawn.x) {
                std::map<int, Row> offsets;
                for (std::size_t i = 0; i < one.size(); ++i) {
                  Row& offset = offsets[clips.actor[i]];
                  while (offset.size() < one[i].size()) offset.push_back(.7 * normal(random));
                  for (std::size_t d = 0; d < offset.size(); ++d) one[i][d] += offset[d];
                }
              }
            }),
      world("real actors, training seeds", true, all, [](const Clips&, Random&, Drawn&) {}),
      world("real actors, hidden 40 against 48", false, all,
            [](const Clips&, Random&, Drawn& drawn) {
              drawn.model[0].hidden = 40;
              drawn.model[1].hidden = 48;
            }),
      world("real actors, without the last encoder", false, all,
            [&population, all_but_one](const Clips& clips, Random&, Drawn& drawn) {
              std::vector<int> group;
              for (const int actor : clips.actor) {
                if (group.empty() || group.back() != actor) group.push_back(actor);
              }
              drawn.x[0] = population.features(group, all_but_one);
            }),
  };
}

struct Design {
  int folds, seeds, repeats;
  std::string text() const {
    return std::to_string(folds) + " x " + std::to_string(seeds) + " x " + std::to_string(repeats);
  }
};
const Design kDesigns[] = {{2, 5, 1}, {5, 1, 1}, {5, 3, 1}, {10, 2, 1}, {5, 1, 4}, {5, 2, 2}, {10, 1, 2}};

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

/// Of one sweep, by each estimator.
std::vector<Judged> judge(const World& world, int actors, const Design& design, std::uint64_t sweep) {
  const auto& [folds, seeds, repeats] = design;
  Random random(sweep * 1'000'003 + static_cast<std::uint64_t>(actors * 100 + folds * 10 + seeds));
  auto [clips, x, model] = world.draw(actors, folds, sweep, random);
  std::vector<RunDifference> base, runs;
  for (int repeat = 1; repeat <= repeats; ++repeat) {
    if (repeats > 1) regroup(clips, folds, sweep, repeat);
    const std::uint64_t first =
        sweep * 20'000 + 1'000'000'000 + static_cast<std::uint64_t>(1000 * seeds * (repeat - 1));
    for (const auto& run : run_config(clips, x[0], folds, seeds, model[0], first, repeat)) base.push_back(run);
    for (const auto& run : run_config(clips, x[1], folds, seeds, model[1], first + 10'000, repeat)) runs.push_back(run);
  }
  for (std::size_t r = 0; r < runs.size(); ++r) {
    runs[r].value -= base[r].value;
    for (std::size_t a = 0; a < runs[r].actors.size(); ++a) {
      runs[r].actors[a].presence -= base[r].actors[a].presence;
      runs[r].actors[a].salience -= base[r].actors[a].salience;
    }
  }
  return judge_differences(runs, folds);
}

/// Of many sweeps.
struct Share {
  long sweeps = 0;
  long hits = 0;
  void add(bool hit) {
    ++sweeps;
    hits += hit;
  }
  Share& operator+=(const Share& other) {
    sweeps += other.sweeps;
    hits += other.hits;
    return *this;
  }
  double share() const { return static_cast<double>(hits) / static_cast<double>(sweeps); }
  /// In %; "-" of no sweeps.
  std::string percent() const {
    char text[20];
    std::snprintf(text, sizeof text, "%.1f", 100 * share());
    return sweeps == 0 ? "-" : text;
  }
  /// Lies between `low` and `high`, or beyond by less than three standard errors.
  bool within(double low, double high) const {
    if (sweeps == 0) return true;
    const auto slack = [&](double bound) { return 3 * std::sqrt(bound * (1 - bound) / static_cast<double>(sweeps)); };
    return share() >= low - slack(low) && share() <= high + slack(high);
  }
};

/// Of one estimator.
struct Calibration {
  Share found_in_nothing, found, covered;
  Calibration& operator+=(const Calibration& other) {
    found_in_nothing += other.found_in_nothing;
    found += other.found;
    covered += other.covered;
    return *this;
  }
};

/// Of each estimator over the sweeps of one line, which it prints.
std::vector<Calibration> calibrate(const World& world, int actors, const Design& design, long sweeps) {
  std::vector<std::vector<Judged>> all;
  std::vector<double> pooled;
  for (long sweep = 0; sweep < sweeps; ++sweep) {
    all.push_back(judge(world, actors, design, static_cast<std::uint64_t>(sweep)));
    pooled.push_back(all.back().back().mean);
  }
  std::vector<Calibration> calibrations(all[0].size());
  std::printf("| %s | %d | %s | %+.4f | %.4f |", world.name, actors, design.text().c_str(), mean(pooled),
              sample_sd(pooled));
  for (std::size_t e = 0; e < calibrations.size(); ++e) {
    Calibration& here = calibrations[e];
    for (std::size_t s = 0; s < all.size(); ++s) {
      const auto& [estimate, interval, p] = all[s][e];
      double truth = world.null ? 0 : mean(pooled);
      if (!world.null && world.real) truth = estimate - (estimate - all[s ^ 1][e].mean) / std::sqrt(2);
      (world.null ? here.found_in_nothing : here.found).add(p < .05);
      here.covered.add(interval.low <= truth && truth <= interval.high);
    }
    std::printf(" %.3f, %.3f |", (world.null ? here.found_in_nothing : here.found).share(), here.covered.share());
  }
  std::printf("\n");
  std::fflush(stdout);
  return calibrations;
}

/// False where the estimator by actors is not calibrated.
bool calibrate_comparisons(const std::vector<World>& worlds, long sweeps, const std::string& word,
                           const std::string& wanted) {
  std::printf(
      "%ld sweeps a line; of each estimator the share found (p < .05) and the share of 95 %% intervals that "
      "cover the truth\n\n"
      "| configs | actors | folds x seeds x repeats | difference | SD |",
      sweeps);
  for (const char* name : estimator_names()) std::printf(" %s |", name);
  std::printf("\n|---|---|---|---|---|");
  for (std::size_t e = 0; e < estimator_names().size(); ++e) std::printf("---|");
  std::printf("\n");
  std::map<int, std::vector<Calibration>> by_size;
  for (const World& world : worlds) {
    if (std::string(world.name).find(word) == std::string::npos) continue;
    for (const int actors : {10, 20, 40}) {
      auto& sum = by_size.emplace(actors, estimator_names().size()).first->second;
      for (const Design& design : kDesigns) {
        if (design.text().find(wanted) == std::string::npos && wanted.find(design.text()) == std::string::npos)
          continue;
        const std::vector<Calibration> line = calibrate(world, actors, design, sweeps);
        for (std::size_t e = 0; e < line.size(); ++e) sum[e] += line[e];
      }
    }
  }
  if (by_size.empty()) return true;
  std::printf(
      "\nall lines together: found where there is nothing, found where there is something, covered, in %%\n\n"
      "| estimator | 10 actors | 20 actors | 40 actors |\n|---|---|---|---|\n");
  for (std::size_t e = 0; e < estimator_names().size(); ++e) {
    std::printf("| %s |", estimator_names()[e]);
    for (const auto& [actors, sum] : by_size) {
      std::printf(" %s, %s, %s |", sum[e].found_in_nothing.percent().c_str(), sum[e].found.percent().c_str(),
                  sum[e].covered.percent().c_str());
    }
    std::printf("\n");
  }
  Calibration by_actors;
  for (const auto& [actors, sum] : by_size) by_actors += sum.back();
  const bool right = by_actors.found_in_nothing.within(.02, .07) && by_actors.covered.within(.93, .975);
  if (!right) std::printf("\nthe estimator by actors is not calibrated\n");
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  std::string folder;
  if (words.size() >= 2 && words[0] == "--data") {
    folder = words[1];
    words.erase(words.begin(), words.begin() + 2);
  }
  words.resize(3);
  const long sweeps = words[0].empty() ? 300 : std::strtol(words[0].c_str(), nullptr, 10);
  if (sweeps < 2 || sweeps % 2 != 0) {
    std::fprintf(stderr, "usage: calibration [--data FOLDER] [sweeps=300, an even number [WORD [DESIGN]]]\n");
    return 2;
  }
  if (!folder.empty()) {
    const RealActors population(folder);
    return calibrate_comparisons(real_worlds(population), sweeps, words[1], words[2]) ? 0 : 1;
  }
  const bool right = calibrate_comparisons(made_up_worlds(), sweeps, words[1], words[2]);
  if (words[2].empty()) calibrate_ensembles(sweeps, words[1]);
  return right ? 0 : 1;
}
