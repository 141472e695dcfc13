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

/// Little-endian bytes of numbers, and back. unpack() throws Error naming `what` when the size is not a multiple.
template <class T>
std::vector<std::uint8_t> pack(const std::vector<T>& values);
template <class T>
std::vector<T> unpack(Blob bytes, const char* what);

/// The enumerator of a MEDLEY_NAMED_ENUM that has this name in the store. Throws Error for another, naming those.
template <class E>
E enumerator(const std::string& name) {
  if (const auto found = sweep::find_named<E>(name)) return *found;
  std::string known;
  for (const char* one : names_of(E())) known += (known.empty() ? "" : ", ") + std::string(one);
  throw Error("the store is damaged: '" + name + "' is not one of " + known);
}

inline Blob blob_of(const std::vector<std::uint8_t>& bytes) { return {bytes.data(), bytes.size()}; }

/// What `decode` gives of bytes of the store. Throws Error where it throws sweep::Error.
template <class Decode>
auto decoded(Decode decode) {
  try {
    return decode();
  } catch (const sweep::Error& e) {
    throw Error(std::string("the store is damaged: ") + e.what());
  }
}

using sweep::encode_surface;
sweep::ThresholdSurface decode_surface(Blob bytes);

}  // namespace medley::storage
