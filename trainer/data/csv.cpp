#include "trainer/data/csv.h"

#include <algorithm>

#include "storage/files/error.h"
#include "storage/files/mapped_file.h"
#include "trainer/data/error.h"

namespace medley::data {
namespace {

constexpr std::size_t kMaxField = 64 * 1024;
constexpr std::size_t kMaxFile = std::size_t{256} << 20;

class Reader {
 public:
  Reader(std::string_view text, const std::filesystem::path& path) : text_(text), path_(path) {
    if (text_.substr(0, 3) == "\xef\xbb\xbf") at_ = line_start_ = 3;
  }

  /// The next row that is not an empty line; false at the end.
  bool next(Csv::Row& row) {
    while (at_ < text_.size() && end_of_line()) take_line_end();
    if (at_ >= text_.size()) return false;
    row.line = line_;
    row.fields.clear();
    while (true) {
      row.fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
      if (at_ < text_.size() && text_[at_] == ',') {
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
  bool end_of_line() const {
    return text_[at_] == '\n' || (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
  }
  void take_line_end() {
    if (text_[at_] == '\r') ++at_;
    if (at_ < text_.size()) ++at_;
    ++line_;
    line_start_ = at_;
  }
  std::string plain() {
    const std::size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] != ',' && !end_of_line(); ++at_) {
      if (text_[at_] == '"') fail("a quote inside an unquoted field");
      if (text_[at_] == '\0') fail("a NUL byte: not a text file");
      if (at_ - begin > kMaxField) fail("a field longer than " + std::to_string(kMaxField) + " bytes");
    }
    return std::string(text_.substr(begin, at_ - begin));
  }
  std::string quoted() {
    const int first_line = line_;
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\0') fail("a NUL byte: not a text file");
      if (c == '"') {
        if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
          ++at_;
        } else {
          ++at_;
          if (at_ < text_.size() && text_[at_] != ',' && !end_of_line()) fail("text after a closing quote");
          return field;
        }
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
  std::size_t at_ = 0, line_start_ = 0;
  int line_ = 1;
};

}  // namespace

int Csv::column(std::string_view name) const {
  const auto it = std::find(columns.begin(), columns.end(), name);
  return it == columns.end() ? -1 : static_cast<int>(it - columns.begin());
}

std::string Csv::where(const Row& row, int column) const {
  return path.string() + ":" + std::to_string(row.line) + ": column '" + columns.at(static_cast<std::size_t>(column)) +
         "': ";
}

Csv parse_csv(std::string_view text, const std::filesystem::path& path) {
  Reader reader(text, path);
  Csv csv;
  csv.path = path;
  Csv::Row row;
  if (!reader.next(row)) throw Error(path.string() + ": the file is empty; a header row is needed");
  csv.columns = row.fields;
  for (std::size_t i = 0; i < csv.columns.size(); ++i) {
    if (csv.column(csv.columns[i]) != static_cast<int>(i)) {
      throw Error(path.string() + ":" + std::to_string(row.line) + ": two columns are named '" + csv.columns[i] + "'");
    }
  }
  while (reader.next(row)) {
    if (row.fields.size() != csv.columns.size()) {
      throw Error(path.string() + ":" + std::to_string(row.line) + ": " + std::to_string(row.fields.size()) +
                  " fields, but the header has " + std::to_string(csv.columns.size()));
    }
    csv.rows.push_back(row);
  }
  return csv;
}

Csv read_csv(const std::filesystem::path& path) {
  const auto file = files::rethrow_as<Error>([&] { return files::MappedFile(path); });
  if (file.size() > kMaxFile) {
    throw Error(path.string() + ": " + std::to_string(file.size()) + " bytes; at most " + std::to_string(kMaxFile) +
                " are read");
  }
  return parse_csv({reinterpret_cast<const char*>(file.data()), file.size()}, path);
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace medley::data
