#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace medley::sweep {

/// Characters of a line of text where nobody says how many there is room for.
inline constexpr std::size_t kTextWidth = 120;

/// A table of text (UTF-8), and what must be said below it. Rows have one cell a column.
struct Table {
  enum class Align { kLeft, kRight };
  struct Column {
    std::string head;
    Align align = Align::kLeft;
    std::string group = {};  ///< a heading over neighbouring columns of the same group; "" none
    /// Text that is too wide leaves out the columns of 1, then those of 2, and so on; 0 stays.
    int expendable = 0;
    std::vector<std::string> notes = {};  ///< those of Table::notes that are about it, and go with it
    bool shortened = false;  ///< too wide even so: its cells are cut, with "…"; in papers broken into lines
    bool best = false;       ///< in papers its largest numbers are bold
  };
  std::string name;  ///< for references from elsewhere; "" none
  std::string title;
  std::vector<std::string> above;  ///< lines between title and head: what is the same in all rows
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> notes;
  std::vector<std::string> left_out = {};  ///< names of columns, by fitted()
};

/// Without the expendable columns that a terminal of `width` characters has no room for, nor notes that only these
/// have, and with cells that are cut where that is not enough. Where that is not enough either, the longest words are
/// cut and the last columns left out. 0: as it is.
Table fitted(Table table, std::size_t width);

/// Characters that text_table() takes for its widest line of cells.
std::size_t text_width(const Table& table);

/// Lines of at most `width` characters, kTextWidth for 0, broken at spaces. Ends with a newline.
std::string wrapped_text(const std::string& text, std::size_t width);

/// Lines of more than `width` characters are broken at spaces, and continue below their last column: the text after two
/// spaces or more. Lines that fit stay as they are.
std::string broken_lines(const std::string& text, std::size_t width);

/// "group head", or "head" without a group.
std::string named(const Table::Column& column);

/// Each ends with a newline.
/// Aligned, fitted() to a terminal of `width` characters, with a note of what was left out. Lines of text are broken.
/// 0: every column, lines broken at kTextWidth. Without rows it is title and notes.
std::string text_table(const Table& table, std::size_t width = kTextWidth);
std::string markdown_table(const Table& table);  ///< GitHub's tables
std::string latex_table(const Table& table);     ///< a table environment; needs the booktabs package
/// A float at the top of a column `width_mm` wide, in 8 pt of a class of 10 pt: expendable columns are left out and
/// names are broken until it fits. Its label is tab: and Table::name. Needs the booktabs package.
std::string paper_table(const Table& table, double width_mm);
std::string csv_table(const Table& table);  ///< RFC 4180 with \n; head and rows only; a group stands before its heads

}  // namespace medley::sweep
