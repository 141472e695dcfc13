#include "sweep/class_names.h"

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

TEST(ClassNames, PeoplesNamesOfTheChallengesClasses) {
  // Codes of CREMA-D (ANG DIS FEA HAP NEU SAD) and words of other emotion corpora.
  for (const auto& [written, name] : std::vector<std::pair<const char*, const char*>>{{"Anger", "ang"},
                                                                                      {"ANG", "ang"},
                                                                                      {"DIS", "disg"},
                                                                                      {"disgust", "disg"},
                                                                                      {"Fear", "fea"},
                                                                                      {"fearful", "fea"},
                                                                                      {" happiness ", "hap"},
                                                                                      {"happy", "hap"},
                                                                                      {"Sadness", "sad"},
                                                                                      {"neutral", "neu"}}) {
    EXPECT_EQ(challenge_class(written), name) << written;
  }
  for (const char* other : {"", "surprise", "contempt", "angst", "a"}) EXPECT_FALSE(challenge_class(other)) << other;
}

TEST(ClassNames, TheOneClassThatANameMeans) {
  const Classes challenge = Classes::blemore();
  EXPECT_EQ(class_index(challenge, "hap"), 3);
  EXPECT_EQ(class_index(challenge, " Hap"), 3);
  EXPECT_EQ(class_index(challenge, "Happiness"), 3);
  EXPECT_EQ(class_index(challenge, "surprise"), -1);
  const Classes spelled{{"neutral", "anger", "joy", "happy"}, {true, false, false, false}};
  EXPECT_EQ(class_index(spelled, "ang"), 1);
  EXPECT_EQ(class_index(spelled, "joy"), 2);
  EXPECT_EQ(class_index(spelled, "sad"), -1);
  EXPECT_EQ(class_index(spelled, "hap"), -1) << "two classes may be meant";
}

TEST(ClassNames, ClassesUnderTheChallengesNames) {
  const auto named = challenge_classes({{"Neutral", "anger", "disgust"}, {true, false, false}});
  ASSERT_TRUE(named);
  EXPECT_EQ(named->names, (std::vector<std::string>{"neu", "ang", "disg"}));
  EXPECT_EQ(named->exclusive, (std::vector<bool>{true, false, false}));
  EXPECT_FALSE(challenge_classes({{"anger", "contempt"}, {false, false}}));
  EXPECT_FALSE(challenge_classes({{"joy", "happy"}, {false, false}}));
}

}  // namespace
}  // namespace medley::sweep
