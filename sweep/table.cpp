#include "sweep/table.h"

#include <algorithm>
#include <cassert>
#include <map>

namespace medley::sweep {
namespace {

/// Characters, as UTF-8 continuation bytes take no room.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t to, Table::Align align) {
  const std::string space(to - std::min(to, width(text)), ' ');
  return align == Table::Align::kLeft ? text + space : space + text;
}

std::string without_trailing_space(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string replaced(const std::string& text, const std::map<std::string, std::string>& replacements) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 1;
    while (at + length < text.size() && (text[at + length] & 0xc0) == 0x80) ++length;
    const std::string character = text.substr(at, length);
    const auto it = replacements.find(character);
    out += it == replacements.end() ? character : it->second;
    at += length;
  }
  return out;
}

std::string latex_escaped(const std::string& text) {
  static const std::map<std::string, std::string> special = {{"&", "\\&"},
                                                             {"%", "\\%"},
                                                             {"$", "\\$"},
                                                             {"#", "\\#"},
                                                             {"_", "\\_"},
                                                             {"{", "\\{"},
                                                             {"}", "\\}"},
                                                             {"~", "\\textasciitilde{}"},
                                                             {"^", "\\textasciicircum{}"},
                                                             {"\\", "\\textbackslash{}"},
                                                             {"<", "\\textless{}"},
                                                             {">", "\\textgreater{}"},
                                                             {"±", "$\\pm$"},
                                                             {"†", "$\\dagger$"},
                                                             {"‡", "$\\ddagger$"}};
  return replaced(text, special);
}

std::string markdown_escaped(const std::string& text) {
  static const std::map<std::string, std::string> special = {{"|", "\\|"}, {"*", "\\*"}, {"_", "\\_"},   {"`", "\\`"},
                                                             {"<", "\\<"}, {"[", "\\["}, {"\\", "\\\\"}, {"\n", " "}};
  return replaced(text, special);
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void check(const Table& table) {
  for (const auto& row : table.rows) assert(row.size() == table.columns.size());
}

}  // namespace

std::string text_table(const Table& table) {
  check(table);
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::size_t most = width(table.columns[c].head);
    for (const auto& row : table.rows) most = std::max(most, width(row[c]));
    widths.push_back(most);
  }
  std::string head;
  std::string rule;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    const std::string gap = c ? "  " : "";
    head += gap + padded(table.columns[c].head, widths[c], table.columns[c].align);
    rule += gap;
    for (std::size_t i = 0; i < widths[c]; ++i) rule += "─";
  }
  std::string text = table.title + "\n" + without_trailing_space(head) + "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    std::string line;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      line += (c ? "  " : "") + padded(row[c], widths[c], table.columns[c].align);
    }
    text += without_trailing_space(line) + "\n";
  }
  for (const std::string& note : table.notes) text += "  " + note + "\n";
  return text;
}

std::string markdown_table(const Table& table) {
  check(table);
  std::string text = "**" + markdown_escaped(table.title) + "**\n\n|";
  for (const auto& column : table.columns) text += " " + markdown_escaped(column.head) + " |";
  text += "\n|";
  for (const auto& column : table.columns) text += column.align == Table::Align::kLeft ? " :--- |" : " ---: |";
  text += "\n";
  for (const auto& row : table.rows) {
    text += "|";
    for (const std::string& cell : row) text += " " + markdown_escaped(cell) + " |";
    text += "\n";
  }
  if (!table.notes.empty()) text += "\n";
  for (const std::string& note : table.notes) text += "- " + markdown_escaped(note) + "\n";
  return text;
}

std::string latex_table(const Table& table) {
  check(table);
  std::string text = "\\begin{table}\n\\centering\n\\caption{" + latex_escaped(table.title) + ".}\n\\begin{tabular}{";
  for (const auto& column : table.columns) text += column.align == Table::Align::kLeft ? 'l' : 'r';
  text += "}\n\\toprule\n";
  const auto line = [&](const auto& cells, const auto& text_of) {
    for (std::size_t c = 0; c < cells.size(); ++c) text += (c ? " & " : "") + latex_escaped(text_of(cells[c]));
    text += " \\\\\n";
  };
  line(table.columns, [](const Table::Column& column) { return column.head; });
  text += "\\midrule\n";
  for (const auto& row : table.rows) line(row, [](const std::string& cell) { return cell; });
  text += "\\bottomrule\n\\end{tabular}\n";
  if (!table.notes.empty()) text += "\\par\\smallskip\\footnotesize\n";
  for (const std::string& note : table.notes) text += latex_escaped(note) + ".\\par\n";
  return text + "\\end{table}\n";
}

std::string csv_table(const Table& table) {
  check(table);
  std::string text;
  for (std::size_t c = 0; c < table.columns.size(); ++c) text += (c ? "," : "") + csv_field(table.columns[c].head);
  text += "\n";
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) text += (c ? "," : "") + csv_field(row[c]);
    text += "\n";
  }
  return text;
}

}  // namespace medley::sweep
