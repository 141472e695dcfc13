#include "sweep/table.h"

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
            "\\begin{table}\n\\centering\n\\caption{a\\_b \\& c.}\n\\begin{tabular}{lr}\n\\toprule\n"
            "name & Score \\\\\n\\midrule\n"
            "x|y & .279 $\\pm$ .012 \\\\\n"
            "say \"50\\%\", no & .3$\\dagger$ \\\\\n"
            "\\bottomrule\n\\end{tabular}\n\\par\\smallskip\\footnotesize\n$\\dagger$ diverged.\\par\n\\end{table}\n");
}

TEST(Table, CsvQuotesWhatItMust) {
  EXPECT_EQ(csv_table(sample()), "name,Score\nx|y,.279 ± .012\n\"say \"\"50%\"\", no\",.3†\n");
}

}  // namespace
}  // namespace medley::sweep
