// evaluate and check-submission on anybody's files.
#include "coordinator/actions/evaluate.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include <gtest/gtest.h>
#include <unistd.h>

#include "coordinator/commands/command.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/error.h"
#include "trainer/data/npz_write.h"
#include "trainer/data/submission.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Said {
  std::string out;
  std::string error;  ///< "" where the command ended well
};

Said run(const std::string& line) {
  CLI::App app{"", "medley"};
  app.require_subcommand(1);
  Globals globals;
  add_evaluate_command(app, globals);
  add_check_submission_command(app, globals);
  testing::internal::CaptureStdout();
  std::string error;
  try {
    app.parse(line);
  } catch (const std::exception& e) {
    error = e.what();
  }
  std::fflush(stdout);
  std::cout.flush();
  return {testing::internal::GetCapturedStdout(), error};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Four labelled clips and two test clips, with the classes of dataset.yaml if any are given.
class Files : public testing::Test {
 protected:
  void make(const std::string& yaml = "", const std::string& label = "ang") {
    fs::create_directories(set());
    if (!yaml.empty()) std::ofstream(set() / "dataset.yaml") << yaml;
    std::ofstream(set() / "train_metadata.csv")
        << "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n"
        << "c1,A1,0," + label + ",,,,0\nc2,A1,1," + label +
               ",disg,70,30,0\nc3,A2,1,hap,sad,50,50,1\nc4,A2,0,neu,,,,1\n";
    std::ofstream(set() / "test_metadata.csv") << "filename\ntest_0001.mov\ntest_0002.mov\n";
    data::write_npz(set() / "e_static_features.npz",
                    {{"X", {6, 1}, std::vector<float>{1, 2, 3, 4, 5, 6}},
                     {"filenames", {6}, std::vector<std::string>{"c1", "c2", "c3", "c4", "test_0001", "test_0002"}}});
  }
  fs::path set() const { return folder_ / "set"; }
  data::Dataset dataset() const { return data::load_dataset(set()); }
  /// Evaluates predictions as JSON.
  Evaluation of(const std::string& predictions) const {
    test::write_file(folder_ / "p.json", "{\"predictions\": {" + predictions + "}}");
    return evaluate_file(folder_ / "p.json", dataset(), std::nullopt);
  }
  fs::path write(const std::vector<data::NamedArray>& arrays) const {
    data::write_npz(folder_ / "p.npz", arrays);
    return folder_ / "p.npz";
  }
  Evaluation of_rows(const std::vector<double>& p, const std::vector<std::string>& names) const {
    return evaluate_file(
        write({{"P", {names.size(), p.size() / names.size()}, p}, {"filenames", {names.size()}, names}}), dataset(),
        std::nullopt);
  }

  test::Folder folder_;
};

using EvaluateFiles = Files;
using CheckSubmission = Files;

TEST_F(EvaluateFiles, CountsAsTheOrganisersScorerDoes) {
  make();
  // By its formulas: sets of emotions, and of true blends the rounded saliences of exactly two.
  const auto all = of(R"("c1": [{"emotion": "ang", "salience": 1.0}],
                         "c2": [{"emotion": "disg", "salience": 30.5}, {"emotion": "ang", "salience": 69.5}],
                         "c3": [{"emotion": "hap", "salience": 60}, {"emotion": "sad", "salience": 40}],
                         "c4": [{"emotion": "neu", "salience": 100}, {"emotion": "sad", "salience": 0}])");
  EXPECT_EQ(all.tally.clips, 4);
  EXPECT_EQ(all.tally.presence_hits, 3) << "an emotion of salience 0 counts as predicted";
  EXPECT_EQ(all.tally.blends, 2);
  EXPECT_EQ(all.tally.salience_hits, 1) << "halves round to even: 30 and 70";
  const auto odd = of(R"("c1": [], "c2": [{"emotion": "ang", "salience": 50}, {"emotion": "disg", "salience": 30},
                         {"emotion": "sad", "salience": 20}], "c4": [{"emotion": "Neutral", "salience": 100}])");
  EXPECT_EQ(odd.tally.clips, 3);
  EXPECT_EQ(odd.tally.presence_hits, 0);
  ASSERT_EQ(odd.notes.size(), 3u);
  EXPECT_TRUE(contains(odd.notes[2], "'Neutral' is none of the challenge's")) << odd.notes[2];
  EXPECT_TRUE(contains(odd.notes[2], "Write 'neu'"));
}

TEST_F(EvaluateFiles, FractionsAreScoredAsTheyStandAndSaid) {
  make();
  const auto scored = of(R"("c2": [{"emotion": "ang", "salience": 0.7}, {"emotion": "disg", "salience": 0.3}])");
  EXPECT_EQ(scored.tally.presence_hits, 1);
  EXPECT_EQ(scored.tally.salience_hits, 0);
  ASSERT_EQ(scored.notes.size(), 1u);
  EXPECT_TRUE(contains(scored.notes[0], "Multiply them by 100"));
}

TEST_F(EvaluateFiles, WhatTheScorerStopsAtIsRefusedWithTheRemedy) {
  make();
  const auto error = [&](const std::string& predictions) {
    return test::error_of<data::Error>([&] { of(predictions); });
  };
  EXPECT_TRUE(contains(error(R"("c2": [{"emotion": "ang", "salience": "70"}, {"emotion": "disg", "salience": "30"}])"),
                       "in quotes. Write a number"));
  EXPECT_TRUE(contains(error(R"("c1": "ang")"), "no list of entries"));
  EXPECT_TRUE(contains(error(R"("c1": [{"emotion": "ang", "salience": 100}], "c1": [])"), "stands twice"));
  EXPECT_TRUE(contains(error(R"("c9": [{"emotion": "ang", "salience": 100}])"), "'c9' is no clip of the dataset"));
  EXPECT_TRUE(contains(error(""), "there is no prediction"));
}

TEST_F(EvaluateFiles, SaysHowManyClipsAreNotScored) {
  make();
  const auto some =
      of(R"("c1": [{"emotion": "ang", "salience": 100}], "test_0001.mov": [{"emotion": "sad", "salience": 100}])");
  EXPECT_EQ(some.tally.clips, 1);
  EXPECT_EQ(some.labelled, 4);
  EXPECT_EQ(some.unlabelled, 1);
  const Said text = run("evaluate " + (folder_ / "p.json").string() + " --data " + set().string());
  EXPECT_TRUE(contains(text.out, "3 of 4 labelled clips have no prediction")) << text.out;
  EXPECT_TRUE(contains(text.out, "1 predicted clips have no label"));
  const json object =
      json::parse(run("evaluate --json " + (folder_ / "p.json").string() + " --data " + set().string()).out);
  EXPECT_EQ(object["labelled_clips_without_prediction"], 3);
  EXPECT_EQ(object["unlabelled_clips"], 1);
  const std::string none =
      test::error_of<data::Error>([&] { of(R"("test_0001.mov": [{"emotion": "sad", "salience": 100}])"); });
  EXPECT_TRUE(contains(none, "none of the 1 predicted clips has a label")) << none;
}

TEST_F(EvaluateFiles, ReadsArchivesAndTables) {
  make();
  const std::string text = R"({"predictions": {"c1.mov": [{"emotion": "ang", "salience": 100.0}]}})";
  data::write_submission(folder_ / "a.zip", text, "answer.json");
  EXPECT_EQ(evaluate_file(folder_ / "a.zip", dataset(), std::nullopt).tally.presence_hits, 1);
  EXPECT_TRUE(contains(evaluate_file(folder_ / "a.zip", dataset(), std::nullopt).notes.at(0), "opens submission.json"));
  EXPECT_TRUE(evaluate_file(folder_ / "a.zip", dataset(), std::nullopt, "answer.json").notes.empty());
  test::write_file(folder_ / "bare.json", R"({"c1": [{"emotion": "ang", "salience": 100.0}]})");
  EXPECT_EQ(evaluate_file(folder_ / "bare.json", dataset(), std::nullopt).tally.presence_hits, 1);
  test::write_file(folder_ / "p.csv",
                   "filename,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\nc1.mov,ang,,100.0,\nc2.mov,ang,"
                   "disg,70.0,30.0\n"
                   "c4.mov,neu,NaN,,\n");
  const auto table = evaluate_file(folder_ / "p.csv", dataset(), std::nullopt);
  EXPECT_EQ(table.tally.presence_hits, 3);
  EXPECT_EQ(table.tally.salience_hits, 1);
  EXPECT_TRUE(table.notes.empty());
}

TEST_F(EvaluateFiles, ATableWithoutTheColumnsNamesThoseItHas) {
  make();
  const auto error = [&](const std::string& text) {
    test::write_file(folder_ / "p.CSV", text);
    return test::error_of<data::Error>([&] { evaluate_file(folder_ / "p.CSV", dataset(), std::nullopt); });
  };
  const std::string name = error("name,openset\nc1,angry\n");
  EXPECT_TRUE(contains(name,
                       "it has no column 'filename'; its columns are name, openset; the column may be named "
                       "filename, file, "))
      << name;
  const std::string label = error("file,openset\nc1,angry\n");
  EXPECT_TRUE(contains(label, "it has no column 'emotion_1'; its columns are file, openset")) << label;
  for (const char* header : {"filename,ang,disg,fea,hap,sad,neu", ",anger,disgust,fear,happy,sadness,neutral"}) {
    const std::string table = error(std::string(header) + "\nc1,.5,.1,.1,.1,.1,.1\n");
    EXPECT_TRUE(contains(table, "save probabilities with np.savez(path, P=..., filenames=..., classes=...)")) << table;
  }
}

TEST_F(EvaluateFiles, LogitsAndPercentsAreRefusedWithTheRemedy) {
  make();
  const auto error = [&](const std::vector<double>& row) {
    return test::error_of<data::Error>([&] { of_rows(row, {"c1"}); });
  };
  EXPECT_TRUE(contains(error({2.1, -0.3, 0.4, 0.1, -3, 0.2}), "logits. Write their softmax"))
      << error({2.1, -0.3, 0.4, 0.1, -3, 0.2});
  EXPECT_TRUE(contains(error({70, 20, 5, 5, 0, 0}), "percents. Divide them by 100"));
  EXPECT_TRUE(contains(error({std::log(.5), std::log(.3), std::log(.1), std::log(.05), std::log(.03), std::log(.02)}),
                       "logarithms of probabilities. Write their exponential"));
  EXPECT_EQ(error({1.0000001, -1e-8, 0, 0, 0, 0}), "") << "rounding of float32";
  // Sigmoids need not sum to 1.
  EXPECT_TRUE(contains(of_rows({.9, .8, .1, 0, 0, 0}, {"c1"}).notes.at(1), "1 of 1 rows do not sum to 1"));
}

TEST_F(EvaluateFiles, ColumnsFollowTheFilesOwnClasses) {
  make();
  const std::vector<std::string> permuted = {"Sadness", "neu", "fear", "disgust", "hap", "anger"};
  const auto score = [&](const std::vector<std::string>& classes) {
    return evaluate_file(write({{"P", {2, 6}, std::vector<double>{0, 0, 0, 0, 0, 1, .5, 0, 0, 0, .5, 0}},
                                {"filenames", {2}, std::vector<std::string>{"c1", "c3"}},
                                {"classes", {6}, classes}}),
                         dataset(), sweep::Thresholds{.1, .1});
  };
  EXPECT_EQ(score(permuted).tally.presence_hits, 2);
  EXPECT_EQ(score(permuted).tally.salience_hits, 1);
  EXPECT_TRUE(score(permuted).notes.empty());
  const std::string error = test::error_of<data::Error>([&] { score({"a", "neu", "fea", "disg", "hap", "ang"}); });
  EXPECT_TRUE(contains(error, "its classes are a, neu")) << error;
  EXPECT_TRUE(contains(test::error_of<data::Error>([&] {
                         score({"sad", "sad", "fea", "disg", "hap", "ang"});
                       }),
                       "its classes"));
  EXPECT_TRUE(contains(of_rows({1, 0, 0, 0, 0, 0}, {"c1"}).notes.at(0), "dataset's order: ang, disg"));
}

TEST_F(EvaluateFiles, OtherNamesOfArraysAndFoldersInNames) {
  make();
  const std::vector<double> row = {1, 0, 0, 0, 0, 0};
  const auto scored =
      evaluate_file(write({{"probs", {1, 6}, row}, {"names", {1}, std::vector<std::string>{"/data/c1.mp4"}}}),
                    dataset(), std::nullopt);
  EXPECT_EQ(scored.tally.presence_hits, 1);
  EXPECT_EQ(scored.notes.at(0), "array 'probs' is read as 'P'");
  EXPECT_TRUE(contains(scored.notes.back(), "1 clip names have folders"));
  const std::string two = test::error_of<data::Error>([&] {
    evaluate_file(
        write({{"probs", {1, 6}, row}, {"preds", {1, 6}, row}, {"names", {1}, std::vector<std::string>{"c1"}}}),
        dataset(), std::nullopt);
  });
  EXPECT_TRUE(contains(two, "arrays 'probs' and 'preds' could both be the array 'P'")) << two;
  const std::string turned = test::error_of<data::Error>([&] {
    evaluate_file(
        write({{"P", {6, 2}, std::vector<double>(12, .1)}, {"filenames", {2}, std::vector<std::string>{"c1", "c2"}}}),
        dataset(), std::nullopt);
  });
  EXPECT_TRUE(contains(turned, "write its transpose")) << turned;
}

TEST_F(EvaluateFiles, ReadsWhatExportWritesOfADatasetWithSpelledOutClasses) {
  make("classes: [anger, disg, fea, happiness, sad, neu]\nexclusive: [neu]\n", "anger");
  std::ofstream(set() / "train_metadata.csv")
      << "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n"
         "c1,A1,0,anger,,,,0\nc2,A1,1,anger,disg,70,30,0\nc3,A2,1,happiness,sad,50,50,1\nc4,A2,0,neu,,,,1\n";
  const auto scored = of(R"("c1": [{"emotion": "ang", "salience": 100}], "c4": [{"emotion": "neu", "salience": 100}])");
  EXPECT_EQ(scored.tally.presence_hits, 2);
  EXPECT_TRUE(scored.notes.empty());
}

TEST_F(CheckSubmission, ExitsWithAnErrorAndSaysEveryFault) {
  make();
  const std::string zip = (folder_ / "submission.zip").string();
  const std::string good = R"({"predictions": {"test_0001.mov": [{"emotion": "sad", "salience": 100.0}],
      "test_0002.mov": [{"emotion": "disg", "salience": 30}, {"emotion": "ang", "salience": 70}]}})";
  data::write_submission(zip, good);
  const Said fine = run("check-submission " + zip + " --data " + set().string());
  EXPECT_EQ(fine.error, "");
  EXPECT_TRUE(contains(fine.out, "2 clips, 1 blends")) << fine.out;
  EXPECT_TRUE(contains(fine.out, "no errors found"));
  EXPECT_TRUE(contains(run("check-submission " + zip).out, "the list of clips was not checked"));

  data::write_submission(zip, R"({"predictions": {"c1": [{"emotion": "anger", "salience": 100.0}]}})");
  const Said bad = run("check-submission " + zip + " --data " + set().string());
  EXPECT_TRUE(contains(bad.error, "3 kinds of errors")) << bad.error;
  EXPECT_TRUE(contains(bad.out, "Write 'ang'"));
  EXPECT_TRUE(contains(bad.out, "not to be predicted here"));
  EXPECT_TRUE(contains(bad.out, "2 clips: the clip has no prediction"));
  const json object = json::parse(run("check-submission --json " + zip + " --data " + set().string()).out);
  EXPECT_EQ(object["valid"], false);
  EXPECT_EQ(object["errors"], 3);
  EXPECT_EQ(object["clips_expected"], 2);
  EXPECT_EQ(object["findings"][0]["kind"], "class-name");
  EXPECT_EQ(object["findings"][0]["first"], json({"c1"}));
}

TEST_F(CheckSubmission, AnUnreadableArchiveIsAFindingInJsonToo) {
  test::write_file(folder_ / "a.zip", "Rar!\x1a\x07");
  const Said said = run("check-submission --json " + (folder_ / "a.zip").string());
  EXPECT_TRUE(contains(said.error, "1 kind of errors")) << said.error;
  const json object = json::parse(said.out);
  EXPECT_EQ(object["valid"], false);
  EXPECT_EQ(object["findings"][0]["what"], "the file is a RAR archive, not a ZIP archive");
  EXPECT_EQ(object["findings"][0]["remedy"], "Pack it: zip submission.zip submission.json");
}

TEST_F(CheckSubmission, ARehearsalNamesTheLabelledClips) {
  make();
  test::write_file(folder_ / "p.json", R"({"predictions": {"c1.mov": [{"emotion": "ang", "salience": 100.0}],
      "c2.mov": [{"emotion": "ang", "salience": 100.0}], "c3.mov": [{"emotion": "ang", "salience": 100.0}],
      "c4.mov": [{"emotion": "ang", "salience": 100.0}]}})");
  const Said rehearsal =
      run("check-submission " + (folder_ / "p.json").string() + " --clips labelled --data " + set().string());
  EXPECT_EQ(rehearsal.error, "") << rehearsal.out;
  EXPECT_TRUE(contains(rehearsal.out, "the organisers take an archive. Pack it")) << rehearsal.out;
}

/// What the files of people get; the numbers are those of the organisers' formulas, computed apart.
struct Case {
  const char* file;
  const char* finding;     ///< kind of the error of check-submission; "": none; nullptr: not for it
  int presence, salience;  ///< hits by evaluate; -1: refused
  const char* said;        ///< by evaluate, in a note or as the reason; "": nothing
};

TEST(SharedSubmissions, EveryFileGetsTheOfficialNumberOrTheRemedy) {
  const char* given = std::getenv("MEDLEY_SHARED");
  const fs::path shared = given ? given : MEDLEY_SOURCE_DIR "/../shared";
  const fs::path files = shared / "cases/data/c11_submissions";
  if (!fs::exists(files)) GTEST_SKIP() << "no made-up submissions in " << shared;
  const std::vector<Case> cases = {
      {"abspath.npz", nullptr, 16, 5, "folders, which were left out"},
      {"bom.json", "byte-order-mark", 83, 70, "byte order mark"},
      {"extra_team.json", "", 83, 70, ""},
      {"folder.zip", "folder", 83, 70, "lies in a folder"},
      {"fraction.json", "fractions", 83, 0, "Multiply them by 100"},
      {"keys.npz", nullptr, 16, 5, "'probs' is read as 'P'"},
      {"list.json", "not-object", -1, -1, "'predictions' is a list"},
      {"logits.npz", nullptr, -1, -1, "Write their softmax"},
      {"macosx.zip", "", 83, 70, ""},
      {"nan.json", "not-finite", 83, 70, "NaN"},
      {"neu_blend.json", "exclusive", 13, 0, "'neu' stands in a blend"},
      {"noext.json", "clip-no-extension", 83, 70, ""},
      {"nowrapper.json", "no-wrapper", 83, 70, "'predictions' around the clips is missing"},
      {"objnames.npz", nullptr, -1, -1, "np.array(names, dtype=str)"},
      {"ok.json", "", 83, 70, ""},
      {"ok.zip", "", 83, 70, ""},
      {"othername.zip", "member-name", 83, 70, "predictions.json"},
      {"partial.json", "", 22, 17, ""},
      {"perm.npz", nullptr, 16, 5, ""},
      {"pred.csv", nullptr, 83, 70, ""},
      {"probs.npz", nullptr, 16, 5, "dataset's order"},
      {"single_1.0.json", "", 83, 70, ""},
      {"sixty.json", "ratio", 83, 0, "not 30/70, 50/50 or 70/30"},
      {"string.json", "text-salience", -1, -1, "in quotes"},
      {"template_name.zip", "template-name", 83, 70, "template"},
      {"three.json", "too-many", 82, 69, "more than two emotions"},
      {"twice.npz", nullptr, -1, -1, "is given twice"},
      {"zero_second.json", "zero", 75, 70, "salience 0"},
  };
  const auto dataset = data::load_dataset(shared / "cases/data/base");
  std::size_t found = 0;
  for (const auto& entry : fs::directory_iterator(files)) found += entry.is_regular_file();
  EXPECT_EQ(found, cases.size());
  for (const Case& one : cases) {
    SCOPED_TRACE(one.file);
    std::string said;
    std::string line = one.file;
    try {
      const Evaluation evaluation = evaluate_file(files / one.file, dataset, std::nullopt);
      for (const std::string& note : evaluation.notes) said += note + "\n";
      EXPECT_EQ(evaluation.tally.presence_hits, one.presence);
      EXPECT_EQ(evaluation.tally.salience_hits, one.salience);
      line += ": presence " + std::to_string(evaluation.tally.presence_hits) + " of " +
              std::to_string(evaluation.tally.clips) + ", salience " + std::to_string(evaluation.tally.salience_hits) +
              " of " + std::to_string(evaluation.tally.blends);
    } catch (const data::Error& error) {
      EXPECT_EQ(one.presence, -1) << error.what();
      said = error.what();
      line += ": refused";
    }
    EXPECT_EQ(*one.said == '\0', said.empty()) << said;
    EXPECT_TRUE(contains(said, one.said)) << said;
    if (one.finding != nullptr) {
      const Said checked = run("check-submission --json " + (files / one.file).string());
      const json object = json::parse(checked.out);
      EXPECT_EQ(object["valid"], *one.finding == '\0') << checked.out;
      EXPECT_EQ(checked.error.empty(), *one.finding == '\0');
      std::string kinds;
      for (const json& finding : object["findings"]) kinds += " " + finding["kind"].get<std::string>();
      if (*one.finding != '\0') {
        EXPECT_TRUE(contains(kinds, one.finding)) << kinds;
      }
      line += "; check-submission:" + (kinds.empty() ? " nothing" : kinds);
    }
    std::cout << line << "\n";
  }
}

}  // namespace
}  // namespace medley::coordinator
