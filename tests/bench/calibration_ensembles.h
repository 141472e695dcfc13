#pragma once

#include <string>

namespace medley::calibration {

/// Prints a Markdown table: how often intervals of an ensemble's nested Score hold what is true of new actors.
void calibrate_ensembles(long sweeps, const std::string& word);

}  // namespace medley::calibration
