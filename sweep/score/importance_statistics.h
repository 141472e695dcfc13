#pragma once

#include <vector>

namespace medley::sweep {

/// Ranks from 1, the largest value first; equal values share the mean of their ranks.
std::vector<double> average_ranks(const std::vector<double>& values);

/// Kendall's coefficient of concordance with the correction for ties (Kendall & Smith 1939; Siegel 1956). It measures
/// the agreement of the rankings of `raters` [rater][item], 0 to 1. NaN below two raters or items, and when all items
/// tie for all.
double kendall_w(const std::vector<std::vector<double>>& raters);

/// Spearman's rank correlation: Pearson's of average ranks. NaN below two pairs and where one side is constant.
double spearman(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace medley::sweep
