#include "sweep/search/search.h"

#include <cmath>
#include <string>

#include "sweep/error.h"
#include "sweep/search/race.h"
#include "sweep/search/until_settled.h"

namespace medley::sweep {

std::unique_ptr<Strategy> make_strategy(const SearchSettings& settings) {
  if (!std::isfinite(settings.margin) || settings.margin < 0) {
    throw Error("the margin of a search must be 0 or more, not " + std::to_string(settings.margin));
  }
  switch (settings.kind) {
    case StrategyKind::kRace: return std::make_unique<Race>(settings.margin);
    case StrategyKind::kUntilSettled: return std::make_unique<UntilSettled>(settings.margin);
  }
  throw Error("no such search");
}

}  // namespace medley::sweep
