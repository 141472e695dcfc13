#pragma once

#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Defines `enum class E` and the names of its enumerators from one list, LIST(X) = X(kFirst, "first") X(kSecond, ...):
/// name_of(E), and names_of(E()) of all in the order of the enum. An enumerator without a name cannot be written.
#define MEDLEY_NAMED_ENUM(E, LIST)                                  \
  enum class E { LIST(MEDLEY_ENUMERATOR) };                         \
  inline constexpr const char* k##E##Names[] = {LIST(MEDLEY_NAME)}; \
  constexpr const auto& names_of(E) { return k##E##Names; }         \
  constexpr const char* name_of(E e) { return k##E##Names[static_cast<int>(e)]; }
#define MEDLEY_ENUMERATOR(enumerator, name) enumerator,
#define MEDLEY_NAME(enumerator, name) name,

namespace medley::sweep {

/// The enumerator of a MEDLEY_NAMED_ENUM that has this name; nullopt for none.
template <class E>
std::optional<E> find_named(std::string_view name) {
  int value = 0;
  for (const char* one : names_of(E())) {
    if (name == one) return static_cast<E>(value);
    ++value;
  }
  return std::nullopt;
}

/// All names of a MEDLEY_NAMED_ENUM, in its order.
template <class E>
std::vector<std::string> all_names() {
  return {std::begin(names_of(E())), std::end(names_of(E()))};
}

}  // namespace medley::sweep
