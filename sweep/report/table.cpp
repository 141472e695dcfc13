#include "sweep/report/table.h"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>

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
                                                             {"Δ", "$\\Delta$"},
                                                             {"−", "$-$"},
                                                             {"‡", "$\\ddagger$"},
                                                             {"⋆", "$^{\\star}$"},
                                                             {"…", "\\dots{}"}};
  return replaced(text, special);
}

std::string markdown_escaped(const std::string& text) {
  static const std::map<std::string, std::string> special = {{"|", "\\|"}, {"*", "\\*"}, {"_", "\\_"},   {"`", "\\`"},
                                                             {"<", "\\<"}, {"[", "\\["}, {"\\", "\\\\"}, {"\n", " "}};
  return replaced(text, special);
}

/// Where the text after the last two spaces begins, not beyond `most` bytes; 0 where there is none.
std::size_t last_column(const std::string& line, std::size_t most) {
  std::size_t begin = 0;
  for (std::size_t at = 2; at < line.size() && at <= most; ++at) {
    if (line[at] != ' ' && line[at - 1] == ' ' && line[at - 2] == ' ') begin = at;
  }
  return begin;
}

/// Where to break a line behind `indent` characters: the last of these bytes with at most `most` characters to its end,
/// or npos.
std::size_t last_fitting(const std::string& line, char byte, std::size_t indent, std::size_t most) {
  std::size_t found = std::string::npos;
  for (std::size_t at = line.find_first_not_of(' ', indent); (at = line.find(byte, at)) != std::string::npos; ++at) {
    if (width(line.substr(0, at)) + (byte != ' ') > most) break;
    found = at;
  }
  return found;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string grouped_head(const Table::Column& column) {
  return column.group.empty() ? column.head : column.group + " " + column.head;
}

/// Neighbouring columns of one group; columns without a group stand alone.
struct Span {
  std::string group;
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::vector<Span> spans(const Table& table) {
  std::vector<Span> made;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const std::string& group = table.columns[c].group;
    if (!made.empty() && !group.empty() && made.back().group == group) {
      made.back().end = c + 1;
    } else {
      made.push_back({group, c, c + 1});
    }
  }
  return made;
}

/// A column is as wide as its widest cell; the last of a group makes room for the group's name.
std::vector<std::size_t> column_widths(const Table& table) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::size_t most = width(table.columns[c].head);
    for (const auto& row : table.rows) most = std::max(most, width(row[c]));
    widths.push_back(most);
  }
  for (const Span& span : spans(table)) {
    std::size_t room = 2 * (span.end - span.begin) - 2;
    for (std::size_t c = span.begin; c < span.end; ++c) room += widths[c];
    const std::size_t wanted = width(span.group);
    if (room < wanted) widths[span.end - 1] += wanted - room;
  }
  return widths;
}

std::string line_of(std::size_t length) {
  std::string line;
  for (std::size_t i = 0; i < length; ++i) line += "─";
  return line;
}

/// Lines of at most `most` characters, broken at spaces; those after the first are set in by two more.
std::string wrapped(const std::string& text, const std::string& indent, std::size_t most) {
  std::string lines;
  std::string line = indent;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const bool empty = line.find_first_not_of(' ') == std::string::npos;
    if (!empty && width(line) + 1 + width(word) > most) {
      lines += line + "\n";
      line = indent + "  " + word;
    } else {
      line += (empty ? "" : " ") + word;
    }
  }
  return lines + line + "\n";
}

void check(const Table& table) {
  for (const auto& row : table.rows) assert(row.size() == table.columns.size());
}

void drop(Table& table, std::size_t column) {
  const auto at = static_cast<std::ptrdiff_t>(column);
  table.columns.erase(table.columns.begin() + at);
  for (auto& row : table.rows) row.erase(row.begin() + at);
}

std::size_t width_of_cells(const Table& table, std::size_t column) {
  std::size_t most = 0;
  for (const auto& row : table.rows) most = std::max(most, width(row[column]));
  return most;
}

/// Of the first characters.
std::size_t bytes_of(const std::string& text, std::size_t characters) {
  std::size_t bytes = 0;
  for (std::size_t seen = 0; bytes < text.size(); ++bytes) {
    if ((text[bytes] & 0xc0) != 0x80 && seen++ == characters) break;
  }
  return bytes;
}

/// Notes that are only about columns which are gone.
void drop_notes(Table& table, const std::vector<Table::Column>& dropped) {
  std::set<std::string> needed;
  for (const Table::Column& column : table.columns) needed.insert(column.notes.begin(), column.notes.end());
  for (const Table::Column& column : dropped) {
    for (const std::string& note : column.notes) {
      if (needed.count(note) > 0) continue;
      table.notes.erase(std::remove(table.notes.begin(), table.notes.end(), note), table.notes.end());
    }
  }
}

/// Cells of one column, at most `most` characters each.
void shorten(Table& table, std::size_t column, std::size_t most) {
  for (auto& row : table.rows) {
    std::string& cell = row[column];
    if (width(cell) <= most) continue;
    // Both ends stay: names often differ in the last of them.
    const std::size_t last = (most - 1) / 2;
    cell = cell.substr(0, bytes_of(cell, most - 1 - last)) + "…" + cell.substr(bytes_of(cell, width(cell) - last));
  }
}

}  // namespace

Table fitted(Table table, std::size_t room) {
  constexpr std::size_t kLeastOfAName = 12;
  std::set<int> turns;
  for (const Table::Column& column : table.columns) {
    if (column.expendable > 0) turns.insert(column.expendable);
  }
  std::vector<Table::Column> dropped;
  for (const int turn : turns) {
    if (room == 0 || text_width(table) <= room) break;
    for (std::size_t c = 0; c < table.columns.size();) {
      if (table.columns[c].expendable != turn) {
        ++c;
        continue;
      }
      dropped.push_back(table.columns[c]);
      drop(table, c);
    }
  }
  for (std::size_t c = 0; room > 0 && c < table.columns.size(); ++c) {
    const std::size_t wide = text_width(table);
    if (!table.columns[c].shortened || wide <= room) continue;
    const std::size_t now = column_widths(table)[c];
    shorten(table, c, std::max(kLeastOfAName, now - std::min(now, wide - room)));
  }
  // A table that says nothing of its columns: long words are cut, and then the last columns go.
  for (std::size_t wide; room > 0 && (wide = text_width(table)) > room;) {
    std::size_t longest = 0, most = 0;
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const std::size_t cells = table.columns[c].align == Table::Align::kLeft ? width_of_cells(table, c) : 0;
      if (cells > most) longest = c;
      most = std::max(most, cells);
    }
    if (most > kLeastOfAName) {
      shorten(table, longest, std::max(kLeastOfAName, most - std::min(most, wide - room)));
    } else if (table.columns.size() > 1) {
      dropped.push_back(table.columns.back());
      drop(table, table.columns.size() - 1);
    } else {
      break;
    }
  }
  for (const Table::Column& column : dropped) table.left_out.push_back(named(column));
  drop_notes(table, dropped);
  return table;
}

std::size_t text_width(const Table& table) {
  std::size_t total = 0;
  for (const std::size_t width : column_widths(table)) total += width + 2;
  return total - std::min<std::size_t>(total, 2);
}

std::string wrapped_text(const std::string& text, std::size_t width) {
  return wrapped(text, "", width > 0 ? width : kTextWidth);
}

std::string broken_lines(const std::string& text, std::size_t most) {
  std::string lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    const std::string indent(width(line.substr(0, last_column(line, most * 2 / 3))), ' ');
    while (width(line) > most) {
      std::size_t at = last_fitting(line, ' ', indent.size(), most);
      if (at == std::string::npos) {  // a list without spaces
        const std::size_t comma = last_fitting(line, ',', indent.size(), most);
        if (comma != std::string::npos) line.insert(at = comma + 1, " ");
      }
      if (at == std::string::npos) at = line.find(' ', line.find_first_not_of(' ', indent.size()));
      if (at == std::string::npos) break;
      lines += line.substr(0, at) + "\n";
      line = indent + line.substr(at + 1);
    }
    lines += line;
    if (end < text.size()) lines += '\n';
    begin = end + 1;
  }
  return lines;
}

std::string named(const Table::Column& column) {
  return column.group.empty() ? column.head : column.group + " " + column.head;
}

std::string text_table(const Table& whole, std::size_t room_for) {
  check(whole);
  Table table = fitted(whole, room_for);
  std::string left_out;
  for (const std::string& name : table.left_out) left_out += (left_out.empty() ? "" : ", ") + name;
  if (!left_out.empty()) {
    table.notes.push_back("not shown, for want of room: " + left_out + "; --wide shows everything");
  }
  const std::size_t most = room_for > 0 ? room_for : kTextWidth;
  const std::vector<std::size_t> widths = column_widths(table);
  std::string groups;
  std::string head;
  std::string rule;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    const std::string gap = c ? "  " : "";
    head += gap + padded(table.columns[c].head, widths[c], table.columns[c].align);
    rule += gap + line_of(widths[c]);
  }
  for (const Span& span : spans(table)) {
    std::size_t room = 2 * (span.end - span.begin) - 2;
    for (std::size_t c = span.begin; c < span.end; ++c) room += widths[c];
    if (span.begin > 0) groups += "  ";
    groups += span.group.empty() ? std::string(room, ' ') : span.group;
    if (span.group.empty()) continue;
    const std::size_t left = room - std::min(room, width(span.group));
    if (left > 0) groups += " " + line_of(left - 1);
  }
  std::string text = table.title.empty() ? "" : wrapped(table.title, "", most);
  for (const std::string& line : table.above) text += wrapped(line, "", most);
  groups = without_trailing_space(groups);
  if (!groups.empty() && !table.rows.empty()) text += groups + "\n";
  if (!table.rows.empty()) text += without_trailing_space(head) + "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    std::string line;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      line += (c ? "  " : "") + padded(row[c], widths[c], table.columns[c].align);
    }
    text += without_trailing_space(line) + "\n";
  }
  for (const std::string& note : table.notes) text += wrapped(note, "  ", most);
  return text;
}

std::string markdown_table(const Table& table) {
  check(table);
  std::string text = "**" + markdown_escaped(table.title) + "**\n\n";
  for (const std::string& line : table.above) text += markdown_escaped(line) + "\n\n";
  text += "|";
  for (const auto& column : table.columns) text += " " + markdown_escaped(grouped_head(column)) + " |";
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

namespace {

/// A minus before a share, not a hyphen.
std::string latex_cell(std::string cell) {
  for (std::size_t at = cell.find("-."); at != std::string::npos; at = cell.find("-.", at + 1)) {
    cell.replace(at, 1, "−");
  }
  return latex_escaped(cell);
}

/// The tabular; `cell` gives the LaTeX of a row's cell.
template <class Cell>
std::string tabular(const Table& table, const std::string& around, const Cell& cell) {
  std::string text = "\\begin{tabular}{" + around;
  for (const auto& column : table.columns) text += column.align == Table::Align::kLeft ? 'l' : 'r';
  text += around + "}\n\\toprule\n";
  const std::vector<Span> groups = spans(table);
  const bool grouped = groups.size() < table.columns.size();
  if (grouped) {
    std::string rules;
    for (const Span& span : groups) {
      if (span.begin > 0) text += " & ";
      if (span.group.empty()) continue;
      text += "\\multicolumn{" + std::to_string(span.end - span.begin) + "}{c}{" + latex_escaped(span.group) + "}";
      rules += "\\cmidrule(lr){" + std::to_string(span.begin + 1) + "-" + std::to_string(span.end) + "}";
    }
    text += " \\\\\n" + rules + "\n";
  }
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const Table::Column& column = table.columns[c];
    text += (c ? " & " : "") + latex_escaped(grouped ? column.head : grouped_head(column));
  }
  text += " \\\\\n\\midrule\n";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) text += (c ? " & " : "") + cell(r, c);
    text += " \\\\\n";
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

std::string caption_of(const Table& table) {
  std::string caption = table.title;
  for (const std::string& line : table.above) caption += "; " + line;
  return caption;
}

constexpr double kPaperPoints = 8;
constexpr double kColumnGap = 3;  ///< points on either side
constexpr double kPointsPerMm = 72.27 / 25.4;

/// About how wide text is in Computer Modern of 8 pt, rather too wide than too narrow.
double paper_points(const std::string& text, bool bold = false) {
  double ems = 0;
  for (const char c : text) {
    if ((c & 0xc0) == 0x80) continue;
    const bool narrow = c == '.' || c == ',' || c == '[' || c == ']' || c == 'i' || c == 'l' || c == ' ';
    const bool wide = static_cast<unsigned char>(c) >= 0x80 || std::string("mw-%+=").find(c) != std::string::npos;
    ems += narrow ? 0.33 : wide || (c >= 'A' && c <= 'Z') ? 0.87 : 0.56;
  }
  return ems * kPaperPoints * (bold ? 1.15 : 1);
}

/// The number that a cell begins with.
std::optional<double> number_in(const std::string& cell) {
  const std::size_t end = std::min(cell.find(' '), cell.size());
  const std::string text = cell.substr(0, end);
  if (text.empty() || text.find_first_not_of("+-.0123456789") != std::string::npos) return std::nullopt;
  return text.find_first_of("0123456789") == std::string::npos
             ? std::nullopt
             : std::optional<double>(std::strtod(text.c_str(), nullptr));
}

/// LaTeX that may break after what joins words, and within words that are too long to stand in a narrow column.
std::string breakable(const std::string& text, int longest = 25) {
  constexpr int kPart = 5;
  std::string made;
  int run = 0;  // characters since the last place to break
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 1;
    while (at + length < text.size() && (text[at + length] & 0xc0) == 0x80) ++length;
    const std::string character = text.substr(at, length);
    made += latex_escaped(character);
    at += length;
    const bool joins = at < text.size() && text[at] != ' ' && character.find_first_of("_-+=/,") != std::string::npos;
    std::size_t rest = 0;
    while (at + rest < text.size() && std::isalnum(static_cast<unsigned char>(text[at + rest]))) ++rest;
    if (joins) made += "\\allowbreak{}";
    run = joins || character == " " ? 0 : run + 1;
    if (run > 0 && run % kPart == 0 && rest >= 3 && run + static_cast<int>(rest) > longest) made += "\\-";
  }
  return made;
}

/// Letters, digits and hyphens only, as references are typed.
std::string label_of(const std::string& name) {
  std::string label;
  for (const char c : name) label += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
  return label;
}

}  // namespace

std::string latex_table(const Table& table) {
  check(table);
  std::string text = "\\begin{table}[t]\n\\centering\n\\caption{" + latex_escaped(caption_of(table)) + ".}\n" +
                     (table.name.empty() ? "" : "\\label{tab:" + label_of(table.name) + "}\n");
  text += tabular(table, "", [&](std::size_t r, std::size_t c) { return latex_cell(table.rows[r][c]); });
  if (!table.notes.empty()) text += "\\par\\smallskip\\footnotesize\n";
  for (const std::string& note : table.notes) text += latex_escaped(note) + ".\\par\n";
  return text + "\\end{table}\n";
}

std::string paper_table(const Table& whole, double width_mm) {
  check(whole);
  constexpr double kLeastOfAName = 60;  // points
  constexpr int kLongestOfAName = 10;   // characters of a word
  Table table = whole;
  const double room = width_mm * kPointsPerMm;
  std::vector<double> widths;  // of columns of numbers; 0 for those whose cells are broken
  double broken = 0;           // number of these
  double left = 0;             // points for them
  const auto measure = [&] {
    widths.clear();
    broken = 0;
    left = room - 2 * kColumnGap * (static_cast<double>(table.columns.size()) - 1) - 1;
    const bool grouped = spans(table).size() < table.columns.size();
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const Table::Column& column = table.columns[c];
      double most = paper_points(grouped ? column.head : grouped_head(column));
      for (const auto& row : table.rows) most = std::max(most, paper_points(row[c], column.best));
      widths.push_back(column.shortened ? 0 : most);
      broken += column.shortened;
      left -= widths.back();
    }
    for (const Span& span : spans(table)) {  // the name of a group widens its last column
      if (!grouped) break;
      double inner = 2 * kColumnGap * static_cast<double>(span.end - span.begin - 1);
      for (std::size_t c = span.begin; c < span.end; ++c) inner += widths[c];
      left -= std::max(0.0, paper_points(span.group) - inner);
    }
  };
  measure();
  std::set<int> turns;
  for (const Table::Column& column : table.columns) {
    if (column.expendable > 0) turns.insert(column.expendable);
  }
  for (const int turn : turns) {
    if (left >= kLeastOfAName * broken) break;
    std::vector<Table::Column> dropped;
    for (std::size_t c = table.columns.size(); c-- > 0;) {
      if (table.columns[c].expendable != turn) continue;
      dropped.push_back(table.columns[c]);
      drop(table, c);
    }
    drop_notes(table, dropped);
    measure();
  }
  std::vector<double> best(table.columns.size(), -std::numeric_limits<double>::infinity());
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (!table.columns[c].best) continue;
    for (const auto& row : table.rows) best[c] = std::max(best[c], number_in(row[c]).value_or(best[c]));
  }
  // Names share what is left evenly, but for those that need less.
  std::vector<double> natural(table.columns.size());
  std::vector<std::size_t> names;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (!table.columns[c].shortened) continue;
    names.push_back(c);
    natural[c] = paper_points(table.columns[c].head);
    for (const auto& row : table.rows) natural[c] = std::max(natural[c], paper_points(row[c]));
  }
  std::sort(names.begin(), names.end(), [&](std::size_t a, std::size_t b) { return natural[a] < natural[b]; });
  double rest = std::max(left, kLeastOfAName);
  for (std::size_t i = 0; i < names.size(); ++i) {
    double& width = natural[names[i]];
    width = std::min(width, rest / static_cast<double>(names.size() - i));
    rest -= width;
  }
  const auto cell = [&](std::size_t r, std::size_t c) {
    const std::string& text = table.rows[r][c];
    if (table.columns[c].shortened) {
      return "\\parbox[t]{" + std::to_string(static_cast<int>(std::ceil(natural[c]))) +
             "pt}{\\raggedright\\hangindent1em " + breakable(text, kLongestOfAName) + "\\strut}";
    }
    const auto number = number_in(text);
    const bool bold = table.columns[c].best && number && *number == best[c];
    return bold ? "\\textbf{" + latex_cell(text) + "}" : latex_cell(text);
  };
  char width[32];
  std::snprintf(width, sizeof width, "%gmm", width_mm);
  std::string text = std::string("\\begin{table}[t]\n\\centering\n\\begin{minipage}{") + width +
                     "}\n\\raggedright\\footnotesize\\setlength{\\tabcolsep}{3pt}%\n\\caption{" +
                     breakable(caption_of(table)) + ".}\n" +
                     (table.name.empty() ? "" : "\\label{tab:" + label_of(table.name) + "}\n") + "\\centering\n";
  text += tabular(table, "@{}", cell);
  text += "\\par\\smallskip\\raggedright\\scriptsize\n";
  for (const std::string& note : table.notes) text += breakable(note) + ".\n";
  return text + "\\end{minipage}\n\\end{table}\n";
}

std::string csv_table(const Table& table) {
  check(table);
  std::string text;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    text += (c ? "," : "") + csv_field(grouped_head(table.columns[c]));
  text += "\n";
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) text += (c ? "," : "") + csv_field(row[c]);
    text += "\n";
  }
  return text;
}

}  // namespace medley::sweep
