#include "sweep/record.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "sweep/result_parts.h"

namespace medley::sweep {

double RecordReader::real(const char* what) {
  const auto value = number<double>(what), one = canonical(value);
  if (std::memcmp(&value, &one, sizeof one) != 0) fail(std::string(what) + " has a form that is none");
  return value;
}

std::string RecordReader::text(const char* what, std::size_t limit) {
  const auto size = number<std::uint32_t>(what);
  if (size > limit) fail(std::string(what) + " is longer than " + std::to_string(limit) + " bytes");
  return checked_text(size, what);
}

std::string RecordReader::short_text(const char* what) { return checked_text(number<std::uint8_t>(what), what); }

std::string RecordReader::checked_text(std::size_t size, const char* what) {
  const std::uint8_t* data = take(size, what);
  std::string text(data, data + size);
  if (std::all_of(data, data + size, [](std::uint8_t byte) { return byte < 0x80; })) return text;
  try {
    nlohmann::json(text).dump();  // pages and reports could not say what is no UTF-8
  } catch (const nlohmann::json::exception&) {
    fail(std::string(what) + " is no UTF-8");
  }
  return text;
}

}  // namespace medley::sweep
