#pragma once

#include "sweep/search/strategy.h"

namespace medley::sweep {

/// What must hold of the step after `history`: it adds no run twice and only runs of the space and of configs that it
/// draws. Configs are decided once, and get no run afterwards. A step is done where it adds nothing, and only there.
/// Throws Error.
void check_step(const SearchSpace& space, const History& history, const Step& step);

/// Drives `strategy` to its end, with the results of a finished sweep in place of training. The number of runs of the
/// answer is its work. The answer's last step adds nothing. Throws Error where check_step() does, and for a run that
/// `table` lacks or has twice.
History replay(const Strategy& strategy, const SearchSpace& space, std::vector<EndedRun> table);

}  // namespace medley::sweep
