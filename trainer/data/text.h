#pragma once

#include <string>
#include <string_view>

namespace medley::data {

/// `bytes` of a text file as UTF-8 without byte order mark. UTF-16 needs its mark. What is not UTF-8 is taken for
/// Windows-1252, as Excel writes in western Europe, and `guessed` set.
std::string to_utf8(std::string_view bytes, bool* guessed);

/// `text` without blanks at its ends. Blanks are spaces, tabs, no-break spaces and byte order marks.
std::string_view trim(std::string_view text);

/// Unicode normal form C: one code point for a letter and its accent. macOS writes form D in file names. Text that is
/// not UTF-8 comes back as it is.
std::string composed(const std::string& text);

/// composed(), without letter case.
std::string folded(const std::string& text);

}  // namespace medley::data
