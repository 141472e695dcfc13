#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "coordinator/background.h"
#include "storage/records.h"

namespace medley::coordinator {

/// Measures the held-out Scores of runs when a sweep has finished, so that the store has them as columns. One thread.
class RunScores {
 public:
  explicit RunScores(std::filesystem::path store) : store_(std::move(store)) {}

  /// The sweep has finished, or is to be decoded in another way.
  void note_finished(const std::string& sweep) { due_.insert(sweep); }

  struct Measured {
    std::string sweep;
    storage::SweepScores scores;
    std::string error;  ///< "" when there are scores
  };
  /// Begins what is due, and takes what is done.
  std::vector<Measured> measured();
  /// Nothing is due or under way.
  bool idle() const { return due_.empty() && background_.idle(); }

 private:
  std::filesystem::path store_;
  std::set<std::string> due_;
  Background<Measured> background_;
};

}  // namespace medley::coordinator
