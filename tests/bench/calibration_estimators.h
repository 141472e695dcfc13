#pragma once

#include <vector>

#include "sweep/score/statistics.h"

namespace medley::calibration {

/// What an estimator says of one sweep.
struct Judged {
  double mean = 0;
  sweep::Interval interval;  ///< 95 %
  double p = 1;
};

/// Names of the candidates for the estimator of a difference; that of the product is in bold.
const std::vector<const char*>& estimator_names();

/// Of each candidate, in their order, for differences of two configs on the folds of a partition.
std::vector<Judged> judge_differences(const std::vector<sweep::RunDifference>& runs, int folds);

}  // namespace medley::calibration
