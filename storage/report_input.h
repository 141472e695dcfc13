#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/reader.h"
#include "sweep/report/report.h"
#include "sweep/spec/diagnostic.h"

namespace medley::storage {

/// Everything finished of a sweep as sweep::make_report() takes it; the held-out numbers decode by thresholds. About 10
/// KB a trial: GrowingReport does without. Several reads: hold a Reader::Snapshot.
sweep::ReportInput read_report_input(Reader& reader, const SweepSummary& sweep);

/// The report of one sweep, as it grows. The measures of a config are kept. Another call reads and measures only the
/// configs with a newly finished trial, the trials of one config at a time.
class GrowingReport {
 public:
  /// Several reads: hold a Reader::Snapshot. `progress` is that of the sweep (Reader::config_progress()).
  sweep::Report make(Reader& reader, const SweepSummary& sweep, const std::vector<ConfigProgress>& progress,
                     std::vector<sweep::Family> families);

 private:
  std::map<std::string, sweep::ReportConfig> configs_;   ///< by id
  std::map<std::string, sweep::ConfigReport> measured_;  ///< by config id; `done` says how far
};

/// What the sweep file, as submitted last, asks under `compare`. A file accepted by another version of Medley may hold
/// unknown keys. These are added to `errors` and cost only the tables that need them.
std::vector<sweep::Family> read_families(Reader& reader, const SweepSummary& sweep,
                                         std::vector<sweep::Diagnostic>& errors);

}  // namespace medley::storage
