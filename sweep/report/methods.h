#pragma once

#include <string>

#include "sweep/report/report.h"

namespace medley::sweep {

/// The paragraph of a paper that says how the numbers of a report were made: data, configs, folds and seeds, Scores,
/// intervals and tests, correction, failures, versions; then the references. Paragraphs are lines. Pure.
std::string methods_text(const Report& report);

}  // namespace medley::sweep
