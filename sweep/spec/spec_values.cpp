#include "sweep/spec/spec_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "sweep/nearest.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxShownText = 60;

std::string without_plus(const std::string& text) {
  return text.size() > 1 && text[0] == '+' && text[1] != '-' ? text.substr(1) : text;
}

/// The text as a finite number, whole or not.
std::optional<double> number_of(const std::string& typed) {
  const std::string text = without_plus(typed);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> integer_of(const std::string& typed) {
  const std::string text = without_plus(typed);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> flag_of(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (text == "true" || text == "yes") return true;
  if (text == "false" || text == "no") return false;
  return std::nullopt;
}

/// Text of a scalar as JSON of the setting's kind where it reads as one; else as a string, for check_value()
/// to refuse.
json typed(const Setting& setting, const std::string& text) {
  switch (setting.kind) {
    case Setting::Kind::kInteger:
      if (const auto value = integer_of(text)) return *value;
      // A whole number beyond 64 bits is out of bounds, not "not a whole number".
      if (text.find_first_not_of("+-0123456789") == std::string::npos) {
        if (const auto value = number_of(text)) return *value < 0 ? INT64_MIN : INT64_MAX;
      }
      break;
    case Setting::Kind::kNumber:
      if (const auto value = number_of(text)) return *value;
      break;
    case Setting::Kind::kFlag:
      if (const auto value = flag_of(text)) return *value;
      break;
    case Setting::Kind::kChoice:
    case Setting::Kind::kEncoders:
    case Setting::Kind::kLayers:
      break;
  }
  return text;
}

struct Generator {
  const char* name;
  EncoderSets::Kind kind;
};
constexpr Generator kGenerators[] = {{"all", EncoderSets::Kind::kAll},
                                     {"singles", EncoderSets::Kind::kSingles},
                                     {"pairs", EncoderSets::Kind::kPairs},
                                     {"leave-one-out", EncoderSets::Kind::kLeaveOneOut},
                                     {"by-modality", EncoderSets::Kind::kByModality}};

std::optional<EncoderSets> read_generator(const YamlNode& node, bool in_list, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const Generator& generator : kGenerators) {
    if (node.place.text == generator.name) {
      EncoderSets sets;
      sets.kind = generator.kind;
      sets.place = node.place;
      return sets;
    }
    names.push_back(generator.name);
  }
  const std::string near = nearest_name(node.place.text, names);
  std::string message = "encoders: " + shown(node) + " is not a generator" + suggestion(node.place.text, names);
  if (near.empty()) {
    message += ", {sizes: [a, b]}, {modality: name}, or lists of encoders";
    if (in_list) message += " ([" + node.place.text + "] is the subset of that encoder alone)";
  }
  diagnostics.add(node.place, message);
  return std::nullopt;
}

/// {sizes: k}, {sizes: [a, b]}, {modality: name}, {modality: [names]}.
std::optional<EncoderSets> read_set_map(const YamlNode& node, bool one_subset, Diagnostics& diagnostics) {
  const std::vector<std::string> known =
      one_subset ? std::vector<std::string>{"modality"} : std::vector<std::string>{"sizes", "modality"};
  check_keys(node, "encoders", known, diagnostics);
  EncoderSets sets;
  sets.place = node.place;
  const YamlNode* sizes = one_subset ? nullptr : find_key(node, "sizes");
  const YamlNode* modality = find_key(node, "modality");
  if (!sizes && !modality) {
    if (node.entries.empty()) {
      diagnostics.add(node.place, one_subset ? "encoders: wants {modality: name}"
                                             : "encoders: wants {sizes: [a, b]} or {modality: name}");
    }
    return std::nullopt;
  }
  if (sizes && modality) {
    diagnostics.add(modality->place, "encoders: sizes and modality are two generators: write them as two items");
    return std::nullopt;
  }
  if (modality) {
    sets.kind = EncoderSets::Kind::kModalities;
    if (modality->is_scalar()) {
      sets.names = {{modality->place.text, modality->place}};
      return sets;
    }
    auto names = read_names(*modality, "modality", diagnostics);
    if (!names) return std::nullopt;
    sets.names = std::move(*names);
    return sets;
  }
  sets.kind = EncoderSets::Kind::kSizes;
  constexpr int kMost = 10'000;
  if (sizes->is_scalar()) {
    const auto size = read_integer(*sizes, "sizes", 1, kMost, diagnostics);
    if (!size) return std::nullopt;
    sets.smallest = sets.largest = static_cast<int>(*size);
    return sets;
  }
  if (!sizes->is_sequence() || sizes->items.size() != 2) {
    diagnostics.add(sizes->place, "sizes: " + shown(*sizes) + " must be a size, or [smallest, largest]");
    return std::nullopt;
  }
  const auto smallest = read_integer(sizes->items[0], "sizes", 1, kMost, diagnostics);
  const auto largest = read_integer(sizes->items[1], "sizes", 1, kMost, diagnostics);
  if (!smallest || !largest) return std::nullopt;
  if (*smallest > *largest) {
    diagnostics.add(sizes->items[0].place, "sizes: " + shown(*sizes) + ": the smallest stands first");
    return std::nullopt;
  }
  sets.smallest = static_cast<int>(*smallest);
  sets.largest = static_cast<int>(*largest);
  return sets;
}

std::optional<EncoderSets> read_name_set(const YamlNode& node, Diagnostics& diagnostics) {
  auto names = read_names(node, "encoders", diagnostics);
  if (!names) return std::nullopt;
  EncoderSets sets;
  sets.kind = EncoderSets::Kind::kNames;
  sets.place = node.place;
  sets.names = std::move(*names);
  return sets;
}

}  // namespace

std::string shown(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar: {
      const std::string& text = node.place.text;
      if (text.size() <= kMaxShownText) return "'" + text + "'";
      std::size_t end = kMaxShownText;
      while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a character
      return "'" + text.substr(0, end) + "...'";
    }
    case YamlNode::Kind::kSequence:
      break;
  }
  std::string text;
  for (const YamlNode& item : node.items) {
    if (!item.is_scalar() || text.size() > kMaxShownText) return "a list";
    text += (text.empty() ? "" : ", ") + item.place.text;
  }
  return "[" + text + "]";
}

std::optional<std::int64_t> read_integer(const YamlNode& node, const std::string& what, std::int64_t low,
                                         std::int64_t high, Diagnostics& diagnostics) {
  const auto value = node.is_scalar() ? integer_of(node.place.text) : std::nullopt;
  if (value && *value >= low && *value <= high) return value;
  diagnostics.add(node.place, what + ": " + shown(node) + " must be a whole number from " + std::to_string(low) +
                                  " to " + std::to_string(high));
  return std::nullopt;
}

std::optional<double> read_number(const YamlNode& node, const std::string& what, Diagnostics& diagnostics) {
  const auto value = node.is_scalar() ? number_of(node.place.text) : std::nullopt;
  if (!value) diagnostics.add(node.place, what + ": " + shown(node) + " must be a number");
  return value;
}

std::optional<std::string> read_text(const YamlNode& node, const std::string& what, Diagnostics& diagnostics) {
  if (node.is_scalar()) return node.place.text;
  diagnostics.add(node.place, what + ": " + shown(node) + " must be text");
  return std::nullopt;
}

std::optional<PlacedValue> read_value(const YamlNode& node, const Setting& setting, Diagnostics& diagnostics) {
  if (!node.is_scalar()) {
    diagnostics.add(node.place, setting.name + ": " + shown(node) + " must be one value");
    return std::nullopt;
  }
  const json value = typed(setting, node.place.text);
  const std::string wrong = check_value(setting, value);
  if (wrong.empty()) return PlacedValue{value, node.place};
  diagnostics.add(node.place, setting.name + ": " + shown(node) + " " + wrong);
  return std::nullopt;
}

std::optional<std::vector<PlacedValue>> read_names(const YamlNode& node, const std::string& what,
                                                   Diagnostics& diagnostics) {
  if (!node.is_sequence() || node.items.empty()) {
    diagnostics.add(node.place, what + ": " + shown(node) + " must be a list of names");
    return std::nullopt;
  }
  std::vector<PlacedValue> names;
  std::set<std::string> seen;
  bool good = true;
  for (const YamlNode& item : node.items) {
    if (!item.is_scalar() || item.place.text.empty()) {
      diagnostics.add(item.place, what + ": " + shown(item) + " must be a name");
      good = false;
    } else if (!seen.insert(item.place.text).second) {
      diagnostics.add(item.place, what + ": " + shown(item) + " stands twice in the list");
      good = false;
    } else {
      names.push_back({item.place.text, item.place});
    }
  }
  if (!good) return std::nullopt;
  return names;
}

std::optional<EncoderSets> read_encoder_set(const YamlNode& node, Diagnostics& diagnostics) {
  if (node.is_scalar() && node.place.text == "all") {
    EncoderSets sets;
    sets.place = node.place;
    return sets;
  }
  if (node.is_sequence()) return read_name_set(node, diagnostics);
  if (node.is_map()) return read_set_map(node, true, diagnostics);
  diagnostics.add(node.place, "encoders: " + shown(node) +
                                  " must be all, a list of encoders, or {modality: name}; "
                                  "generators of several subsets stand under 'axes'");
  return std::nullopt;
}

std::vector<EncoderSets> read_encoder_axis(const YamlNode& node, Diagnostics& diagnostics) {
  std::vector<EncoderSets> all;
  const auto keep = [&all](std::optional<EncoderSets> sets) {
    if (sets) all.push_back(std::move(*sets));
  };
  if (node.is_scalar()) {
    keep(read_generator(node, false, diagnostics));
  } else if (node.is_map()) {
    keep(read_set_map(node, false, diagnostics));
  } else if (node.is_sequence() && !node.items.empty()) {
    for (const YamlNode& item : node.items) {
      if (item.is_scalar())
        keep(read_generator(item, true, diagnostics));
      else if (item.is_map())
        keep(read_set_map(item, false, diagnostics));
      else
        keep(read_name_set(item, diagnostics));
    }
  } else {
    diagnostics.add(node.place, "encoders: " + shown(node) + " must be a generator or a list of subsets");
  }
  return all;
}

void check_keys(const YamlNode& map, const std::string& where, const std::vector<std::string>& known,
                Diagnostics& diagnostics) {
  for (const auto& [key, value] : map.entries) {
    if (std::find(known.begin(), known.end(), key.place.text) != known.end()) continue;
    diagnostics.add(key.place, "unknown key " + shown(key) + " in " + where + suggestion(key.place.text, known));
  }
}

const YamlNode* find_key(const YamlNode& map, const std::string& key) {
  for (const auto& [name, value] : map.entries) {
    if (name.place.text == key) return &value;
  }
  return nullptr;
}

}  // namespace medley::sweep
