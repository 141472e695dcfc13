#include "trainer/data/csv.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/error.h"

namespace medley::data {
namespace {

using Fields = std::vector<std::string>;

TEST(Csv, ReadsQuotesLineBreaksAndDoubledQuotes) {
  const Csv csv = parse_csv("a,b\n\"x,1\",\"two\nlines\"\n\"say \"\"hi\"\"\",\n", "f.csv");
  EXPECT_EQ(csv.columns, (Fields{"a", "b"}));
  ASSERT_EQ(csv.rows.size(), 2u);
  EXPECT_EQ(csv.rows[0].fields, (Fields{"x,1", "two\nlines"}));
  EXPECT_EQ(csv.rows[1].fields, (Fields{"say \"hi\"", ""}));
  EXPECT_EQ(csv.rows[0].line, 2);
  EXPECT_EQ(csv.rows[1].line, 4);
}

TEST(Csv, TakesByteOrderMarkCrlfEmptyLinesAndNoLastLineEnd) {
  const Csv csv = parse_csv(
      "\xef\xbb\xbf"
      "a,b\r\n\r\n1,2\r\n\r\n3,4",
      "f.csv");
  EXPECT_EQ(csv.columns, (Fields{"a", "b"}));
  ASSERT_EQ(csv.rows.size(), 2u);
  EXPECT_EQ(csv.rows[1].fields, (Fields{"3", "4"}));
  EXPECT_EQ(csv.rows[1].line, 5);
}

TEST(Csv, ErrorsNameLineAndColumn) {
  const auto error = [](const std::string& text) { return test::error_of<Error>([&] { parse_csv(text, "f.csv"); }); };
  EXPECT_EQ(error(""), "f.csv: the file is empty; a header row is needed");
  EXPECT_EQ(error("a,b\n1\n"), "f.csv:2: 1 fields, but the header has 2");
  EXPECT_EQ(error("a,b\n1,2,3\n"), "f.csv:2: 3 fields, but the header has 2");
  EXPECT_EQ(error("a,a\n"), "f.csv:1: two columns are named 'a'");
  EXPECT_EQ(error("a,b\n1,x\"y\n"), "f.csv:2:4: a quote inside an unquoted field");
  EXPECT_EQ(error("a,b\n\"1\"x,2\n"), "f.csv:2:4: text after a closing quote");
  EXPECT_EQ(error("a,b\n1,\"2\n3"), "f.csv:3:2: the quote opened in line 2 is not closed");
  EXPECT_EQ(error(std::string("a,b\n1,\0\n", 8)), "f.csv:2:3: a NUL byte: not a text file");
}

TEST(Csv, WrittenFieldsReadBack) {
  for (const std::string text : {"plain", "a,b", "say \"hi\"", "two\nlines", ""}) {
    EXPECT_EQ(parse_csv("x,y\n1," + csv_field(text) + "\n", "f.csv").rows.at(0).fields.at(1), text);
  }
}

}  // namespace
}  // namespace medley::data
