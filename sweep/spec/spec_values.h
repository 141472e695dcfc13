#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/config.h"
#include "sweep/spec/spec.h"
#include "sweep/spec/yaml_tree.h"

namespace medley::sweep {

/// Readers of one YAML node each. What is wrong goes to `diagnostics`, with `what` (a key) in front of the
/// message; then nothing is returned.

std::optional<std::int64_t> read_integer(const YamlNode& node, const std::string& what, std::int64_t low,
                                         std::int64_t high, Diagnostics& diagnostics);
std::optional<double> read_number(const YamlNode& node, const std::string& what, Diagnostics& diagnostics);
std::optional<std::string> read_text(const YamlNode& node, const std::string& what, Diagnostics& diagnostics);

/// A scalar as a value of `setting` (not kEncoders): strictly by its kind, within its bounds.
std::optional<PlacedValue> read_value(const YamlNode& node, const Setting& setting, Diagnostics& diagnostics);

/// A list of distinct names.
std::optional<std::vector<PlacedValue>> read_names(const YamlNode& node, const std::string& what,
                                                   Diagnostics& diagnostics);

/// `encoders` under `base`: all, a list of names, or {modality: ...}: one subset.
std::optional<EncoderSets> read_encoder_set(const YamlNode& node, Diagnostics& diagnostics);
/// `encoders` under `axes`: a generator, or a list of generators and lists of names.
std::vector<EncoderSets> read_encoder_axis(const YamlNode& node, Diagnostics& diagnostics);

/// Adds a diagnostic for every key of `map` that is not in `known`.
void check_keys(const YamlNode& map, const std::string& where, const std::vector<std::string>& known,
                Diagnostics& diagnostics);
/// The value of `key`, or nullptr.
const YamlNode* find_key(const YamlNode& map, const std::string& key);

/// What a setting holds, for messages: 0.001, [a, b], {...}.
std::string shown(const YamlNode& node);

}  // namespace medley::sweep
