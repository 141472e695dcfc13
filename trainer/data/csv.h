#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace medley::data {

/// A CSV file with a header row (RFC 4180). It may have quotes, doubled quotes, line breaks inside quotes, LF or CRLF.
/// A UTF-8 byte order mark and empty lines are skipped.
struct Csv {
  struct Row {
    int line = 0;  ///< of the file, from 1, where the row begins
    std::vector<std::string> fields;
  };
  std::filesystem::path path;
  std::vector<std::string> columns;
  std::vector<Row> rows;  ///< each as long as `columns`

  /// Index of a column, or -1.
  int column(std::string_view name) const;
  /// "file:line: column 'name': ", the beginning of a message.
  std::string where(const Row& row, int column) const;
};

/// Throws Error with file, line and column (from 1, in bytes). Errors are an unclosed quote, text after a closing
/// quote, a row with too many or too few fields, a column named twice, a NUL byte, and an empty file.
Csv read_csv(const std::filesystem::path& path);
Csv parse_csv(std::string_view text, const std::filesystem::path& path);

/// One field as it must be written: quoted where needed.
std::string csv_field(const std::string& text);

}  // namespace medley::data
