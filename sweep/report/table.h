#pragma once

#include <string>
#include <vector>

namespace medley::sweep {

/// A table of text (UTF-8), and what must be said below it. Rows have one cell a column.
struct Table {
  enum class Align { kLeft, kRight };
  struct Column {
    std::string head;
    Align align = Align::kLeft;
    std::string group = {};  ///< a heading over neighbouring columns of the same group; "" none
  };
  std::string title;
  std::vector<std::string> above;  ///< lines between title and head: what is the same in all rows
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> notes;
};

/// Characters that text_table() takes for its widest line of cells.
std::size_t text_width(const Table& table);

/// Each ends with a newline.
std::string text_table(const Table& table);      ///< aligned, for a terminal
std::string markdown_table(const Table& table);  ///< GitHub's tables
std::string latex_table(const Table& table);     ///< a table environment; needs the booktabs package
std::string csv_table(const Table& table);  ///< RFC 4180 with \n; head and rows only; a group stands before its heads

}  // namespace medley::sweep
