#include "sweep/spec/spec_family.h"

#include <algorithm>

#include "sweep/nearest.h"
#include "sweep/spec/encoder_sets.h"
#include "sweep/spec/spec_values.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

/// A scalar baseline must be among `known`, the texts of the axis's values.
bool is_known(const YamlNode& node, const std::string& text, const std::string& axis,
              const std::vector<std::string>& known, Diagnostics& diagnostics) {
  if (std::find(known.begin(), known.end(), text) != known.end()) return true;
  diagnostics.add(node.place, "compare: baseline " + shown(node) + " is not a value of the axis '" + axis + "'" +
                                  suggestion(node.place.text, known));
  return false;
}

bool read_baseline_variant(const YamlNode& node, const std::vector<Variant>& variants, FamilySpec& family,
                           Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const Variant& variant : variants) names.push_back(variant.name);
  family.axis = kVariantAxis;
  family.baseline = {node.place.text, node.place};
  return is_known(node, node.place.text, kVariantAxis, names, diagnostics);
}

bool read_baseline(const YamlNode& node, const Axis& axis, FamilySpec& family, Diagnostics& diagnostics) {
  if (axis.kind == Axis::Kind::kEncoders) {
    family.baseline_encoders = read_encoder_set(node, diagnostics);
    return family.baseline_encoders.has_value();
  }
  const auto value = read_value(node, *find_setting(axis.setting), diagnostics);
  if (!value) return false;
  family.baseline = *value;
  std::vector<std::string> known;
  for (const PlacedValue& other : axis.values) known.push_back(value_text(other.value));
  return is_known(node, value_text(value->value), axis.setting, known, diagnostics);
}

json encoder_names(const EncoderSet& set, const DatasetShape& shape) {
  json names = json::array();
  for (const int encoder : set) names.push_back(shape.encoders[static_cast<std::size_t>(encoder)]);
  return names;
}

}  // namespace

std::optional<FamilySpec> read_family(const YamlNode& node, const SweepSpec& spec, Diagnostics& diagnostics) {
  if (!node.is_map()) {
    diagnostics.add(node.place, "compare: " + shown(node) + " must be {axis: NAME, baseline: VALUE, margin: 0.01}");
    return std::nullopt;
  }
  check_keys(node, "compare", {"axis", "baseline", "margin"}, diagnostics);
  const YamlNode* name = find_key(node, "axis");
  const YamlNode* baseline = find_key(node, "baseline");
  if (!name || !baseline) {
    diagnostics.add(node.place, std::string("compare: '") + (name ? "baseline" : "axis") + "' is missing");
    return std::nullopt;
  }
  FamilySpec family;
  family.place = node.place;
  if (const YamlNode* margin = find_key(node, "margin")) {
    const auto value = read_number(*margin, "compare: margin", diagnostics);
    if (value && !(*value > 0 && *value < 1)) {
      diagnostics.add(margin->place, "compare: margin " + shown(*margin) + " must be a difference of Scores in (0, 1)");
    }
    family.margin = value.value_or(family.margin);
  }
  if (name->place.text == kVariantAxis && !spec.variants.empty()) {
    if (!read_baseline_variant(*baseline, spec.variants, family, diagnostics)) return std::nullopt;
    return family;
  }
  const auto axis = std::find_if(spec.axes.begin(), spec.axes.end(),
                                 [&](const Axis& a) { return a.setting == setting_name(name->place.text); });
  if (axis == spec.axes.end()) {
    std::vector<std::string> known;
    if (!spec.variants.empty()) known.push_back(kVariantAxis);
    for (const Axis& a : spec.axes) known.push_back(a.setting);
    diagnostics.add(name->place,
                    "compare: " + shown(*name) + " is not one of the axes" + suggestion(name->place.text, known));
    return std::nullopt;
  }
  family.axis = axis->setting;
  if (!read_baseline(*baseline, *axis, family, diagnostics)) return std::nullopt;
  return family;
}

std::vector<Family> resolve_families(const SweepSpec& spec, const DatasetShape& shape, Diagnostics& diagnostics) {
  std::vector<Family> families;
  for (const FamilySpec& declared : spec.families) {
    if (!declared.baseline_encoders) {
      families.push_back({declared.axis, value_text(declared.baseline.value), declared.margin});
      continue;
    }
    EncoderSet pool = all_encoders(shape);
    if (spec.base_encoders) {
      const auto base = encoder_sets(*spec.base_encoders, pool, shape, diagnostics);
      if (!base.empty()) pool = base.front();
    }
    const auto wanted = encoder_sets(*declared.baseline_encoders, pool, shape, diagnostics);
    if (wanted.empty()) continue;
    const auto axis =
        std::find_if(spec.axes.begin(), spec.axes.end(), [](const Axis& a) { return a.kind == Axis::Kind::kEncoders; });
    const bool made = std::any_of(axis->sets.begin(), axis->sets.end(), [&](const EncoderSets& item) {
      const auto sets = encoder_sets(item, pool, shape, diagnostics);
      return std::find(sets.begin(), sets.end(), wanted.front()) != sets.end();
    });
    const std::string text = value_text(encoder_names(wanted.front(), shape));
    if (!made) {
      diagnostics.add(declared.baseline_encoders->place,
                      "compare: baseline " + text + " is not among the subsets of the axis 'encoders'");
      continue;
    }
    families.push_back({declared.axis, text, declared.margin});
  }
  return families;
}

}  // namespace medley::sweep
