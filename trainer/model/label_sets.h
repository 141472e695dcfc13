#pragma once

#include <utility>
#include <vector>

#include "sweep/label.h"

namespace medley::trainer {

/// The choices of a set-ratio head: every class alone, then every pair of classes that may blend, first < second. For
/// each pair it also chooses the salience of its first class.
struct LabelSets {
  static constexpr int kRatios = 3;
  static constexpr int kSaliences[kRatios] = {30, 50, 70};  ///< percent

  explicit LabelSets(const sweep::Classes& classes);
  int count() const { return classes + static_cast<int>(pairs.size()); }
  /// Index of the label's set; of its pair: the same less `classes`.
  int index_of(const sweep::Label& label) const;

  int classes = 0;
  std::vector<std::pair<int, int>> pairs;
};

}  // namespace medley::trainer
