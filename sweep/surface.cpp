#include "sweep/surface.h"

#include <cassert>
#include <cstddef>

#include "sweep/threshold_grid.h"

namespace medley::sweep {
namespace {

double ratio(int hits, int of) { return of == 0 ? 0.0 : static_cast<double>(hits) / of; }

}  // namespace

const std::array<double, kGridSize>& threshold_grid() {
  static const std::array<double, kGridSize> grid = [] {
    std::array<double, kGridSize> values{};
    // numpy.linspace: start + i * step, and the end itself.
    const double step = (0.95 - 0.05) / (kGridSize - 1);
    for (int i = 0; i < kGridSize; ++i) values[static_cast<std::size_t>(i)] = 0.05 + i * step;
    values.back() = 0.95;
    return values;
  }();
  return grid;
}

std::array<double, kGridSize> ThresholdGrid::values() const {
  if (is_official()) return threshold_grid();
  std::array<double, kGridSize> values{};
  const double step = (0.95 - from) / (points - 1);
  for (int i = 0; i < kGridSize; ++i) values[static_cast<std::size_t>(i)] = i < points - 1 ? from + i * step : 0.95;
  return values;
}

ThresholdSurface& ThresholdSurface::operator+=(const ThresholdSurface& other) {
  for (std::size_t i = 0; i < presence_hits.size(); ++i) {
    presence_hits[i] += other.presence_hits[i];
    salience_hits[i] += other.salience_hits[i];
  }
  clips += other.clips;
  blends += other.blends;
  return *this;
}

ThresholdSurface& ThresholdSurface::operator-=(const ThresholdSurface& other) {
  for (std::size_t i = 0; i < presence_hits.size(); ++i) {
    presence_hits[i] -= other.presence_hits[i];
    salience_hits[i] -= other.salience_hits[i];
  }
  clips -= other.clips;
  blends -= other.blends;
  return *this;
}

Accuracy ThresholdSurface::at(int alpha_index, int beta_index) const {
  assert(alpha_index >= 0 && alpha_index < kGridSize && beta_index >= 0 && beta_index < kGridSize);
  const auto cell = static_cast<std::size_t>(alpha_index * kGridSize + beta_index);
  return {ratio(presence_hits[cell], clips), ratio(salience_hits[cell], blends)};
}

ThresholdSurface::Best ThresholdSurface::best() const {
  Best best;
  double best_score = -1;
  for (int a = 0; a < kGridSize; ++a) {
    for (int b = 0; b < kGridSize; ++b) {
      const Accuracy here = at(a, b);
      best.presence_only = std::max(best.presence_only, here.presence);
      best.salience_only = std::max(best.salience_only, here.salience);
      // Compared as doubles, like the official code: cells whose exact Scores tie may differ in the last bit.
      if (here.score() > best_score) {
        best_score = here.score();
        best.alpha_index = a;
        best.beta_index = b;
        best.accuracy = here;
      }
    }
  }
  const auto& grid = threshold_grid();
  best.thresholds = {grid[static_cast<std::size_t>(best.alpha_index)], grid[static_cast<std::size_t>(best.beta_index)]};
  return best;
}

}  // namespace medley::sweep
