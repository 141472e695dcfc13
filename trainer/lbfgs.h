#pragma once

#include <functional>
#include <vector>

namespace medley::trainer {

/// The value at x, and its gradient, which has the size of x.
using SmoothFunction = std::function<double(const std::vector<double>& x, std::vector<double>& gradient)>;

/// The minimum of a convex function by L-BFGS of ten pairs (Nocedal & Wright 2006, algorithm 7.5), from `start` on. A
/// step is halved until it meets Armijo's condition. Ends where no derivative is above `tolerance`, where rounding
/// leaves no descent, where the function is not finite, or after 1000 steps.
std::vector<double> minimise(const SmoothFunction& function, std::vector<double> start, double tolerance);

}  // namespace medley::trainer
