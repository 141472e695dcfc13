#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/data/raw_zip.h"
#include "tests/support/folder.h"
#include "trainer/data/error.h"
#include "trainer/data/submission_check.h"

namespace medley::data {
namespace {

const sweep::Classes kClasses = sweep::Classes::blemore();
const ClipList kClips{{"test_0001.mov", "test_0002.mov"}, {"A1_sad.mov"}};

std::vector<Prediction> two_predictions() {
  return {{"test_0001.mov", {4, -1, 100}}, {"test_0002.mov", sweep::make_blend(1, 0, 30)}};
}

/// What is said of `predictions` (the value of that key) as a submission for two test clips.
std::string said(const std::string& predictions) {
  return check_submission("{\"predictions\": " + predictions + "}", kClasses, kClips).text();
}

const std::string kOther = R"("test_0002.mov": [{"emotion": "sad", "salience": 100}])";

/// ... with this list for one clip, and a valid one for the other.
std::string said_of(const std::string& list) { return said("{\"test_0001.mov\": " + list + ", " + kOther + "}"); }

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

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
      said(
          R"({"test_0001.mov": [{"emotion": "sad", "salience": 100.0}], "test_0002.mov": [{"emotion": "disg", "salience": 30}, {"emotion": "ang", "salience": 70}]})"),
      "");
}

TEST(Submission, ReadsBackWhatItWrote) {
  Findings findings;
  const auto read = parse_submission(format_submission(two_predictions(), kClasses), findings);
  EXPECT_EQ(findings.text(), "");
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].filename, "test_0002.mov");
  ASSERT_EQ(read[1].entries.size(), 2u);
  EXPECT_EQ(read[1].entries[0].emotion, "ang");
  EXPECT_EQ(read[1].entries[0].salience, 70);
}

TEST(SubmissionCheck, AListOfObjectsIsNoSubmission) {
  const std::string said = check_submission(R"([{"test_0001.mov": []}])", kClasses, kClips).text();
  EXPECT_TRUE(contains(said, "error: the file is no object")) << said;
}

TEST(SubmissionCheck, OfTwoKeysPredictionsTheLastCountsAsInPython) {
  Findings findings;
  const auto read = parse_submission(R"({"predictions": {"a.mov": []}, "predictions": {"b.mov": []}})", findings);
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].filename, "b.mov");
}

TEST(SubmissionCheck, ClipsAgainstTheList) {
  EXPECT_EQ(said("{" + kOther + "}"), "error: 1 clip: the clip has no prediction. Add one. First: test_0001.mov.");
  const std::string twice = said("{" + kOther + "," + kOther + "}");
  EXPECT_TRUE(contains(twice, "1 clip: the clip stands twice")) << twice;
  const std::string both = R"("test_0001.mov": [{"emotion": "sad", "salience": 100}], )" + kOther;
  EXPECT_EQ(said("{" + both + "}"), "");
  const auto with = [&](const std::string& name) {
    return said("{" + both + ", \"" + name + R"(": [{"emotion": "sad", "salience": 100}]})");
  };
  EXPECT_TRUE(contains(with("test_9.mov"), "is not in the dataset"));
  EXPECT_TRUE(contains(with("A1_sad.mov"), "is one of the dataset, but not to be predicted here"));
  const auto instead = [&](const std::string& name) {
    return said("{\"" + name + R"(": [{"emotion": "sad", "salience": 100}], )" + kOther + "}");
  };
  // A name in another form is one fault, not also a clip without a prediction.
  EXPECT_TRUE(contains(instead("test_0001"),
                       "another extension than the dataset's. Write names as the dataset does, "
                       "such as test_0001.mov"));
  EXPECT_TRUE(contains(instead("test_0001.mp4"), "another extension"));
  EXPECT_TRUE(contains(instead("/data/test/test_0001.mov"), "has a folder"));
  EXPECT_TRUE(contains(instead("Test_0001.mov"), "letter case"));
  for (const char* name : {"test_0001", "test_0001.mp4", "/data/test/test_0001.mov", "Test_0001.mov"}) {
    EXPECT_FALSE(contains(instead(name), "no prediction")) << name;
  }
}

TEST(SubmissionCheck, EmotionsInTheOrganisersTerms) {
  EXPECT_TRUE(contains(said_of(R"([{"emotion": "sat", "salience": 100}])"), "emotion 'sat' is none"));
  EXPECT_TRUE(contains(said_of(R"([{"emotion": "sat", "salience": 100}])"), "Write 'sad'"));
  EXPECT_TRUE(contains(said_of(R"([{"emotion": "Disgust", "salience": 100}])"), "Write 'disg'"));
  EXPECT_TRUE(contains(said_of(R"([{"emotion": "surprise", "salience": 100}])"), "Valid: ang, disg, fea"));
  EXPECT_TRUE(contains(said_of("[]"), "is empty"));
  EXPECT_TRUE(contains(said_of(R"([{"emotion": "sad", "salience": 50}, {"emotion": "ang", "salience": 30},
                                   {"emotion": "fea", "salience": 20}])"),
                       "more than two emotions"));
  EXPECT_TRUE(contains(said_of(R"([{"emotion": "sad", "salience": 50}, {"emotion": "sad", "salience": 50}])"),
                       "names one emotion twice"));
  EXPECT_TRUE(contains(said_of(R"([{"emotion": "sad", "salience": 50}, {"emotion": "neu", "salience": 50}])"),
                       "'neu' stands in a blend"));
}

TEST(SubmissionCheck, SaliencesInTheOrganisersTerms) {
  const auto blend = [](const std::string& a, const std::string& b) {
    return said_of("[{\"emotion\": \"sad\", \"salience\": " + a + "}, {\"emotion\": \"ang\", \"salience\": " + b +
                   "}]");
  };
  EXPECT_EQ(blend("30", "70.0"), "");
  EXPECT_EQ(blend("50.2", "49.8"), "") << "the scorer rounds";
  EXPECT_EQ(blend("30.5", "69.5"), "") << "NumPy rounds halves to even: 30 and 70";
  EXPECT_TRUE(contains(blend("60", "40"), "not 30/70, 50/50 or 70/30"));
  EXPECT_TRUE(contains(blend("70", "70"), "do not sum to 100"));
  EXPECT_TRUE(contains(blend("0.7", "0.3"), "sum to 1, not to 100"));
  EXPECT_TRUE(contains(blend("0.7", "0.3"), "Multiply them by 100"));
  EXPECT_TRUE(contains(blend("100", "0"), "salience 0, and the scorer counts it as predicted"));
  EXPECT_TRUE(contains(blend("130", "-30"), "below 0 or above 100"));
  EXPECT_TRUE(contains(blend("\"70\"", "30"), "in quotes"));
  EXPECT_TRUE(contains(blend("NaN", "30"), "NaN, infinite or null"));
  EXPECT_TRUE(contains(blend("-Infinity", "30"), "NaN, infinite or null"));
  EXPECT_TRUE(contains(said_of(R"([{"emotion": "sad", "salience": 70}])"), "of a single emotion is not 100"));
  EXPECT_TRUE(contains(said_of(R"([{"emotion": "sad"}])"), "has no salience"));
  // The organisers' own labels of single emotions have salience 1.0.
  const std::string one = said_of(R"([{"emotion": "sad", "salience": 1.0}])");
  EXPECT_EQ(one.rfind("note: 1 clip: the salience of a single emotion is 1.0", 0), 0u) << one;
}

TEST(SubmissionCheck, TheFormOfTheFile) {
  const auto of = [](const std::string& text) { return check_submission(text, kClasses, std::nullopt).text(); };
  const std::string clips = "{" + kOther + "}";
  EXPECT_EQ(of("{\"predictions\": " + clips + "}"), "");
  EXPECT_TRUE(contains(of(clips), "error: the key 'predictions' around the clips is missing"));
  EXPECT_TRUE(contains(of("{\"team\": \"x\", \"predictions\": " + clips + "}"), "note: the key 'team' stands beside"));
  EXPECT_TRUE(contains(of("\xef\xbb\xbf{\"predictions\": " + clips + "}"), "byte order mark"));
  EXPECT_TRUE(contains(of("\xff\xfe{"), "UTF-16"));
  EXPECT_TRUE(contains(of("{\"predictions\": [" + clips + "]}"), "'predictions' is a list"));
  EXPECT_TRUE(contains(of("[]"), "the file is no object"));
  EXPECT_TRUE(contains(of("{\"results\": {}}"), "no key 'predictions'"));
  EXPECT_TRUE(contains(of("{\"predictions\": {}}"), "there is no prediction"));
  EXPECT_TRUE(contains(of("{"), "not JSON"));
  EXPECT_TRUE(contains(said_of("3"), "no list of entries"));
  EXPECT_TRUE(contains(said_of("[[\"sad\", 100]]"), "an entry has no emotion"));
  EXPECT_TRUE(contains(of(R"({"predictions": {"test_0001": [{"emotion": "sad", "salience": 100}]}})"), "no extension"));
  EXPECT_TRUE(contains(of(R"({"predictions": {"NaN.mov": [{"emotion": "sat", "salience": 100}]}})"), "First: NaN.mov"));
}

TEST(SubmissionCheck, AFaultOfManyClipsIsOneLine) {
  std::string clips;
  for (int i = 0; i < 500; ++i) {
    clips += (i ? ", \"c" : "\"c") + std::to_string(i) + R"(.mov": [{"emotion": "anger", "salience": 100}])";
  }
  EXPECT_EQ(check_submission("{\"predictions\": {" + clips + "}}", kClasses, std::nullopt).text(),
            "error: 500 clips: emotion 'anger' is none of the challenge's, and the clip counts as wrong. Write 'ang'. "
            "First: c0.mov, c1.mov, c2.mov.");
}

TEST(SubmissionCheck, DeepNestingIsRefusedNotFollowed) {
  Findings findings;
  parse_submission(std::string(100000, '['), findings);
  EXPECT_GT(findings.errors(), 0);
}

TEST(SubmissionArchive, IsWholeDeterministicAndReadByOthers) {
  const test::Folder folder;
  const std::string text = format_submission(two_predictions(), kClasses);
  const auto bytes = [&](const char* name) {
    write_submission(folder / name, text);
    return test::read_file(folder / name);
  };
  EXPECT_EQ(bytes("a.zip"), bytes("b.zip"));
  Findings findings;
  EXPECT_EQ(read_submission(folder / "a.zip", kSubmissionMember, findings), text);
  EXPECT_EQ(findings.text(), "");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);  // no partial file is left
  write_submission(folder / "c.zip", text, "answer.json");
  EXPECT_EQ(read_submission(folder / "c.zip", "answer.json", findings), text);
  EXPECT_EQ(findings.text(), "");
  EXPECT_THROW(read_submission(folder / "absent.zip", kSubmissionMember, findings), Error);
  EXPECT_THROW(write_submission(folder / "no-such-folder" / "a.zip", text), Error);
  for (const char* member : {"", "a/b.json", "..", "a\\b.json"}) {
    EXPECT_THROW(write_submission(folder / "d.zip", text, member), Error) << member;
  }
}

TEST(SubmissionArchive, WhatIsNoReadableZipIsAFindingWithTheRemedy) {
  const test::Folder folder;
  const std::string text = format_submission(two_predictions(), kClasses);
  const auto said_of_bytes = [&](const std::string& bytes) {
    test::write_file(folder / "a.zip", bytes);
    Findings findings;
    EXPECT_FALSE(read_submission(folder / "a.zip", kSubmissionMember, findings));
    EXPECT_FALSE(findings.scored());
    return findings.text();
  };
  const auto other = [](const std::string& kind) {
    return "error: the file is " + kind + ", not a ZIP archive. Pack it: zip submission.zip submission.json.";
  };
  EXPECT_EQ(said_of_bytes("Rar!\x1a\x07\x01"), other("a RAR archive"));
  EXPECT_EQ(said_of_bytes("7z\xbc\xaf\x27\x1c"), other("a 7z archive"));
  EXPECT_EQ(said_of_bytes("\x1f\x8b\x08"), other("a gzip file"));
  EXPECT_EQ(said_of_bytes("BZh91AY"), other("a bzip2 file"));
  EXPECT_EQ(said_of_bytes("submission.json" + std::string(242, '\0') + "ustar" + std::string(250, '\0')),
            other("a tar archive"));
  EXPECT_EQ(said_of_bytes("words"), other("of another format"));
  EXPECT_EQ(said_of_bytes(""), other("empty"));
  EXPECT_TRUE(contains(said_of_bytes("PK"), "Pack it again: zip submission.zip submission.json."));
  const std::string whole = raw_zip({stored("submission.json", text)});
  EXPECT_TRUE(contains(said_of_bytes(whole.substr(0, whole.size() / 2)), "error: the archive cannot be read: "));
  RawMember member = stored("submission.json", text);
  member.method = 9;
  EXPECT_EQ(said_of_bytes(raw_zip({member})),
            "error: submission.json is compressed by Deflate64, which is not read. Pack it by Deflate: zip "
            "submission.zip submission.json.");
  std::string locked = whole;  // bit 0 of the flags: local header at byte 6, directory entry at byte 8
  locked[6] = '\x01';
  locked[locked.rfind("PK\x01\x02") + 8] = '\x01';
  EXPECT_EQ(said_of_bytes(locked),
            "error: submission.json is encrypted, and the scorer has no password. Pack it without a password: zip "
            "submission.zip submission.json.");
  member = stored("submission.json", text);
  ++member.crc;
  EXPECT_TRUE(contains(said_of_bytes(raw_zip({member})), "error: the archive cannot be read: submission.json: "));
}

TEST(SubmissionArchive, PeoplesArchives) {
  const test::Folder folder;
  const std::string text = format_submission(two_predictions(), kClasses);
  const auto read = [&](const std::vector<RawMember>& members, const std::string& name = "a.zip") {
    test::write_file(folder / name, raw_zip(members));
    Findings findings;
    const auto got = read_submission(folder / name, kSubmissionMember, findings);
    EXPECT_TRUE(!got || *got == text);
    return std::pair(got.has_value(), findings.text());
  };
  const RawMember whole = stored("submission.json", text);
  EXPECT_EQ(read({whole}), std::pair(true, std::string()));
  const auto expect = [&](const std::vector<RawMember>& members, bool is_read, const std::string& part) {
    const auto [has, findings] = read(members);
    EXPECT_EQ(has, is_read) << findings;
    EXPECT_TRUE(contains(findings, part)) << findings;
  };
  expect({whole, stored("__MACOSX/._submission.json", "x"), stored(".DS_Store", "x")}, true,
         "note: the archive holds files of");
  expect({stored("my/", ""), stored("my/submission.json", text)}, true, "error: my/submission.json lies in a folder");
  expect({stored("my\\submission.json", text)}, true, "lies in a folder");
  expect({stored("predictions.json", text)}, true,
         "error: the archive holds predictions.json, but the scorer opens submission.json");
  expect({stored("submission_template.json", text)}, true, "the organisers' template");
  expect({whole, stored("readme.txt", "x")}, true, "note: the archive holds more than submission.json: readme.txt");
  expect({stored("a.json", text), stored("b.json", text)}, false, "several JSON files");
  expect({stored("readme.txt", "x")}, false, "error: the archive holds no JSON file");
  expect({stored("submission.zip", "PK")}, false, "an archive within: submission.zip");
  // Names that do not say what the file is.
  EXPECT_TRUE(contains(read({whole}, "a.json").second, "the file is a ZIP archive"));
  test::write_file(folder / "b.zip", text);
  Findings findings;
  EXPECT_EQ(read_submission(folder / "b.zip", kSubmissionMember, findings), text);
  EXPECT_TRUE(contains(findings.text(), "error: the file is JSON")) << findings.text();
}

}  // namespace
}  // namespace medley::data
