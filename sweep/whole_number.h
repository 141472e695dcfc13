#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "sweep/error.h"

namespace medley::sweep {

/// The whole number at `key` of a JSON object. The JSON library's own conversions cut fractions and what is out of
/// range. Throws Error naming key, value and range, and nlohmann::json::exception where the key is missing.
inline std::int64_t whole_number(const nlohmann::json& object, const char* key, std::int64_t low, std::int64_t high) {
  const nlohmann::json& value = object.at(key);
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const bool fits = value.is_number_unsigned() ? value.get<std::uint64_t>() <= kMost : value.is_number_integer();
  const std::int64_t number = fits ? value.get<std::int64_t>() : 0;
  if (!fits || number < low || number > high) {
    // Writing a list would take a stack as deep as the list.
    throw Error(std::string("'") + key + "' must be a whole number from " + std::to_string(low) + " to " +
                std::to_string(high) + ", not " + (value.is_number() ? value.dump() : value.type_name()));
  }
  return number;
}

/// The same for an int from `low` on.
inline int whole_int(const nlohmann::json& object, const char* key, int low) {
  return static_cast<int>(whole_number(object, key, low, std::numeric_limits<int>::max()));
}

}  // namespace medley::sweep
