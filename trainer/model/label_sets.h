#pragma once

#include <utility>
#include <vector>

#include "sweep/label.h"

namespace medley::trainer {

/// The choices of a set-ratio head: every class alone, then every pair of classes that may blend, first < second. For
/// each pair it also chooses the salience of its first class. A label head chooses both at once. Its labels are every
/// class alone, then every pair with each of the saliences.
struct LabelSets {
  static constexpr int kRatios = 3;
  static constexpr int kSaliences[kRatios] = {30, 50, 70};  ///< percent

  explicit LabelSets(const sweep::Classes& classes);
  int count() const { return classes + static_cast<int>(pairs.size()); }
  int label_count() const { return classes + kRatios * static_cast<int>(pairs.size()); }
  /// Index of the label's set; of its pair: the same less `classes`.
  int index_of(const sweep::Label& label) const;
  /// Index of a blend's salience in kSaliences.
  static int ratio_of(const sweep::Label& label);
  /// Index of the label among all labels.
  int label_index_of(const sweep::Label& label) const;
  /// Writes probabilities [label]: 1 - `ratio_smoothing` for the label itself. The rest goes evenly to the labels of
  /// the same pair whose salience is next to its own. A clip of one class has no such neighbour and keeps 1.
  void label_target(const sweep::Label& label, double ratio_smoothing, double* out) const;

  int classes = 0;
  std::vector<std::pair<int, int>> pairs;
};

}  // namespace medley::trainer
