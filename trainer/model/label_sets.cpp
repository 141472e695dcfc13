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

}  // namespace medley::trainer
