#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/background.h"
#include "storage/records.h"

namespace medley::coordinator {

/// Measures the held-out Scores of runs when a sweep has finished, so that the store has them as columns. One thread.
class RunScores {
 public:
  /// Stores what was measured, on the thread that measured it.
  using Keep = std::function<void(const std::string& sweep, const storage::SweepScores& scores)>;
  RunScores(std::filesystem::path store, Keep keep) : store_(std::move(store)), keep_(std::move(keep)) {}

  /// The sweep has finished, or is to be decoded in another way.
  void note_finished(const std::string& sweep) { due_.insert(sweep); }

  struct Measured {
    std::string sweep;
    std::string error;  ///< "" when its Scores are stored
  };
  /// Begins what is due, and takes what is done.
  std::vector<Measured> measured();
  /// Nothing is due or under way.
  bool idle() const { return due_.empty() && background_.idle(); }

 private:
  std::filesystem::path store_;
  Keep keep_;
  std::set<std::string> due_;
  Background<Measured> background_;
};

}  // namespace medley::coordinator
