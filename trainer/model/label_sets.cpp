#include "trainer/model/label_sets.h"

#include <algorithm>
#include <cassert>

namespace medley::trainer {

LabelSets::LabelSets(const sweep::Classes& given) : classes(given.count()) {
  for (int a = 0; a < classes; ++a) {
    for (int b = a + 1; b < classes; ++b) {
      if (!given.exclusive[static_cast<std::size_t>(a)] && !given.exclusive[static_cast<std::size_t>(b)]) {
        pairs.emplace_back(a, b);
      }
    }
  }
}

int LabelSets::index_of(const sweep::Label& label) const {
  if (!label.is_blend()) return label.first;
  const auto found = std::find(pairs.begin(), pairs.end(), std::make_pair(label.first, label.second));
  assert(found != pairs.end());  // datasets are checked for blends of exclusive classes
  return classes + static_cast<int>(found - pairs.begin());
}

int LabelSets::ratio_of(const sweep::Label& label) {
  const int* const end = kSaliences + kRatios;
  const int* const found = std::find(kSaliences, end, label.salience);
  assert(found != end);
  return static_cast<int>(found - kSaliences);
}

int LabelSets::label_index_of(const sweep::Label& label) const {
  const int set = index_of(label);
  return label.is_blend() ? classes + (set - classes) * kRatios + ratio_of(label) : set;
}

void LabelSets::label_target(const sweep::Label& label, double ratio_smoothing, double* out) const {
  std::fill(out, out + label_count(), 0.0);
  double* own = out + label_index_of(label);
  *own = 1;
  if (!label.is_blend()) return;
  const int ratio = ratio_of(label), lower = std::max(0, ratio - 1), upper = std::min(kRatios - 1, ratio + 1);
  for (int r = lower; r <= upper; ++r) own[r - ratio] = ratio_smoothing / (upper - lower);
  *own = 1 - ratio_smoothing;
}

}  // namespace medley::trainer
