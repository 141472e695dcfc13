#include "trainer/data/clip_names.h"

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "trainer/data/error.h"

namespace medley::data {
namespace {

using Names = std::vector<std::string>;

const Names kStems = {"A01", "A02", "B\xc3\xbc"};  // the last in Unicode form C

struct Outcome {
  NameMatch match;
  std::string error;
};

Outcome outcome(const Names& names, const NameRules& rules = {}, bool may_miss = false) {
  Problems problems;
  Outcome outcome;
  outcome.match = match_names(names, kStems, rules, may_miss, "f.npz: ", "medley data import D --out NEW", problems);
  outcome.error = problems.text();
  return outcome;
}

NameRules rules(const Names& words) { return NameRules::parse(words); }

TEST(ClipNames, ExtensionsBlanksAndUnicodeFormsNeverMatter) {
  const Outcome plain = outcome({"Bu\xcc\x88.npy", "A02.MOV", " A01 ", "other"});  // u, then U+0308
  EXPECT_EQ(plain.error, "");
  EXPECT_EQ(plain.match.row_of_clip, (std::vector<int>{2, 1, 0}));
  EXPECT_EQ(plain.match.clip_of_row, (std::vector<int>{2, 1, 0, -1}));
}

TEST(ClipNames, EachCauseIsOneMessageWithCountAndCommand) {
  EXPECT_EQ(outcome({"train/A01.mp4", "train/A02.mp4", "x\\B\xc3\xbc"}).error,
            "f.npz: 3 of 3 clips have no row, because the names of its rows have folders ('train/A01.mp4' for clip "
            "'A01'); match them with: medley data import D --out NEW --match folders");
  EXPECT_EQ(outcome({"a01", "A02", "b\xc3\x9c"}).error,  // capital U with diaeresis
            "f.npz: 2 of 3 clips have no row, because the names of its rows differ in letter case ('a01' for clip "
            "'A01'); match them with: medley data import D --out NEW --match case");
  EXPECT_EQ(outcome({"A1", "A002", "B\xc3\xbc"}).error,
            "f.npz: 2 of 3 clips have no row, because the names of its rows differ in leading zeros ('A1' for clip "
            "'A01'); match them with: medley data import D --out NEW --match zeros");
  EXPECT_EQ(outcome({"A01.xyz", "A02.xyz", "B\xc3\xbc.xyz"}).error,
            "f.npz: 3 of 3 clips have no row, because the names of its rows have another extension ('A01.xyz' for clip "
            "'A01'); match them with: medley data import D --out NEW --match extension");
  EXPECT_EQ(outcome({"t/a1", "t/a2", "t/b\xc3\xbc"}).error,
            "f.npz: 3 of 3 clips have no row, because the names of its rows have folders and differ in letter case and "
            "differ in leading zeros ('t/a1' for clip 'A01'); match them with: medley data import D --out NEW --match "
            "folders,case,zeros");
}

TEST(ClipNames, TheNamedRulesMatch) {
  const Outcome repaired = outcome({"t/a1", "t/a2", "t/b\xc3\xbc"}, rules({"folders", "case", "zeros"}));
  EXPECT_EQ(repaired.error, "");
  EXPECT_EQ(repaired.match.row_of_clip, (std::vector<int>{0, 1, 2}));
}

TEST(ClipNames, NamesThatMeanOneClipAreAnError) {
  EXPECT_EQ(outcome({"A01.npy", "A01.mov", "A02", "B\xc3\xbc"}).error,
            "f.npz: clip 'A01' has two rows: 0 and 1 ('A01.npy' and 'A01.mov')");
  EXPECT_EQ(outcome({"train/A01", "test/A01", "A02", "B\xc3\xbc"}, rules({"folders"})).error,
            "f.npz: clip 'A01' has two rows: 0 and 1 ('train/A01' and 'test/A01')");
}

TEST(ClipNames, SeveralRowsAClipAndOneNameForAllAreTold) {
  EXPECT_EQ(
      outcome({"A01", "A01", "A02", "A02", "B\xc3\xbc", "B\xc3\xbc"}).error,
      "f.npz: clip 'A01' has two rows: 0 and 1; so have 2 more clips; reduce each clip's steps to one row, or give "
      "each clip a file and import them");
  EXPECT_EQ(outcome({"noname", "noname", "noname"}).error,  // openSMILE without -instname
            "f.npz: all 3 rows have the name 'noname'; each needs the name of its clip");
}

TEST(ClipNames, ClipsWithoutARowAreOneMessage) {
  EXPECT_EQ(
      outcome({"A02"}).error,
      "f.npz: it has no row for clip 'A01' and 1 of 2 others; leave such clips out with: medley data import D --out "
      "NEW --missing drop-clip");
  EXPECT_EQ(outcome({"x", "y"}).error,
            "f.npz: it has no row for clip 'A01' and 2 of 2 others; none of its names is a clip's, as 'x'");
  EXPECT_EQ(outcome({"A02"}, {}, true).error, "");
  EXPECT_EQ(outcome({"A02"}, {}, true).match.missing, 2u);
}

TEST(ClipNames, UnknownRulesAreRefused) {
  EXPECT_EQ(test::error_of<Error>([] { rules({"folder"}); }), "--match: 'folder'; did you mean 'folders'?");
}

}  // namespace
}  // namespace medley::data
