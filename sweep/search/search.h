#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/search/strategy.h"

namespace medley::sweep {

#define MEDLEY_STRATEGY(X) \
  X(kRace, "race")         \
  X(kUntilSettled, "until-settled") X(kTpe, "tpe") X(kExternal, "external") X(kHalving, "halving")
MEDLEY_NAMED_ENUM(StrategyKind, MEDLEY_STRATEGY)

/// What a sweep file says of its search.
struct SearchSettings {
  StrategyKind kind = StrategyKind::kRace;
  double margin = 0;                    ///< kRace, kUntilSettled: differences of Scores up to this one do not matter
  int configs = 0;                      ///< kTpe: that it trains; kExternal: the most; kHalving: over all rungs
  int batch = 0;                        ///< kTpe: configs of a round
  std::uint64_t seed = 0;               ///< kTpe: of its draws
  int first = 0;                        ///< kHalving: epochs of the first rung
  int eta = 0;                          ///< kHalving: one of this number is promoted
  std::vector<SpacePoint> points = {};  ///< kHalving: all configs, without the rung
  ParameterSpace space = {};  ///< kTpe, kExternal: what configs are made of; kHalving: and rungs, the last parameter
};

/// Its configs are made as it goes: a sweep begins with none.
bool makes_configs(StrategyKind kind);

/// Throws Error unless the numbers are within their bounds. kExternal has no strategy: others decide.
std::unique_ptr<Strategy> make_strategy(const SearchSettings& settings);

nlohmann::json to_json(const SearchSettings& settings);
/// Throws Error for anything missing or unknown.
SearchSettings search_settings_from_json(const nlohmann::json& json);

}  // namespace medley::sweep
