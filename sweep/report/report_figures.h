#pragma once

#include <string>
#include <vector>

#include "sweep/report/figure.h"
#include "sweep/report/report.h"
#include "sweep/result.h"

namespace medley::sweep {

/// The epochs of one finished trial.
struct TrialCurve {
  std::string config;
  std::vector<EpochMetrics> epochs;
};

/// Ids of the configs whose epochs the figures show: the first of the ranking, and the reference where it is another.
std::vector<std::string> configs_with_curves(const Report& report);

/// Of the Scores of a report: a forest plot of the planned comparisons, else of the differences to the reference; Score
/// over the weight of adaptation; learning curves; the draws of a random search, a figure each for the three axes that
/// explain most. Pure. `paper_mm`: ChartText::paper_mm.
Figures make_figures(const Report& report, const std::vector<TrialCurve>& curves, double paper_mm = 0);

}  // namespace medley::sweep
