#include "web/metrics.h"

#include <map>

#include <fmt/format.h>

namespace medley::web {
namespace {

/// A label's value: backslash, quote and line feed escaped, as the format asks.
std::string quoted(const std::string& text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '\n') {
      made += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') made += '\\';
    made += c;
  }
  return made + "\"";
}

void head(std::string& text, const char* name, const char* kind, const char* help) {
  text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, kind);
}

}  // namespace

std::string metrics_text(storage::Reader& reader) {
  const storage::Reader::Snapshot snapshot(reader);
  const auto sweeps = reader.sweeps();
  std::string text;
  head(text, "medley_info", "gauge", "Version of the server.");
  text += fmt::format("medley_info{{version={}}} 1\n", quoted(MEDLEY_VERSION));
  head(text, "medley_trials", "gauge", "Trials of a sweep by state; diverged ones are finished too.");
  for (const auto& sweep : sweeps) {
    const int waiting = sweep.trials - sweep.finished - sweep.failed - sweep.running;
    for (const auto& [state, count] :
         {std::pair{"finished", sweep.finished}, std::pair{"diverged", sweep.diverged},
          std::pair{"failed", sweep.failed}, std::pair{"running", sweep.running}, std::pair{"waiting", waiting}}) {
      text += fmt::format("medley_trials{{sweep={},name={},state=\"{}\"}} {}\n", quoted(sweep.id), quoted(sweep.name),
                          state, count);
    }
  }
  head(text, "medley_best_paper_score", "gauge", "Best Score of a single trial, paper-style (optimistic).");
  for (const auto& sweep : sweeps) {
    if (sweep.finished == sweep.diverged) continue;
    text += fmt::format("medley_best_paper_score{{sweep={},name={}}} {}\n", quoted(sweep.id), quoted(sweep.name),
                        sweep.best_paper_score);
  }
  head(text, "medley_training_seconds_total", "counter", "Time that finished trials took, summed.");
  for (const auto& sweep : sweeps) {
    text += fmt::format("medley_training_seconds_total{{sweep={},name={}}} {}\n", quoted(sweep.id), quoted(sweep.name),
                        sweep.training_seconds);
  }
  std::map<std::string, int> states;
  for (const char* state : sweep::kWorkerStateNames) states[state] = 0;
  int failed = 0;
  int finished = 0;
  for (const auto& worker : reader.workers()) {
    ++states[name_of(worker.state)];
    failed += worker.failed;
    finished += worker.finished;
  }
  head(text, "medley_workers", "gauge", "Workers by state.");
  for (const auto& [state, count] : states) text += fmt::format("medley_workers{{state=\"{}\"}} {}\n", state, count);
  head(text, "medley_attempts_total", "counter", "Attempts that have ended, by outcome.");
  text += fmt::format("medley_attempts_total{{outcome=\"finished\"}} {}\n", finished);
  text += fmt::format("medley_attempts_total{{outcome=\"failed_or_lost\"}} {}\n", failed);
  return text;
}

}  // namespace medley::web
