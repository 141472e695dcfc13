#include "trainer/data/submission.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/folder.h"
#include "trainer/data/error.h"

namespace medley::data {
namespace {

const sweep::Classes kClasses = sweep::Classes::blemore();

std::vector<Prediction> two_predictions() {
  return {{"test_0001.mov", {4, -1, 100}}, {"test_0002.mov", sweep::make_blend(1, 0, 30)}};
}

/// The errors of `predictions` (the value of that key) as a submission for two test clips.
std::string errors(const std::string& predictions) {
  return check_submission("{\"predictions\": " + predictions + "}", {"test_0001.mov", "test_0002.mov"}, kClasses)
      .text();
}

const std::string kOther = R"("test_0002.mov": [{"emotion": "sad", "salience": 100}])";

TEST(Submission, HasTheChallengesForm) {
  EXPECT_EQ(
      format_submission(two_predictions(), kClasses),
      "{\"predictions\": {\n"
      "\"test_0001.mov\": [{\"emotion\": \"sad\", \"salience\": 100.0}],\n"
      "\"test_0002.mov\": [{\"emotion\": \"ang\", \"salience\": 70.0}, {\"emotion\": \"disg\", \"salience\": 30.0}]\n"
      "}}\n");
}

TEST(Submission, TheOfficialExampleIsAccepted) {
  // As the challenge prescribes it, word for word.
  EXPECT_EQ(
      errors(
          R"({"test_0001.mov": [{"emotion": "sad", "salience": 100.0}], "test_0002.mov": [{"emotion": "disg", "salience": 30}, {"emotion": "ang", "salience": 70}]})"),
      "");
}

TEST(Submission, ReadsBackWhatItWrote) {
  Problems problems;
  const auto read = parse_submission(format_submission(two_predictions(), kClasses), kClasses, problems);
  EXPECT_TRUE(problems.empty()) << problems.text();
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].filename, "test_0002.mov");
  EXPECT_EQ(read[1].label, sweep::make_blend(0, 1, 70));
}

TEST(Submission, EveryErrorIsNamed) {
  EXPECT_EQ(errors("{" + kOther + "}"), "test_0001.mov: has no valid prediction");
  EXPECT_NE(errors("{" + kOther + "," + kOther + "}").find("test_0002.mov: given twice"), std::string::npos);
  EXPECT_NE(errors("{" + kOther + R"(, "test_9.mov": [{"emotion": "sad", "salience": 100}]})")
                .find("test_9.mov: is no test clip"),
            std::string::npos);
  const auto first = [](const std::string& list) {
    return errors("{\"test_0001.mov\": " + list + ", " + kOther + "}");
  };
  EXPECT_NE(first(R"([{"emotion": "sat", "salience": 100}])").find("unknown emotion 'sat'; did you mean 'sad'?"),
            std::string::npos);
  EXPECT_NE(first(R"([{"emotion": "sad", "salience": 70}])").find("must have salience 100, not 70"), std::string::npos);
  EXPECT_NE(first(R"([{"emotion": "sad", "salience": 60}, {"emotion": "ang", "salience": 40}])")
                .find("must be 30/70, 50/50 or 70/30"),
            std::string::npos);
  EXPECT_NE(first(R"([{"emotion": "sad", "salience": 70}, {"emotion": "ang", "salience": 70}])").find("must be 30/70"),
            std::string::npos);
  EXPECT_NE(first(R"([{"emotion": "sad", "salience": 50}, {"emotion": "sad", "salience": 50}])").find("given twice"),
            std::string::npos);
  EXPECT_NE(
      first(R"([{"emotion": "sad", "salience": 50}, {"emotion": "neu", "salience": 50}])").find("'neu' never blends"),
      std::string::npos);
  EXPECT_NE(first(R"([{"emotion": "sad", "salience": "100"}])").find("is not a number"), std::string::npos);
  EXPECT_NE(first(R"([{"emotion": "sad"}])").find("an entry must be"), std::string::npos);
  EXPECT_NE(first("[]").find("one or two entries"), std::string::npos);
  EXPECT_NE(first("3").find("one or two entries"), std::string::npos);
  EXPECT_NE(errors("[]").find("the file must be"), std::string::npos);
  EXPECT_NE(errors("{").find("not JSON"), std::string::npos);
  EXPECT_NE(check_submission("{\"predictions\": {}, \"team\": 1}", {}, kClasses).text().find("unknown key 'team'"),
            std::string::npos);
}

TEST(Submission, DeepNestingIsRefusedNotFollowed) {
  Problems problems;
  parse_submission(std::string(100000, '['), kClasses, problems);
  EXPECT_FALSE(problems.empty());
}

TEST(Submission, ArchiveIsWholeDeterministicAndReadByOthers) {
  const test::Folder scratch;
  const std::filesystem::path folder = scratch.path();
  const std::string text = format_submission(two_predictions(), kClasses);
  const auto bytes = [&](const char* name) {
    write_submission(folder / name, text);
    return test::read_file(folder / name);
  };
  EXPECT_EQ(bytes("a.zip"), bytes("b.zip"));
  EXPECT_EQ(read_submission(folder / "a.zip"), text);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 2);  // no partial file is left
  std::ofstream(folder / "bad.zip") << "PK";
  EXPECT_THROW(read_submission(folder / "bad.zip"), Error);
  EXPECT_THROW(read_submission(folder / "absent.zip"), Error);
  EXPECT_THROW(write_submission(folder / "no-such-folder" / "a.zip", text), Error);
}

}  // namespace
}  // namespace medley::data
