#include "coordinator/commands/progress_line.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "coordinator/commands/terminal.h"
#include "sweep/report/report.h"
#include "sweep/report/table.h"

namespace medley::coordinator {
namespace {

constexpr std::chrono::seconds kQuietest{30};
constexpr int kBarWidth = 24;
constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

std::string duration_text(double seconds) {
  const long whole = std::lround(seconds);
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
}

std::string progress_text(const Status& status, const SweepStatus& sweep, std::size_t width, bool bar) {
  const int done = sweep.finished + sweep.failed;
  const int trials = std::max(sweep.trials, sweep.most_trials);
  std::string counts;
  if (sweep.most_trials > 0) counts += fmt::format("round {}, at most {} trials: ", sweep.rounds, sweep.most_trials);
  counts += fmt::format("{}/{} done, {} running", sweep.finished, sweep.trials, sweep.running);
  if (const int queued = sweep.trials - done - sweep.running; queued > 0) counts += fmt::format(", {} queued", queued);
  if (sweep.failed > 0) counts += fmt::format(", {} failed", sweep.failed);
  if (sweep.diverged > 0) counts += fmt::format(", {} diverged", sweep.diverged);
  std::string best;
  if (sweep.best_paper_score) best = ", best Score " + sweep::share_text(*sweep.best_paper_score) + " (paper-style)";
  std::string end;
  if (status.draining && done < sweep.trials) {
    end = ", stopping";
  } else if (done < sweep.trials && sweep.most_trials == 0 && status.eta_seconds) {
    end = ", ETA " + duration_text(*status.eta_seconds);
  }
  std::string begin;
  if (bar) {
    const int full = trials == 0 ? kBarWidth : done * kBarWidth / trials;
    begin = "[" + std::string(static_cast<std::size_t>(full), '#') +
            std::string(static_cast<std::size_t>(kBarWidth - full), '.') + "] ";
  }
  for (const std::string& text : {begin + counts + best + end, counts + best + end}) {
    if (text.size() <= width) return text;
  }
  return (counts + end).substr(0, width);
}

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO)), shown_at_(std::chrono::steady_clock::now()) {}

ProgressLine::~ProgressLine() {
  if (drawn_) std::fputc('\n', stderr);
}

void ProgressLine::show(const Status& status, const SweepStatus& sweep) {
  if (terminal_) {
    // The last column stays free: a terminal may begin a new line after it.
    const std::size_t width = terminal_width(STDERR_FILENO).value_or(sweep::kTextWidth) - 1;
    std::fprintf(stderr, "%s%s", kClearLine, progress_text(status, sweep, width, true).c_str());
    std::fflush(stderr);
    drawn_ = true;
    return;
  }
  const int trials = std::max(sweep.trials, sweep.most_trials);
  const int tenths = trials == 0 ? 10 : (sweep.finished + sweep.failed) * 10 / trials;
  const auto now = std::chrono::steady_clock::now();
  if (tenths == shown_tenths_ && now - shown_at_ < kQuietest) return;
  shown_tenths_ = tenths;
  shown_at_ = now;
  std::fprintf(stderr, "%s\n", progress_text(status, sweep, std::string::npos, false).c_str());
}

void ProgressLine::say(const std::string& line) {
  if (drawn_) std::fputs(kClearLine, stderr);  // no character of the line
  remark("{}\n", line);
}

}  // namespace medley::coordinator
