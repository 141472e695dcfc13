#include "trainer/data/text.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <utf8proc.h>

namespace medley::data {
namespace {

// Bytes 0x80 to 0x9f of Windows-1252 (unicode.org/Public/MAPPINGS/VENDORS/MICSFT/WINDOWS/CP1252.TXT); unassigned ones
// stay what they are. Bytes from 0xa0 on are their own code points.
constexpr std::int32_t kWindows1252[] = {0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                         0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,   0x017d, 0x8f,
                                         0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                         0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

void append(std::int32_t code_point, std::string& text) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t size = utf8proc_encode_char(code_point, bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (std::size_t i = 0; i < text.size();) {
    std::int32_t code_point = 0;
    const utf8proc_ssize_t size = utf8proc_iterate(at + i, static_cast<utf8proc_ssize_t>(text.size() - i), &code_point);
    if (size <= 0) return false;
    i += static_cast<std::size_t>(size);
  }
  return true;
}

/// Code units of two bytes; a half of a pair without its other half becomes U+FFFD.
std::string from_utf16(std::string_view bytes, bool big_endian) {
  const auto unit = [&](std::size_t i) {
    const auto first = static_cast<unsigned char>(bytes[i]), second = static_cast<unsigned char>(bytes[i + 1]);
    return static_cast<std::int32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  std::string text;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const std::int32_t high = unit(i);
    if (high < 0xd800 || high > 0xdfff) {
      append(high, text);
    } else if (const std::int32_t low = i + 3 < bytes.size() ? unit(i + 2) : 0;
               high < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
      append(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), text);
      i += 2;
    } else {
      append(0xfffd, text);
    }
  }
  return text;
}

std::string mapped(const std::string& text, int options) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii && (options & UTF8PROC_CASEFOLD) == 0) return text;
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  return size < 0 ? text : std::string(reinterpret_cast<const char*>(result), static_cast<std::size_t>(size));
}

}  // namespace

std::string to_utf8(std::string_view bytes, std::string* guess) {
  *guess = "";
  if (bytes.substr(0, 3) == "\xef\xbb\xbf") bytes.remove_prefix(3);
  if (bytes.substr(0, 2) == "\xff\xfe") return from_utf16(bytes.substr(2), false);
  if (bytes.substr(0, 2) == "\xfe\xff") return from_utf16(bytes.substr(2), true);
  const auto zero_at = [&](std::size_t i) { return bytes.size() >= 4 && bytes[i] == 0 && bytes[i + 2] == 0; };
  if (zero_at(1) || zero_at(0)) {
    *guess = "UTF-16";
    return from_utf16(bytes, zero_at(0));
  }
  if (is_utf8(bytes)) return std::string(bytes);
  *guess = "Windows-1252";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    append(byte >= 0x80 && byte < 0xa0 ? kWindows1252[byte - 0x80] : byte, text);
  }
  return text;
}

std::string_view trim(std::string_view text) {
  // The last six are U+200B to U+200F and U+2060, which have no width and come along with text from web pages.
  static constexpr std::string_view kBlanks[] = {" ",
                                                 "\t",
                                                 "\xc2\xa0",
                                                 "\xef\xbb\xbf",
                                                 "\xe2\x80\x8b",
                                                 "\xe2\x80\x8c",
                                                 "\xe2\x80\x8d",
                                                 "\xe2\x80\x8e",
                                                 "\xe2\x80\x8f",
                                                 "\xe2\x81\xa0"};
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view blank : kBlanks) {
      if (text.substr(0, blank.size()) == blank) {
        text.remove_prefix(blank.size());
        more = true;
      }
      if (text.size() >= blank.size() && text.substr(text.size() - blank.size()) == blank) {
        text.remove_suffix(blank.size());
        more = true;
      }
    }
  }
  return text;
}

std::string composed(const std::string& text) { return mapped(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE); }

std::string folded(const std::string& text) {
  return mapped(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
}

std::string plural(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace medley::data
