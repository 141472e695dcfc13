#pragma once

#include <functional>
#include <vector>

namespace medley::trainer {

/// The value at x, and its gradient, which has the size of x.
using SmoothFunction = std::function<double(const std::vector<double>& x, std::vector<double>& gradient)>;

/// Multiplies a vector by a positive definite matrix, in place.
using Product = std::function<void(std::vector<double>&)>;

/// The minimum of a convex function by L-BFGS of ten pairs (Nocedal & Wright 2006, algorithm 7.5), from `start` on.
/// `inverse` approximates the inverse Hessian before there are pairs, and is scaled by the last of them. Without it, it
/// is the identity. A step is halved until it meets Armijo's condition. Ends where no derivative is above `tolerance`,
/// where rounding leaves no descent, where the function is not finite, or after 1000 steps.
std::vector<double> minimise(const SmoothFunction& function, std::vector<double> start, double tolerance,
                             const Product& inverse = {});

}  // namespace medley::trainer
