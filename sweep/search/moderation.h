#pragma once

#include <vector>

namespace medley::sweep {

/// Derivatives of log gamma at x > 0.
double digamma(double x);
double trigamma(double x);
/// The x with trigamma(x) = y, y > 0.
double inverse_trigamma(double y);

/// Variances of several configs, each estimated with few degrees of freedom, say something of each other. Smyth (2004,
/// limma) takes the true variances for draws from a scaled inverse chi-squared distribution with d0 degrees of freedom,
/// and fits d0 to the spread of the logarithms of the estimates. Infinite: they do not differ beyond chance. Estimates
/// far below the others count as 1e-5 of their median, as in limma. `freedoms` belong to the estimates. Fewer than two
/// estimates, or estimates of zero alone, say nothing: 0.
double prior_freedom(std::vector<double> variances, const std::vector<double>& freedoms);

/// A variance estimated with `freedom`, drawn towards `prior`: (d0 prior + d own) / (d0 + d).
double moderated(double own, double freedom, double prior, double prior_freedom);

}  // namespace medley::sweep
