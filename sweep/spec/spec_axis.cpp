#include "sweep/spec/spec_axis.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "sweep/nearest.h"
#include "sweep/spec/spec_values.h"

namespace medley::sweep {
namespace {

using nlohmann::json;
using Kind = Setting::Kind;

/// Sums of steps are rounded to this many digits, so that 0.1 + 2 * 0.1 is 0.3.
constexpr int kRangeDigits = 12;

const std::vector<std::string> kForms = {"range", "uniform", "log_uniform", "integer", "choice"};

struct Bounds {
  double low = 0;
  double high = 0;
  std::optional<double> step;
};

/// The mapping of one axis: {range: ...} and its kin.
class AxisReader {
 public:
  AxisReader(const Setting& setting, SweepSpec::Search search, Diagnostics& diagnostics)
      : setting_(setting), search_(search), diagnostics_(diagnostics) {}

  bool read(const YamlNode& node, Axis& axis) {
    const YamlNode* form = nullptr;
    std::string name;
    bool good = true;
    for (const auto& [key, value] : node.entries) {
      const std::string& text = key.place.text;
      if (text == "points") continue;
      if (std::find(kForms.begin(), kForms.end(), text) == kForms.end()) {
        wrong(key.place, shown(key) + " is not a way to give values" + suggestion(text, kForms));
        good = false;
      } else if (form) {
        wrong(key.place, "'" + name + "' and '" + text + "' are two ways to give its values: keep one");
        good = false;
      } else {
        form = &value;
        name = text;
      }
    }
    if (!good) return false;
    if (!form) {
      wrong(node.place, "wants a list of values, or one of range, uniform, log_uniform, integer, choice");
      return false;
    }
    const YamlNode* points = find_key(node, "points");
    if (points && name != "uniform" && name != "log_uniform") {
      wrong(points->place, "'points' goes with uniform and log_uniform only");
      return false;
    }
    if (name == "choice") return read_list(*form, axis);
    if (setting_.kind != Kind::kInteger && setting_.kind != Kind::kNumber) {
      const std::string example = setting_.kind == Kind::kFlag     ? ": [true, false]"
                                  : setting_.kind == Kind::kLayers ? ": [0-5, 6-12]"
                                                                   : suggestion("", setting_.choices);
      wrong(form->place, "'" + name + "' is for numbers; list its values" + example);
      return false;
    }
    if (name == "range" || name == "integer") return read_steps(name, *form, axis);
    return read_continuous(name, *form, points, axis);
  }

  bool read_list(const YamlNode& node, Axis& axis) {
    if (!node.is_sequence() || node.items.empty()) {
      wrong(node.place, shown(node) + " must be a list of values; a setting with one value stands under 'base'");
      return false;
    }
    std::set<std::string> seen;
    bool good = true;
    for (const YamlNode& item : node.items) {
      auto value = read_value(item, setting_, diagnostics_);
      if (!value) {
        good = false;
      } else if (!seen.insert(value_text(value->value)).second) {
        wrong(item.place, shown(item) + " stands twice in the list");
        good = false;
      } else {
        axis.values.push_back(std::move(*value));
      }
    }
    return good;
  }

 private:
  void wrong(const Place& place, const std::string& message) {
    diagnostics_.add(place, setting_.name + ": " + message);
  }

  /// [a, b], [a, b, step] or {from: a, to: b, step: s}, within the setting's bounds.
  std::optional<Bounds> read_bounds(const std::string& name, const YamlNode& node) {
    const bool stepped = name == "range";
    const YamlNode* parts[3] = {nullptr, nullptr, nullptr};
    if (node.is_sequence() && node.items.size() >= 2 && node.items.size() <= (stepped ? 3u : 2u)) {
      for (std::size_t i = 0; i < node.items.size(); ++i) parts[i] = &node.items[i];
    } else if (node.is_map()) {
      std::vector<std::string> keys = {"from", "to"};
      if (stepped) keys.push_back("step");
      check_keys(node, name, keys, diagnostics_);
      for (std::size_t i = 0; i < keys.size(); ++i) parts[i] = find_key(node, keys[i]);
    }
    if (!parts[0] || !parts[1]) {
      wrong(node.place, name + " wants [from, to]" + (stepped ? " or [from, to, step]" : "") + " or {from: a, to: b" +
                            (stepped ? ", step: c}" : "}"));
      return std::nullopt;
    }
    double values[3] = {0, 0, 0};
    bool good = true;
    for (int i = 0; i < 3; ++i) {
      if (!parts[i]) continue;
      const auto value = read_number(*parts[i], setting_.name, diagnostics_);
      if (!value) {
        good = false;
        continue;
      }
      values[i] = *value;
      const bool whole = setting_.kind == Kind::kInteger || name == "integer";
      if (whole && *value != std::floor(*value)) {
        wrong(parts[i]->place, shown(*parts[i]) + " must be a whole number");
        good = false;
      } else if (i < 2) {
        good = in_bounds(*value, *parts[i]) && good;
      }
    }
    if (!good) return std::nullopt;
    if (values[0] > values[1]) {
      wrong(node.place, name + " " + shown(node) + ": the smaller bound stands first");
      return std::nullopt;
    }
    Bounds bounds{values[0], values[1], std::nullopt};
    if (parts[2]) bounds.step = values[2];
    if (bounds.step && !(*bounds.step > 0)) {
      wrong(parts[2]->place, "the step " + shown(*parts[2]) + " must be larger than 0");
      return std::nullopt;
    }
    return bounds;
  }

  bool in_bounds(double value, const YamlNode& node) {
    Setting number = setting_;
    number.kind = Kind::kNumber;
    const std::string message = check_value(number, json(value));
    if (!message.empty()) wrong(node.place, shown(node) + " " + message);
    return message.empty();
  }

  json value_of(double x) const {
    return setting_.kind == Kind::kInteger ? json(static_cast<int>(std::lround(x))) : json(x);
  }

  bool read_steps(const std::string& name, const YamlNode& node, Axis& axis) {
    const auto bounds = read_bounds(name, node);
    if (!bounds) return false;
    if (name == "range" && !bounds->step && setting_.kind == Kind::kNumber) {
      wrong(node.place, "a range of a setting that is not whole wants a step: [from, to, step]");
      return false;
    }
    const double step = bounds->step.value_or(1);
    // A thousandth of a step of slack: `to` counts when it is met up to rounding.
    const double steps = std::floor((bounds->high - bounds->low) / step + 1e-3);
    if (!(steps < static_cast<double>(kMaxAxisValues))) {
      wrong(node.place, "this " + name + " has more than " + std::to_string(kMaxAxisValues) + " values");
      return false;
    }
    for (int i = 0; i <= static_cast<int>(steps); ++i) {
      const double x = std::min(bounds->high, rounded(bounds->low + i * step, kRangeDigits));
      axis.values.push_back({value_of(x), node.place});
    }
    return true;
  }

  bool read_continuous(const std::string& name, const YamlNode& node, const YamlNode* points, Axis& axis) {
    if (setting_.kind == Kind::kInteger) {
      wrong(node.place, "'" + name + "' is for settings that are not whole; use integer: [from, to] or a list");
      return false;
    }
    const auto bounds = read_bounds(name, node);
    if (!bounds) return false;
    axis.kind = name == "uniform" ? Axis::Kind::kUniform : Axis::Kind::kLogUniform;
    axis.low = bounds->low;
    axis.high = bounds->high;
    if (axis.low == axis.high) {
      wrong(node.place, name + " " + shown(node) + " holds one value: set it under 'base'");
      return false;
    }
    if (axis.kind == Axis::Kind::kLogUniform && !(axis.low > 0)) {
      wrong(node.place, "log_uniform " + shown(node) + " wants bounds larger than 0");
      return false;
    }
    if (points) return read_points(*points, axis, node.place);
    if (search_ == SweepSpec::Search::kRandom) return true;
    wrong(node.place, "a grid needs to know how many values of " + name +
                          " to take: add 'points: 5' beside it, or use 'search: {random: 100}'");
    return false;
  }

  /// Evenly spaced, both bounds included; by ratio for log_uniform.
  bool read_points(const YamlNode& node, Axis& axis, const Place& place) {
    const auto count = read_integer(node, setting_.name + ": points", 2, kMaxAxisValues, diagnostics_);
    if (!count) return false;
    double last = 0;
    for (std::int64_t i = 0; i < *count; ++i) {
      double x = interpolate(axis.low, axis.high, axis.kind == Axis::Kind::kLogUniform,
                             static_cast<double>(i) / static_cast<double>(*count - 1));
      if (i == 0) x = axis.low;
      if (i == *count - 1) x = axis.high;
      if (i > 0 && !(x > last)) {
        wrong(node.place,
              shown(node) + " points lie too close: values are rounded to " + std::to_string(kPointDigits) + " digits");
        return false;
      }
      axis.values.push_back({json(x), place});
      last = x;
    }
    return true;
  }

  const Setting& setting_;
  SweepSpec::Search search_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::optional<Axis> read_axis(const YamlNode& key, const YamlNode& node, SweepSpec::Search search,
                              Diagnostics& diagnostics) {
  const std::string& name = key.place.text;
  const Setting* setting = find_setting(name);
  if (!setting) {
    const bool own_key = name == "fold" || name == "folds" || name == "seed" || name == "seeds";
    diagnostics.add(key.place, own_key ? "'" + name + "' is no axis: 'folds' and 'seeds' are keys of the file itself"
                                       : "unknown setting " + shown(key) + suggestion(name, setting_names()));
    return std::nullopt;
  }
  Axis axis;
  axis.setting = setting->name;
  axis.place = key.place;
  if (setting->kind == Kind::kEncoders) {
    axis.kind = Axis::Kind::kEncoders;
    axis.sets = read_encoder_axis(node, diagnostics);
    if (axis.sets.empty()) return std::nullopt;
    return axis;
  }
  AxisReader reader(*setting, search, diagnostics);
  const bool good = node.is_map() ? reader.read(node, axis) : reader.read_list(node, axis);
  if (!good) return std::nullopt;
  return axis;
}

}  // namespace medley::sweep
