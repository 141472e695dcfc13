#include "trainer/data/csv.h"

#include <cmath>

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
  EXPECT_EQ(error("a,b\n7.5,2,3\n"), "f.csv:2: 3 fields, but the header has 2");
  EXPECT_EQ(error("a,b\n7,5,2,25\n"),
            "f.csv:2: 4 fields, but the header has 2; if its numbers have decimal commas, write them with points, or "
            "divide fields by semicolons");
  EXPECT_EQ(error("a,a\n"), "f.csv:1: two columns are named 'a'");
  EXPECT_EQ(error("a,b\n1,x\"y\n"), "f.csv:2:4: a quote inside an unquoted field");
  EXPECT_EQ(error("a,b\n\"1\"x,2\n"), "f.csv:2:4: text after a closing quote");
  EXPECT_EQ(error("a,b\n1,\"2\n3"), "f.csv:3:2: the quote opened in line 2 is not closed");
  EXPECT_EQ(error(std::string("a,b\n1,\0\n", 8)), "f.csv:2:3: a NUL byte: not a text file");
}

/// The rows of a text, without lines and notes.
std::vector<Fields> rows_of(const std::string& text) {
  std::vector<Fields> rows;
  const Csv csv = parse_csv(text, "f.csv");
  rows.push_back(csv.columns);
  for (const Csv::Row& row : csv.rows) rows.push_back(row.fields);
  return rows;
}

TEST(Csv, CharactersWithoutWidthAtTheEndsOfFieldsAreDropped) {
  for (const char* mark : {"\xe2\x80\x8b", "\xe2\x80\x8c", "\xe2\x80\x8d", "\xe2\x80\x8e", "\xe2\x81\xa0"}) {
    const Csv csv = parse_csv(std::string("a,") + mark + "video_id\n1," + mark + "A" + mark + "\n", "f.csv");
    EXPECT_EQ(csv.columns, (Fields{"a", "video_id"}));
    EXPECT_EQ(csv.rows.at(0).fields, (Fields{"1", "A"}));
  }
}

const std::vector<Fields> kPlain = {{"a", "b"}, {"1", "x"}, {"2", "y"}};

TEST(CsvDialects, TheHeaderSaysWhatDividesFields) {
  EXPECT_EQ(rows_of("a;b\n1;x\n2;y\n"), kPlain);
  EXPECT_EQ(rows_of("a\tb\n1\tx\n2\ty\n"), kPlain);
  EXPECT_EQ(rows_of("a|b\n1|x\n2|y\n"), kPlain);
  EXPECT_EQ(rows_of("sep=;\r\na;b\r\n1;x\r\n2;y\r\n"), kPlain) << "Excel";
  for (const char* line : {"SEP=;", "\"sep=;\"", "\"Sep=;\";", "sep=;;", "\xef\xbb\xbf\"sep=;\""}) {
    EXPECT_EQ(rows_of(std::string(line) + "\na;b\n1;x\n2;y\n"), kPlain) << line;
  }
  EXPECT_EQ(rows_of("sep=a;b\n1;x\n").at(0), (Fields{"sep=a", "b"})) << "a header of that name";
  EXPECT_EQ(rows_of("\"a\";\"b\"\n1;\"x\"\n2;\"y\"\n"), kPlain);
  EXPECT_EQ(rows_of("\"a,b,c\";b\n1;x\n").at(0), (Fields{"a,b,c", "b"})) << "quoted commas do not count";
  EXPECT_EQ(rows_of("a;b\n1;x,y\n").at(1), (Fields{"1", "x,y"}));
}

TEST(CsvDialects, EveryLineEndIsTaken) {
  for (const std::string end : {"\n", "\r\n", "\r", "\r\r\n"}) {
    EXPECT_EQ(rows_of("a,b" + end + "1,x" + end + "2,y" + end), kPlain) << testing::PrintToString(end);
  }
  EXPECT_EQ(parse_csv("a,b\r\r\n1,x\r\r\n", "f.csv").rows.at(0).line, 2);
}

TEST(CsvDialects, Utf16AndWindows1252BecomeUtf8) {
  std::string little = "\xff\xfe", big = "\xfe\xff";
  for (const char c : std::string("a,b\n1,\xfc\n")) {  // u with diaeresis: U+00FC
    little += {c, '\0'};
    big += {'\0', c};
  }
  const std::vector<Fields> expected = {{"a", "b"}, {"1", "\xc3\xbc"}};
  EXPECT_EQ(rows_of(little), expected);
  EXPECT_EQ(rows_of(big), expected);
  const Csv guessed = parse_csv("a,b\n1,\xfc\x80\n", "f.csv");  // 0x80 is the euro sign, U+20AC
  EXPECT_EQ(guessed.rows.at(0).fields.at(1), "\xc3\xbc\xe2\x82\xac");
  EXPECT_EQ(guessed.notes, (Fields{"f.csv: it was read as Windows-1252, which is a guess"}));
  EXPECT_TRUE(parse_csv("a,b\n1,\xc3\xbc\n", "f.csv").notes.empty());
  EXPECT_EQ(rows_of(little.substr(2)), expected) << "without a byte order mark";
  EXPECT_EQ(parse_csv(big.substr(2), "f.csv").notes, (Fields{"f.csv: it was read as UTF-16, which is a guess"}));
}

TEST(CsvDialects, IndexColumnsTrailingDelimitersAndRepeatedHeadersAreNoData) {
  EXPECT_EQ(rows_of("a,b,\n1,x,\n2,y,\n"), kPlain);
  EXPECT_EQ(rows_of("a,b\n1,x,,\n2,y,\n,,,\n"), kPlain) << "Excel leaves rows of empty fields";
  EXPECT_EQ(rows_of("a,b\n1,x\na,b\n2,y\n"), kPlain) << "files joined by cat";
  EXPECT_EQ(parse_csv("a,b\n1,x\na,b\n2,y\n", "f.csv").notes,
            (Fields{"f.csv: 1 row repeats the header and is skipped"}));
  const Csv table = parse_csv("\"a\" \"b\"\n\"1\" 1 \"x\"\n\"2\" 2 \"y\"\n", "f.csv");  // write.table() of R
  EXPECT_EQ(table.columns, (Fields{"", "a", "b"}));
  EXPECT_EQ(table.rows.at(1).fields, (Fields{"2", "2", "y"}));
}

TEST(CsvDialects, BlanksAroundFieldsAreDroppedWithANote) {
  const Csv csv = parse_csv("a,b\n1 ,x\n2,\" y\"\n3,\xc2\xa0z\n", "f.csv");
  EXPECT_EQ(csv.rows.at(0).fields, (Fields{"1", "x"}));
  EXPECT_EQ(csv.rows.at(1).fields, (Fields{"2", "y"}));
  EXPECT_EQ(csv.rows.at(2).fields, (Fields{"3", "z"}));
  EXPECT_EQ(csv.notes, (Fields{"f.csv: 3 fields have blanks around them, which are dropped"}));
  EXPECT_TRUE(parse_csv("a, b\n1, x\n", "f.csv").notes.empty()) << "OpenFace writes a blank after each comma";
}

TEST(CsvDialects, NumbersAreThoseOfTheFile) {
  const Csv comma = parse_csv("a,b\n", "f.csv"), semicolon = parse_csv("a;b\n", "f.csv");
  EXPECT_EQ(comma.number("30.0"), 30.0);
  EXPECT_EQ(comma.number("+3e1"), 30.0);
  EXPECT_EQ(semicolon.number("30,5"), 30.5);
  EXPECT_FALSE(comma.number("30,5"));
  EXPECT_FALSE(comma.number("30 "));
  for (const char* word : {"", "NA", "nan", "NaN", "None", "NULL", "null", "#N/A"}) {
    EXPECT_TRUE(is_missing(word)) << word;
    EXPECT_TRUE(std::isnan(comma.number(word).value())) << word;
  }
}

TEST(CsvDialects, AFirstRowOfNumbersIsData) {
  const Csv csv = parse_csv("clip_1;-1.5E+00;-1.5E+00\nclip_2;0.5;2\n", "f.csv");  // openXBOW
  EXPECT_TRUE(csv.headless);
  EXPECT_EQ(csv.columns, (Fields{"1", "2", "3"}));
  EXPECT_EQ(csv.rows.at(0).fields, (Fields{"clip_1", "-1.5E+00", "-1.5E+00"}));
  EXPECT_EQ(csv.rows.at(0).line, 1);
  EXPECT_EQ(csv.notes, (Fields{"f.csv: it has no header row, so its first row is data"}));
  EXPECT_TRUE(parse_csv("1.0,2.0\n", "f.csv").headless) << "numpy.savetxt()";
  for (const char* names : {",0,1,2\n", "0,1,2\n", "filename,1,2\n", "a,b\n"}) {
    EXPECT_FALSE(parse_csv(names, "f.csv").headless) << names << " are names of columns";
  }
}

TEST(Csv, AnEmptyFileNeedsAHeader) {
  const test::Folder folder;
  test::write_file(folder / "f.csv", "");
  EXPECT_EQ(test::error_of<Error>([&] { read_csv(folder / "f.csv"); }),
            (folder / "f.csv").string() + ": the file is empty; a header row is needed");
}

TEST(CsvDialects, FilesOfOtherFormatsAreNamed) {
  const test::Folder folder;
  const auto error = [&](const std::string& bytes) {
    test::write_file(folder / "f.csv", bytes);
    return test::error_of<Error>([&] { read_csv(folder / "f.csv"); });
  };
  EXPECT_NE(error("version https://git-lfs.github.com/spec/v1\noid sha256:1\n").find("git lfs pull"),
            std::string::npos);
  EXPECT_NE(error("PK\x03\x04 xlsx").find("an Excel workbook"), std::string::npos);
  EXPECT_NE(error("@relation openSMILE_features\n").find("an ARFF file"), std::string::npos);
  EXPECT_NE(error("<!DOCTYPE html><html>").find("an HTML page"), std::string::npos);
}

TEST(Csv, WrittenFilesReadBackWhateverDividesThem) {
  for (const char* text : {"\"x\" \"y\"\n\"1\" \"a b\"\n", "sep=?\nx?y\n1?a\n", "x|y\n1|a\n", "\"a;b;c\",d\n1,2\n"}) {
    const Csv first = parse_csv(text, "f.csv");
    ASSERT_EQ(first.columns.size(), 2u) << text;
    const Csv again = parse_csv(csv_text(first), "f.csv");
    EXPECT_EQ(again.columns, first.columns) << csv_text(first);
    ASSERT_EQ(again.rows.size(), 1u) << csv_text(first);
    EXPECT_EQ(again.rows[0].fields, first.rows[0].fields) << csv_text(first);
  }
}

TEST(CsvDialects, DelimitersAtTheEndOfAFirstRowOfNumbersMakeNoHeader) {
  const Csv csv = parse_csv("3,4.5,\n5,6,\n", "f.csv");
  EXPECT_TRUE(csv.headless);
  EXPECT_EQ(csv.columns, (std::vector<std::string>{"1", "2"}));
  ASSERT_EQ(csv.rows.size(), 2u);
  EXPECT_EQ(csv.rows[0].fields, (std::vector<std::string>{"3", "4.5"}));
}

TEST(CsvDialects, ARepeatedHeaderMayHaveMoreDelimitersAtItsEnd) {
  EXPECT_TRUE(parse_csv("a|b||\na|b||||\n", "f.csv").rows.empty());
}

TEST(CsvDialects, AHeaderWithoutANameIsAnError) {
  EXPECT_EQ(test::error_of<Error>([] { parse_csv("\n,\"\",\n1,2,3\n", "f.csv"); }),
            "f.csv:2: the header row names no column");
}

TEST(Csv, WrittenFieldsReadBack) {
  for (const std::string text : {"plain", "a,b", "say \"hi\"", "two\nlines", ""}) {
    EXPECT_EQ(parse_csv("x,y\n1," + csv_field(text) + "\n", "f.csv").rows.at(0).fields.at(1), text);
  }
}

}  // namespace
}  // namespace medley::data
