#pragma once

#include <string>
#include <vector>

#include "sweep/report/report.h"

namespace medley::sweep {

/// Whom late fusion weighs (one model an encoder, as the 6th-place system, arXiv 2603.23650): for each encoder subset
/// of `scores` the config that make_report() ranks first when it is shown `folds` only; ids, the best first. Of the
/// other folds nothing is read: thresholds come from the other ones of `folds` even where an inner fold chose them,
/// since that may be a fold outside. Throws Error as make_report() does.
std::vector<std::string> best_of_subsets(const ReportInput& scores, const std::vector<int>& folds);

}  // namespace medley::sweep
