#include "sweep/label.h"

#include <algorithm>

namespace medley::sweep {

int Classes::index_of(const std::string& name) const {
  const auto it = std::find(names.begin(), names.end(), name);
  return it == names.end() ? -1 : static_cast<int>(it - names.begin());
}

Classes Classes::blemore(Neutral neutral) {
  return {{"ang", "disg", "fea", "hap", "sad", "neu"},
          {false, false, false, false, false, neutral == Neutral::kExclusive}};
}

Label make_blend(int a, int b, int a_salience) {
  if (a < b) return {a, b, a_salience};
  return {b, a, 100 - a_salience};
}

}  // namespace medley::sweep
