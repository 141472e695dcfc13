#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "sweep/label.h"

namespace medley::sweep {

/// Probabilities [clip, 6] that say the truth with this logit under normal noise of their own.
inline std::vector<double> noisy_truth(const std::vector<Label>& truth, double strength, std::mt19937& random,
                                       std::normal_distribution<double>& normal) {
  std::vector<double> p;
  for (const Label& label : truth) {
    double row[6];
    double total = 0;
    for (int c = 0; c < 6; ++c) {
      const double share = c == label.first    ? label.salience / 100.0
                           : c == label.second ? 1 - label.salience / 100.0
                                               : 0;
      total += row[c] = std::exp(strength * share + normal(random));
    }
    for (const double value : row) p.push_back(value / total);
  }
  return p;
}

}  // namespace medley::sweep
