#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace medley::test {

/// How much a test does: a positive number from the environment variable `name`, or what the suite affords.
/// `./dev nightly` sets these variables. Throws std::runtime_error for another value.
inline long amount(const char* name, long usual) {
  const char* text = std::getenv(name);
  if (!text) return usual;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end || value <= 0) throw std::runtime_error(std::string(name) + "=" + text + " is no number");
  return value;
}

}  // namespace medley::test
