// Are the half widths that a plan predicts those that a sweep reaches? Every two configs of each sweep are compared.
// Their half widths are predicted by the median of the other sweeps of the dataset, by the assumption where there are
// none, and by the pair's own first seeds, as a plan does of one seed, and a report of more (more_seeds). The last row
// of a sweep is simulated. Its prediction knows the variances of each pair, and only their estimates by chance are
// beyond 20 %.
//
// usage: power STORE...    prints a Markdown table
#include "sweep/score/power.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "storage/reader.h"
#include "storage/report_input.h"

namespace {

using namespace medley;

struct Sweep {
  std::string name, dataset;
  sweep::Design design;
  std::vector<std::vector<sweep::RunDifference>> pairs;
  std::vector<std::uint64_t> seeds;
  sweep::DifferenceVariance assumed;

  std::vector<sweep::DifferenceVariance> variances() const {
    std::vector<sweep::DifferenceVariance> all;
    for (const auto& pair : pairs) {
      all.push_back(sweep::variance_of({pair, design.folds}, design.folds, design.seeds, design.clips));
    }
    return all;
  }
};

Sweep read(storage::Reader& reader, const storage::SweepSummary& summary) {
  Sweep sweep{summary.name, summary.dataset, {static_cast<int>(summary.folds.size())}, {}, summary.seeds, {}};
  const storage::Reader::Snapshot snapshot(reader);
  double blends = 0;
  std::set<std::string> actors;
  const auto dataset = reader.find_dataset(summary.dataset);
  for (const auto& clip : dataset->clips) {
    if (!clip.label || std::count(summary.folds.begin(), summary.folds.end(), clip.fold) == 0) continue;
    ++sweep.design.clips;
    blends += clip.label->second >= 0;
    actors.insert(clip.actor);
  }
  sweep.design.seeds = static_cast<int>(summary.seeds.size());
  sweep.assumed =
      sweep::assumed_variance(sweep.design.clips, blends, actors.count("") > 0 ? 0 : static_cast<int>(actors.size()));
  const sweep::Report report = sweep::make_report(storage::read_report_input(reader, summary));
  for (const auto& config : report.configs) {
    if (!config.complete() || config.settings.value("stop_after", 0.0) > 0) continue;
    for (const auto& other : report.configs) {
      if (&other == &config) break;
      if (other.complete() && other.settings.value("stop_after", 0.0) == 0) {
        sweep.pairs.push_back(sweep::run_differences(config, other, &sweep::RunScore::held_out));
      }
    }
  }
  return sweep;
}

struct Hits {
  double centre = 0;  ///< median of what was predicted
  double share = 0;   ///< within 20 %
};

Hits count(const std::vector<double>& predicted, const std::vector<double>& reached) {
  double within = 0;
  for (std::size_t i = 0; i < reached.size(); ++i) within += std::fabs(reached[i] / predicted[i] - 1) <= .2;
  return {sweep::quantile(predicted, .5), within / static_cast<double>(reached.size())};
}

void print_row(const Sweep& of, const char* by, const std::vector<double>& predicted,
               const std::vector<double>& reached) {
  const Hits hits = count(predicted, reached);
  std::printf("| %s | %d x %d | %zu | %.4f, %.4f, %.4f | %s | %.4f | %.0f %% |\n", of.name.c_str(), of.design.folds,
              of.design.seeds, reached.size(), sweep::quantile(reached, .1), sweep::quantile(reached, .5),
              sweep::quantile(reached, .9), by, hits.centre, 100 * hits.share);
}

std::vector<sweep::RunDifference> first_seeds(const Sweep& of, const std::vector<sweep::RunDifference>& pair,
                                              int seeds) {
  const std::set<std::uint64_t> first(of.seeds.begin(), of.seeds.begin() + seeds);
  std::vector<sweep::RunDifference> some;
  std::copy_if(pair.begin(), pair.end(), std::back_inserter(some),
               [&](const auto& run) { return first.count(run.seed) > 0; });
  return some;
}

/// Half widths by estimates of known variances, the medians of each pair, and what came of them.
void simulate(const Sweep& of, std::vector<double>& predicted, std::vector<double>& reached) {
  constexpr int kDraws = 200;
  std::mt19937_64 random(1);
  const auto estimated = [&](double variance, double freedom) {
    return variance * std::chi_squared_distribution<>(freedom)(random) / freedom;
  };
  std::vector<sweep::DifferenceVariance> variances = of.variances();
  sweep::share_lasting(variances);
  const int k = of.design.folds, seeds = of.design.seeds;
  for (const auto& variance : variances) {
    std::vector<double> widths;
    for (int draw = 0; draw < kDraws; ++draw) {
      const double of_actors = estimated(variance.lasting + variance.of_seeds / seeds, variance.freedom);
      double training = 0, squares = 0;
      for (int fold = 0; fold < k; ++fold) {
        const double of_fold = estimated(variance.training / seeds / k, seeds - 1);
        training += of_fold;
        squares += of_fold * of_fold / (seeds - 1);
      }
      const double freedom = sweep::satterthwaite(of_actors, variance.freedom, training, training * training / squares);
      widths.push_back(sweep::student_t_quantile(.975, freedom) *
                       std::sqrt((of_actors + training) * (1 + 1. / (k - 1))));
    }
    predicted.insert(predicted.end(), widths.size(), sweep::quantile(widths, .5));
    reached.insert(reached.end(), widths.begin(), widths.end());
  }
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<Sweep> sweeps;
  for (int i = 1; i < argc; ++i) {
    storage::Reader reader(argv[i]);
    for (const auto& summary : reader.sweeps()) {
      Sweep sweep = read(reader, summary);
      if (!sweep.pairs.empty()) sweeps.push_back(std::move(sweep));
    }
  }
  std::printf(
      "| sweep | folds x seeds | pairs | reached: 10, 50, 90 %% | predicted by | median | within 20 %% |\n"
      "|---|---|---|---|---|---|---|\n");
  for (const Sweep& of : sweeps) {
    std::vector<double> reached;
    for (const auto& pair : of.pairs) {
      reached.push_back(sweep::Comparison(pair, of.design.folds).half_width(of.design.seeds));
    }
    const auto one_number = [&](double predicted) { return std::vector<double>(reached.size(), predicted); };
    std::vector<sweep::DifferenceVariance> others;
    for (const Sweep& other : sweeps) {
      if (&other == &of || other.dataset != of.dataset) continue;
      for (const auto& pair : other.variances()) others.push_back(pair);
    }
    if (!others.empty()) {
      sweep::share_lasting(others);
      const double predicted = sweep::quantile(sweep::smallest_differences(others, of.design), .5);
      print_row(of, "other sweeps", one_number(predicted), reached);
    }
    print_row(of, "assumption", one_number(sweep::smallest_difference(of.assumed, of.design)), reached);
    print_row(of, "its own median", one_number(sweep::quantile(reached, .5)), reached);
    for (int seeds = 1; seeds < of.design.seeds; ++seeds) {
      std::vector<double> predicted;
      for (const auto& pair : of.pairs) {
        const sweep::Comparison comparison(first_seeds(of, pair, seeds), of.design.folds);
        const auto variance = sweep::variance_of(comparison, of.design.folds, seeds, of.design.clips);
        predicted.push_back(seeds == 1 ? sweep::smallest_difference(variance, of.design)
                                       : comparison.half_width(of.design.seeds));
      }
      print_row(of, (std::to_string(seeds) + " seeds of the pair").c_str(), predicted, reached);
    }
    if (of.design.seeds == 1 || of.assumed.by != sweep::Clusters::kActors) continue;
    std::vector<double> predicted, simulated;
    simulate(of, predicted, simulated);
    print_row(of, "no error but chance", predicted, simulated);
  }
  std::printf(
      "\n| sweep | variance with one seed | assumed | lasting | of seeds | training |\n|---|---|---|---|---|---|\n");
  for (const Sweep& of : sweeps) {
    std::vector<double> all;
    sweep::DifferenceVariance sum;
    for (const auto& pair : of.variances()) {
      all.push_back(pair.lasting + pair.of_seeds + pair.training);
      sum.lasting += pair.lasting;
      sum.of_seeds += pair.of_seeds;
      sum.training += pair.training;
    }
    const double total = sum.lasting + sum.of_seeds + sum.training;
    std::printf("| %s | %.2e | %.2e | %.0f %% | %.0f %% | %.0f %% |\n", of.name.c_str(), sweep::quantile(all, .5),
                of.assumed.lasting + of.assumed.of_seeds + of.assumed.training, 100 * sum.lasting / total,
                100 * sum.of_seeds / total, 100 * sum.training / total);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "power: %s\n", error.what());
  return 1;
}
