#pragma once

#include <memory>

#include "sweep/search/strategy.h"

namespace medley::sweep {

#define MEDLEY_STRATEGY(X) X(kRace, "race") X(kUntilSettled, "until-settled")
MEDLEY_NAMED_ENUM(StrategyKind, MEDLEY_STRATEGY)

/// What a sweep file says of its search.
struct SearchSettings {
  StrategyKind kind = StrategyKind::kRace;
  double margin = 0;  ///< differences of Scores up to this one do not matter
};

/// Throws Error unless the margin is a number, 0 or more.
std::unique_ptr<Strategy> make_strategy(const SearchSettings& settings);

}  // namespace medley::sweep
