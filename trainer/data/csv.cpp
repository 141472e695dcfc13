#include "trainer/data/csv.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "storage/files/error.h"
#include "storage/files/mapped_file.h"
#include "trainer/data/error.h"
#include "trainer/data/file_kind.h"
#include "trainer/data/text.h"

namespace medley::data {
namespace {

constexpr std::size_t kMaxField = 64 * 1024;
constexpr std::size_t kMaxFile = std::size_t{256} << 20;
constexpr std::string_view kDelimiters = ",;\t|";  ///< that a first line is searched for

/// Divides text into rows of fields. Blanks around fields are dropped and counted.
class Reader {
 public:
  Reader(std::string_view text, const std::filesystem::path& path) : text_(text), path_(path) { choose_delimiter(); }

  char delimiter() const { return delimiter_; }
  std::size_t padded() const { return padded_; }

  /// The next row that is not an empty line; false at the end.
  bool next(Csv::Row& row) {
    while (at_ < text_.size() && end_of_line()) take_line_end();
    if (at_ >= text_.size()) return false;
    row.line = line_;
    row.fields.clear();
    while (true) {
      const std::size_t begin = at_;
      skip_blanks();
      if (at_ < text_.size() && text_[at_] == '"') {
        row.fields.push_back(quoted());
        skip_blanks();
        if (at_ < text_.size() && text_[at_] != delimiter_ && !end_of_line()) fail("text after a closing quote");
      } else {
        at_ = begin;
        row.fields.push_back(plain());
      }
      if (at_ < text_.size() && text_[at_] == delimiter_) {
        ++at_;
        continue;
      }
      if (at_ < text_.size()) take_line_end();
      return true;
    }
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(path_.string() + ":" + std::to_string(line_) + ":" + std::to_string(at_ - line_start_ + 1) + ": " +
                what);
  }

 private:
  /// The delimiter that a line `sep=;` names, else '\0'. Programs write it in capitals and in quotes, and fill the line
  /// with delimiters up to the number of columns.
  static char named_delimiter(std::string_view line) {
    std::string text;
    for (const char c : line) {
      if (c != '"') text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    if (text.size() < 5 || text.compare(0, 4, "sep=") != 0) return '\0';
    return text.find_first_not_of(text[4], 4) == std::string::npos ? text[4] : '\0';
  }
  /// The most frequent of the candidates in the first line, outside quotes. Excel names it in a line `sep=;`.
  void choose_delimiter() {
    while (at_ < text_.size() && end_of_line()) take_line_end();
    const std::size_t end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    if (const char named = named_delimiter(line); named != '\0') {
      delimiter_ = named;
      at_ = end;
      if (at_ < text_.size()) take_line_end();
      return;
    }
    std::size_t most = 0;
    for (const char candidate : kDelimiters) {
      std::size_t count = 0;
      bool inside = false;
      for (const char c : line) {
        inside ^= c == '"';
        count += c == candidate && !inside ? 1 : 0;
      }
      if (count <= most) continue;
      most = count;
      delimiter_ = candidate;
    }
    // write.table() of R divides by blanks, and quotes every name.
    if (most == 0 && line.find("\" \"") != std::string_view::npos) delimiter_ = ' ';
  }
  bool end_of_line() const { return text_[at_] == '\n' || text_[at_] == '\r'; }
  void take_line_end() {
    std::size_t after = at_;
    while (after < text_.size() && text_[after] == '\r') ++after;
    at_ = after < text_.size() && text_[after] == '\n' ? after + 1 : at_ + 1;
    ++line_;
    line_start_ = at_;
  }
  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ' && delimiter_ != ' ') ++at_;
  }
  std::string trimmed(std::string_view field) {
    const std::string_view inner = trim(field);
    padded_ += inner.size() != field.size() ? 1 : 0;
    return std::string(inner);
  }
  std::string plain() {
    const std::size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] != delimiter_ && !end_of_line(); ++at_) {
      if (text_[at_] == '"') fail("a quote inside an unquoted field");
      if (text_[at_] == '\0') fail("a NUL byte: not a text file");
      if (at_ - begin > kMaxField) fail("a field longer than " + std::to_string(kMaxField) + " bytes");
    }
    return trimmed(text_.substr(begin, at_ - begin));
  }
  std::string quoted() {
    const int first_line = line_;
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\0') fail("a NUL byte: not a text file");
      if (c == '"') {
        ++at_;
        if (at_ >= text_.size() || text_[at_] != '"') return trimmed(field);
      }
      field += c;
      if (c == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      }
      if (field.size() > kMaxField) fail("a field longer than " + std::to_string(kMaxField) + " bytes");
    }
    fail("the quote opened in line " + std::to_string(first_line) + " is not closed");
  }

  std::string_view text_;
  const std::filesystem::path& path_;
  char delimiter_ = ',';
  std::size_t at_ = 0, line_start_ = 0, padded_ = 0;
  int line_ = 1;
};

bool all_empty(const std::vector<std::string>& fields, std::size_t from) {
  return std::all_of(fields.begin() + static_cast<std::ptrdiff_t>(std::min(from, fields.size())), fields.end(),
                     [](const std::string& field) { return field.empty(); });
}

/// R's write.table() and pandas without a header name write row numbers, from 1 or 0, before the first named column.
void name_index_column(Csv& csv) {
  if (csv.rows.empty()) return;
  std::size_t number = csv.rows[0].fields[0] == "0" ? 0 : 1;
  for (const Csv::Row& row : csv.rows) {
    const bool one_more = row.fields.size() == csv.columns.size() + 1 && !row.fields.back().empty();
    if (!one_more || row.fields[0] != std::to_string(number++)) return;
  }
  csv.columns.insert(csv.columns.begin(), "");
  csv.notes.push_back(csv.path.string() + ": each row has a number before its fields, which is ignored");
}

/// True for a first row that names no columns: numpy.savetxt(), openXBOW and pyAudioAnalysis write none. Names 0, 1, 2
/// are those of pandas. `named` columns are those before the empty ones at the end.
bool is_data(const Csv& csv, std::size_t named) {
  const std::size_t first = named > 1 ? 1 : 0;
  bool numbers = named > 0, counting = true;
  for (std::size_t i = first; i < named; ++i) {
    numbers = numbers && !is_missing(csv.columns[i]) && csv.number(csv.columns[i]).has_value();
    const std::size_t start = csv.columns[first] == "0" ? 0 : 1;
    counting = counting && csv.columns[i] == std::to_string(start + i - first);
  }
  return numbers && !counting;
}

/// True where commas within numbers may be the reason for a row that is too long: none of its numbers has a point.
bool has_decimal_commas(const Csv& csv, const Csv::Row& row) {
  return csv.delimiter == ',' && row.fields.size() > csv.columns.size() &&
         std::none_of(row.fields.begin(), row.fields.end(), [&](const std::string& field) {
           return field.find('.') != std::string::npos && csv.number(field).has_value();
         });
}

/// Number of fields without the empty ones at the end.
std::size_t size_without_end(const std::vector<std::string>& fields) {
  std::size_t size = fields.size();
  while (size > 0 && fields[size - 1].empty()) --size;
  return size;
}

/// Fields that are empty in all rows and have no name are cut off at the end.
void drop_empty_columns(Csv& csv) {
  std::size_t named = size_without_end(csv.columns);
  for (const Csv::Row& row : csv.rows) {
    for (std::size_t i = named; i < std::min(row.fields.size(), csv.columns.size()); ++i) {
      if (!row.fields[i].empty()) named = i + 1;
    }
  }
  csv.columns.resize(named);
  for (Csv::Row& row : csv.rows) {
    if (row.fields.size() > named && all_empty(row.fields, named)) row.fields.resize(named);
  }
}

}  // namespace

bool is_missing(std::string_view text) {
  static constexpr std::array<std::string_view, 16> kWords = {"",     "NA",   "N/A",    "n/a",    "nan",  "NaN",
                                                              "NAN",  "-nan", "None",   "none",   "NULL", "null",
                                                              "<NA>", "#N/A", "1.#IND", "-1.#IND"};
  return std::find(kWords.begin(), kWords.end(), text) != kWords.end();
}

int Csv::column(std::string_view name) const {
  const auto it = std::find(columns.begin(), columns.end(), name);
  return it == columns.end() ? -1 : static_cast<int>(it - columns.begin());
}

std::string Csv::where(const Row& row, int column) const {
  return path.string() + ":" + std::to_string(row.line) + ": column '" + columns.at(static_cast<std::size_t>(column)) +
         "': ";
}

std::optional<double> Csv::number(std::string_view text) const {
  if (is_missing(text)) return std::numeric_limits<double>::quiet_NaN();
  std::string with_point(text);
  if (delimiter != ',' && std::count(text.begin(), text.end(), ',') == 1 && text.find('.') == std::string_view::npos) {
    std::replace(with_point.begin(), with_point.end(), ',', '.');
  }
  const char* begin = with_point.data() + (with_point[0] == '+' && with_point.size() > 1 ? 1 : 0);
  const char* end = with_point.data() + with_point.size();
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (stop != end || (error != std::errc() && error != std::errc::result_out_of_range)) return std::nullopt;
  if (error == std::errc::result_out_of_range) value = std::strtod(with_point.c_str(), nullptr);  // 0 or infinity
  return value;
}

double Csv::needed_number(const Row& row, std::size_t column) const {
  const std::string& text = row.fields[column];
  if (const std::optional<double> value = number(text)) return *value;
  constexpr std::size_t kShown = 40;
  const bool vector = !text.empty() && (text[0] == '[' || text[0] == '(');
  throw Error(where(row, static_cast<int>(column)) + "'" + text.substr(0, kShown) +
              (text.size() > kShown ? "...' is not a number" : "' is not a number") +
              (vector ? "; give each number of a vector a column, or save np.savez(path, X=..., filenames=...)" : ""));
}

Csv parse_csv(std::string_view bytes, const std::filesystem::path& path) {
  Csv csv;
  csv.path = path;
  std::string guess;
  const std::string text = to_utf8(bytes, &guess);
  if (!guess.empty()) csv.notes.push_back(path.string() + ": it was read as " + guess + ", which is a guess");
  Reader reader(text, path);
  csv.delimiter = reader.delimiter();
  Csv::Row row;
  if (!reader.next(row)) throw Error(path.string() + ": the file is empty; a header row is needed");
  csv.columns = row.fields;
  const bool padded_header = reader.padded() > 0;  // then every field is, as OpenFace writes
  const std::size_t named = size_without_end(csv.columns);
  csv.headless = is_data(csv, named);
  if (csv.headless) {
    csv.rows.push_back(row);
    for (std::size_t i = 0; i < named; ++i) csv.columns[i] = std::to_string(i + 1);
    csv.notes.push_back(path.string() + ": it has no header row, so its first row is data");
  }
  for (std::size_t i = 0; i < csv.columns.size(); ++i) {
    if (!csv.columns[i].empty() && csv.column(csv.columns[i]) != static_cast<int>(i)) {
      throw Error(path.string() + ":" + std::to_string(row.line) + ": two columns are named '" + csv.columns[i] + "'");
    }
  }
  if (named == 0) throw Error(path.string() + ":" + std::to_string(row.line) + ": the header row names no column");
  const auto repeats_header = [&](const std::vector<std::string>& fields) {
    const auto end = fields.begin() + static_cast<std::ptrdiff_t>(size_without_end(fields));
    const auto header = csv.columns.begin() + static_cast<std::ptrdiff_t>(named);
    return !csv.headless && std::equal(fields.begin(), end, csv.columns.begin(), header);
  };
  std::size_t blank = 0, headers = 0;
  while (reader.next(row)) {
    if (all_empty(row.fields, 0)) {
      ++blank;
    } else if (repeats_header(row.fields)) {
      ++headers;
    } else {
      csv.rows.push_back(row);
    }
  }
  if (!csv.headless) name_index_column(csv);
  drop_empty_columns(csv);
  for (const Csv::Row& read : csv.rows) {
    if (read.fields.size() == csv.columns.size()) continue;
    throw Error(path.string() + ":" + std::to_string(read.line) + ": " + std::to_string(read.fields.size()) +
                " fields, but the header has " + std::to_string(csv.columns.size()) +
                (has_decimal_commas(csv, read)
                     ? "; if its numbers have decimal commas, write them with points, or divide fields by semicolons"
                     : ""));
  }
  const auto note = [&](std::size_t count, const std::string& what) {
    if (count > 0) csv.notes.push_back(path.string() + ": " + std::to_string(count) + what);
  };
  note(headers, headers == 1 ? " row repeats the header and is skipped" : " rows repeat the header and are skipped");
  note(blank, blank == 1 ? " row of empty fields is skipped" : " rows of empty fields are skipped");
  if (!padded_header) note(reader.padded(), " fields have blanks around them, which are dropped");
  return csv;
}

Csv read_csv(const std::filesystem::path& path) {
  std::error_code unknown;
  if (std::filesystem::file_size(path, unknown) == 0) return parse_csv({}, path);  // an empty file cannot be mapped
  const auto file = files::rethrow_as<Error>([&] { return files::MappedFile(path); });
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  if (bytes.substr(0, 4) == "PK\x03\x04")
    throw Error(path.string() + ": an Excel workbook or a ZIP archive; save it as CSV");
  if (const std::string kind = other_kind(bytes); !kind.empty()) throw Error(path.string() + ": " + kind);
  if (file.size() > kMaxFile) {
    throw Error(path.string() + ": " + std::to_string(file.size()) + " bytes; at most " + std::to_string(kMaxFile) +
                " are read");
  }
  return parse_csv(bytes, path);
}

std::string csv_field(const std::string& text, char delimiter) {
  // Other delimiters too: a reader counts them to find the file's own.
  if (text.find_first_of("\"\r\n,;\t|") == std::string::npos && text.find(delimiter) == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_text(const Csv& csv) {
  // A delimiter that the first line named, or R's blank, would not be found again.
  const char delimiter = kDelimiters.find(csv.delimiter) == std::string_view::npos ? ';' : csv.delimiter;
  std::string text;
  const auto add = [&](const std::vector<std::string>& fields) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i > 0) text += delimiter;
      text += csv_field(fields[i], delimiter);
    }
    text += '\n';
  };
  add(csv.columns);
  for (const Csv::Row& row : csv.rows) add(row.fields);
  return text;
}

}  // namespace medley::data
