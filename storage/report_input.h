#pragma once

#include <vector>

#include "storage/reader.h"
#include "sweep/diagnostic.h"
#include "sweep/report.h"

namespace medley::storage {

/// Everything finished of a sweep as sweep::make_report() takes it; the clean numbers decode by thresholds. Several
/// reads: hold a Reader::Snapshot.
sweep::ReportInput read_report_input(Reader& reader, const SweepSummary& sweep);

/// What the sweep file, as submitted last, asks under `compare`. A file that another version of Medley took may hold
/// what this one does not know: that is added to `mistakes`, and costs no table that can be made without it.
std::vector<sweep::Family> read_families(Reader& reader, const SweepSummary& sweep,
                                         std::vector<sweep::Diagnostic>& mistakes);

}  // namespace medley::storage
