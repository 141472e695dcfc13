// What adaptive searches save and what they lose, replayed on finished sweeps in place of training.
//
// usage: replay [sweeps=1000 [CSV...]]
//
// A CSV has the columns config, fold, seed and held_out_score, and a row for every run (medley trials). Each is
// replayed in 100 orders of its folds and seeds, and so are 100 sweeps that are drawn from its components of variance.
// Without a CSV planted sweeps are replayed. The last table is of `sweeps` null sweeps, in which no config is better
// than another by more than the margin: how often one is dropped, and how often the intervals of decisions hold the
// truth.
#include "sweep/search/replay.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "sweep/score/statistics.h"
#include "sweep/search/race.h"
#include "sweep/search/until_settled.h"
#include "tests/support/planted_sweep.h"

namespace {

using namespace medley::sweep;
using namespace medley::planted;

/// The same sweep with its folds and seeds in another order.
Sweep shuffled(const Sweep& table, Random& random) {
  std::vector<int> folds(at(table.folds)), seeds(at(table.seeds));
  std::iota(folds.begin(), folds.end(), 0);
  std::iota(seeds.begin(), seeds.end(), 0);
  std::shuffle(folds.begin(), folds.end(), random);
  std::shuffle(seeds.begin(), seeds.end(), random);
  Sweep other = table;
  for (EndedRun& run : other.runs) {
    run.score = table.score(run.config, seeds[static_cast<std::size_t>(run.seed)] * table.folds + folds[at(run.fold)]);
  }
  return other;
}

/// What a strategy did.
struct Outcome {
  std::vector<int> runs;      ///< of each config; its first blocks
  std::vector<bool> dropped;  ///< called behind, or never trained
  std::vector<Decision> decisions;

  explicit Outcome(const Sweep& table) : runs(at(table.configs)), dropped(at(table.configs)) {}
  int work() const { return std::accumulate(runs.begin(), runs.end(), 0); }
};

Outcome replay_strategy(const Strategy& strategy, const Sweep& table) {
  const History history = replay(strategy, table.space(), table.runs);
  Outcome outcome(table);
  for (const EndedRun& run : history.runs) ++outcome.runs[at(run.config)];
  for (const Step& step : history.steps) {
    for (const Decision& decision : step.decisions) {
      outcome.decisions.push_back(decision);
      outcome.dropped[at(decision.config)] = decision.kind == DecisionKind::kBehind;
    }
  }
  return outcome;
}

std::vector<int> configs_of(const Sweep& table) {
  std::vector<int> all(at(table.configs));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<double> differences_of(const Sweep& table, int config, int other, int blocks) {
  std::vector<double> made;
  for (int block = 0; block < blocks; ++block) made.push_back(table.score(config, block) - table.score(other, block));
  return made;
}

int best_of(const Sweep& table, const std::vector<int>& configs, int blocks) {
  return *std::max_element(configs.begin(), configs.end(),
                           [&](int a, int b) { return table.mean_score(a, blocks) < table.mean_score(b, blocks); });
}

/// As irace (López-Ibáñez et al. 2016) with its t-test: from the third block on, whatever differs from the best with
/// p < .05, uncorrected.
Outcome paired_t_race(const Sweep& table, Random&) {
  Outcome outcome(table);
  std::vector<int> in = configs_of(table);
  for (int block = 1; block <= table.blocks(); ++block) {
    for (const int config : in) ++outcome.runs[at(config)];
    if (block < 3) continue;
    const int best = best_of(table, in, block);
    std::vector<int> left;
    for (const int config : in) {
      const auto d = differences_of(table, config, best, block);
      const double t = mean(d) / (sample_sd(d) / std::sqrt(static_cast<double>(block)));
      if (config == best || !(2 * student_t_cdf(t, block - 1) < .05)) {
        left.push_back(config);
      } else {
        outcome.dropped[at(config)] = true;
      }
    }
    in = left;
    if (in.size() == 1) break;
  }
  return outcome;
}

/// P(W <= w) of the sum of the ranks of positive differences: Wilcoxon's signed-rank test, exact without ties.
double wilcoxon_p(const std::vector<double>& differences) {
  std::vector<double> sizes;
  for (const double d : differences) sizes.push_back(std::fabs(d));
  std::sort(sizes.begin(), sizes.end());
  int positive = 0;
  for (const double d : differences) {
    if (d > 0) positive += static_cast<int>(std::lower_bound(sizes.begin(), sizes.end(), d) - sizes.begin()) + 1;
  }
  const int n = static_cast<int>(differences.size());
  std::vector<double> ways(at(n * (n + 1) / 2 + 1), 0);
  ways[0] = 1;
  for (int rank = 1; rank <= n; ++rank) {
    for (std::size_t sum = ways.size() - 1; sum >= at(rank); --sum) ways[sum] += ways[sum - at(rank)];
  }
  double below = 0;
  for (int sum = 0; sum <= positive; ++sum) below += ways[at(sum)];
  return below / std::pow(2, n);
}

/// As Optuna's WilcoxonPruner with its defaults (p < .1, two steps first): one config after the other, against the best
/// complete one so far.
Outcome wilcoxon_pruner(const Sweep& table, Random&) {
  Outcome outcome(table);
  int best = -1;
  for (const int config : configs_of(table)) {
    for (int block = 1; block <= table.blocks(); ++block) {
      ++outcome.runs[at(config)];
      if (best < 0 || block < 2) continue;
      if (wilcoxon_p(differences_of(table, config, best, block)) < .1) {
        outcome.dropped[at(config)] = true;
        break;
      }
    }
    if (outcome.dropped[at(config)]) continue;
    if (best < 0 || table.mean_score(config, table.blocks()) > table.mean_score(best, table.blocks())) best = config;
  }
  return outcome;
}

/// Successive halving (Jamieson & Talwalkar 2016): the better half continues after 3, 6, 12, ... blocks.
Outcome halving(const Sweep& table, Random&) {
  Outcome outcome(table);
  std::vector<int> in = configs_of(table);
  int rung = 3;
  for (int block = 1; block <= table.blocks() && in.size() > 1; ++block) {
    for (const int config : in) ++outcome.runs[at(config)];
    if (block < rung) continue;
    rung *= 2;
    std::sort(in.begin(), in.end(),
              [&](int a, int b) { return table.mean_score(a, block) > table.mean_score(b, block); });
    for (std::size_t i = (in.size() + 1) / 2; i < in.size(); ++i) outcome.dropped[at(in[i])] = true;
    in.resize((in.size() + 1) / 2);
  }
  return outcome;
}

Outcome full_grid(const Sweep& table, Random&) {
  Outcome outcome(table);
  outcome.runs.assign(at(table.configs), table.blocks());
  return outcome;
}

/// The seeds from `first` on of a sweep.
Sweep some_seeds(const Sweep& table, int first, int seeds) {
  Sweep some = table;
  some.seeds = seeds;
  some.runs.clear();
  for (EndedRun run : table.runs) {
    const int seed = static_cast<int>(run.seed) - first;
    if (seed < 0 || seed >= seeds) continue;
    run.seed = static_cast<std::uint64_t>(seed);
    some.runs.push_back(std::move(run));
  }
  return some;
}

Outcome random_half(const Sweep& table, Random& random) {
  Outcome outcome(table);
  std::vector<int> all = configs_of(table);
  std::shuffle(all.begin(), all.end(), random);
  for (std::size_t i = 0; i < all.size(); ++i) {
    outcome.dropped[at(all[i])] = i >= all.size() / 2;
    outcome.runs[at(all[i])] = i < all.size() / 2 ? table.blocks() : 0;
  }
  return outcome;
}

struct Named {
  const char* name;
  std::function<Outcome(const Sweep&, Random&)> run;
};

std::vector<Named> strategies(double margin) {
  return {
      {"race", [=](const Sweep& table, Random&) { return replay_strategy(Race(margin), table); }},
      {"race, margin 0", [](const Sweep& table, Random&) { return replay_strategy(Race(0), table); }},
      {"until-settled", [=](const Sweep& table, Random&) { return replay_strategy(UntilSettled(margin), table); }},
      {"full grid", full_grid},
      {"random half of the configs", random_half},
      {"paired-t race, p < .05", paired_t_race},
      {"Wilcoxon pruner, p < .1", wilcoxon_pruner},
      {"halving", halving},
  };
}

/// p of the test of reports that each config is behind `winner`, in the runs that both have. 1 where it is not behind.
std::vector<double> behind_p(const Sweep& table, int winner, const std::vector<int>& runs) {
  std::vector<double> p;
  for (int config = 0; config < table.configs; ++config) {
    std::vector<RunDifference> differences;
    for (int block = 0; block < std::min(runs[at(config)], runs[at(winner)]); ++block) {
      const EndedRun& run = table.run(config, block);
      differences.push_back({run.fold, run.score - table.score(winner, block), run.seed, {}});
    }
    p.push_back(1);
    if (config == winner || differences.size() < 3) continue;
    const PairedComparison result = Comparison(differences, table.folds).result();
    if (result.mean < 0) p.back() = result.p;
  }
  return p;
}

struct Judged {
  double work = 0, same_winner = 0, regret = 0;
  double tied_lost = 0;  ///< of the configs that the full table does not call behind its winner (p < .05, uncorrected)
  double labels = 0;     ///< same label (behind the winner, or tied) as in the full table
};

/// `outcome` of `table`, beside the full grid of `whole`.
Judged judge(const Outcome& outcome, const Sweep& table, const Sweep& whole) {
  const int blocks = table.blocks();
  const std::vector<int> all = configs_of(table), full_runs(at(table.configs), blocks);
  std::vector<int> kept;
  int common = blocks;
  for (const int config : all) {
    if (outcome.dropped[at(config)]) continue;
    kept.push_back(config);
    common = std::min(common, outcome.runs[at(config)]);
  }
  const int winner = best_of(table, kept, common), full = best_of(whole, all, blocks);
  Judged judged;
  judged.work = static_cast<double>(outcome.work()) / (table.configs * blocks);
  judged.same_winner = winner == full;
  if (table.truth.empty()) {
    judged.regret = whole.mean_score(full, blocks) - whole.mean_score(winner, blocks);
  } else {
    judged.regret = *std::max_element(table.truth.begin(), table.truth.end()) - table.truth[at(winner)];
  }
  const std::vector<double> p = behind_p(whole, full, full_runs), own_p = behind_p(table, winner, outcome.runs);
  double ties = 0, lost = 0;
  for (const int config : all) {
    const bool dropped = outcome.dropped[at(config)], tied = !(p[at(config)] < .05);
    judged.labels += tied == !(dropped || own_p[at(config)] < .05);
    if (config == full || !tied) continue;
    ++ties;
    lost += dropped;
  }
  judged.tied_lost = ties > 0 ? lost / ties : 0;
  judged.labels /= table.configs;
  return judged;
}

/// `next` draws or shuffles a sweep. Where it has twice `seeds`, the second half shows how far labels of the full grid
/// agree with those of other seeds.
void print_strategies(const std::string& name, double margin, int seeds, const std::function<Sweep(Random&)>& next) {
  constexpr int kOrders = 100;
  std::printf(
      "\n%s\n\n| strategy | work saved | same winner | mean regret | tied lost | labels right "
      "|\n|---|---|---|---|---|---|\n",
      name.c_str());
  const auto print = [](const char* strategy, const std::vector<Judged>& all) {
    Judged sum;
    const auto n = static_cast<double>(all.size());
    for (const Judged& one : all) {
      sum.work += one.work / n;
      sum.same_winner += one.same_winner / n;
      sum.regret += one.regret / n;
      sum.tied_lost += one.tied_lost / n;
      sum.labels += one.labels / n;
    }
    std::printf("| %s | %.1fx | %.0f %% | %.4f | %.1f %% | %.1f %% |\n", strategy, 1 / sum.work, 100 * sum.same_winner,
                sum.regret, 100 * sum.tied_lost, 100 * sum.labels);
    std::fflush(stdout);
  };
  for (const Named& strategy : strategies(margin)) {
    Random random(1);
    std::vector<Judged> all;
    for (int order = 0; order < kOrders; ++order) {
      const Sweep table = some_seeds(next(random), 0, seeds);
      Random own(static_cast<std::uint64_t>(order));  // so that all see the same sweeps
      all.push_back(judge(strategy.run(table, own), table, table));
    }
    print(strategy.name, all);
  }
  Random random(1);
  std::vector<Judged> all;
  for (int order = 0; order < kOrders; ++order) {
    const Sweep table = next(random);
    if (table.seeds < 2 * seeds) return;
    const Sweep first = some_seeds(table, 0, seeds), second = some_seeds(table, seeds, seeds);
    Random own(0);
    all.push_back(judge(full_grid(second, own), second, first));
  }
  print("full grid, other seeds", all);
}

struct World {
  const char* name;
  double margin;
  std::function<Sweep(int configs, Random&)> next;
};

std::vector<World> null_worlds() {
  const auto drawn = [](Components components, double behind = 0, int seeds = 5) {
    return [=](int configs, Random& random) {
      Components all = components;
      all.effects.assign(at(configs), -behind);
      all.effects[0] = 0;
      return draw(all, 5, seeds, random);
    };
  };
  Components equal, lucky, unlike, families, tails, quiet;
  lucky.shared_luck = false;
  unlike.unlike = .5;
  families.family = .006;
  tails.tails = true;
  quiet.config_fold /= 4;
  quiet.residual /= 4;
  return {
      {"equal", 0, drawn(equal)},
      {"equal, 10 seeds", 0, drawn(equal, 0, 10)},
      {"equal, folds share no luck", 0, drawn(lucky)},
      {"equal, unlike variances", 0, drawn(unlike)},
      {"equal, two families", 0, drawn(families)},
      {"equal, heavy tails", 0, drawn(tails)},
      {"equal, by actors", 0, [](int configs, Random& random) { return draw_actors(configs, 5, 5, random); }},
      {"all but one .01 behind", .01, drawn(equal, .01)},
      {"the same, a quarter of the noise", .01, drawn(quiet, .01)},
  };
}

void print_null(int sweeps) {
  std::printf(
      "\n%d null sweeps a line, margin 0 or .01. Of sweeps: those in which race drops a tied config (and the upper end "
      "of "
      "a one-sided 95 %% interval), the same if it tested against 0, those in which all intervals of race hold the "
      "truth. "
      "Of configs: those that the others lose. Of until-settled: sweeps with a wrong difference, intervals that "
      "hold.\n\n"
      "| configs are | number | race drops | against 0 | all hold | paired-t loses | Wilcoxon loses | halving loses | "
      "race saves | until-settled wrong | holds | saves |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
      sweeps);
  for (const World& world : null_worlds()) {
    for (const int configs : {10, 20, 40}) {
      double dropped[5] = {}, share[5] = {}, work = 0, settled_work = 0, all_hold = 0, hold = 0, held = 0, wrong = 0;
      for (int sweep = 0; sweep < sweeps; ++sweep) {
        Random random(static_cast<std::uint64_t>(sweep * 100 + configs));
        const Sweep table = world.next(configs, random);
        const std::vector<Outcome> outcomes = {replay_strategy(Race(world.margin), table),
                                               replay_strategy(Race(0), table), paired_t_race(table, random),
                                               wilcoxon_pruner(table, random), halving(table, random)};
        for (std::size_t s = 0; s < outcomes.size(); ++s) {
          const auto count = std::count(outcomes[s].dropped.begin(), outcomes[s].dropped.end(), true);
          dropped[s] += count > 0;
          share[s] += static_cast<double>(count) / configs;
        }
        const auto truth = [&](const Decision& decision) {
          return table.truth[at(decision.config)] - table.truth[at(*decision.against)];
        };
        const auto holds = [&](const Decision& decision) {
          return decision.interval.low <= truth(decision) && truth(decision) <= decision.interval.high;
        };
        const double full = table.configs * table.blocks();
        work += outcomes[0].work() / full;
        all_hold += std::all_of(outcomes[0].decisions.begin(), outcomes[0].decisions.end(), holds);
        const Outcome settled = replay_strategy(UntilSettled(world.margin), table);
        settled_work += settled.work() / full;
        bool any_wrong = false;
        for (const Decision& decision : settled.decisions) {
          ++held;
          hold += holds(decision);
          const bool equivalent = decision.interval.low >= -world.margin && decision.interval.high <= world.margin;
          any_wrong |=
              decision.kind == DecisionKind::kSettled && !equivalent && !(decision.difference * truth(decision) > 0);
        }
        wrong += any_wrong;
      }
      const double n = sweeps, p = dropped[0] / n;
      std::printf(
          "| %s | %d | %.1f %% (%.1f) | %.1f %% | %.1f %% | %.0f %% | %.0f %% | %.0f %% | %.1fx | %.1f %% | %.1f %% | "
          "%.1fx |\n",
          world.name, configs, 100 * p, 100 * (p + 1.645 * std::sqrt(std::max(p, 1 / n) / n)), 100 * dropped[1] / n,
          100 * all_hold / n, 100 * share[2] / n, 100 * share[3] / n, 100 * share[4] / n, n / work, 100 * wrong / n,
          100 * hold / std::max(1.0, held), n / settled_work);
      std::fflush(stdout);
    }
  }
}

Sweep read_csv(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  if (line != "config,fold,seed,held_out_score") {
    throw std::runtime_error(path + ": columns are config,fold,seed,held_out_score");
  }
  std::map<std::string, std::map<std::pair<std::string, std::string>, double>> scores;
  std::map<std::string, int> folds, seeds;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string config, fold, seed, score;
    std::getline(fields, config, ',');
    std::getline(fields, fold, ',');
    std::getline(fields, seed, ',');
    std::getline(fields, score, ',');
    scores[config][{seed, fold}] = std::stod(score);
    folds[fold];
    seeds[seed];
  }
  Sweep table;
  table.configs = static_cast<int>(scores.size());
  table.folds = static_cast<int>(folds.size());
  table.seeds = static_cast<int>(seeds.size());
  int position = 0;
  for (auto& [name, number] : folds) number = position++;
  position = 0;
  for (auto& [name, number] : seeds) number = position++;
  position = 0;
  for (const auto& [config, runs] : scores) {
    if (static_cast<int>(runs.size()) != table.blocks()) throw std::runtime_error(path + ": runs are missing");
    for (const auto& [key, score] : runs) {
      EndedRun run;
      run.config = position;
      run.seed = static_cast<std::uint64_t>(seeds[key.first]);
      run.fold = folds[key.second];
      run.score = score;
      table.runs.push_back(std::move(run));
    }
    ++position;
  }
  std::sort(table.runs.begin(), table.runs.end(), [](const SearchRun& a, const SearchRun& b) { return a < b; });
  return table;
}

double square(double x) { return x * x; }

/// Method of moments in the two-way layout: mean squares of config x fold and of the rest, blocks taken out.
Components components_of(const Sweep& table) {
  const int C = table.configs, k = table.folds, S = table.seeds;
  std::vector<double> of_block(at(table.blocks()), 0);
  for (const EndedRun& run : table.runs) {
    of_block[at(static_cast<int>(run.seed) * k + run.fold)] += run.score / C;
  }
  Components components;
  double between = 0, within = 0;
  const double grand = mean(of_block);
  components.fold = sample_sd(of_block);
  for (int config = 0; config < C; ++config) {
    const double own = table.mean_score(config, table.blocks()) - grand;
    components.effects.push_back(own);
    for (int fold = 0; fold < k; ++fold) {
      double in_fold = 0;
      for (int seed = 0; seed < S; ++seed)
        in_fold += (table.score(config, seed * k + fold) - of_block[at(seed * k + fold)]) / S;
      between += S * square(in_fold - own) / ((C - 1) * (k - 1));
      for (int seed = 0; seed < S; ++seed) {
        within += square(table.score(config, seed * k + fold) - of_block[at(seed * k + fold)] - in_fold) /
                  ((C - 1) * k * std::max(1, S - 1));
      }
    }
  }
  components.residual = std::sqrt(within);
  components.config_fold = std::sqrt(std::max(0.0, (between - within) / S));
  // The spread of the means less what chance adds to it.
  const double chance = between / table.blocks(), spread = square(sample_sd(components.effects));
  const double centre = mean(components.effects);
  for (double& effect : components.effects)
    effect = centre + (effect - centre) * std::sqrt(std::max(0.0, 1 - chance / spread));
  return components;
}

}  // namespace

int main(int argc, char** argv) {
  const int sweeps = argc > 1 ? std::atoi(argv[1]) : 1000;
  constexpr double kMargin = .01;
  if (sweeps < 0) {
    std::fprintf(stderr, "usage: replay [sweeps=1000 [CSV...]]\n");
    return 2;
  }
  try {
    const auto planted = [&](const char* name, int configs, double sd, int seeds) {
      print_strategies(name, kMargin, seeds, [=](Random& random) {
        Components components;
        for (int config = 0; config < configs; ++config) components.effects.push_back(sd * normal(random));
        return draw(components, 5, 2 * seeds, random);
      });
    };
    if (argc <= 2) {
      planted("mixed: 41 configs, SD .04, 5 folds x 5 seeds", 41, .04, 5);
      planted("mixed: 41 configs, SD .02, 5 folds x 5 seeds", 41, .02, 5);
      planted("mixed: 41 configs, SD .02, 5 folds x 10 seeds", 41, .02, 10);
      planted("close: 16 configs, SD .005, 5 folds x 5 seeds", 16, .005, 5);
      planted("null: 20 configs, 5 folds x 5 seeds", 20, 0, 5);
    }
    for (int i = 2; i < argc; ++i) {
      const Sweep table = read_csv(argv[i]);
      print_strategies(argv[i], kMargin, table.seeds, [&](Random& random) { return shuffled(table, random); });
      const Components components = components_of(table);
      char text[200];
      std::snprintf(text, sizeof text,
                    "as drawn from its components, 5 seeds: SD of configs %.4f, config x fold %.4f, rest %.4f",
                    sample_sd(components.effects), components.config_fold, components.residual);
      print_strategies(text, kMargin, 5, [&](Random& random) { return draw(components, table.folds, 10, random); });
    }
    if (sweeps > 0) print_null(sweeps);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "replay: %s\n", error.what());
    return 1;
  }
  return 0;
}
