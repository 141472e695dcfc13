#pragma once

#include <string>

#include "coordinator/coordinator.h"

namespace medley::coordinator {

/// "4m 05s", "2h 03m", "12s".
std::string duration_text(double seconds);

/// One line of a sweep's progress: trials done, running, queued, failed, best Score so far, ETA. It begins with a bar
/// unless that is not wanted. Where `width` characters are too few it leaves out the bar, then the best Score.
std::string progress_text(const Status& status, const SweepStatus& sweep, std::size_t width, bool bar);

/// Shows progress on standard error. A terminal gets one line that is redrawn, and fits it. Elsewhere it is a plain
/// line when a tenth more is done, or every 30 seconds. One thread.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  ///< ends the line
  void show(const Status& status, const SweepStatus& sweep);
  /// A line of its own above the progress.
  void say(const std::string& line);

 private:
  bool terminal_;
  bool drawn_ = false;
  int shown_tenths_ = -1;
  std::chrono::steady_clock::time_point shown_at_;
};

}  // namespace medley::coordinator
