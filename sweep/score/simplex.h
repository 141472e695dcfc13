#pragma once

#include <cstddef>
#include <vector>

#include "sweep/score/mix.h"

namespace medley::sweep {

/// Weights [member] on the simplex that minimise the log loss of the mix,
///
///     F(w) = 1/clips sum_i -sum_c y_ic log mix_ic(w),
///
/// with y the soft labels. This is their KL to the mix, up to a constant. `members` has floored probabilities
/// [member][clip, class], `shares` has y [clip, class], whose rows sum to 1.
///
/// F is convex in w for both mixes. Arithmetic: a negative logarithm of a linear function. Geometric: log-sum-exp less
/// a linear function, sum_i [log sum_c exp(w . l_ic) - w . sum_c y_ic l_ic] with l = log p. Newton steps on the members
/// of positive weight, which begin with the best one alone. When these are at rest, the member of the steepest descent
/// joins; ties go to the first. A member whose weight reaches 0 leaves. So equal or dependent members never stand
/// together, and the Hessian is regular. The end are the conditions of Kuhn and Tucker: gradients of members with
/// weight differ by at most 1e-10, and no other is lower by more.
std::vector<double> least_loss_weights(Mix mix, const std::vector<std::vector<double>>& members,
                                       const std::vector<double>& shares, std::size_t classes);

}  // namespace medley::sweep
