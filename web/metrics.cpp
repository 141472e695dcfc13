#include "web/metrics.h"

#include <functional>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "sweep/version.h"

namespace medley::web {
namespace {

/// A label's value: backslash, quote and line feed escaped, as the format asks.
std::string label_value(const std::string& text) {
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

/// One gauge a quantity, one line a worker that says it.
std::string present_text(const std::vector<storage::WorkerRow>& workers,
                         const std::vector<Control::WorkerNow>& present) {
  using Value = std::optional<double>;
  using Of = std::function<Value(const Control::WorkerNow&)>;
  std::map<std::string, std::string> names;
  for (const auto& worker : workers) names[worker.worker.id] = worker.worker.name;
  std::string text;
  const auto gauge = [&](const char* name, const char* help, const Of& of) {
    head(text, name, "gauge", help);
    for (const auto& one : present) {
      const Value value = of(one);
      if (!value) continue;
      text +=
          fmt::format("{}{{worker={},name={}}} {}\n", name, label_value(one.id), label_value(names[one.id]), *value);
    }
  };
  const auto of_usage = [](auto member) -> Of {
    return [member](const Control::WorkerNow& one) { return one.usage ? Value(member(*one.usage)) : std::nullopt; };
  };
  const auto of_gpu = [](auto member) -> Of {
    return [member](const Control::WorkerNow& one) {
      return one.usage && one.usage->gpu ? Value(member(*one.usage->gpu)) : std::nullopt;
    };
  };
  gauge("medley_worker_trials", "Trials that the worker has in hand.",
        [](const Control::WorkerNow& one) -> Value { return one.trials; });
  gauge("medley_worker_cpu_ratio", "CPU time of all its threads over wall time; 1 is one core.",
        of_usage([](const sweep::Usage& usage) { return usage.cpu; }));
  gauge("medley_worker_resident_memory_bytes", "Resident memory of its process.",
        of_usage([](const sweep::Usage& usage) { return static_cast<double>(usage.resident_bytes); }));
  gauge("medley_worker_gpu_utilization_ratio", "Share of the last moments in which its GPU ran a kernel.",
        of_gpu([](const sweep::Usage::Gpu& gpu) { return gpu.busy; }));
  gauge("medley_worker_gpu_memory_used_bytes", "Memory of its GPU that is used, by anybody.",
        of_gpu([](const sweep::Usage::Gpu& gpu) { return static_cast<double>(gpu.memory_used_bytes); }));
  gauge("medley_worker_gpu_memory_size_bytes", "Memory of its GPU.",
        of_gpu([](const sweep::Usage::Gpu& gpu) { return static_cast<double>(gpu.memory_total_bytes); }));
  return text;
}

}  // namespace

std::string metrics_text(storage::Reader& reader, const std::vector<Control::WorkerNow>& present) {
  const storage::Reader::Snapshot snapshot(reader);
  const auto sweeps = reader.sweeps();
  std::string text;
  head(text, "medley_info", "gauge", "Version of the server.");
  text += fmt::format("medley_info{{version={}}} 1\n", label_value(sweep::version()));
  head(text, "medley_trials", "gauge", "Trials of a sweep by state; diverged ones are finished too.");
  for (const auto& sweep : sweeps) {
    const int waiting = sweep.trials - sweep.finished - sweep.failed - sweep.running;
    for (const auto& [state, count] :
         {std::pair{"finished", sweep.finished}, std::pair{"diverged", sweep.diverged},
          std::pair{"failed", sweep.failed}, std::pair{"running", sweep.running}, std::pair{"waiting", waiting}}) {
      text += fmt::format("medley_trials{{sweep={},name={},state=\"{}\"}} {}\n", label_value(sweep.id),
                          label_value(sweep.name), state, count);
    }
  }
  head(text, "medley_best_paper_score", "gauge", "Best Score of a single trial, paper-style (optimistic).");
  for (const auto& sweep : sweeps) {
    if (!sweep.best_paper_score) continue;
    text += fmt::format("medley_best_paper_score{{sweep={},name={}}} {}\n", label_value(sweep.id),
                        label_value(sweep.name), *sweep.best_paper_score);
  }
  head(text, "medley_training_seconds_total", "counter", "Time that finished trials took, summed.");
  for (const auto& sweep : sweeps) {
    text += fmt::format("medley_training_seconds_total{{sweep={},name={}}} {}\n", label_value(sweep.id),
                        label_value(sweep.name), sweep.training_seconds);
  }
  const auto workers = reader.workers();
  std::map<std::string, int> states;
  for (const char* state : sweep::kWorkerStateNames) states[state] = 0;
  int failed = 0;
  int finished = 0;
  for (const auto& worker : workers) {
    ++states[name_of(worker.state)];
    failed += worker.failed;
    finished += worker.finished;
  }
  head(text, "medley_workers", "gauge", "Workers by state.");
  for (const auto& [state, count] : states) text += fmt::format("medley_workers{{state=\"{}\"}} {}\n", state, count);
  head(text, "medley_attempts_total", "counter", "Attempts that have ended, by outcome.");
  text += fmt::format("medley_attempts_total{{outcome=\"finished\"}} {}\n", finished);
  text += fmt::format("medley_attempts_total{{outcome=\"failed_or_lost\"}} {}\n", failed);
  return text + present_text(workers, present);
}

}  // namespace medley::web
