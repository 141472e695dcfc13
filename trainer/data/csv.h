#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace medley::data {

/// A CSV file with a header row (RFC 4180), or what Excel, R and pandas write instead:
/// - UTF-8 with or without byte order mark, UTF-16, else Windows-1252
/// - comma, semicolon, tab or bar between fields, as the header row has them, or a first line `sep=;`, also in quotes
/// - LF, CRLF, CR or CR CR LF
/// - blanks around fields, empty columns at the end, an index column without a name, the header once more
/// Empty lines and rows of empty fields are skipped.
struct Csv {
  struct Row {
    int line = 0;  ///< of the file, from 1, where the row begins
    std::vector<std::string> fields;
  };
  std::filesystem::path path;
  char delimiter = ',';
  /// True where the first row has numbers after its first field, so that it is data. Columns are then 1, 2, ...
  bool headless = false;
  std::vector<std::string> columns;  ///< "" where a column has no name
  std::vector<Row> rows;             ///< each as long as `columns`
  std::vector<std::string> notes;    ///< each guess and each omission in a sentence, beginning with the path

  /// Index of a column, or -1.
  int column(std::string_view name) const;
  /// "file:line: column 'name': ", the beginning of a message.
  std::string where(const Row& row, int column) const;
  /// A decimal number as this file writes it: 30, 30.0, 3e1, and 30,0 where no comma divides fields. NaN for words of
  /// a missing value and for nan.
  std::optional<double> number(std::string_view text) const;
  /// number() of a field. Throws Error with the place where it is none.
  double needed_number(const Row& row, std::size_t column) const;
};

/// Throws Error with file, line and column (from 1, in bytes of UTF-8). Errors are an unclosed quote, text after a
/// closing quote, a row with too many or too few fields, a column named twice, a header without a name, a NUL byte, an
/// empty file, and a file of another format.
Csv read_csv(const std::filesystem::path& path);
Csv parse_csv(std::string_view text, const std::filesystem::path& path);

/// One field as it must be written: quoted where needed.
std::string csv_field(const std::string& text, char delimiter = ',');
/// The file as text, UTF-8 and LF, with its own delimiter, or semicolons for one that parse_csv() would not find again.
std::string csv_text(const Csv& csv);

/// True for "" and for the words that R, pandas, SQL and Excel write for a missing value: NA, nan, None, NULL, #N/A.
bool is_missing(std::string_view text);

}  // namespace medley::data
