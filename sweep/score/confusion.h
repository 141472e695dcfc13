#pragma once

#include <string>
#include <vector>

#include "sweep/label.h"

namespace medley::sweep {

/// Which emotion sets were taken for which. Sets are singles in class order, then pairs; those that neither truth nor
/// prediction holds are left out.
struct SetConfusion {
  std::vector<Label> sets;  ///< saliences of pairs are 50 and say nothing
  std::vector<int> counts;  ///< [true set, predicted set]

  int at(std::size_t truth, std::size_t predicted) const { return counts[truth * sets.size() + predicted]; }
};
/// Throws Error when the sizes differ.
SetConfusion set_confusion(const std::vector<Label>& predicted, const std::vector<Label>& truth);

/// "ang", "ang + disg".
std::string set_text(const Label& label, const Classes& classes);
/// "ang", "ang 70 + disg 30".
std::string label_text(const Label& label, const Classes& classes);

}  // namespace medley::sweep
