#pragma once

#include "storage/reader.h"
#include "sweep/report.h"

namespace medley::storage {

/// Everything finished of a sweep as sweep::make_report() takes it; the clean numbers decode by thresholds. Several
/// reads: hold a Reader::Snapshot.
sweep::ReportInput read_report_input(Reader& reader, const SweepSummary& sweep);

}  // namespace medley::storage
