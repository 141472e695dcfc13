#include "sweep/search/parameter_space.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sweep/error.h"
#include "sweep/search/random.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

std::size_t position(double coordinate) { return static_cast<std::size_t>(coordinate); }

/// Settings of `config` that are not at their defaults. Unlike to_json() of a config it has those that are not read,
/// too: a parameter may make them count.
json settings_json(const Config& config) {
  const Config defaults;
  json object = json::object();
  for (const Setting& setting : settings()) {
    json value = setting.get(config);
    if (value != setting.get(defaults)) object[setting.name] = std::move(value);
  }
  return object;
}

/// The value of a parameter at its coordinate.
json value_at(const ParameterSpace::Parameter& parameter, double coordinate) {
  if (!parameter.values.empty()) return parameter.values[position(coordinate)];
  return interpolate(parameter.low, parameter.high, parameter.by_ratio, coordinate);
}

json parameter_json(const ParameterSpace::Parameter& parameter) {
  json object{{"setting", parameter.setting}};
  if (parameter.values.empty()) {
    object["range"] = {parameter.low, parameter.high};
    object["by_ratio"] = parameter.by_ratio;
  } else {
    object["values"] = parameter.values;
  }
  if (!parameter.when.empty()) object["when"] = parameter.when;
  return object;
}

ParameterSpace::Parameter parameter_from_json(const json& object) {
  ParameterSpace::Parameter parameter;
  object.at("setting").get_to(parameter.setting);
  if (object.contains("range")) {
    parameter.low = object["range"].at(0).get<double>();
    parameter.high = object["range"].at(1).get<double>();
    object.at("by_ratio").get_to(parameter.by_ratio);
    checked_setting(parameter.setting, parameter.low);
    checked_setting(parameter.setting, parameter.high);
    if (!(parameter.low < parameter.high)) throw Error(parameter.setting + ": an empty range");
  } else {
    parameter.values = object.at("values").get<std::vector<json>>();
    if (parameter.values.empty()) throw Error(parameter.setting + ": no value");
    for (const json& value : parameter.values) checked_setting(parameter.setting, value);
  }
  if (object.contains("when")) object["when"].get_to(parameter.when);
  for (const auto& [name, values] : parameter.when) {
    for (const json& value : values) checked_setting(name, value);
  }
  return parameter;
}

}  // namespace

bool holds(const SettingValues& values, const Config& config) {
  return std::all_of(values.begin(), values.end(), [&](const auto& entry) {
    const json value = find_setting(entry.first)->get(config);
    return std::find(entry.second.begin(), entry.second.end(), value) != entry.second.end();
  });
}

double rounded(double value, int digits) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, digits - 1);
  double result = value;
  std::from_chars(text, end.ptr, result);
  return result;
}

double interpolate(double low, double high, bool by_ratio, double share) {
  const double x = by_ratio ? std::exp(std::log(low) + share * (std::log(high) - std::log(low)))  //
                            : low + share * (high - low);
  return std::clamp(rounded(x, kPointDigits), low, high);
}

double share_of(const ParameterSpace::Parameter& range, double value) {
  const auto at = [&](double x) { return range.by_ratio ? std::log(x) : x; };
  return std::clamp((at(value) - at(range.low)) / (at(range.high) - at(range.low)), 0.0, 1.0);
}

std::size_t values_of(const ParameterSpace& space, std::size_t coordinate) {
  return coordinate == 0 ? space.starts.size() : space.parameters[coordinate - 1].values.size();
}

SpacePoint draw_point(const ParameterSpace& space, const std::function<double(std::size_t)>& choose) {
  SpacePoint point(1 + space.parameters.size());
  point[0] = choose(0);
  Config config = space.starts[position(*point[0])].config;
  for (std::size_t p = 0; p < space.parameters.size(); ++p) {
    const ParameterSpace::Parameter& parameter = space.parameters[p];
    if (!holds(parameter.when, config)) continue;
    const double chosen = choose(1 + p);
    point[1 + p] = chosen;
    find_setting(parameter.setting)->set(config, value_at(parameter, chosen));
  }
  return point;
}

SpacePoint draw_point(const ParameterSpace& space, std::uint64_t seed, std::uint64_t draw) {
  return draw_point(space, [&](std::size_t coordinate) {
    const double share =
        uniform_draw(seed, draw, coordinate == 0 ? kVariantAxis : space.parameters[coordinate - 1].setting);
    const auto size = static_cast<double>(values_of(space, coordinate));
    return size == 0 ? share : std::min(size - 1, std::floor(share * size));
  });
}

DrawnConfig config_at(const ParameterSpace& space, const SpacePoint& point) {
  DrawnConfig drawn{space.starts[position(point[0].value())].config, {}};
  drawn.texts.resize(space.parameters.size());
  for (std::size_t p = 0; p < space.parameters.size(); ++p) {
    if (!point[1 + p]) continue;
    const ParameterSpace::Parameter& parameter = space.parameters[p];
    const json value = value_at(parameter, *point[1 + p]);
    find_setting(parameter.setting)->set(drawn.config, value);
    drawn.texts[p] = value_text(value);
  }
  return drawn;
}

SpacePoint point_of(const ParameterSpace& space, const json& axis_values) {
  const auto text_of = [&](const std::string& axis) { return axis_values.value(axis, std::string()); };
  SpacePoint point(1 + space.parameters.size());
  for (std::size_t s = 0; s < space.starts.size(); ++s) {
    if (space.starts[s].variant == text_of(kVariantAxis)) point[0] = static_cast<double>(s);
  }
  for (std::size_t p = 0; p < space.parameters.size(); ++p) {
    const ParameterSpace::Parameter& parameter = space.parameters[p];
    const std::string text = text_of(parameter.setting);
    if (text.empty()) continue;
    if (parameter.values.empty()) {
      point[1 + p] = share_of(parameter, json::parse(text).get<double>());
      continue;
    }
    for (std::size_t v = 0; v < parameter.values.size(); ++v) {
      if (value_text(parameter.values[v]) == text) point[1 + p] = static_cast<double>(v);
    }
  }
  return point;
}

json to_json(const ParameterSpace& space) {
  json starts = json::array(), parameters = json::array();
  for (const ParameterSpace::Start& start : space.starts) {
    starts.push_back({{"variant", start.variant}, {"settings", settings_json(start.config)}, {"said", start.said}});
  }
  for (const ParameterSpace::Parameter& parameter : space.parameters) parameters.push_back(parameter_json(parameter));
  return {{"starts", std::move(starts)}, {"parameters", std::move(parameters)}};
}

ParameterSpace parameter_space_from_json(const json& object) try {
  ParameterSpace space;
  for (const json& item : object.at("starts")) {
    ParameterSpace::Start start;
    item.at("variant").get_to(start.variant);
    item.at("said").get_to(start.said);
    for (const auto& [name, value] : item.at("settings").items()) {
      checked_setting(name, value).set(start.config, value);
    }
    space.starts.push_back(std::move(start));
  }
  if (space.starts.empty()) throw Error("a space of configs without a start");
  for (const json& item : object.at("parameters")) space.parameters.push_back(parameter_from_json(item));
  return space;
} catch (const json::exception& e) {
  throw Error(std::string("a space of configs that cannot be read: ") + e.what());
}

}  // namespace medley::sweep
