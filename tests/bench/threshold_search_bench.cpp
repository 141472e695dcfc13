// The threshold search over one fold: all 400 cells in one pass, beside decoding every clip at every cell.
//
// usage: threshold_search_bench [--input FILE] [Google Benchmark options]
// FILE (written by threshold_search.py): int32 clips, float64 P [clip, 6], int32 labels [clip, (first, second,
// salience)].
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "sweep/score/metric.h"

namespace {

using namespace medley::sweep;

struct Fold {
  std::vector<double> p;
  std::vector<Label> truth;
  ProbabilityView view() const { return {p.data(), static_cast<int>(truth.size()), 6}; }
};

Fold& fold() {
  static Fold instance;
  return instance;
}

/// As many clips as the largest official fold, with labels and probabilities at random.
Fold random_fold() {
  Fold made;
  std::mt19937 random(1);
  std::gamma_distribution<double> gamma(0.5);
  for (int clip = 0; clip < 522; ++clip) {
    double row[6];
    double total = 0;
    for (double& value : row) total += value = gamma(random) + 1e-9;
    for (const double value : row) made.p.push_back(value / total);
    const int a = static_cast<int>(random() % 5);
    const int b = static_cast<int>(random() % 5);
    made.truth.push_back(a == b ? Label{a, -1, 100} : make_blend(a, b, 30 + 20 * static_cast<int>(random() % 3)));
  }
  return made;
}

Fold read_fold(const char* path) {
  std::ifstream in(path, std::ios::binary);
  std::int32_t clips = 0;
  in.read(reinterpret_cast<char*>(&clips), sizeof clips);
  if (!in || clips < 1 || clips > 1000000) {
    std::fprintf(stderr, "%s: not an input of threshold_search.py\n", path);
    std::exit(1);
  }
  Fold made;
  made.p.resize(static_cast<std::size_t>(clips) * 6);
  in.read(reinterpret_cast<char*>(made.p.data()), static_cast<std::streamsize>(made.p.size() * sizeof(double)));
  for (int i = 0; i < clips; ++i) {
    std::int32_t label[3];
    in.read(reinterpret_cast<char*>(label), sizeof label);
    made.truth.push_back({label[0], label[1], label[2]});
  }
  if (!in) {
    std::fprintf(stderr, "%s: too short\n", path);
    std::exit(1);
  }
  return made;
}

void report(benchmark::State& state, const ThresholdSurface::Best& best) {
  state.counters["alpha"] = best.alpha_index;
  state.counters["beta"] = best.beta_index;
  state.counters["score"] = best.accuracy.score();
  state.counters["clips"] = static_cast<double>(fold().truth.size());
}

void one_pass(benchmark::State& state) {
  const Classes classes = Classes::blemore();
  ThresholdSurface::Best best;
  for (auto _ : state) {
    best = threshold_surface(fold().view(), fold().truth, classes).best();
    benchmark::DoNotOptimize(best);
  }
  report(state, best);
}
BENCHMARK(one_pass)->Unit(benchmark::kMicrosecond);

void every_cell(benchmark::State& state) {
  const Classes classes = Classes::blemore();
  const auto view = fold().view();
  double best = 0;
  for (auto _ : state) {
    best = 0;
    std::vector<Label> said(fold().truth.size());
    for (const double alpha : threshold_grid()) {
      for (const double beta : threshold_grid()) {
        for (int clip = 0; clip < view.clips; ++clip) {
          said[static_cast<std::size_t>(clip)] = decode(view.row(clip), classes, Thresholds{alpha, beta});
        }
        best = std::max(best, accuracy(said, fold().truth).score());
      }
    }
    benchmark::DoNotOptimize(best);
  }
  state.counters["score"] = best;
}
BENCHMARK(every_cell)->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::strcmp(argv[1], "--input") == 0) {
    fold() = read_fold(argv[2]);
    argv[2] = argv[0];
    argv += 2;
    argc -= 2;
  } else {
    fold() = random_fold();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
