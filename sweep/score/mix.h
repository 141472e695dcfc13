#pragma once

#include <cstddef>

#include "sweep/named_enum.h"

namespace medley::sweep {

/// How members with weights w_m become one prediction. kArithmetic: p_c = sum_m w_m p_mc (linear opinion pool).
/// kGeometric: p_c proportional to prod_m p_mc^w_m (logarithmic opinion pool; Genest & Zidek 1986).
#define MEDLEY_MIX(X) X(kArithmetic, "arithmetic") X(kGeometric, "geometric")
MEDLEY_NAMED_ENUM(Mix, MEDLEY_MIX)

/// A probability of which a logarithm can be taken: 1e-12 for less.
double floored(double probability);

/// The term of a member's probability: sums of weight times term are what mix_sums() takes.
double mix_term(Mix mix, double probability);

/// Turns the sums of one clip, [class], into probabilities. `weight` is the sum of the weights, above 0. A geometric
/// mix of mixes is the mix of all their members, as factors of a whole row cancel.
void mix_sums(Mix mix, double* sums, std::size_t classes, double weight);

}  // namespace medley::sweep
