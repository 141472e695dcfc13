#include "worker/running_pack.h"

#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace medley::worker {
namespace {

using Clock = std::chrono::steady_clock;
using sweep::AttemptId;

/// By its text, since the ranks of a gang pass on texts: of the C++ library, of LibTorch and of CUDA.
bool is_out_of_memory(const std::string& error) {
  for (const char* words : {"std::bad_alloc", "out of memory", "allocate memory", "not enough memory"}) {
    if (error.find(words) != std::string::npos) return true;
  }
  return false;
}

/// LibTorch says after it where in its code it was thrown, and a stack.
std::string without_stack(const std::string& reason) {
  return reason.substr(0, reason.find("\nException raised from "));
}

/// Says now and then how far a pack is.
class ProgressLog {
 public:
  explicit ProgressLog(std::size_t trials) : trials_(trials) {}
  void at(int epoch, int epochs) {
    constexpr std::chrono::seconds kPause{30};
    if (Clock::now() - said_ < kPause) return;
    said_ = Clock::now();
    spdlog::info("a pack of {}: epoch {} of {}", trials_, epoch, epochs);
  }

 private:
  std::size_t trials_;
  Clock::time_point said_ = Clock::now();
};

void log_result(const AttemptId& attempt, const sweep::TrialResult& result) {
  if (result.outcome == sweep::Outcome::kDiverged) {
    spdlog::warn("trial {}#{} diverged: {}", attempt.trial, attempt.number, result.reason);
  } else {
    spdlog::info("trial {}#{} is trained: {:.1f} s, paper-style Score {:.3f} at epoch {}", attempt.trial,
                 attempt.number, result.seconds, result.paper.surface.best().accuracy.score(), result.paper.epoch);
  }
}

}  // namespace

Trained train_and_keep(RunningPack& running, const TrainPack& train, Spool& spool, std::function<void(int)> measured) {
  Pack pack;
  pack.dataset_folder = running.assign.dataset_folder;
  pack.dataset_fingerprint = running.assign.dataset_fingerprint;
  pack.test_fingerprint = running.assign.test_fingerprint;
  pack.checkpoints = running.checkpoint_folder;
  for (const auto& trial : running.assign.trials) pack.trials.push_back(trial.spec);
  pack.stop = [&running] { return running.stop.load(); };
  std::string names;
  for (const AttemptId& attempt : running.attempts) names += " " + attempt.trial + "#" + std::to_string(attempt.number);
  spdlog::info("a pack of {} on {}:{}", pack.trials.size(), pack.dataset_folder, names);
  pack.progress = [&running, log = ProgressLog(pack.trials.size())](int epoch, int epochs) mutable {
    running.epoch = epoch;
    running.epochs = epochs;
    log.at(epoch, epochs);
  };
  pack.epoch_ended = [&running](std::size_t place, const sweep::EpochMetrics& metrics) {
    const std::lock_guard lock(running.untold_mutex);
    running.untold[place] = metrics;
  };
  pack.best_size = std::move(measured);
  Trained trained;
  try {
    const std::vector<sweep::TrialResult> results = train(pack);
    if (results.size() != pack.trials.size()) {
      throw Error("the trainer gave " + std::to_string(results.size()) + " results for " +
                  std::to_string(pack.trials.size()) + " trials");
    }
    std::vector<SpooledResult> spooled;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].trial_id != pack.trials[i].id) throw Error("the trainer gave a result of another trial");
      spooled.push_back({running.attempts[i], sweep::encode_result(results[i])});
    }
    try {
      spool.put(spooled);
      trained.kept = running.attempts;
      for (std::size_t i = 0; i < results.size(); ++i) log_result(running.attempts[i], results[i]);
    } catch (const Error& e) {
      trained.unkept = e.what();
    }
  } catch (const DatasetChanged& e) {
    trained.reason = e.what();
    trained.blame = e.blame;
  } catch (const std::exception& e) {
    trained.reason = without_stack(e.what());
    if (trained.reason.empty()) trained.reason = "an exception without a text";
    if (is_out_of_memory(trained.reason)) trained.blame = sweep::Blame::kMemory;
  }
  if (!trained.reason.empty() && running.stop == Stop::kNo) {
    spdlog::error("a pack of {} failed: {}", pack.trials.size(), trained.reason);
    const auto without = running.attempts.begin() + static_cast<std::ptrdiff_t>(trained.kept.size());
    trained.failed.assign(without, running.attempts.end());
  }
  return trained;
}

}  // namespace medley::worker
