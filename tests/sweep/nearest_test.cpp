#include "sweep/nearest.h"

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

const std::vector<std::string> kNames = {"top_n", "temperature", "selection", "adamw", "adam"};

TEST(Nearest, FindsTypingErrors) {
  EXPECT_EQ(nearest_name("selction", kNames), "selection");
  EXPECT_EQ(nearest_name("slectoin", kNames), "selection");  // an insertion and a swap
  EXPECT_EQ(nearest_name("topn", kNames), "top_n");
  EXPECT_EQ(nearest_name("adma", kNames), "adam");  // a swap is one edit
}

TEST(Nearest, LetterCaseAndDashesAreFree) {
  EXPECT_EQ(nearest_name("AdamW", kNames), "adamw");
  EXPECT_EQ(nearest_name("TOP-N", kNames), "top_n");
}

TEST(Nearest, GivesNothingForWhatIsNoTypingError) {
  EXPECT_EQ(nearest_name("dropout", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name("x", {}), "");
  EXPECT_EQ(nearest_name(std::string(10'000'000, 'a'), kNames), "");
}

TEST(Nearest, TiesGoToTheFirst) { EXPECT_EQ(nearest_name("ax", {"ab", "ac"}), "ab"); }

TEST(Nearest, SuggestionNamesTheNearestOrAll) {
  EXPECT_EQ(suggestion("adm", kNames), "; did you mean 'adam'?");
  EXPECT_EQ(suggestion("dropout", {"a", "bcd"}), "; valid: a, bcd");
  EXPECT_EQ(suggestion("dropout", {}), "");
}

}  // namespace
}  // namespace medley::sweep
