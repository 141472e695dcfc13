#include "sweep/search/search.h"

#include <cmath>
#include <string>

#include "sweep/error.h"
#include "sweep/search/halving.h"
#include "sweep/search/race.h"
#include "sweep/search/tpe.h"
#include "sweep/search/until_settled.h"

namespace medley::sweep {

namespace {

nlohmann::json points_json(const std::vector<SpacePoint>& points) {
  nlohmann::json rows = nlohmann::json::array();
  for (const SpacePoint& point : points) {
    nlohmann::json row = nlohmann::json::array();
    for (const auto& coordinate : point) row.push_back(coordinate ? nlohmann::json(*coordinate) : nlohmann::json());
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Of all parameters but the last, which is the rung.
std::vector<SpacePoint> points_from_json(const nlohmann::json& rows, const ParameterSpace& space) {
  if (space.parameters.empty() || space.parameters.back().values.empty()) throw Error("halving without rungs");
  std::vector<SpacePoint> points;
  for (const nlohmann::json& row : rows) {
    SpacePoint& point = points.emplace_back();
    for (const nlohmann::json& coordinate : row) {
      point.push_back(coordinate.is_null() ? std::nullopt : std::optional(coordinate.get<double>()));
    }
    if (point.size() != space.parameters.size() || !point[0]) throw Error("a config of halving lies in no space");
    for (std::size_t k = 0; k < point.size(); ++k) {
      const std::size_t values = values_of(space, k);
      const double most = values == 0 ? 1 : static_cast<double>(values) - 1;
      if (point[k] && !(*point[k] >= 0 && *point[k] <= most)) throw Error("a config of halving lies in no space");
    }
  }
  return points;
}

}  // namespace

bool makes_configs(StrategyKind kind) {
  return kind == StrategyKind::kTpe || kind == StrategyKind::kExternal || kind == StrategyKind::kHalving;
}

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
    case StrategyKind::kHalving:
      return std::make_unique<Halving>(settings.points,
                                       static_cast<int>(settings.space.parameters.back().values.size()), settings.eta);
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
    case StrategyKind::kHalving:
      object["first"] = settings.first;
      object["eta"] = settings.eta;
      object["points"] = points_json(settings.points);
      object["configs"] = settings.configs;
      object["space"] = to_json(settings.space);
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
      case StrategyKind::kHalving:
        json.at("first").get_to(settings.first);
        json.at("eta").get_to(settings.eta);
        json.at("configs").get_to(settings.configs);
        settings.space = parameter_space_from_json(json.at("space"));
        settings.points = points_from_json(json.at("points"), settings.space);
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
