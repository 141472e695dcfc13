#include "sweep/report/table.h"

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

Table sample() {
  Table table;
  table.title = "a_b & c";
  table.columns = {{"name", Table::Align::kLeft}, {"Score", Table::Align::kRight}};
  table.rows = {{"x|y", ".279 ± .012"}, {"say \"50%\", no", ".3†"}};
  table.notes = {"† diverged"};
  return table;
}

TEST(Table, TextIsAlignedByCharactersNotBytes) {
  EXPECT_EQ(text_table(sample()),
            "a_b & c\n"
            "name                 Score\n"
            "─────────────  ───────────\n"
            "x|y            .279 ± .012\n"
            "say \"50%\", no          .3†\n"
            "  † diverged\n");
}

Table grouped() {
  Table table;
  table.title = "t";
  table.above = {"in every row: runs 4/4"};
  table.columns = {{"x", Table::Align::kLeft},
                   {"Score", Table::Align::kRight, "held-out"},
                   {"P", Table::Align::kRight, "held-out"},
                   {"S", Table::Align::kRight, "paper-style"},
                   {"gap", Table::Align::kRight}};
  table.rows = {{"a", ".279", ".3", ".4", "+.1"}};
  return table;
}

TEST(Table, GroupsStandOverTheirColumns) {
  EXPECT_EQ(text_table(grouped()),
            "t\n"
            "in every row: runs 4/4\n"
            "   held-out   paper-style\n"
            "x  Score   P            S  gap\n"
            "─  ─────  ──  ───────────  ───\n"
            "a   .279  .3           .4  +.1\n");
  EXPECT_EQ(text_width(grouped()), 30u);
  const std::string latex = latex_table(grouped());
  EXPECT_NE(latex.find("\\caption{t; in every row: runs 4/4.}"), std::string::npos);
  EXPECT_NE(latex.find("\\toprule\n & \\multicolumn{2}{c}{held-out} & \\multicolumn{1}{c}{paper-style} &  \\\\\n"
                       "\\cmidrule(lr){2-3}\\cmidrule(lr){4-4}\nx & Score & P & S & gap \\\\\n"),
            std::string::npos)
      << latex;
  EXPECT_NE(markdown_table(grouped()).find(
                "in every row: runs 4/4\n\n| x | held-out Score | held-out P | paper-style S | gap |"),
            std::string::npos);
  EXPECT_EQ(csv_table(grouped()).substr(0, 49), "x,held-out Score,held-out P,paper-style S,gap\na,.");
}

TEST(Table, LongNotesAreBrokenAtSpaces) {
  Table table = grouped();
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word ";
  table.notes = {words, std::string(200, 'x')};
  const std::string text = text_table(table);
  std::size_t broken = 0;
  for (std::size_t at = text.find("  word"); at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (text.compare(at, 10, "  xxxxxxxx") != 0) {
      EXPECT_LE(end - at, 120u);
      ++broken;
    }
    at = end + 1;
  }
  EXPECT_EQ(broken, 3u);
}

TEST(Table, AnyTableFitsAndSaysWhatItLeftOut) {
  Table table;
  table.columns = {{"a head that is longer than its words"}, {"why"}};
  for (int c = 0; c < 8; ++c) table.columns.push_back({"number " + std::to_string(c), Table::Align::kRight});
  std::vector<std::string> row = {"word", "a long reason of more words than there is room for on any terminal"};
  row.insert(row.end(), 8, ".123 ± .456");
  table.rows = {row};
  for (const std::size_t room : {60, 80, 120}) {
    EXPECT_LE(text_width(fitted(table, room)), room);
  }
  const Table narrow = fitted(table, 80);
  EXPECT_EQ(narrow.rows[0][1], "a long…minal");
  EXPECT_EQ(narrow.left_out,
            (std::vector<std::string>{"number 7", "number 6", "number 5", "number 4", "number 3", "number 2"}));
  EXPECT_TRUE(fitted(table, 0).left_out.empty());
  EXPECT_EQ(text_width(fitted(table, 10)), 36u) << "one column stays";
}

TEST(Table, MarkdownEscapesItsMarks) {
  EXPECT_EQ(markdown_table(sample()),
            "**a\\_b & c**\n\n"
            "| name | Score |\n"
            "| :--- | ---: |\n"
            "| x\\|y | .279 ± .012 |\n"
            "| say \"50%\", no | .3† |\n\n"
            "- † diverged\n");
}

TEST(Table, LatexEscapesItsMarks) {
  EXPECT_EQ(latex_table(sample()),
            "\\begin{table}[t]\n\\centering\n\\caption{a\\_b \\& c.}\n\\begin{tabular}{lr}\n\\toprule\n"
            "name & Score \\\\\n\\midrule\n"
            "x|y & .279 $\\pm$ .012 \\\\\n"
            "say \"50\\%\", no & .3$\\dagger$ \\\\\n"
            "\\bottomrule\n\\end{tabular}\n\\par\\smallskip\\footnotesize\n$\\dagger$ diverged.\\par\n\\end{table}\n");
}

TEST(Table, LatexHasMinusSigns) {
  Table table = grouped();
  table.rows = {{"a-b", "-.012", "[-.1, .2]", "-", "+.1"}};
  EXPECT_NE(latex_table(table).find("a-b & $-$.012 & [$-$.1, .2] & - & +.1"), std::string::npos) << latex_table(table);
}

TEST(Table, CsvQuotesWhatItMust) {
  EXPECT_EQ(csv_table(sample()), "name,Score\nx|y,.279 ± .012\n\"say \"\"50%\"\", no\",.3†\n");
}

}  // namespace
TEST(BrokenLines, ContinueBelowTheirLastColumn) {
  EXPECT_EQ(broken_lines("folds    ten folds of actors\n  two by two\nfits\n", 20),
            "folds    ten folds\n         of actors\n  two by two\nfits\n");
  EXPECT_EQ(broken_lines("no column but many words", 10), "no column\nbut many\nwords");
  EXPECT_EQ(broken_lines("         set in as before it", 20), "         set in as\n         before it");
}

TEST(BrokenLines, HaveWordsThatDoNotFit) {
  EXPECT_EQ(broken_lines("file  /a/path/that/is/long and more", 14), "file  /a/path/that/is/long\n      and more");
  EXPECT_EQ(broken_lines("one of  {first,second,third}", 16), "one of  {first,\n        second,\n        third}");
  EXPECT_EQ(broken_lines("Δ Δ Δ Δ", 5), "Δ Δ Δ\nΔ") << "characters, not bytes";
}

TEST(TextTable, WithoutRowsIsTitleAndNotes) {
  Table table;
  table.title = "title";
  table.columns = {{"head"}};
  table.notes = {"note"};
  EXPECT_EQ(text_table(table), "title\n  note\n");
}

}  // namespace medley::sweep
