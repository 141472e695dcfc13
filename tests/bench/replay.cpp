// What adaptive searches save and what they lose, replayed on finished sweeps in place of training.
//
// usage: replay [sweeps=1000 [STORE...]]
//
// Each finished grid of a store is replayed in 100 orders of its folds and seeds, and so are 100 sweeps that are drawn
// from its components of variance. An axis `stop_after` of two values makes the rungs of halving. Without a store
// planted sweeps are replayed. The last table is of `sweeps` null sweeps, in which no config is better than another by
// more than the margin: how often one is dropped, and how often the intervals of decisions hold the truth.
#include "sweep/search/replay.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "storage/reader.h"
#include "storage/report_input.h"
#include "sweep/score/statistics.h"
#include "sweep/search/halving.h"
#include "sweep/search/race.h"
#include "sweep/search/rounds.h"
#include "sweep/search/tpe.h"
#include "sweep/search/until_settled.h"
#include "tests/support/planted_sweep.h"

namespace {

using namespace medley::sweep;
using namespace medley::planted;

/// A finished sweep with what some searches need beside final Scores.
struct Table : Sweep {
  Drawing drawing;            ///< where its configs lie, for tpe
  std::vector<double> early;  ///< Scores at a rung before the last epoch, in the order of `runs`; empty: not known
  double early_epochs = 0;    ///< the rung, as a share of all epochs
  std::optional<Components> components;  ///< that it was drawn from

  Table() = default;
  explicit Table(Sweep sweep) : Sweep(std::move(sweep)) {}
  double early_score(int config, int block) const { return early[at(config * blocks() + block)]; }
};

/// The same sweep with its folds and seeds in another order.
Table shuffled(const Table& table, Random& random) {
  std::vector<int> folds(at(table.folds)), seeds(at(table.seeds));
  std::iota(folds.begin(), folds.end(), 0);
  std::iota(seeds.begin(), seeds.end(), 0);
  std::shuffle(folds.begin(), folds.end(), random);
  std::shuffle(seeds.begin(), seeds.end(), random);
  Table other = table;
  for (std::size_t i = 0; i < other.runs.size(); ++i) {
    EndedRun& run = other.runs[i];
    const int block = seeds[static_cast<std::size_t>(run.seed)] * table.folds + folds[at(run.fold)];
    const EndedRun& from = table.run(run.config, block);
    run.score = from.score;
    run.actors = from.actors;
    if (!table.early.empty()) other.early[i] = table.early_score(run.config, block);
  }
  return other;
}

/// What a strategy did.
struct Outcome {
  std::vector<int> runs;      ///< of each config; its first blocks
  std::vector<bool> dropped;  ///< called behind, or never trained
  std::vector<Decision> decisions;
  double shorter = 0;                        ///< work of trials that were stopped early, in whole ones
  std::optional<std::vector<bool>> guessed;  ///< labels (behind the winner), where they are not those of a test

  explicit Outcome(const Sweep& table) : runs(at(table.configs)), dropped(at(table.configs)) {}
  double work() const { return std::accumulate(runs.begin(), runs.end(), shorter); }
};

Outcome replay_strategy(const Strategy& strategy, const Sweep& table, std::optional<Drawing> drawing = {}) {
  SearchSpace space = table.space();
  space.drawing = std::move(drawing);
  const History history = replay(strategy, space, table.runs);
  Outcome outcome(table);
  for (const EndedRun& run : history.runs) ++outcome.runs[at(run.config)];
  for (const Step& step : history.steps) {
    for (const Decision& decision : step.decisions) {
      outcome.decisions.push_back(decision);
      outcome.dropped[at(decision.config)] = decision.kind == DecisionKind::kBehind;
    }
  }
  for (int config = 0; config < table.configs; ++config) {
    if (outcome.runs[at(config)] == 0) outcome.dropped[at(config)] = true;
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
Outcome paired_t_race(const Table& table, Random&) {
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
Outcome wilcoxon_pruner(const Table& table, Random&) {
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

/// The better half continues after 3, 6, 12, ... blocks.
Outcome doubling_rungs(const Table& table, Random&) {
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

/// Medley's halving over epochs: every third config is promoted from the early rung to the last epoch.
Outcome halving(const Table& table, Random&) {
  std::vector<SpacePoint> points;
  for (int config = 0; config < table.configs; ++config) points.push_back({config});
  const Halving strategy(points, 2, 3);
  SearchSpace space = table.space();
  space.configs = 0;
  space.drawing.emplace();
  Outcome outcome(table);
  outcome.dropped.assign(at(table.configs), true);
  for (History history;;) {
    Step step = strategy.next(space, history);
    if (step.done) return outcome;
    for (const SpacePoint& point : step.drawn) space.drawing->points.push_back(point);
    space.configs = static_cast<int>(space.drawing->points.size());
    for (const SearchRun& run : step.add) {
      const SpacePoint& point = space.drawing->points[at(run.config)];
      const int config = static_cast<int>(*point[0]), block = static_cast<int>(run.seed) * table.folds + run.fold;
      EndedRun ended;
      static_cast<SearchRun&>(ended) = run;
      if (*point.back() == 0) {
        ended.score = table.early_score(config, block);
        outcome.shorter += table.early_epochs;
      } else {
        ended.score = table.score(config, block);
        outcome.shorter -= table.early_epochs;  // it takes up the shorter one
        outcome.dropped[at(config)] = false;
        ++outcome.runs[at(config)];
      }
      history.runs.push_back(std::move(ended));
    }
    history.steps.push_back(std::move(step));
  }
}

Outcome tpe_half(const Table& table, Random& random) {
  return replay_strategy(Tpe(table.configs / 2, 4, random()), table, table.drawing);
}

Outcome full_grid(const Table& table, Random&) {
  Outcome outcome(table);
  outcome.runs.assign(at(table.configs), table.blocks());
  return outcome;
}

/// The seeds from `first` on of a sweep.
Table some_seeds(const Table& table, int first, int seeds) {
  Table some = table;
  some.seeds = seeds;
  some.runs.clear();
  some.early.clear();
  for (std::size_t i = 0; i < table.runs.size(); ++i) {
    EndedRun run = table.runs[i];
    const int seed = static_cast<int>(run.seed) - first;
    if (seed < 0 || seed >= seeds) continue;
    run.seed = static_cast<std::uint64_t>(seed);
    some.runs.push_back(std::move(run));
    if (!table.early.empty()) some.early.push_back(table.early[i]);
  }
  return some;
}

Outcome random_half(const Table& table, Random& random) {
  Outcome outcome(table);
  std::vector<int> all = configs_of(table);
  std::shuffle(all.begin(), all.end(), random);
  for (std::size_t i = 0; i < all.size(); ++i) {
    outcome.dropped[at(all[i])] = i >= all.size() / 2;
    outcome.runs[at(all[i])] = i < all.size() / 2 ? table.blocks() : 0;
  }
  return outcome;
}

/// p of the test of reports that each config is behind `winner`, in the runs that both have. 1 where it is not behind.
std::vector<double> behind_p(const Table& table, int winner, const std::vector<int>& runs) {
  std::vector<double> p;
  for (int config = 0; config < table.configs; ++config) {
    p.push_back(1);
    const int both = std::min(runs[at(config)], runs[at(winner)]);
    if (config == winner || both < 3 || table.mean_score(config, both) > table.mean_score(winner, both)) continue;
    const auto first = [&](int of) {
      ConfigRuns some;
      for (int block = 0; block < both; ++block) some.push_back(&table.run(of, block));
      return some;
    };
    const PairedComparison result = Comparison(differences(first(config), first(winner)), table.folds).result();
    if (result.mean < 0) p.back() = result.p;
  }
  return p;
}

struct Judged {
  double work = 0, same_winner = 0, regret = 0;
  double tied_lost = 0;  ///< of the configs that the full table does not call behind its winner (p < .05, uncorrected)
  double labels = 0;     ///< same label (behind the winner, or tied) as in the full table
  double missed = 0;     ///< behind in the full table alone
};

/// `outcome` of `table`, beside the full grid of `whole`. The winner has the best mean of those with the most runs, of
/// what was not dropped.
Judged judge(const Outcome& outcome, const Table& table, const Table& whole) {
  const int blocks = table.blocks();
  const std::vector<int> all = configs_of(table), full_runs(at(table.configs), blocks);
  int most = 0;
  for (const int config : all) {
    if (!outcome.dropped[at(config)]) most = std::max(most, outcome.runs[at(config)]);
  }
  std::vector<int> kept;
  for (const int config : all) {
    if (!outcome.dropped[at(config)] && outcome.runs[at(config)] == most) kept.push_back(config);
  }
  const int winner = best_of(table, kept, most), full = best_of(whole, all, blocks);
  Judged judged;
  judged.work = outcome.work() / (table.configs * blocks);
  judged.same_winner = winner == full;
  if (table.truth.empty()) {
    judged.regret = whole.mean_score(full, blocks) - whole.mean_score(winner, blocks);
  } else {
    judged.regret = *std::max_element(table.truth.begin(), table.truth.end()) - table.truth[at(winner)];
  }
  const std::vector<double> p = behind_p(whole, full, full_runs), own_p = behind_p(table, winner, outcome.runs);
  double ties = 0, lost = 0;
  for (const int config : all) {
    const bool dropped = outcome.dropped[at(config)], behind = p[at(config)] < .05;
    const bool called = outcome.guessed ? (*outcome.guessed)[at(config)] : dropped || own_p[at(config)] < .05;
    judged.labels += 1. * (behind == called) / table.configs;
    judged.missed += 1. * (behind && !called) / table.configs;
    if (config == full || behind) continue;
    ++ties;
    lost += dropped;
  }
  judged.tied_lost = ties > 0 ? lost / ties : 0;
  return judged;
}

/// How well the labels of the full grid can be told after some seeds. It knows the components of variance and the mean
/// Score of every run, and completes the sweep many times. A config has the label of most completions.
Outcome best_guess(const Table& table, int seeds, Random& random) {
  constexpr int kCompletions = 100;
  const auto square = [](double x) { return x * x; };
  const Components& of = *table.components;
  const int C = table.configs, k = table.folds;
  const double own = square(of.config_fold), rest = square(of.residual), noise = rest / seeds;
  const double between = square(sample_sd(of.effects)) + (of.shared_luck ? (own + rest) / (k - 1) : 0);
  const double of_mean = (own + noise) / k, drawn = between / (between + of_mean), towards = own / (own + noise);
  std::vector<double> of_block(at(table.blocks()));
  for (const EndedRun& run : table.runs) of_block[at(static_cast<int>(run.seed) * k + run.fold)] += run.score / C;
  std::vector<int> behind(at(C));
  for (int i = 0; i < kCompletions; ++i) {
    Table whole = table;
    for (int config = 0; config < C; ++config) {
      std::vector<double> in_fold(at(k));
      for (int block = 0; block < seeds * k; ++block) {
        in_fold[at(block % k)] += (table.score(config, block) - of_block[at(block)]) / seeds;
      }
      const double effect = drawn * mean(in_fold) + std::sqrt(drawn * of_mean) * normal(random);
      for (double& value : in_fold) {
        value = effect + towards * (value - effect) + std::sqrt(towards * noise) * normal(random);
      }
      for (int block = seeds * k; block < table.blocks(); ++block) {
        whole.runs[at(config * table.blocks() + block)].score =
            of_block[at(block)] + in_fold[at(block % k)] + of.residual * normal(random);
      }
    }
    const std::vector<int> runs(at(C), table.blocks());
    const std::vector<double> p = behind_p(whole, best_of(whole, configs_of(table), table.blocks()), runs);
    for (int config = 0; config < C; ++config) behind[at(config)] += p[at(config)] < .05;
  }
  Outcome outcome(table);
  outcome.runs.assign(at(C), seeds * k);
  outcome.guessed.emplace();
  for (const int count : behind) outcome.guessed->push_back(count > kCompletions / 2);
  return outcome;
}

struct Named {
  const char* name;
  std::function<Outcome(const Table&, Random&)> run;
  std::function<bool(const Table&)> applies = [](const Table&) { return true; };
};

std::vector<Named> strategies(double margin) {
  const auto guess = [](const char* name, int seeds) {
    return Named{name, [=](const Table& table, Random& random) { return best_guess(table, seeds, random); },
                 [](const Table& table) { return table.components && table.seeds == 5; }};
  };
  return {
      {"race", [=](const Table& table, Random&) { return replay_strategy(Race(margin), table); }},
      {"race, margin 0", [](const Table& table, Random&) { return replay_strategy(Race(0), table); }},
      {"until-settled", [=](const Table& table, Random&) { return replay_strategy(UntilSettled(margin), table); }},
      {"halving over epochs", halving, [](const Table& table) { return !table.early.empty(); }},
      {"tpe, half of the configs", tpe_half},
      {"random half of the configs", random_half},
      {"full grid", full_grid},
      {"paired-t race, p < .05", paired_t_race},
      {"Wilcoxon pruner, p < .1", wilcoxon_pruner},
      {"doubling rungs", doubling_rungs},
      guess("best guess after 2 seeds", 2),
      guess("best guess after 4 seeds", 4),
  };
}

/// `next` draws or shuffles a sweep, of which `seeds` seeds are replayed. Where it has twice as many, the second half
/// shows how far labels of the full grid agree with those of other seeds.
void print_strategies(const std::string& name, double margin, int seeds, const std::function<Table(Random&)>& next) {
  constexpr int kOrders = 100;
  std::printf(
      "\n%s\n\n| strategy | work saved | tied lost | labels right | of these missed | same winner | regret |\n"
      "|---|---|---|---|---|---|---|\n",
      name.c_str());
  const auto print = [](const char* strategy, const std::vector<Judged>& all) {
    Judged sum;
    for (const Judged& one : all) {
      for (double Judged::*part : {&Judged::work, &Judged::same_winner, &Judged::regret, &Judged::tied_lost,
                                   &Judged::labels, &Judged::missed}) {
        sum.*part += one.*part / static_cast<double>(all.size());
      }
    }
    std::printf("| %s | %.1fx | %.1f %% | %.1f %% | %.1f %% | %.0f %% | %.4f |\n", strategy, 1 / sum.work,
                100 * sum.tied_lost, 100 * sum.labels, 100 * sum.missed, 100 * sum.same_winner, sum.regret);
    std::fflush(stdout);
  };
  for (const Named& strategy : strategies(margin)) {
    Random random(1);
    std::vector<Judged> all;
    for (int order = 0; order < kOrders; ++order) {
      const Table table = some_seeds(next(random), 0, seeds);
      if (!strategy.applies(table)) break;
      Random own(static_cast<std::uint64_t>(order));  // so that all see the same sweeps
      all.push_back(judge(strategy.run(table, own), table, table));
    }
    if (!all.empty()) print(strategy.name, all);
  }
  Random random(1);
  std::vector<Judged> all;
  for (int order = 0; order < kOrders; ++order) {
    const Table table = next(random);
    if (table.seeds < 2 * seeds) return;
    const Table first = some_seeds(table, 0, seeds), second = some_seeds(table, seeds, seeds);
    Random own(0);
    all.push_back(judge(full_grid(second, own), second, first));
  }
  print("full grid, other seeds", all);
}

struct World {
  const char* name;
  double margin;
  std::function<Table(int configs, Random&)> next;
};

std::vector<World> null_worlds() {
  const auto drawn = [](Components components, double behind = 0, int seeds = 5) {
    return [=](int configs, Random& random) {
      Components all = components;
      all.effects.assign(at(configs), -behind);
      all.effects[0] = 0;
      return Table(draw(all, 5, seeds, random));
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
      {"equal, by actors", 0, [](int configs, Random& random) { return Table(draw_actors(configs, 5, 5, random)); }},
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
      "| configs are | number | race drops | against 0 | all hold | paired-t loses | Wilcoxon loses | doubling loses | "
      "race saves | until-settled wrong | holds | saves |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
      sweeps);
  for (const World& world : null_worlds()) {
    for (const int configs : {10, 20, 40}) {
      double dropped[5] = {}, share[5] = {}, work = 0, settled_work = 0, all_hold = 0, hold = 0, held = 0, wrong = 0;
      for (int sweep = 0; sweep < sweeps; ++sweep) {
        Random random(static_cast<std::uint64_t>(sweep * 100 + configs));
        const Table table = world.next(configs, random);
        const std::vector<Outcome> outcomes = {replay_strategy(Race(world.margin), table),
                                               replay_strategy(Race(0), table), paired_t_race(table, random),
                                               wilcoxon_pruner(table, random), doubling_rungs(table, random)};
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

/// The grids of a store. Configs that an early rung stops are no configs of their own.
std::vector<std::pair<std::string, Table>> read_store(const std::string& path) {
  std::vector<std::pair<std::string, Table>> tables;
  medley::storage::Reader reader(path);
  for (const auto& summary : reader.sweeps()) {
    if (!summary.search.is_null() || summary.partitions.size() > 1) continue;
    const medley::storage::Reader::Snapshot snapshot(reader);
    const Report report = make_report(medley::storage::read_report_input(reader, summary));
    struct Rungs {
      const ConfigReport *early = nullptr, *whole = nullptr;
    };
    std::map<nlohmann::json, Rungs> configs;  // by axis values
    std::map<std::string, std::set<nlohmann::json>> values;
    for (const ConfigReport& config : report.configs) {
      nlohmann::json axes = config.axis_values;
      const double rung = config.settings.value("stop_after", 0.0);
      axes.erase("stop_after");
      for (const auto& [axis, value] : axes.items()) values[axis].insert(value);
      (rung > 0 ? configs[axes].early : configs[axes].whole) = &config;
    }
    Table table;
    table.folds = static_cast<int>(summary.folds.size());
    table.seeds = static_cast<int>(summary.seeds.size());
    table.drawing.parameters.starts.emplace_back();
    for (const auto& [axis, present] : values) {
      table.drawing.parameters.parameters.push_back({axis, {present.begin(), present.end()}, 0, 0, false, {}});
    }
    const auto runs_of = [&](const ConfigReport& config) {
      std::vector<EndedRun> runs;
      for (const RunScore& run : config.runs) {
        EndedRun& ended = runs.emplace_back();
        ended.config = table.configs;
        ended.seed = static_cast<std::uint64_t>(std::find(summary.seeds.begin(), summary.seeds.end(), run.seed) -
                                                summary.seeds.begin());
        ended.fold =
            static_cast<int>(std::find(summary.folds.begin(), summary.folds.end(), run.fold) - summary.folds.begin());
        ended.score = run.held_out;
        ended.actors = run.actors;
      }
      std::sort(runs.begin(), runs.end(), [](const SearchRun& a, const SearchRun& b) { return a < b; });
      return runs;
    };
    bool rungs = true;
    for (const auto& [axes, config] : configs) {
      if (!config.whole || !config.whole->complete()) continue;
      for (EndedRun& run : runs_of(*config.whole)) table.runs.push_back(std::move(run));
      rungs &= config.early && config.early->complete();
      if (rungs) {
        for (const EndedRun& run : runs_of(*config.early)) table.early.push_back(run.score);
        table.early_epochs =
            config.early->settings.at("stop_after").get<double>() / config.early->settings.at("epochs").get<double>();
      }
      SpacePoint point{0};
      for (const auto& [axis, present] : values) {
        point.emplace_back();
        if (axes.contains(axis)) point.back() = std::distance(present.begin(), present.find(axes[axis]));
      }
      table.drawing.points.push_back(std::move(point));
      ++table.configs;
    }
    if (!rungs) table.early.clear();
    if (table.configs > 1) tables.emplace_back(summary.name, std::move(table));
  }
  return tables;
}

double square(double x) { return x * x; }

/// Method of moments in the two-way layout: mean squares of config x fold and of the rest, blocks taken out.
Components components_of(const Table& table) {
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

/// Draws a sweep with twice `seeds`. Places of configs explain about half of how good they are: those of a lattice are
/// ranked by sums of one effect for each coordinate and one of their own, and configs by what is true. What Scores at a
/// quarter of the epochs are drawn around correlates kEarly with what is true.
Table planted(const Components& components, int seeds, Random& random) {
  constexpr int kRates = 5, kDropouts = 2;
  constexpr double kEarly = .8;
  Table table(draw(components, 5, 2 * seeds, random));
  table.components = components;
  const int kinds = (table.configs + kRates * kDropouts - 1) / (kRates * kDropouts);
  ParameterSpace& space = table.drawing.parameters;
  space.starts.emplace_back();
  space.parameters = {{"learning_rate", {1e-4, 3e-4, 1e-3, 3e-3, 1e-2}, 0, 0, false, {}},
                      {"dropout", {0, .3}, 0, 0, false, {}},
                      {"fusion_dim", {}, 0, 0, false, {}}};
  for (int kind = 0; kind < kinds; ++kind) space.parameters.back().values.push_back(64 << kind);
  Random own(static_cast<std::uint64_t>(random()));
  std::vector<std::pair<double, SpacePoint>> places;
  std::vector<std::vector<double>> effects;
  for (const int values : {kRates, kDropouts, kinds}) {
    effects.emplace_back();
    for (int value = 0; value < values; ++value) effects.back().push_back(normal(own) / std::sqrt(3));
  }
  for (int i = 0; i < table.configs; ++i) {
    const int place[] = {i % kRates, i / kRates % kDropouts, i / kRates / kDropouts};
    double worth = normal(own);
    SpacePoint point{0};
    for (std::size_t k = 0; k < 3; ++k) {
      worth += effects[k][at(place[k])];
      point.emplace_back(place[k]);
    }
    places.emplace_back(worth, std::move(point));
  }
  std::sort(places.begin(), places.end());
  std::vector<int> ranked = configs_of(table);
  std::sort(ranked.begin(), ranked.end(), [&](int a, int b) { return table.truth[at(a)] < table.truth[at(b)]; });
  table.drawing.points.resize(at(table.configs));
  for (std::size_t i = 0; i < ranked.size(); ++i) table.drawing.points[at(ranked[i])] = places[i].second;
  table.early_epochs = .25;
  const double sd = sample_sd(table.truth);
  for (int config = 0; config < table.configs; ++config) {
    const double effect = kEarly * table.truth[at(config)] + std::sqrt(1 - kEarly * kEarly) * sd * normal(own);
    for (int block = 0; block < table.blocks(); ++block) {
      table.early.push_back(.3 + effect + components.residual * normal(own));
    }
  }
  return table;
}

}  // namespace

int main(int argc, char** argv) try {
  const int sweeps = argc > 1 ? std::atoi(argv[1]) : 1000;
  constexpr double kMargin = .01;
  if (sweeps < 0) {
    std::fprintf(stderr, "usage: replay [sweeps=1000 [STORE...]]\n");
    return 2;
  }
  const auto print_planted = [&](const char* name, int configs, double sd, int seeds) {
    print_strategies(name, kMargin, seeds, [=](Random& random) {
      Components components;
      for (int config = 0; config < configs; ++config) components.effects.push_back(sd * normal(random));
      return planted(components, seeds, random);
    });
  };
  if (argc <= 2) {
    print_planted("mixed: 41 configs, SD .04, 5 folds x 5 seeds", 41, .04, 5);
    print_planted("mixed: 41 configs, SD .02, 5 folds x 5 seeds", 41, .02, 5);
    print_planted("close: 16 configs, SD .005, 5 folds x 5 seeds", 16, .005, 5);
    print_planted("mixed: 41 configs, SD .02, 5 folds x 10 seeds", 41, .02, 10);
    print_planted("null: 20 configs, 5 folds x 5 seeds", 20, 0, 5);
  }
  for (int i = 2; i < argc; ++i) {
    for (const auto& [name, table] : read_store(argv[i])) {
      const Components components = components_of(table);
      print_strategies(name, kMargin, table.seeds,
                       [&, &table = table](Random& random) { return shuffled(table, random); });
      char text[200];
      std::snprintf(text, sizeof text, "%s, as drawn: SD of configs %.4f, config x fold %.4f, rest %.4f", name.c_str(),
                    sample_sd(components.effects), components.config_fold, components.residual);
      print_strategies(text, kMargin, 5, [&](Random& random) { return planted(components, 5, random); });
    }
  }
  if (sweeps > 0) print_null(sweeps);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "replay: %s\n", error.what());
  return 1;
}
