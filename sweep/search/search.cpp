#include "sweep/search/search.h"

#include <cmath>
#include <string>

#include "sweep/error.h"
#include "sweep/search/race.h"
#include "sweep/search/tpe.h"
#include "sweep/search/until_settled.h"

namespace medley::sweep {

bool makes_configs(StrategyKind kind) { return kind == StrategyKind::kTpe || kind == StrategyKind::kExternal; }

std::unique_ptr<Strategy> make_strategy(const SearchSettings& settings) {
  if (!std::isfinite(settings.margin) || settings.margin < 0) {
    throw Error("the margin of a search must be 0 or more, not " + std::to_string(settings.margin));
  }
  switch (settings.kind) {
    case StrategyKind::kRace:
      return std::make_unique<Race>(settings.margin);
    case StrategyKind::kUntilSettled:
      return std::make_unique<UntilSettled>(settings.margin);
    case StrategyKind::kTpe:
      return std::make_unique<Tpe>(settings.configs, settings.batch, settings.seed);
    case StrategyKind::kExternal:
      break;
  }
  throw Error("no such search");
}

nlohmann::json to_json(const SearchSettings& settings) {
  nlohmann::json object{{"kind", name_of(settings.kind)}};
  switch (settings.kind) {
    case StrategyKind::kRace:
    case StrategyKind::kUntilSettled:
      object["margin"] = settings.margin;
      break;
    case StrategyKind::kTpe:
      object["batch"] = settings.batch;
      object["seed"] = settings.seed;
      [[fallthrough]];
    case StrategyKind::kExternal:
      object["configs"] = settings.configs;
      object["space"] = to_json(settings.space);
      break;
  }
  return object;
}

SearchSettings search_settings_from_json(const nlohmann::json& json) {
  try {
    const std::string kind = json.at("kind").get<std::string>();
    const auto known = find_named<StrategyKind>(kind);
    if (!known) throw Error("no search '" + kind + "'");
    SearchSettings settings;
    settings.kind = *known;
    switch (settings.kind) {
      case StrategyKind::kRace:
      case StrategyKind::kUntilSettled:
        json.at("margin").get_to(settings.margin);
        break;
      case StrategyKind::kTpe:
        json.at("batch").get_to(settings.batch);
        json.at("seed").get_to(settings.seed);
        [[fallthrough]];
      case StrategyKind::kExternal:
        json.at("configs").get_to(settings.configs);
        settings.space = parameter_space_from_json(json.at("space"));
        break;
    }
    return settings;
  } catch (const nlohmann::json::exception& e) {
    throw Error(std::string("a search that cannot be read: ") + e.what());
  }
}

}  // namespace medley::sweep
