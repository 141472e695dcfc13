#pragma once

#include <string>
#include <vector>

#include "sweep/report/report.h"

namespace medley::sweep {

/// The members of late fusion, one model an encoder, as in the 6th-place system (arXiv 2603.23650). For each encoder
/// subset of `scores` it is the config that make_report() ranks first when it sees `folds` only. Returns ids, the best
/// first. Nothing of the other folds is read. Thresholds come from the other ones of `folds` even where an inner fold
/// chose them, since that may be a fold outside. Throws Error as make_report() does.
std::vector<std::string> best_of_subsets(const ReportInput& scores, const std::vector<int>& folds);

}  // namespace medley::sweep
