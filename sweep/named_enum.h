#pragma once

/// Defines `enum class E` and the names of its enumerators from one list, LIST(X) = X(kFirst, "first") X(kSecond, ...):
/// name_of(E), and names_of(E()) of all in the order of the enum. An enumerator without a name cannot be written.
#define MEDLEY_NAMED_ENUM(E, LIST)                                  \
  enum class E { LIST(MEDLEY_ENUMERATOR) };                         \
  inline constexpr const char* k##E##Names[] = {LIST(MEDLEY_NAME)}; \
  constexpr const auto& names_of(E) { return k##E##Names; }         \
  constexpr const char* name_of(E e) { return k##E##Names[static_cast<int>(e)]; }
#define MEDLEY_ENUMERATOR(enumerator, name) enumerator,
#define MEDLEY_NAME(enumerator, name) name,
