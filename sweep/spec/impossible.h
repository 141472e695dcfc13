#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sweep/config.h"
#include "sweep/spec/dataset_shape.h"
#include "sweep/spec/diagnostic.h"

namespace medley::sweep {

/// Why a config cannot be trained on a dataset: its settings cannot be combined, or the dataset lacks what they need.
std::optional<Conflict> find_conflict(const Config& config, const DatasetShape& shape);

/// The impossible configs of a sweep, counted by place and conflict.
class ImpossibleConfigs {
 public:
  struct Reason {
    Place place;  ///< of what the file sets wrong; its text is empty where the file sets nothing of the conflict
    Conflict conflict;
    std::int64_t configs = 0;
  };

  void add(const Place& place, const Conflict& conflict);

  std::int64_t count() const { return count_; }
  /// As first met.
  const std::vector<Reason>& reasons() const { return reasons_; }
  /// One diagnostic a place, with its first few reasons. `possible` is the number of other configs.
  void tell(std::int64_t possible, Diagnostics& diagnostics) const;

 private:
  std::int64_t count_ = 0;
  std::vector<Reason> reasons_;
  std::map<std::pair<std::pair<int, int>, std::string>, std::size_t> index_;  ///< line and column, message -> reason
};

}  // namespace medley::sweep
