// From features to a submission, as a user types it.
#include <cmath>
#include <map>
#include <set>

#include "tests/e2e/end_to_end.h"

namespace medley::e2e {
namespace {
using nlohmann::json;

using Submission = EndToEnd;

/// The first column of a CSV with a header line.
std::set<std::string> first_column(const std::string& file) {
  std::ifstream in(file);
  std::set<std::string> names;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) names.insert(line.substr(0, line.find_first_of(",\r")));
  return names;
}

/// The challenge's rules, written independently: every test clip once, one emotion at 100 or two that sum to 100.
void expect_valid_submission(const json& submission, const std::set<std::string>& clips) {
  ASSERT_EQ(submission.size(), 1u);
  const json& predictions = submission.at("predictions");
  EXPECT_EQ(predictions.size(), clips.size());
  const std::set<std::string> emotions = {"ang", "disg", "fea", "hap", "neu", "sad"};
  for (const auto& [clip, labels] : predictions.items()) {
    EXPECT_TRUE(clips.count(clip)) << clip;
    std::multiset<double> saliences;
    std::set<std::string> named;
    for (const json& label : labels) {
      named.insert(label.at("emotion"));
      saliences.insert(label.at("salience").get<double>());
    }
    for (const std::string& emotion : named) EXPECT_TRUE(emotions.count(emotion)) << clip << ": " << emotion;
    EXPECT_EQ(named.size(), labels.size()) << clip;
    EXPECT_TRUE(labels.size() < 2 || !named.count("neu")) << clip << " blends neutral";
    using Set = std::multiset<double>;
    EXPECT_TRUE(saliences == Set{100} || saliences == (Set{50, 50}) || saliences == (Set{30, 70})) << clip;
  }
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_F(Submission, FromFeaturesToAnArchiveThatTheChallengeTakes) {
  make_dataset();
  const std::string sweep = write_sweep("sweep.yaml",
                                        "name: tiny\nseeds: 2\naxes:\n  selection: [learned, all]\n  top_n: [1, 2]\n"
                                        "when: {top_n: {selection: learned}}\n");
  EXPECT_EQ(medley_json({"data", "check", path("data")}).at("labelled_clips"), 540);

  json plan = medley_json({"plan", sweep});
  EXPECT_EQ(plan.at("trials"), 3 * 5 * 2);
  EXPECT_EQ(plan.at("left"), 30);
  EXPECT_EQ(plan.at("forecast").at("settles").at("pairs"), 0) << "nothing is trained yet";
  EXPECT_EQ(plan.at("forecast").at("training_seconds"), nullptr);
  EXPECT_FALSE(fs::exists(path("store"))) << "a plan writes nothing";

  const Ended run = run_sweep(sweep);
  ASSERT_EQ(run.exit, 0) << run.err;
  EXPECT_TRUE(contains(run.err, "30 trials, 0 done, 30 to train")) << run.err;
  const double predicted_bytes = plan.at("forecast").at("store_bytes");
  plan = medley_json({"plan", sweep});
  EXPECT_EQ(plan.at("left"), 0);
  EXPECT_EQ(plan.at("forecast").at("settles").at("pairs"), 3) << "of 3 configs";
  EXPECT_EQ(plan.at("forecast").at("training_seconds"), 0);
  EXPECT_NEAR(static_cast<double>(fs::file_size(path("store/medley.db"))) / predicted_bytes, 1, .3);
  const Ended wished = medley({"plan", sweep, "--settle", "0.9"});
  EXPECT_TRUE(contains(wished.out, "settle   .9000 with 2 folds x 1 seed = 2 trials a config")) << wished.out;
  EXPECT_EQ(results(), 30);

  // Every format of the report.
  const Ended text = medley({"report"});
  EXPECT_EQ(text.out, run.out) << "run ends with the table that report prints";
  const Ended ids = medley({"report", "--ids"});
  const json report = medley_json({"report"});
  ASSERT_EQ(report.at("rows").size(), 3u);
  double before = 2;
  for (const json& config : report.at("rows")) {
    EXPECT_TRUE(contains(ids.out, config.at("config").get<std::string>()));
    const double held_out = config.at("values").at("held_out_score").get<double>();
    EXPECT_LE(held_out, before) << "ranked by held-out Score";
    before = held_out;
  }
  EXPECT_EQ(report.at("axes").size(), 2u);
  const Ended csv = medley({"report", "--csv"});
  EXPECT_EQ(lines_of(csv.out), 4u);
  std::istringstream rows(csv.out);
  std::set<long> widths;
  for (std::string row; std::getline(rows, row);) widths.insert(std::count(row.begin(), row.end(), ','));
  EXPECT_EQ(widths.size(), 1u) << csv.out;
  const Ended markdown = medley({"report", "--markdown"});
  EXPECT_TRUE(contains(markdown.out, "\n| ---: |")) << markdown.out;
  const Ended latex = medley({"report", "--latex"});
  const auto count = [&](const std::string& part) {
    int n = 0;
    for (std::size_t at = 0; (at = latex.out.find(part, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  EXPECT_EQ(count("\\begin{table}"), 3) << "configs and two axes";
  EXPECT_EQ(count("\\begin{tabular}"), count("\\end{tabular}"));
  EXPECT_EQ(std::count(latex.out.begin(), latex.out.end(), '{'), std::count(latex.out.begin(), latex.out.end(), '}'));

  // One trial: its best epoch is in its curve.
  const json member = medley_json({"ensemble", "tiny", "--method", "mean", "--k", "1"}).at("members").at(0);
  const json trial = medley_json({"show", member.at("trial")});
  EXPECT_EQ(trial.at("result").at("epochs"), 3);
  double best = 0;
  for (const json& score : trial["result"].at("curves").at("score")) best = std::max(best, score.get<double>());
  EXPECT_DOUBLE_EQ(trial["result"].at("paper").at("accuracy").at("score").get<double>(), best);
  EXPECT_EQ(medley({"show", member.at("trial")}).exit, 0);

  // Ensembles of each method.
  for (const std::string method : {"mean", "simplex", "caruana"}) {
    const json ensemble = medley_json({"ensemble", "tiny", "--method", method, "--name", method});
    double weight = 0;
    for (const json& m : ensemble.at("members")) weight += m.at("weight").get<double>();
    EXPECT_NEAR(weight, 1, 1e-9) << method;
    EXPECT_TRUE(ensemble.at("scores").at("nested").at("score").is_number()) << method;
  }

  // The archive, checked without Medley.
  const auto clips = first_column(path("data") + "/test_metadata.csv");
  ASSERT_EQ(clips.size(), 108u);
  const Ended exported = medley({"export", "caruana", "--out", path("submission.zip")});
  ASSERT_EQ(exported.exit, 0) << exported.err;
  const std::string member_text = archive_member(path("submission.zip"), "submission.json");
  const json submission = json::parse(member_text);
  expect_valid_submission(submission, clips);
  const json manifest = json::parse(read_file(path("submission.manifest.json")));
  EXPECT_EQ(manifest.at("clips"), 108);
  EXPECT_EQ(manifest.at("dataset").at("fingerprint"), plan.at("dataset").at("fingerprint"));

  // Evaluated against the planted labels, and counted here.
  const json truth = json::parse(read_file(path("data") + "/truth.json")).at("test_labels");
  int hits = 0, blends = 0, salience_hits = 0;
  for (const auto& [clip, labels] : truth.items()) {
    std::map<std::string, double> told, said;
    for (const json& label : labels) told[label.at("emotion")] = label.at("salience").get<double>();
    for (const json& label : submission["predictions"].at(clip))
      said[label.at("emotion")] = label.at("salience").get<double>();
    const bool blend = told.size() == 2;
    bool same = told.size() == said.size();
    for (const auto& [emotion, salience] : told) same = same && said.count(emotion);
    hits += same;
    blends += blend;
    salience_hits += blend && told == said;
  }
  write("submission.json", member_text);
  const json score = medley_json({"evaluate", path("submission.json"), "--data", make_labelled()});
  EXPECT_EQ(score.at("clips"), 108);
  EXPECT_EQ(score.at("blends"), blends);
  EXPECT_DOUBLE_EQ(score.at("acc_presence").get<double>(), hits / 108.0);
  EXPECT_DOUBLE_EQ(score.at("acc_salience").get<double>(), salience_hits / static_cast<double>(blends));

  // The stored members' checkpoints, applied to the same test clips, decode to the same submission.
  const Ended predicted = medley({"predict", "caruana", "--data", path("data"), "--out", path("p.npz")});
  ASSERT_EQ(predicted.exit, 0) << predicted.err;
  const json again = medley_json({"evaluate", path("p.npz"), "--data", path("labelled"), "--alpha",
                                  manifest.at("alpha").dump(), "--beta", manifest.at("beta").dump()});
  EXPECT_DOUBLE_EQ(again.at("acc_presence").get<double>(), hits / 108.0);
  EXPECT_DOUBLE_EQ(again.at("acc_salience").get<double>(), salience_hits / static_cast<double>(blends));
}

TEST_F(Submission, TestClipsThatArriveAfterTrainingArePredictedFromCheckpoints) {
  make_dataset();
  const std::string test_clips = path("data") + "/test_metadata.csv", away = path("test_metadata.csv");
  const std::string sweep =
      write_sweep("sweep.yaml", "name: tiny\nseeds: 2\naxes: {selection: [learned, all]}\n", "epochs: 3, top_n: 2");
  ASSERT_EQ(run_sweep(sweep, 2, "early").exit, 0) << "with the test clips there";
  fs::rename(test_clips, away);
  ASSERT_EQ(run_sweep(sweep).exit, 0);
  for (const char* store : {"store", "early"}) {
    ASSERT_EQ(medley({"ensemble", "--method", "simplex", "--name", "e"}, store).exit, 0);
  }
  const Ended none = medley({"export", "--out", path("late.zip")});
  EXPECT_EQ(none.exit, 1);
  EXPECT_TRUE(contains(none.err, "has no test clips")) << none.err;
  fs::rename(away, test_clips);

  EXPECT_TRUE(contains(medley({"run", sweep, "--no-web"}).err, "nothing to train")) << "the trials are those of before";
  const Ended late = medley({"export", "--out", path("late.zip")});
  ASSERT_EQ(late.exit, 0) << late.err;
  EXPECT_TRUE(contains(late.out, "members were trained before these test clips came")) << late.out;
  ASSERT_EQ(medley({"export", "--out", path("early.zip")}, "early").exit, 0);
  const std::string expected = archive_member(path("early.zip"), "submission.json");
  EXPECT_EQ(archive_member(path("late.zip"), "submission.json"), expected);
  EXPECT_GT(json::parse(read_file(path("late.manifest.json"))).at("members_predicted_from_checkpoints"), 0);
  EXPECT_EQ(json::parse(read_file(path("early.manifest.json"))).at("members_predicted_from_checkpoints"), 0);

  // The same by a coordinator, and from a folder of the new clips alone: features, and names or none.
  {
    const auto program = serve({"--workers", "0"});
    ASSERT_EQ(medley({"export", "--out", path("served.zip")}).exit, 0);
    EXPECT_EQ(archive_member(path("served.zip"), "submission.json"), expected);
  }
  fs::create_directory(path("new"));
  for (const auto& entry : fs::directory_iterator(path("data"))) {
    if (entry.path().extension() == ".npz") fs::copy(entry.path(), path("new"));
  }
  const Ended rows = medley({"predict", "e", "--data", path("new"), "--out", path("rows.npz")});
  EXPECT_TRUE(contains(rows.out, "648 clips\nout-of-fold: 540 clips")) << rows.out << rows.err;
  fs::copy(test_clips, path("new"));
  ASSERT_EQ(medley({"predict", "e", "--data", path("new"), "--out", path("new.zip")}).exit, 0);
  EXPECT_EQ(archive_member(path("new.zip"), "submission.json"), expected);

  // Only a trial that reads test clips is trained for others.
  const std::string adapting = write_sweep("adapting.yaml", "name: adapting\nseeds: 1\nfolds: [0]\n",
                                           "epochs: 3, top_n: 2, adaptation: coral, adaptation_target: test");
  EXPECT_TRUE(contains(run_sweep(adapting).err, "1 trials, 0 done")) << "first";
  EXPECT_TRUE(contains(run_sweep(adapting).err, "nothing to train"));
  const std::string names = read_file(test_clips);
  std::ofstream(test_clips) << names.substr(0, names.rfind('\n', names.size() - 2) + 1);  // the last is gone
  EXPECT_TRUE(contains(medley({"run", sweep, "--no-web"}).err, "nothing to train"));
  EXPECT_TRUE(contains(run_sweep(adapting).err, "1 trials, 0 done, 1 to train"));
}

TEST_F(Submission, ClipsOfTheTrainingFoldsArePredictedByModelsThatDidNotTrainOnThem) {
  make_dataset();
  ASSERT_EQ(run_sweep(write_sweep("sweep.yaml", "name: tiny\nseeds: 2\n", "epochs: 20, top_n: 2")).exit, 0);
  for (const std::string mix : {"arithmetic", "geometric"}) {
    const json ensemble = medley_json({"ensemble", "--method", "mean", "--k", "2", "--mix", mix, "--name", "e"});
    const std::vector<std::string> all = {"predict", "e", "--data", path("data"), "--clips", "all", "--out"};
    const auto score = [&](const std::string& file, std::vector<std::string> more) {
      std::vector<std::string> words = all;
      words.push_back(path(file));
      words.insert(words.end(), more.begin(), more.end());
      const Ended predicted = medley(words);
      EXPECT_EQ(predicted.exit, 0) << predicted.err;
      return medley_json({"evaluate", path(file), "--data", path("data"), "--alpha",
                          ensemble.at("settings").at("alpha").dump(), "--beta",
                          ensemble.at("settings").at("beta").dump()});
    };
    const json honest = score("honest.npz", {}), optimistic = score("optimistic.npz", {"--in-sample"});
    EXPECT_EQ(honest.at("out_of_fold_clips"), 540);
    EXPECT_EQ(honest.at("in_sample_clips"), 0);
    EXPECT_EQ(optimistic.at("in_sample_clips"), 540);
    // The pooled held-out predictions, decoded with the same thresholds, as the store has them.
    EXPECT_DOUBLE_EQ(honest.at("score").get<double>(), ensemble.at("scores").at("optimistic").at("score").get<double>())
        << "weights are fixed; only the thresholds were fitted on these rows";
    EXPECT_GT(optimistic.at("score").get<double>(), honest.at("score").get<double>());
  }
}

TEST_F(Submission, ASecondRunTrainsNothingAndAWiderSweepOnlyWhatIsMissing) {
  make_dataset();
  const std::string axes = "name: tiny\nfolds: [0, 1]\nseeds: 1\naxes: {top_n: [1, 2]}\n";
  const std::string sweep = write_sweep("sweep.yaml", axes);
  ASSERT_EQ(run_sweep(sweep).exit, 0);
  ASSERT_EQ(results(), 4);

  const Ended second = run_sweep(sweep);
  EXPECT_EQ(second.exit, 0);
  EXPECT_TRUE(contains(second.err, "nothing to train")) << second.err;

  write_sweep("sweep.yaml", "# a remark\n" + axes);
  EXPECT_TRUE(contains(run_sweep(sweep).err, "4 done, 0 to train"));
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt"), 4);

  write_sweep("sweep.yaml", "name: tiny\nfolds: [0, 1, 2]\nseeds: 1\naxes: {top_n: [1, 2, 3]}\n");
  const Ended wider = run_sweep(sweep);
  EXPECT_EQ(wider.exit, 0) << wider.err;
  EXPECT_TRUE(contains(wider.err, "9 trials, 4 done, 5 to train")) << wider.err;
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt"), 9);
}

TEST_F(Submission, AResultThatRottedIsLeftOutAndTrainedAgainByTheNextRun) {
  make_dataset();
  const std::string sweep = write_sweep("sweep.yaml", "name: rot\nfolds: [0, 1]\nseeds: 1\naxes: {top_n: [1, 2]}\n");
  ASSERT_EQ(run_sweep(sweep).exit, 0);
  const std::string sound = medley({"report"}).out;
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((path("store") + "/medley.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE result SET paper_score = 9.5 WHERE trial = (SELECT max(trial) FROM result)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);

  const Ended rotten = medley({"report"});
  EXPECT_TRUE(contains(rotten.out, "1 trial failed: the result changed since it was stored (trial ")) << rotten.out;
  const Ended ensemble = medley({"ensemble"});
  EXPECT_EQ(ensemble.exit, 1);
  EXPECT_TRUE(contains(ensemble.err, "its row of numbers changed since it was stored")) << ensemble.err;

  const Ended again = run_sweep(sweep);
  EXPECT_EQ(again.exit, 0) << again.err;
  EXPECT_TRUE(contains(again.err, " is trained again: its row of numbers changed")) << again.err;
  EXPECT_TRUE(contains(again.err, "3 done, 1 to train")) << again.err;
  EXPECT_EQ(medley({"report"}).out, sound);
}

TEST_F(Submission, ATrialThatDivergesIsAResultAndHarmsNoNeighbour) {
  make_dataset();
  // Decoupled decay multiplies a weight by 1 - 10 x 10 a step: it leaves float32 within twenty.
  const std::string base = "epochs: 3, selection: all, weight_decay: 10, schedule: constant";
  const std::string both =
      write_sweep("both.yaml", "name: both\nfolds: [0, 1]\nseeds: 1\naxes: {learning_rate: [0.001, 10]}\n", base);
  const std::string alone =
      write_sweep("alone.yaml", "name: alone\nfolds: [0, 1]\nseeds: 1\naxes: {learning_rate: [0.001]}\n", base);
  const Ended ended = run_sweep(both, 1);
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_TRUE(contains(ended.out, "(2 diverged)")) << ended.out;
  ASSERT_EQ(run_sweep(alone, 1, "other").exit, 0);

  const json with = medley_json({"report"}), without = medley_json({"report"}, "other");
  ASSERT_EQ(with.at("rows").size(), 2u);
  EXPECT_EQ(with["rows"][0].at("config"), without["rows"][0].at("config")) << "what diverged ranks last";
  for (const char* name : {"held_out_score", "held_out_acc_presence", "paper_score", "paper_score_sd", "optimism"}) {
    EXPECT_EQ(with["rows"][0].at("values").at(name), without["rows"][0].at("values").at(name)) << name;
  }

  const json sweeps = medley_json({"status"}).at("sweeps");
  const json& trials = sweeps.at(0).at("trials");
  EXPECT_EQ(trials.at("diverged"), 2);
  EXPECT_EQ(trials.at("failed"), 0);
  EXPECT_EQ(trials.at("finished"), 4);
  EXPECT_TRUE(contains(run_sweep(both).err, "nothing to train")) << "a divergence is not tried again";
}

TEST_F(Submission, TheRealTestClipsAreAllSubmitted) {
  const auto shared = shared_folder();
  if (!shared || !fs::exists(*shared / "data/blemore_hicmae")) {
    GTEST_SKIP() << "no data/blemore_hicmae: set MEDLEY_SHARED to the folder of real data";
  }
  const std::string data = *shared / "data/blemore_hicmae";
  const std::string sweep =
      write("real.yaml", "name: real\ndataset: \"" + data +
                             "\"\nseeds: 1\nbase: {epochs: 3, projection_dim: 32, fusion_dim: 64, top_n: 2}\n");
  const Ended run = run_sweep(sweep);
  ASSERT_EQ(run.exit, 0) << run.err;
  EXPECT_EQ(results(), 5);
  ASSERT_EQ(medley({"ensemble", "--method", "mean", "--k", "1"}).exit, 0);
  ASSERT_EQ(medley({"export", "--out", path("submission.zip")}).exit, 0);
  const json submission = json::parse(archive_member(path("submission.zip"), "submission.json"));
  EXPECT_EQ(submission.at("predictions").size(), 594u);
  expect_valid_submission(submission, first_column(data + "/test_metadata.csv"));
}

}  // namespace
}  // namespace medley::e2e
