#pragma once

#include <functional>
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
  /// What a coordinator has measured and stored spares reading surfaces; who looks for rotten ones measures again.
  enum class From { kResults, kMeasured };
  explicit GrowingReport(From from = From::kResults) : from_(from) {}

  /// Is told how many of the configs that must be measured are.
  using Progressed = std::function<void(int done, int of)>;
  /// Several reads: hold a Reader::Snapshot. `progress` is that of the sweep (Reader::config_progress()), or of some of
  /// its configs, of which the report then is; `families` are judged: SweepSummary::families, or none.
  sweep::Report make(Reader& reader, const SweepSummary& sweep, const std::vector<ConfigProgress>& progress,
                     std::vector<sweep::Family> families, const Progressed& progressed = {});
  /// Configs that the last report measured from results.
  const std::vector<std::string>& newly_measured() const { return grown_; }

 private:
  struct Measured {
    sweep::ConfigReport report;
    TimeMs ended = 0;  ///< ConfigProgress::ended
  };
  void take_measured(Reader& reader, const SweepSummary& sweep, const sweep::ReportFrame& frame);

  From from_;
  std::map<std::string, sweep::ReportConfig> configs_;  ///< by id
  int rounds_ = 0;                                      ///< of the sweep's search when they were read
  std::optional<sweep::ReportClips> clips_;             ///< of the sweep's dataset
  sweep::HeldOutDecode decode_;                         ///< that `measured_` is of
  std::map<std::string, Measured> measured_;            ///< by config id; `done` says how far
  std::vector<std::string> grown_;
};

/// Of those configs of a report that it measured newly, and of which every trial has ended: what
/// Writer::keep_measured() takes. `progress` is what the report was made of.
std::vector<MeasuredConfig> measured_configs(const GrowingReport& made, const sweep::Report& report,
                                             const std::vector<ConfigProgress>& progress);

}  // namespace medley::storage
