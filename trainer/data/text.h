#pragma once

#include <string>
#include <string_view>

namespace medley::data {

/// `bytes` of a text file as UTF-8 without byte order mark. Without a mark, every second byte 0 at the start means
/// UTF-16, and what is not UTF-8 is taken for Windows-1252, as Excel writes in western Europe. `guess` is then the name
/// of that encoding, else "".
std::string to_utf8(std::string_view bytes, std::string* guess);

/// `text` without blanks at its ends. Blanks are spaces, tabs, no-break spaces, byte order
/// marks and other characters without width.
std::string_view trim(std::string_view text);

/// Unicode normal form C: one code point for a letter and its accent. macOS writes form D in file names. Text that is
/// not UTF-8 comes back as it is.
std::string composed(const std::string& text);

/// "1 clip", "3 clips".
std::string plural(std::size_t count, const std::string& noun);

/// composed(), without letter case.
std::string folded(const std::string& text);

}  // namespace medley::data
