#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/reader.h"
#include "sweep/report/report.h"

namespace medley::storage {

/// Everything finished of a sweep as sweep::make_report() takes it; about 50
/// KB a trial: GrowingReport does without. Several reads: hold a Reader::Snapshot.
sweep::ReportInput read_report_input(Reader& reader, const SweepSummary& sweep);

/// The report of one sweep, as it grows. What a config's trials come to is kept, so that when it is asked again only
/// configs of which a trial has finished since are read and measured, the trials of one at a time.
class GrowingReport {
 public:
  /// Several reads: hold a Reader::Snapshot. `progress` is that of the sweep (Reader::config_progress());
  /// `families` are judged: SweepSummary::families, or none.
  sweep::Report make(Reader& reader, const SweepSummary& sweep, const std::vector<ConfigProgress>& progress,
                     std::vector<sweep::Family> families);

 private:
  std::map<std::string, sweep::ReportConfig> configs_;   ///< by id
  int rounds_ = 0;                                       ///< of the sweep's search when they were read
  std::optional<sweep::ReportClips> clips_;              ///< of the sweep's dataset
  sweep::HeldOutDecode decode_;                          ///< that `measured_` is of
  std::map<std::string, sweep::ConfigReport> measured_;  ///< by config id; `done` says how far
};

}  // namespace medley::storage
