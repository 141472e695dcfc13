#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/background.h"
#include "storage/records.h"

namespace medley::coordinator {

/// Measures what reports say of the configs of a sweep, so that neither the page nor people who read the store by SQL
/// have to: configs of a running sweep now and then, once all their trials have ended, and when the sweep has finished
/// also the held-out Scores of its runs. One thread.
class RunScores {
 public:
  struct Scores {
    sweep::HeldOutDecode decode;
    std::vector<storage::MeasuredConfig> configs;
    bool finished = false;  ///< the sweep is, and `runs` are all of its runs
    storage::SweepScores runs = {};
  };
  /// Stores what was measured, on the thread that measured it.
  using Keep = std::function<void(const std::string& sweep, const Scores& scores)>;
  RunScores(std::filesystem::path store, Keep keep) : store_(std::move(store)), keep_(std::move(keep)) {}

  /// The sweep has finished, or is to be decoded in another way.
  void note_finished(const std::string& sweep) { due_.insert(sweep); }
  /// `results` of a running sweep: enough more than last time make it due.
  void note_results(const std::string& sweep, int results);

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
  std::map<std::string, int> next_;  ///< results of a running sweep at which it is due
  Background<Measured> background_;
};

}  // namespace medley::coordinator
