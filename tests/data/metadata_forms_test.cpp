// The ways in which people write metadata. Each means the dataset of Small, or is refused with one message.
#include "tests/data/small_dataset.h"
#include "trainer/data/metadata.h"

namespace medley::data {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string notes_of(const Dataset& dataset) {
  std::string text;
  for (const std::string& note : dataset.notes) text += note + "\n";
  return text;
}

const std::string& plain_fingerprint() {
  static const std::string kPrint = Small().load().fingerprint;
  return kPrint;
}

/// Notes of the dataset whose training file is `train`, which must mean the same as Small's.
std::string notes_of_same(const std::string& train) {
  Small small;
  small.train = train;
  const Dataset dataset = small.load();
  EXPECT_EQ(dataset.fingerprint, plain_fingerprint()) << train;
  return notes_of(dataset);
}

std::string error_of_rows(const std::string& rows) {
  Small small;
  small.train = kHeader + rows;
  return small.error();
}

TEST(MetadataForms, OrdinaryMetadataHasNoNotes) { EXPECT_EQ(notes_of_same(Small().train), ""); }

TEST(MetadataForms, WordsForMissingValuesAndTruthAreTaken) {
  for (const std::string word : {"NA", "nan", "NaN", "None", "NULL", "N/A"}) {
    notes_of_same(replaced(Small().train, ",,,,", "," + word + "," + word + "," + word + ","));
  }
  for (const auto& [no, yes] : {std::pair("False", "True"), std::pair("FALSE", "TRUE"), std::pair("0.0", "1.0")}) {
    notes_of_same(
        replaced(replaced(Small().train, ",0,", std::string(",") + no + ","), ",1,", std::string(",") + yes + ","));
  }
}

TEST(MetadataForms, SaliencesArePercentOrSharesOfOne) {
  const std::string& train = Small().train;
  notes_of_same(replaced(replaced(train, "70,30", "70.0,30.0"), "50,50", "50%,50%"));
  EXPECT_SAYS(notes_of_same(replaced(replaced(train, "70,30", "0.7,.3"), "50,50", "5e-1,0.50000001")),
              "2 blends with saliences as shares of 1, read as percent");
  notes_of_same(replaced(train, ",,,,", ",,100.0,0.0,"));
  notes_of_same(replaced(train, ",,,,", ",,1,0,"));
  notes_of_same(replaced(train, ",,,,", ",,100,,"));
  EXPECT_SAYS(error_of_rows("a1,A,0,ang,,60,40,0\n"), "'60', but mix is 0: it must be empty for a single emotion");
  EXPECT_SAYS(error_of_rows("a1,A,1,ang,sad,.6,.4,0\n"), "'.6' is not a salience; valid: 30, 50, 70");
}

TEST(MetadataForms, ExcelWritesSemicolonsAndDecimalCommas) {
  notes_of_same("\xef\xbb\xbf" +
                replaced(replaced(replaced(Small().train, ",", ";"), "70;30", "70,0;30,0"), "\n", "\r\n"));
}

TEST(MetadataForms, ColumnsHaveTheNamesOfOtherDatasets) {
  for (const char* name : {"actor", "actor_id", "Speaker", "subject", "SpkrID", "participant", "Speaker ID"}) {
    notes_of_same(replaced(Small().train, "video_id", name));
  }
  notes_of_same(replaced(Small().train, "filename", "file_name"));
  notes_of_same(replaced(Small().train, "emotion_1_salience", "Salience_1"));
}

TEST(MetadataForms, TwoColumnsThatCouldBeMeantAreNamed) {
  Small small;
  small.train =
      replaced(replaced(replaced(Small().train, "video_id", "video_id,speaker"), ",A,", ",A,p1,"), ",B,", ",B,p2,");
  EXPECT_SAYS(small.error(),
              "columns 'video_id' and 'speaker' could both be 'video_id'; say which in dataset.yaml, as in "
              "'columns: {video_id: video_id}'");
  small.yaml = "columns: {video_id: speaker}\n";
  EXPECT_EQ(small.load().clips.at(0).actor, "p1");
  small.yaml = "columns: {video_id: nobody}\n";
  EXPECT_SAYS(small.error(), "dataset.yaml names column 'nobody' for 'video_id', which is not there");
  small.yaml = "columns: {actr: speaker}\n";
  EXPECT_SAYS(small.error(), "dataset.yaml:1: columns: unknown column 'actr'");
  notes_of_same(
      replaced(replaced(replaced(Small().train, "video_id", "video_id,speaker"), ",A,", ",A,A,"), ",B,", ",B,B,"));
}

TEST(MetadataForms, OtherWordsForTheChallengesClassesAreNoted) {
  const std::string notes = notes_of_same(
      replaced(replaced(replaced(Small().train, ",ang,", ",Anger,"), ",sad,", ",SADNESS,"), ",neu,", ",Neutral,"));
  EXPECT_SAYS(notes, "class 'Anger' is read as 'ang'");
  EXPECT_SAYS(notes, "class 'SADNESS' is read as 'sad'");
}

TEST(MetadataForms, SpellingsOfOneActorAreOneActor) {
  EXPECT_SAYS(notes_of_same(replaced(Small().train, "a2.mov,A", "a2.mov,a")), "actor 'a' is taken for actor 'A'");
  notes_of_same(replaced(Small().train, "a2.mov,A", "a2.mov,A "));
  EXPECT_SAYS(error_of_rows("a1,A,0,ang,,,,0\na2,a ,0,sad,,,,1\nb1,B,0,sad,,,,1\nb2,B,0,sad,,,,1\n"),
              "actor 'a' is in fold 1 and, in line 2, in fold 0 as 'A'");
  EXPECT_EQ(actor_key("007"), actor_key("7"));
  EXPECT_EQ(actor_key("B\xc3\x9c"), actor_key("bu\xcc\x88"));
  EXPECT_NE(actor_key("A1"), actor_key("A2"));
  Small initials;
  initials.train = replaced(initials.train, ",A,", ",NA,");
  EXPECT_SAYS(notes_of(initials.load()), "2 clips with a word for a missing value as actor");
  Small small;
  small.train = replaced(replaced(small.train, ",A,", ",101.0,"), ",B,", ",102.0,");
  EXPECT_EQ(small.load().clips.at(0).actor, "101") << "pandas writes a column of numbers with gaps so";
}

TEST(MetadataForms, SharedActorsAreOneMessageWithTheCommand) {
  std::string rows;
  for (const char* actor : {"A", "B", "C"}) {
    for (const char* fold : {"0", "1"}) rows += std::string(actor) + fold + "," + actor + ",0,ang,,,," + fold + "\n";
  }
  const std::string error = error_of_rows(rows);
  EXPECT_SAYS(error,
              ":3: column 'fold': actor 'A' is in fold 1 and, in line 2, in fold 0; 3 of 3 actors are in several "
              "folds; make folds with: medley data folds ");
  EXPECT_EQ(error.find("actor 'B'"), std::string::npos);
}

TEST(MetadataForms, FoldsHaveNumbersOrNames) {
  Small small;
  const auto folds = [&](const std::string& first, const std::string& second) {
    small.train = std::string(kHeader) + "a1,A,0,ang,,,," + first + "\na2,A,0,sad,,,," + first + "\nb1,B,0,sad,,,," +
                  second + "\nb2,B,0,sad,,,," + second + "\n";
    return small.load();
  };
  EXPECT_EQ(folds("1", "2").folds, (std::vector<int>{1, 2}));
  EXPECT_EQ(folds("fold_3", "fold_1").folds, (std::vector<int>{1, 3}));
  const Dataset named = folds("north", "east");
  EXPECT_EQ(named.folds, (std::vector<int>{0, 1}));
  EXPECT_SAYS(notes_of(named), "folds have names: east is 0, north is 1");
  EXPECT_EQ(named.clips.at(0).fold, 1);
  EXPECT_SAYS(test::error_of<Error>([&] { folds("train", "dev"); }),
              "'train' is a part of the data, not a fold; make folds that share no actor with: medley data folds ");
  EXPECT_SAYS(test::error_of<Error>([&] { folds("", "1"); }), "it is empty; make folds with: medley data folds ");
}

TEST(MetadataForms, NoFoldsNameTheCommandThatMakesThem) {
  Small small;
  small.train = replaced(small.train, ",fold\n", ",part\n");
  EXPECT_SAYS(small.error(), "column 'fold' is missing; make folds that share no actor with: medley data folds ");
}

TEST(MetadataForms, AColumnThatIsReadIsNotProposedForAnother) {
  Small small;  // MELD has a column Emotion, which is emotion_1
  small.train = replaced(replaced(small.train, "emotion_1,", "Emotion,"), ",emotion_2,", ",other,");
  const std::string error = small.error();
  EXPECT_SAYS(error, "column 'emotion_2' is missing");
  EXPECT_EQ(error.find("'Emotion'"), std::string::npos) << error;
}

TEST(MetadataForms, RowsThatRepeatAnotherAreNoted) {
  const std::string& train = Small().train;
  EXPECT_SAYS(notes_of_same(train + "a2.mov,A,1,ang,sad,70,30,0\n"), "1 row repeated in every field, ignored");
  EXPECT_SAYS(error_of_rows("a1,A,0,ang,,,,0\na1,A,0,sad,,,,0\n"), "clip 'a1' was already in line 2");
}

TEST(MetadataForms, FoldersInClipNamesAreDroppedWithANote) {
  EXPECT_SAYS(notes_of_same(replaced(Small().train, "a1.mov", "videos/a1.mov")), "1 clip name with a folder");
}

TEST(MetadataForms, EqualErrorsOfManyRowsAreOneMessage) {
  std::string rows;
  for (int i = 0; i < 30; ++i) rows += "c" + std::to_string(i) + ",A,0,contempt,,,,0\n";
  EXPECT_SAYS(error_of_rows(rows),
              ":2: column 'emotion_1': 'contempt' is not an emotion; valid: ang, disg, fea, hap, sad, "
              "neu; so in 29 more rows");
}

TEST(MetadataForms, ClipsThatDifferInLetterCaseAreNoted) {
  Small small;
  small.train += "A1.mov,A,0,ang,,,,0\n";
  small.names.emplace_back("A1");
  small.x.insert(small.x.end(), {6, 6.5});
  EXPECT_SAYS(notes_of(small.load()), "clips 'a1' and 'A1' differ in letter case only");
}

TEST(MetadataForms, AFolderWithoutTrainingMetadataSaysWhatIsThere) {
  const test::Folder folder;
  test::write_file(folder / "labels.csv", "filename\n");
  EXPECT_SAYS(test::error_of<Error>([&] { load_dataset(folder.path()); }), "if it is labels.csv, rename that");
  test::write_file(folder / "test_metadata.csv", "filename\n");
  EXPECT_SAYS(test::error_of<Error>([&] { load_dataset(folder.path()); }), "it has test clips alone");
}

}  // namespace
}  // namespace medley::data
