#include "sweep/score/mix.h"

#include <algorithm>
#include <cmath>

namespace medley::sweep {

double floored(double probability) { return std::max(probability, 1e-12); }

double mix_term(Mix mix, double probability) {
  return mix == Mix::kArithmetic ? probability : std::log(floored(probability));
}

void mix_sums(Mix mix, double* sums, std::size_t classes, double weight) {
  double total = weight;
  if (mix == Mix::kGeometric) {
    // Less the largest exponent, so that none overflows and the total is at least 1.
    const double largest = *std::max_element(sums, sums + classes);
    total = 0;
    for (std::size_t c = 0; c < classes; ++c) total += sums[c] = std::exp((sums[c] - largest) / weight);
  }
  for (std::size_t c = 0; c < classes; ++c) sums[c] /= total;
}

}  // namespace medley::sweep
