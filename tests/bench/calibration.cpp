// Do intervals of a difference cover it, and how often is one found where there is none? Each sweep is a new draw of
// actors from a made-up population: two configs are trained on its folds with several seeds and compared by each
// estimator. What is true is known: 0 where both configs read encoders of one quality, else the mean over all sweeps.
//
// usage: calibration [sweeps=300 [WORD]]      prints a Markdown table, of the worlds whose name holds WORD. 300 take
// about an hour on one core.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "sweep/score/metric.h"
#include "sweep/score/statistics.h"

namespace {

using namespace medley::sweep;

using Random = std::mt19937_64;
using Row = std::vector<double>;
using Matrix = std::vector<Row>;

double normal(Random& random) { return std::normal_distribution<double>()(random); }

constexpr int kDim = 12;

/// The official clips of an actor: 5 emotions x 4, 4 neutral ones, 10 pairs x 3 ratios.
std::vector<Label> labels_of_actor() {
  std::vector<Label> labels;
  for (int emotion = 0; emotion < 6; ++emotion) labels.insert(labels.end(), 4, {emotion, -1, 100});
  for (int a = 0; a < 5; ++a) {
    for (int b = a + 1; b < 5; ++b) {
      for (const int salience : {30, 50, 70}) labels.push_back({a, b, salience});
    }
  }
  return labels;
}

Row shares_of(const Label& label) {
  Row shares(6, 0.0);
  shares[static_cast<std::size_t>(label.first)] = label.salience / 100.0;
  if (label.is_blend()) shares[static_cast<std::size_t>(label.second)] = 1 - label.salience / 100.0;
  return shares;
}

struct Clips {
  std::vector<Label> truth;
  std::vector<int> actor;
  std::vector<int> fold;
};

/// How an encoder sees actors.
struct Encoder {
  double of_actor = 1;     ///< SD of what belongs to the actor alone
  double expression = .6;  ///< SD of the actor's own way of showing an emotion, beside 1 for what all share
  double noise = 1;
};

/// Features of one encoder, [clip, kDim]. What all actors share is the same for every encoder and sweep.
Matrix features(const Clips& clips, int actors, const Encoder& encoder, Random& random) {
  Random population(7);
  Matrix shared(6, Row(kDim));
  for (Row& row : shared) {
    for (double& x : row) x = normal(population);
  }
  std::vector<Matrix> own(static_cast<std::size_t>(actors), shared);
  std::vector<Row> offset(static_cast<std::size_t>(actors), Row(kDim));
  for (int a = 0; a < actors; ++a) {
    for (Row& row : own[static_cast<std::size_t>(a)]) {
      for (double& x : row) x += encoder.expression * normal(random);
    }
    for (double& x : offset[static_cast<std::size_t>(a)]) x = encoder.of_actor * normal(random);
  }
  Matrix made;
  for (std::size_t i = 0; i < clips.truth.size(); ++i) {
    const auto actor = static_cast<std::size_t>(clips.actor[i]);
    const Row shares = shares_of(clips.truth[i]);
    Row row = offset[actor];
    for (int d = 0; d < kDim; ++d) {
      for (std::size_t c = 0; c < 6; ++c)
        row[static_cast<std::size_t>(d)] += shares[c] * own[actor][c][static_cast<std::size_t>(d)];
      row[static_cast<std::size_t>(d)] += encoder.noise * normal(random);
    }
    made.push_back(std::move(row));
  }
  return made;
}

struct Model {
  int hidden = 48;  ///< random features: what a training seed decides
  double penalty = 3;
};

/// Solves (A'A + penalty) W = A'Y by Cholesky; returns W as [class][feature].
Matrix ridge(const Matrix& a, const Matrix& y, double penalty) {
  const std::size_t n = a[0].size(), classes = y[0].size();
  Matrix gram(n, Row(n, 0.0)), right(classes, Row(n, 0.0));
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c <= r; ++c) gram[r][c] += a[i][r] * a[i][c];
      for (std::size_t k = 0; k < classes; ++k) right[k][r] += a[i][r] * y[i][k];
    }
  }
  for (std::size_t r = 0; r < n; ++r) {
    gram[r][r] += penalty;
    for (std::size_t c = 0; c <= r; ++c) {
      double sum = gram[r][c];
      for (std::size_t k = 0; k < c; ++k) sum -= gram[r][k] * gram[c][k];
      gram[r][c] = r == c ? std::sqrt(sum) : sum / gram[c][c];
    }
  }
  for (Row& w : right) {
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t k = 0; k < r; ++k) w[r] -= gram[r][k] * w[k];
      w[r] /= gram[r][r];
    }
    for (std::size_t r = n; r-- > 0;) {
      for (std::size_t k = r + 1; k < n; ++k) w[r] -= gram[k][r] * w[k];
      w[r] /= gram[r][r];
    }
  }
  return right;
}

/// Probabilities of the clips of `fold` by a model of the others, row-major.
std::vector<double> predict(const Clips& clips, const Matrix& x, int fold, const Model& model, std::uint64_t seed) {
  const std::size_t dim = x[0].size();
  Row mean(dim, 0.0), sd(dim, 0.0);
  double rows = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (clips.fold[i] == fold) continue;
    ++rows;
    for (std::size_t d = 0; d < dim; ++d) mean[d] += x[i][d];
  }
  for (double& m : mean) m /= rows;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t d = 0; clips.fold[i] != fold && d < dim; ++d) sd[d] += (x[i][d] - mean[d]) * (x[i][d] - mean[d]);
  }
  for (double& s : sd) s = std::sqrt(s / rows) + 1e-9;

  Random random(seed);
  const auto hidden = static_cast<std::size_t>(model.hidden);
  Matrix weights(hidden, Row(dim));
  Row bias(hidden);
  for (Row& row : weights) {
    for (double& w : row) w = .7 * normal(random) / std::sqrt(static_cast<double>(dim));
  }
  for (double& b : bias) b = .5 * normal(random);
  const auto seen = [&](const Row& clip) {
    Row row(hidden + 1, 1.0);
    for (std::size_t h = 0; h < hidden; ++h) {
      double sum = bias[h];
      for (std::size_t d = 0; d < dim; ++d) sum += weights[h][d] * (clip[d] - mean[d]) / sd[d];
      row[h] = std::tanh(sum);
    }
    return row;
  };
  Matrix a, y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (clips.fold[i] == fold) continue;
    a.push_back(seen(x[i]));
    y.push_back(shares_of(clips.truth[i]));
  }
  const Matrix w = ridge(a, y, model.penalty);
  std::vector<double> p;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (clips.fold[i] != fold) continue;
    const Row row = seen(x[i]);
    double sum = 0;
    for (const Row& of_class : w) {
      p.push_back(std::max(1e-3, std::inner_product(row.begin(), row.end(), of_class.begin(), 0.0)));
      sum += p.back();
    }
    for (std::size_t c = p.size() - 6; c < p.size(); ++c) p[c] /= sum;
  }
  return p;
}

/// Held-out hits by (seed, fold), as a report counts them.
std::vector<RunDifference> run_config(const Clips& clips, const Matrix& x, int folds, int seeds, const Model& model,
                                      std::uint64_t base) {
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
      RunDifference run{fold, 0, static_cast<std::uint64_t>(seed), {}};
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
  std::function<void(const Clips&, int actors, Random&, Matrix (&x)[2], Model (&model)[2])> make;
};

const std::vector<World>& worlds() {
  static const std::vector<World> all = {
      {"encoders of one quality", true,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], Model(&)[2]) {
         for (Matrix& one : x) one = features(clips, actors, {}, random);
       }},
      {"the same, actors alike", true,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], Model(&)[2]) {
         for (Matrix& one : x) one = features(clips, actors, {.5, .2, 1}, random);
       }},
      {"noisy copies of one encoder", true,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], Model(&)[2]) {
         x[0] = x[1] = features(clips, actors, {}, random);
         for (Matrix& one : x) {
           for (Row& row : one) {
             for (double& value : row) value += .7 * normal(random);
           }
         }
       }},
      {"penalty 2 against 20", false,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], Model(&model)[2]) {
         x[0] = x[1] = features(clips, actors, {}, random);
         model[0].penalty = 20;
         model[1].penalty = 2;
       }},
      {"hidden 24 against 72", false,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], Model(&model)[2]) {
         x[0] = x[1] = features(clips, actors, {}, random);
         model[0].hidden = 24;
         model[1].hidden = 72;
       }},
      {"two encoders against one", false,
       [](const Clips& clips, int actors, Random& random, Matrix(&x)[2], Model(&)[2]) {
         x[0] = x[1] = features(clips, actors, {}, random);
         const Matrix more = features(clips, actors, {}, random);
         for (std::size_t i = 0; i < more.size(); ++i) x[1][i].insert(x[1][i].end(), more[i].begin(), more[i].end());
       }},
  };
  return all;
}

struct Judged {
  double mean;
  Interval interval;
  double p;
};

/// Of one sweep: by folds, Nadeau & Bengio's own, by actors.
std::vector<Judged> judge(const World& world, int actors, int folds, int seeds, std::uint64_t sweep) {
  Random random(sweep * 1'000'003 + static_cast<std::uint64_t>(actors * 100 + folds * 10 + seeds));
  std::vector<int> order(static_cast<std::size_t>(actors));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  Clips clips;
  for (int a = 0; a < actors; ++a) {
    for (const Label& label : labels_of_actor()) {
      clips.truth.push_back(label);
      clips.actor.push_back(a);
      clips.fold.push_back(order[static_cast<std::size_t>(a)] % folds);
    }
  }
  Matrix x[2];
  Model model[2];
  world.make(clips, actors, random, x, model);
  const auto base = run_config(clips, x[0], folds, seeds, model[0], sweep * 20'000 + 1'000'000'000);
  auto runs = run_config(clips, x[1], folds, seeds, model[1], sweep * 20'000 + 10'000 + 1'000'000'000);
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

}  // namespace

int main(int argc, char** argv) {
  const long sweeps = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 300;
  const std::string word = argc > 2 ? argv[2] : "";
  if (sweeps < 2) {
    std::fprintf(stderr, "usage: calibration [sweeps=300 [WORD]]\n");
    return 2;
  }
  std::printf(
      "%ld sweeps a line; of each estimator the share found (p < .05) and the share of 95 %% intervals that "
      "cover the truth\n\n"
      "| configs | actors | folds x seeds | difference | SD | by folds | Nadeau-Bengio | **by actors** |\n"
      "|---|---|---|---|---|---|---|---|\n",
      sweeps);
  for (const World& world : worlds()) {
    if (std::string(world.name).find(word) == std::string::npos) continue;
    for (const int actors : {10, 20, 40}) {
      for (const auto& [folds, seeds] : std::vector<std::pair<int, int>>{{5, 1}, {5, 3}, {10, 2}, {3, 5}}) {
        std::vector<std::vector<Judged>> all;
        std::vector<double> pooled;
        for (long sweep = 0; sweep < sweeps; ++sweep) {
          all.push_back(judge(world, actors, folds, seeds, static_cast<std::uint64_t>(sweep)));
          pooled.push_back(all.back().back().mean);
        }
        const double truth = world.null ? 0 : mean(pooled);
        std::printf("| %s | %d | %d x %d | %+.4f | %.4f |", world.name, actors, folds, seeds, mean(pooled),
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
  return 0;
}
