// CPU seconds of fit_ensemble() for each method, on made-up candidates: each knows the truth a little, and all are
// wrong together. Six classes, five folds.
//
//   ensemble_bench [CANDIDATES [CLIPS]]
#include <cmath>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>

#include "sweep/score/ensemble.h"

namespace {

using namespace medley::sweep;

OutOfFold made_up(int candidates, int clips) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  OutOfFold rows;
  rows.classes = Classes::blemore();
  const auto classes = static_cast<std::size_t>(rows.classes.count());
  std::vector<double> common;
  for (int clip = 0; clip < clips; ++clip) {
    const auto a = static_cast<int>(random() % 5), b = static_cast<int>(random() % 5);
    rows.truth.push_back(a == b ? Label{a, -1, 100} : make_blend(a, b, 30 + 20 * static_cast<int>(random() % 3)));
    rows.fold.push_back(clip % 5);
    rows.actor.push_back(clip % 50);
    for (std::size_t c = 0; c < classes; ++c) {
      const bool named = static_cast<int>(c) == a || static_cast<int>(c) == b;
      common.push_back(normal(random) + (named ? 1 : 0));
    }
  }
  for (int m = 0; m < candidates; ++m) {
    std::vector<double>& p = rows.candidates.emplace_back(common);
    for (std::size_t i = 0; i < p.size(); i += classes) {
      double total = 0;
      for (std::size_t c = 0; c < classes; ++c) total += p[i + c] = std::exp(p[i + c] + 0.7 * normal(random));
      for (std::size_t c = 0; c < classes; ++c) p[i + c] /= total;
    }
  }
  return rows;
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  const int candidates = argc > 1 ? std::stoi(argv[1]) : 1000, clips = argc > 2 ? std::stoi(argv[2]) : 10000;
  const OutOfFold rows = made_up(candidates, clips);
  for (const EnsembleMethod method : {EnsembleMethod::kMean, EnsembleMethod::kSimplex, EnsembleMethod::kCaruana}) {
    EnsembleOptions options;
    options.method = method;
    const double begin = cpu_seconds();
    const Ensemble ensemble = fit_ensemble(rows, options);
    std::printf("%-8s %7.2f s, nested Score %.6f\n", name_of(method), cpu_seconds() - begin, ensemble.nested.score());
    std::fflush(stdout);
  }
}
