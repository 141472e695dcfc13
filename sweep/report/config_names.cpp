#include "sweep/report/config_names.h"

#include <algorithm>
#include <set>
#include <vector>

#include "sweep/config.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr std::size_t kFewValues = 10;
constexpr std::size_t kDigitsOfADraw = 6;

std::string last_word(const std::string& name) { return name.substr(name.find_last_of('_') + 1); }

/// "n" for `top_n`, where no other axis ends so and no setting is called so.
std::string short_name(const std::string& axis, const std::vector<const AxisReport*>& axes) {
  const std::string word = last_word(axis);
  if (word == axis || find_setting(word)) return axis;
  const auto ends_so =
      std::count_if(axes.begin(), axes.end(), [&](const AxisReport* one) { return last_word(one->axis) == word; });
  return ends_so == 1 ? word : axis;
}

bool is_flag(const std::string& text) { return text == "true" || text == "false"; }

/// Words of the values of one sweep's axes.
class Words {
 public:
  explicit Words(const Report& report) : text_(report) {
    std::vector<const AxisReport*> varied;
    for (const AxisReport& axis : report.axes) {
      if (axis.values.size() > 1) varied.push_back(&axis);
    }
    for (const AxisReport* axis : varied) {
      const std::string name = text_.axis(axis->axis);
      const bool own = name != axis->axis;
      names_[axis->axis] = own ? name : short_name(name, varied);
      bool numbers = false;
      for (const AxisValueReport& value : axis->values) {
        if (value.value.is_null()) continue;
        numbers = numbers || value.value.is_number();
        if (!is_flag(value_text(value.value))) ++uses_[text_(axis->axis, value.value)];
      }
      (numbers ? numbers_ : axes_).push_back(axis->axis);
    }
    axes_.insert(axes_.end(), numbers_.begin(), numbers_.end());
  }

  /// Those of words first.
  const std::vector<std::string>& axes() const { return axes_; }

  std::string name(const ConfigReport& config, const std::vector<std::string>& axes) const {
    std::string name;
    for (const std::string& axis : axes) {
      const json value = config.axis_values.value(axis, json());
      if (!value.is_null()) name += (name.empty() ? "" : ", ") + word(axis, value);
    }
    return name;
  }

 private:
  std::string word(const std::string& axis, const json& value) const {
    const std::string text = text_(axis, value);
    if (text_.labelled(axis, value)) return text;
    if (axis == "stop_after") return value == 0 ? "to the end" : text + " epochs";
    const std::string& name = names_.at(axis);
    if (is_flag(text)) return (text == "true" ? "" : "no ") + text_.axis(axis);
    if (text == "none") return "no " + name;
    const bool alone = !value.is_number() && uses_.at(text) == 1;
    return alone ? text : name + "=" + text;
  }

  AxisText text_;
  std::vector<std::string> axes_, numbers_;
  std::map<std::string, std::string> names_;  ///< of axes
  std::map<std::string, int> uses_;           ///< axes that have a value of this text
};

/// The label that the sweep file gives to exactly this config: "selection=all, top_n=2"; "" none.
std::string own_label(const Report& report, const ConfigReport& config) {
  std::string key;
  for (const auto& [axis, value] : config.axis_values.items()) {
    if (!value.is_null()) key += (key.empty() ? "" : ", ") + axis + "=" + value_text(value);
  }
  const auto label = report.labels.find(key);
  return label == report.labels.end() ? "" : label->second;
}

}  // namespace

bool is_drawn(const AxisReport& axis) {
  std::size_t values = 0;
  std::size_t configs = 0;
  for (const AxisValueReport& value : axis.values) {
    if (value.value.is_null()) continue;
    if (!value.value.is_number()) return false;
    ++values;
    configs += static_cast<std::size_t>(value.configs);
  }
  return values > kFewValues && configs < 2 * values;
}

bool is_drawn(const Report& report) {
  // A grid over one axis of many numbers has one config a value too.
  const auto varied = std::count_if(report.axes.begin(), report.axes.end(),
                                    [](const AxisReport& axis) { return axis.values.size() > 1; });
  return varied > 1 &&
         std::any_of(report.axes.begin(), report.axes.end(), [](const AxisReport& axis) { return is_drawn(axis); });
}

ConfigNames::ConfigNames(const Report& report) {
  if (is_drawn(report)) {
    for (const ConfigReport& config : report.configs) names_[config.id] = "draw " + config.id.substr(0, kDigitsOfADraw);
    return;
  }
  const Words words(report);
  const auto unique = [&](const std::vector<std::string>& axes) {
    std::set<std::string> seen;
    return std::all_of(report.configs.begin(), report.configs.end(), [&](const ConfigReport& config) {
      const std::string name = words.name(config, axes);
      return !name.empty() && seen.insert(name).second;
    });
  };
  std::vector<std::string> axes = words.axes();
  for (std::size_t i = axes.size(); i-- > 0;) {
    std::vector<std::string> fewer = axes;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (unique(fewer)) axes = std::move(fewer);
  }
  std::map<std::string, int> uses;
  for (const ConfigReport& config : report.configs) {
    std::string name = own_label(report, config);
    if (name.empty()) name = words.name(config, axes);
    names_[config.id] = name.empty() ? "base" : name;
    ++uses[names_[config.id]];
  }
  for (auto& [id, name] : names_) {
    if (uses[name] > 1) name += " (" + id + ")";
  }
}

std::string ConfigNames::operator()(const std::string& id) const {
  const auto name = names_.find(id);
  return name == names_.end() ? id : name->second;
}

}  // namespace medley::sweep
