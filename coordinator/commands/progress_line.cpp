#include "coordinator/commands/progress_line.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace medley::coordinator {
namespace {

constexpr std::chrono::seconds kQuietest{30};
constexpr int kBarWidth = 24;
constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

std::string duration_text(double seconds) {
  const long whole = static_cast<long>(seconds + 0.5);
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
}

std::string progress_text(const Status& status, const SweepStatus& sweep, int bar_width) {
  const int done = sweep.finished + sweep.failed;
  std::string text;
  const int trials = std::max(sweep.trials, sweep.most_trials);
  if (bar_width > 0) {
    const int full = trials == 0 ? bar_width : done * bar_width / trials;
    text += "[" + std::string(static_cast<std::size_t>(full), '#') +
            std::string(static_cast<std::size_t>(bar_width - full), '.') + "] ";
  }
  if (sweep.most_trials > 0) text += fmt::format("round {}, at most {} trials: ", sweep.rounds, sweep.most_trials);
  text += fmt::format("{}/{} trials done, {} running, {} failed", sweep.finished, sweep.trials, sweep.running,
                      sweep.failed);
  if (sweep.diverged > 0) text += fmt::format(", {} diverged", sweep.diverged);
  if (sweep.best_paper_score) text += fmt::format(", best Score {:.3f} (paper-style)", *sweep.best_paper_score);
  if (status.draining && done < sweep.trials) return text + ", stopping";
  if (done < sweep.trials && sweep.most_trials == 0 && status.eta_seconds)
    text += ", ETA " + duration_text(*status.eta_seconds);
  return text;
}

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO)), shown_at_(std::chrono::steady_clock::now()) {}

ProgressLine::~ProgressLine() {
  if (drawn_) std::fputc('\n', stderr);
}

void ProgressLine::show(const Status& status, const SweepStatus& sweep) {
  if (terminal_) {
    std::fprintf(stderr, "%s%s", kClearLine, progress_text(status, sweep, kBarWidth).c_str());
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
  std::fprintf(stderr, "%s\n", progress_text(status, sweep, 0).c_str());
}

void ProgressLine::say(const std::string& line) {
  std::fprintf(stderr, "%s%s\n", drawn_ ? kClearLine : "", line.c_str());
}

}  // namespace medley::coordinator
