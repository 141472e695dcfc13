#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/config.h"

namespace medley::sweep {

/// What `variants` is called where axes are: in tables, in `compare` and in `reference`.
inline constexpr const char* kVariantAxis = "variant";

/// Settings with some of their values.
using SettingValues = std::map<std::string, std::vector<nlohmann::json>>;
/// `config` has one of the values of each.
bool holds(const SettingValues& values, const Config& config);

/// What configs are drawn from: where they start, and what varies from there.
struct ParameterSpace {
  struct Start {
    std::string variant;              ///< "" without variants
    Config config;                    ///< base, or a variant laid over it
    std::set<std::string> said = {};  ///< of inferred_settings(); the others follow from the config
  };
  /// One that varies where its condition holds; elsewhere it is that of the start.
  struct Parameter {
    std::string setting;
    std::vector<nlohmann::json> values;  ///< empty: a range
    double low = 0, high = 0;            ///< of a range, inclusive
    bool by_ratio = false;               ///< a range is even in the logarithm
    SettingValues when;                  ///< of starts and of parameters before this one; empty: always
  };
  std::vector<Start> starts;  ///< at least one
  std::vector<Parameter> parameters;
};

/// Where a config lies in a space: [0] its start, [1 + p] parameter p. The position of a value, or the share of the way
/// through a range, 0 to 1; nullopt where the parameter is not varied.
using SpacePoint = std::vector<std::optional<double>>;

/// `value` rounded to `digits` significant decimal digits: the same on every machine, and short to read.
double rounded(double value, int digits);

/// Significant digits of values within a range. The last bits of exp() differ between machines, and ids must not.
inline constexpr int kPointDigits = 4;
/// The value at `share` in [0, 1] of the way from `low` to `high` (`by_ratio`: in the logarithm), to kPointDigits.
double interpolate(double low, double high, bool by_ratio, double share);
/// The share of a value: the inverse, but for rounding.
double share_of(const ParameterSpace::Parameter& range, double value);

/// The point that has these coordinates. Each is asked for in turn, if the parameter is varied there.
SpacePoint draw_point(const ParameterSpace& space, const std::function<double(std::size_t coordinate)>& choose);

/// Draw number `draw` of `seed`, even over starts, values and ranges. Another parameter changes no draw of this one.
SpacePoint draw_point(const ParameterSpace& space, std::uint64_t seed, std::uint64_t draw);

/// A config as its space gives it: no default has been filled in, and it may be impossible.
struct DrawnConfig {
  Config config;
  std::vector<std::optional<std::string>> texts;  ///< [parameter] value_text(); nullopt where it is not varied
};
DrawnConfig config_at(const ParameterSpace& space, const SpacePoint& point);

/// The number of values of a coordinate; 0: a range.
std::size_t values_of(const ParameterSpace& space, std::size_t coordinate);

/// The point of a config with these axis values (ExpandedConfig::axis_values). Values that no list has are left out.
SpacePoint point_of(const ParameterSpace& space, const nlohmann::json& axis_values);

nlohmann::json to_json(const ParameterSpace& space);
/// Throws Error for what is missing, unknown or invalid.
ParameterSpace parameter_space_from_json(const nlohmann::json& json);

}  // namespace medley::sweep
