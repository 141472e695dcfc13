#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "storage/database.h"
#include "sweep/error.h"
#include "sweep/named_enum.h"
#include "sweep/result_parts.h"

namespace medley::storage {

/// The enumerator of a MEDLEY_NAMED_ENUM that has this name in the store. Throws Error for another, naming those.
template <class E>
E enumerator(const std::string& name) {
  if (const auto found = sweep::find_named<E>(name)) return *found;
  std::string known;
  for (const char* one : names_of(E())) known += (known.empty() ? "" : ", ") + std::string(one);
  throw Error("the store is damaged: '" + name + "' is not one of " + known);
}

inline Blob blob_of(const std::vector<std::uint8_t>& bytes) { return {bytes.data(), bytes.size()}; }

/// What a decode_*() of sweep/result_parts.h gives of bytes of the store. Throws Error where that throws sweep::Error.
template <class Decode>
auto decoded(Blob bytes, Decode decode) {
  try {
    return decode(static_cast<const std::uint8_t*>(bytes.data), bytes.size);
  } catch (const sweep::Error& e) {
    throw Error(std::string("the store is damaged: ") + e.what());
  }
}

}  // namespace medley::storage
