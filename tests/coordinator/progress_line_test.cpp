#include "coordinator/commands/progress_line.h"

#include <gtest/gtest.h>

namespace medley::coordinator {
namespace {

SweepStatus half_done() {
  SweepStatus sweep;
  sweep.trials = 90;
  sweep.finished = 45;
  sweep.running = 4;
  return sweep;
}

TEST(ProgressText, SaysWhatIsDoneRunsAndWaits) {
  Status status;
  status.eta_seconds = 125;
  SweepStatus sweep = half_done();
  EXPECT_EQ(progress_text(status, sweep, 200, false), "45/90 done, 4 running, 41 queued, ETA 2m 05s");
  sweep.failed = 2;
  sweep.diverged = 1;
  sweep.best_paper_score = 0.4178;
  EXPECT_EQ(progress_text(status, sweep, 200, true),
            "[############............] 45/90 done, 4 running, 39 queued, 2 failed, 1 diverged, best Score .418 "
            "(paper-style), ETA 2m 05s");
  status.draining = true;
  EXPECT_EQ(progress_text(status, half_done(), 200, false), "45/90 done, 4 running, 41 queued, stopping");
}

TEST(ProgressText, FitsTheLineAndKeepsTheCounts) {
  Status status;
  status.eta_seconds = 125;
  SweepStatus sweep = half_done();
  sweep.best_paper_score = 0.4178;
  EXPECT_EQ(progress_text(status, sweep, 79, true),
            "45/90 done, 4 running, 41 queued, best Score .418 (paper-style), ETA 2m 05s");
  EXPECT_EQ(progress_text(status, sweep, 60, true), "45/90 done, 4 running, 41 queued, ETA 2m 05s");
  for (std::size_t width = 0; width < 150; ++width) EXPECT_LE(progress_text(status, sweep, width, true).size(), width);
}

}  // namespace
}  // namespace medley::coordinator
