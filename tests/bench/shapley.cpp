// Do 95 % intervals of Shapley values hold the truth, and how many trainings do they take? Games of 8 and 12 encoders
// are planted, so that every subset's worth is known. Each is estimated from designs of several sizes with training
// noise, without a probe and with one, and by the textbook's Kernel SHAP and by Leverage SHAP.
//
// usage: shapley [GAMES [SEED]]    prints a Markdown table
//        shapley --worths FILE [DRAWS]    the same for a real game: lines "set worth [probe]" of all sets
#include "sweep/score/shapley.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "sweep/score/cholesky.h"

namespace {

using namespace medley;
using Random = std::mt19937_64;

int size_of(std::size_t set) {
  int size = 0;
  for (; set != 0; set >>= 1) size += static_cast<int>(set & 1u);
  return size;
}

double normal(Random& random) { return std::normal_distribution<double>()(random); }
double uniform(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

/// [encoder, encoder] and [encoder]: how encoders correlate with each other and with what is to be told.
struct Correlations {
  std::size_t encoders = 0;
  std::vector<double> between, with;
};

/// The share of the variance that a linear regression on the set explains, for every set: rises with the set, and
/// encoders of one thing stand in for each other.
std::vector<double> explained(const Correlations& of) {
  std::vector<double> game(std::size_t{1} << of.encoders);
  for (std::size_t set = 1; set < game.size(); ++set) {
    std::vector<std::size_t> members;
    for (std::size_t e = 0; e < of.encoders; ++e) {
      if (set >> e & 1u) members.push_back(e);
    }
    sweep::Cholesky factor(members.size());
    std::vector<double> row(members.size()), with;
    for (std::size_t a = 0; a < members.size(); ++a) {
      for (std::size_t b = 0; b <= a; ++b) row[b] = of.between[members[a] * of.encoders + members[b]];
      factor.append(row.data());
      with.push_back(of.with[members[a]]);
    }
    factor.forward(with.data(), 1);
    game[set] = sweep::dot(with.data(), with.data(), with.size());
  }
  return game;
}

struct Game {
  int encoders = 0;
  std::vector<double> worth, probe;
};

/// Scores of .18 to .40 as on real data. The probe sees encoders that correlate a little differently.
Game planted(int encoders, Random& random) {
  const auto n = static_cast<std::size_t>(encoders);
  const std::size_t causes = std::max<std::size_t>(3, n / 2);
  Correlations trained{n, std::vector<double>(n * n), std::vector<double>(n)};
  std::vector<double> loads(n * causes), scale(n), strength(n);
  for (double& load : loads) load = normal(random);
  for (std::size_t a = 0; a < n; ++a) {
    scale[a] = uniform(random, .5, 3);
    scale[a] = std::sqrt(scale[a] + sweep::dot(&loads[a * causes], &loads[a * causes], causes));
    strength[a] = std::exponential_distribution<double>()(random) * .3;
  }
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      const double shared = sweep::dot(&loads[a * causes], &loads[b * causes], causes) / (scale[a] * scale[b]);
      trained.between[a * n + b] = a == b ? 1 : shared;
    }
  }
  Correlations seen = trained;
  double typical = 0;
  for (std::size_t a = 0; a < n; ++a) {
    trained.with[a] = sweep::dot(&trained.between[a * n], strength.data(), n) + .3 * normal(random);
    typical += std::fabs(trained.with[a]) / encoders;
  }
  for (std::size_t a = 0; a < n; ++a) {
    seen.with[a] = trained.with[a] + .12 * typical * normal(random);
    for (std::size_t b = 0; b < a; ++b) seen.between[a * n + b] = seen.between[b * n + a] *= uniform(random, .8, 1);
    seen.between[a * n + a] = 1.1;
  }
  Game game{encoders, explained(trained), explained(seen)};
  const double most = game.worth.back(), most_seen = game.probe.back();
  for (std::size_t set = 1; set < game.worth.size(); ++set) {
    game.worth[set] = .18 + .22 * std::pow(game.worth[set] / most, .8) + .0015 * normal(random);
    game.probe[set] = .14 + .17 * std::pow(game.probe[set] / most_seen, .7);
  }
  game.worth[0] = game.probe[0] = 0;
  return game;
}

/// Weighted least squares of sum_i b_i [i in S] = v(S), where the b add up to the worth of all (Lundberg & Lee 2017).
std::vector<double> kernel_regression(int encoders, const std::vector<sweep::TrainedSet>& trained,
                                      const std::vector<double>& weights, double all) {
  const auto free = static_cast<std::size_t>(encoders - 1);
  std::vector<double> matrix(free * free), right(free);
  for (std::size_t k = 0; k < trained.size(); ++k) {
    const double last = trained[k].set >> free & 1u ? 1 : 0;
    std::vector<double> x;
    for (std::size_t i = 0; i < free; ++i) x.push_back((trained[k].set >> i & 1u ? 1 : 0) - last);
    for (std::size_t i = 0; i < free; ++i) {
      right[i] += weights[k] * x[i] * (trained[k].worth - last * all);
      for (std::size_t j = 0; j < free; ++j) matrix[i * free + j] += weights[k] * x[i] * x[j];
    }
  }
  sweep::Cholesky factor(free);
  for (std::size_t i = 0; i < free; ++i) {
    matrix[i * free + i] += 1e-9;
    factor.append(&matrix[i * free]);
  }
  factor.forward(right.data(), 1);
  factor.backward(right.data(), 1);
  right.push_back(all - std::accumulate(right.begin(), right.end(), 0.));
  return right;
}

double choose(int n, int k) {
  double count = 1;
  for (int i = 1; i <= k; ++i) count = count * (n - k + i) / i;
  return count;
}

std::uint32_t drawn_set(int encoders, int size, Random& random) {
  std::uint32_t set = 0;
  while (size_of(set) < size) set |= 1u << std::uniform_int_distribution<int>(0, encoders - 1)(random);
  return set;
}

/// Sets with the weight of their regression. `all` is trained beside them.
struct Weighted {
  std::vector<std::uint32_t> sets;
  std::vector<double> weights;
};

/// Kernel SHAP with paired sampling: sizes by their kernel weight, with repetition (Covert & Lee 2021).
Weighted kernel_shap(int n, int trainings, Random& random) {
  std::vector<double> sizes;
  for (int size = 1; size < n; ++size) sizes.push_back(1. / (size * (n - size)));
  std::discrete_distribution<int> size(sizes.begin(), sizes.end());
  std::map<std::uint32_t, double> counts;
  while (counts.size() + 3 <= static_cast<std::size_t>(trainings)) {
    const std::uint32_t set = drawn_set(n, size(random) + 1, random);
    ++counts[set];
    ++counts[set ^ ((1u << n) - 1)];
  }
  Weighted drawn;
  for (const auto& [set, count] : counts) {
    drawn.sets.push_back(set);
    drawn.weights.push_back(count);
  }
  return drawn;
}

/// Leverage SHAP (Musco & Witter 2025, algorithm 1): each size alike, pairs without repetition, weights over the chance
/// of the set.
Weighted leverage_shap(int n, int trainings, Random& random) {
  double low = 0, high = choose(n, n / 2);
  for (int step = 0; step < 60; ++step) {
    const double c = (low + high) / 2;
    double expected = 1;
    for (int size = 1; size < n; ++size) expected += std::min(choose(n, size), 2 * c);
    (expected < trainings ? low : high) = c;
  }
  Weighted drawn;
  const std::uint32_t all = (1u << n) - 1;
  for (std::uint32_t set = 1; set < all; ++set) {
    if (set > (all ^ set)) continue;
    const int size = size_of(set);
    const double chance = std::min(1., 2 * low / choose(n, size));
    if (uniform(random, 0, 1) >= chance) continue;
    const double weight = 1 / (choose(n, size) * size * (n - size)) / chance;
    drawn.sets.insert(drawn.sets.end(), {set, all ^ set});
    drawn.weights.insert(drawn.weights.end(), {weight, weight});
  }
  return drawn;
}

struct Sums {
  double squares = 0, held = 0, values = 0, width = 0, tops = 0, runs = 0, seconds = 0;
  double pairs_held = 0, pair_squares = 0, pairs = 0;
};

std::set<std::size_t> top_three(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  return {order.begin(), order.begin() + 3};
}

struct Truth {
  std::vector<double> values, interactions;
  std::set<std::size_t> top;
  explicit Truth(const Game& game)
      : values(sweep::shapley_values(game.encoders, game.worth)),
        interactions(sweep::shapley_interactions(game.encoders, game.worth)),
        top(top_three(values)) {}
};

void count(Sums& sums, const std::vector<double>& values, const Truth& truth) {
  for (std::size_t i = 0; i < values.size(); ++i) sums.squares += std::pow(values[i] - truth.values[i], 2);
  sums.values += static_cast<double>(values.size());
  sums.tops += top_three(values) == truth.top;
  ++sums.runs;
}

void count(Sums& sums, const sweep::ShapleyEstimate& found, const Truth& truth) {
  const double t = sweep::student_t_quantile(.975, found.freedom);
  count(sums, found.values, truth);
  for (std::size_t i = 0; i < found.values.size(); ++i) {
    sums.held += std::fabs(found.values[i] - truth.values[i]) <= t * found.standard_errors[i];
    sums.width += t * found.standard_errors[i];
    for (std::size_t j = 0; j < i; ++j) {
      const std::size_t at = i * found.values.size() + j;
      const double error = std::fabs(found.interactions[at] - truth.interactions[at]);
      sums.pair_squares += error * error;
      sums.pairs_held += error <= t * found.interaction_errors[at];
      ++sums.pairs;
    }
  }
}

void print(const char* game, double noise, int trainings, const char* by, const Sums& sums) {
  std::printf("| %s | %.4f | %d | %s | %.4f | %.0f %% |", game, noise, trainings, by,
              std::sqrt(sums.squares / sums.values), 100 * sums.tops / sums.runs);
  if (sums.width > 0) {
    std::printf(" %.1f %% | ±%.4f | %.4f | %.1f %% | %.0f |\n", 100 * sums.held / sums.values, sums.width / sums.values,
                std::sqrt(sums.pair_squares / sums.pairs), 100 * sums.pairs_held / sums.pairs,
                1e3 * sums.seconds / sums.runs);
  } else {
    std::printf(" | | | | |\n");
  }
}

/// All estimators with this number of trainings on `games`, `draws` times each. One noise for each training.
void compare(const char* name, const std::vector<Game>& games, int draws, double noise, int trainings, bool own_design,
             Random& random) {
  Sums without, with, kernel, leverage;
  for (const Game& game : games) {
    const Truth truth(game);
    for (int draw = 0; draw < draws; ++draw) {
      const auto train = [&](const std::vector<std::uint32_t>& sets) {
        std::vector<sweep::TrainedSet> trained;
        for (const std::uint32_t set : sets) trained.push_back({set, game.worth[set] + noise * normal(random)});
        return trained;
      };
      std::vector<std::uint32_t> sets = sweep::shapley_design(game.encoders, trainings);
      if (own_design) {
        // The design is fixed: another draw of it is the same with other names for the encoders.
        std::vector<int> order(static_cast<std::size_t>(game.encoders));
        std::iota(order.begin(), order.end(), 0);
        std::shuffle(order.begin(), order.end(), random);
        for (std::uint32_t& set : sets) {
          std::uint32_t renamed = 0;
          for (std::size_t i = 0; i < order.size(); ++i) renamed |= (set >> i & 1u) << order[i];
          set = renamed;
        }
      }
      const auto trained = train(sets);
      for (const bool probe : {false, true}) {
        if (probe && game.probe.empty()) continue;
        const auto start = std::chrono::steady_clock::now();
        const auto found = sweep::estimate_shapley(game.encoders, trained, probe ? game.probe : std::vector<double>{});
        Sums& sums = probe ? with : without;
        sums.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (found) count(sums, *found, truth);
      }
      for (const bool by_leverage : {false, true}) {
        const Weighted drawn = by_leverage ? leverage_shap(game.encoders, trainings, random)
                                           : kernel_shap(game.encoders, trainings, random);
        const double all = game.worth.back() + noise * normal(random);
        count(by_leverage ? leverage : kernel, kernel_regression(game.encoders, train(drawn.sets), drawn.weights, all),
              truth);
      }
    }
  }
  if (with.runs > 0) print(name, noise, trainings, "kriging, probe", with);
  print(name, noise, trainings, "kriging", without);
  print(name, noise, trainings, "Leverage SHAP", leverage);
  print(name, noise, trainings, "Kernel SHAP, paired", kernel);
}

Game read_game(const char* path) {
  std::ifstream file(path);
  Game game;
  std::size_t set = 0;
  for (std::string line; std::getline(file, line);) {
    double worth = 0, probe = NAN;
    if (std::sscanf(line.c_str(), "%zu %lf %lf", &set, &worth, &probe) < 2) continue;
    if (game.worth.size() <= set) game.worth.resize(set + 1), game.probe.resize(set + 1);
    game.worth[set] = worth;
    game.probe[set] = probe;
  }
  if (std::isnan(game.probe.back())) game.probe.clear();
  for (std::size_t sets = game.worth.size(); sets > 1; sets /= 2) ++game.encoders;
  return game;
}

}  // namespace

int main(int argc, char** argv) {
  std::printf(
      "| game | noise | trainings | by | rmse | top three | covers | half width | rmse of pairs | covers | ms |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n");
  if (argc > 2 && std::string(argv[1]) == "--worths") {
    Random random(1);
    const std::vector<Game> games = {read_game(argv[2])};
    for (const int trainings : {32, 50, 64}) {
      compare("real", games, argc > 3 ? std::atoi(argv[3]) : 200, 0, trainings, true, random);
    }
    return 0;
  }
  const int count_of_games = argc > 1 ? std::atoi(argv[1]) : 100;
  Random random(argc > 2 ? static_cast<std::uint64_t>(std::atoll(argv[2])) : 1);
  for (const int encoders : {8, 12}) {
    std::vector<Game> games;
    for (int i = 0; i < count_of_games; ++i) games.push_back(planted(encoders, random));
    const std::string name = std::to_string(encoders) + " encoders";
    for (const double noise : {.002, .004, .008}) {
      for (const int trainings : {2 * encoders + 1, 32, 50, 64, 100}) {
        if (noise != .004 && trainings != 64) continue;
        compare(name.c_str(), games, 4, noise, trainings, true, random);
      }
    }
  }
  return 0;
}
