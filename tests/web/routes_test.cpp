#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "storage/writer.h"
#include "sweep/score/confusion.h"
#include "sweep/score/metric.h"
#include "tests/support/folder.h"
#include "tests/support/patience.h"
#include "tests/web/sample_control.h"
#include "tests/web/sample_store.h"
#include "web/ensembles.h"
#include "web/memory.h"
#include "web/site.h"

namespace medley::web {
namespace {

using nlohmann::json;

constexpr std::int64_t kNow = 1'700'000'000'000;

class RoutesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = std::make_unique<test::Folder>();
    folder_ = scratch_->path();
    sample_ = test::write_sample_store(folder_, kNow);
  }
  static void TearDownTestSuite() { scratch_.reset(); }

  static Response get(const std::string& path, const std::map<std::string, std::string>& query = {}) {
    return get(Site(folder_, nullptr, {}), path, query);
  }
  static Response get(const Site& site, const std::string& path, const std::map<std::string, std::string>& query = {}) {
    Request request;
    request.method = "GET";
    request.path = "/api/v1/" + path;
    request.query = query;
    return site.handle(request);
  }
  static json body(const std::string& path, const std::map<std::string, std::string>& query = {}) {
    const Response response = get(path, query);
    EXPECT_EQ(response.status, 200) << path << ": " << response.body;
    EXPECT_EQ(response.type, "application/json");
    return json::parse(response.body);
  }

  static std::unique_ptr<test::Folder> scratch_;
  static std::filesystem::path folder_;
  static test::SampleStore sample_;
};
std::unique_ptr<test::Folder> RoutesTest::scratch_;
std::filesystem::path RoutesTest::folder_;
test::SampleStore RoutesTest::sample_;

TEST_F(RoutesTest, AnAddressAskedWithAnotherMethodSaysWhichOnesItHas) {
  std::map<std::string, std::set<std::string>> methods;
  for (const Route& route : routes()) methods[route.path].insert(route.method);
  const Site site(folder_, nullptr, {});
  for (const auto& [path, known] : methods) {
    for (const char* method : {"GET", "HEAD", "POST", "DELETE"}) {
      const std::string row = method == std::string("HEAD") ? "GET" : method;
      const Match found = match(method, path);
      EXPECT_EQ(found.route != nullptr, known.count(row) == 1) << method << " " << path;
      if (found.route != nullptr) continue;
      Request request;
      request.method = method;
      request.path = path;
      const Response response = site.handle(request);
      EXPECT_EQ(response.status, 405) << method << " " << path;
      std::string allowed;
      for (const auto& [one, text] : {std::pair("GET", "GET, HEAD"), {"POST", "POST"}, {"DELETE", "DELETE"}}) {
        if (known.count(one) == 1) allowed += (allowed.empty() ? "" : ", ") + std::string(text);
      }
      const std::pair<std::string, std::string> allow{"Allow", allowed};
      EXPECT_EQ(std::count(response.headers.begin(), response.headers.end(), allow), 1) << method << " " << path;
    }
  }
  EXPECT_EQ(get("nothing").status, 404);
  EXPECT_EQ(get("sweeps/" + sample_.running + "/nothing").status, 404);
}

TEST_F(RoutesTest, SweepsCountTheirTrials) {
  EXPECT_EQ(body("sweeps/" + sample_.running)["state"], "interrupted") << "nobody coordinates";
  EXPECT_EQ(body("sweeps/" + sample_.running)["eta_seconds"], nullptr);
  const storage::Writer coordinator(folder_);
  const json answer = body("sweeps");
  ASSERT_EQ(answer["sweeps"].size(), 3u);
  EXPECT_EQ(answer["joined_workers"], 2);  // the third is quarantined
  json running;
  for (const json& sweep : answer["sweeps"]) {
    if (sweep["id"] == sample_.running) running = sweep;
  }
  // 135 trials; of the first 96, one failed and one of the others diverged; two more are running.
  EXPECT_EQ(running["trials"],
            json({{"total", 135}, {"finished", 95}, {"diverged", 1}, {"failed", 1}, {"running", 2}, {"waiting", 37}}));
  EXPECT_EQ(running["state"], "running");
  EXPECT_EQ(running["configs"], 9);
  EXPECT_EQ(running["folds"], json({0, 1, 2, 3, 4}));
  EXPECT_EQ(running["dataset"]["synthetic"], true);
  EXPECT_EQ(running["dataset"]["name"], "made-up");
  // Mean seconds a trial x (39 left, two of them half done) / 2 workers.
  const double mean = running["training_seconds"].get<double>() / 95;
  EXPECT_NEAR(running["eta_seconds"].get<double>(), mean * 38 / 2, 1e-9);
  EXPECT_NEAR(running["mean_trial_seconds"].get<double>(), mean, 1e-9);
}

TEST_F(RoutesTest, NamesAreSentAsText) {
  const json sweep = body("sweeps/" + sample_.hostile);
  EXPECT_EQ(sweep["name"], "<img src=x onerror=alert(1)>");
  EXPECT_EQ(sweep["state"], "paused");
  EXPECT_EQ(sweep["eta_seconds"], nullptr);
  EXPECT_EQ(sweep["best_paper_score"], nullptr);
  EXPECT_EQ(sweep["mean_trial_seconds"], nullptr);
  EXPECT_NE(sweep["yaml"].get<std::string>().find("top_n"), std::string::npos);
}

TEST_F(RoutesTest, TrialsArePagedAndFiltered) {
  const std::string path = "sweeps/" + sample_.running + "/trials";
  std::set<std::string> seen;
  json next = 0;
  int pages = 0;
  while (!next.is_null()) {
    const json page = body(path, {{"limit", "50"}, {"offset", std::to_string(next.get<int>())}});
    EXPECT_EQ(page["total"], 135);
    for (const json& row : page["trials"]) seen.insert(row["id"].get<std::string>());
    next = page["next_offset"];
    ++pages;
  }
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen.size(), 135u);
  EXPECT_EQ(body(path, {{"fold", "2"}})["total"], 27);
  EXPECT_EQ(body(path, {{"fold", "2"}, {"seed", "3"}})["total"], 9);
  EXPECT_EQ(body(path, {{"fold", "2"}, {"partition", "official"}})["total"], 27);
  EXPECT_EQ(body(path, {{"fold", "2"}, {"partition", "official"}})["trials"][0]["partition"], "official");
  EXPECT_EQ(body(path, {{"partition", "5 by actor, seed 1, repeat 1"}})["total"], 0);
  EXPECT_EQ(get(path, {{"partition", "moon"}}).status, 400);
  const json failed = body(path, {{"state", "failed"}});
  ASSERT_EQ(failed["total"], 1);
  EXPECT_EQ(failed["trials"][0]["id"], sample_.failed);
  EXPECT_EQ(failed["trials"][0]["attempts"], 5);
  EXPECT_EQ(failed["trials"][0]["paper"], nullptr);
}

TEST_F(RoutesTest, AFinishedTrialHasCurvesAttemptsAndImportance) {
  const json trial = body("trials/" + sample_.trial);
  EXPECT_EQ(trial["id"], sample_.trial);
  EXPECT_EQ(trial["sweeps"], json::array({{{"id", sample_.running}, {"name", "top-n by learning rate"}}}));
  ASSERT_EQ(trial["attempts"].size(), 1u);
  EXPECT_EQ(trial["attempts"][0]["worker_name"], "node07:4212");
  const json& result = trial["result"];
  for (const char* name : {"epoch", "loss", "validation_loss", "acc_presence", "acc_salience", "score"}) {
    EXPECT_EQ(result["curves"][name].size(), 30u) << name;
  }
  EXPECT_EQ(result["curves"]["epoch"].back(), 30);
  ASSERT_EQ(result["curves"]["terms"].size(), 2u);
  EXPECT_EQ(result["curves"]["terms"][0]["name"], "presence");
  EXPECT_EQ(result["curves"]["terms"][1]["name"], "salience");
  const auto last = [&](int term) { return result["curves"]["terms"][term]["values"].back().get<double>(); };
  EXPECT_EQ(result["curves"]["terms"][1]["values"].size(), 30u);
  EXPECT_DOUBLE_EQ(last(0) + last(1), result["curves"]["loss"].back()) << "the weights of the sample are 1";
  EXPECT_EQ(result["arithmetic"], trial["seed"] == 1 ? "ba9876543210" : "0123456789ab");
  ASSERT_EQ(result["importance"]["encoders"].size(), 5u);
  EXPECT_EQ(result["importance"]["encoders"][0]["encoder"], "clip");
  EXPECT_EQ(result["importance"]["encoders"][0]["modality"], "video");
  EXPECT_EQ(result["validation_clips"], test::kSampleClipsAFold);
  EXPECT_EQ(result["paper"]["epoch"], 22);
  const json& accuracy = result["paper"]["accuracy"];
  EXPECT_DOUBLE_EQ(accuracy["score"].get<double>(),
                   (accuracy["acc_presence"].get<double>() + accuracy["acc_salience"].get<double>()) / 2);
  EXPECT_EQ(result["held_out"]["epoch"], 30);
  EXPECT_EQ(result["held_out"]["accuracy"],
            nullptr);  // thresholds come from other folds: a number of the config
  bool top_n = false;
  for (const json& setting : trial["settings"]) top_n = top_n || (setting["name"] == "top_n" && setting["text"] == "1");
  EXPECT_TRUE(top_n);
}

TEST_F(RoutesTest, AnInnerFoldGivesATrialAHeldOutScoreOfItsOwn) {
  const std::string id = body("sweeps/" + sample_.finished + "/trials")["trials"][0]["id"];
  const json result = body("trials/" + id)["result"];
  EXPECT_TRUE(result["held_out"]["thresholds"]["alpha"].is_number());
  EXPECT_TRUE(result["held_out"]["accuracy"]["score"].is_number());
}

TEST_F(RoutesTest, FailureAndDivergenceGiveTheirReasons) {
  const json failed = body("trials/" + sample_.failed);
  EXPECT_EQ(failed["state"], "failed");
  EXPECT_EQ(failed["attempts"].size(), 5u);
  EXPECT_NE(failed["reason"].get<std::string>().find("signal 9"), std::string::npos);
  EXPECT_EQ(failed["result"], nullptr);
  const json diverged = body("trials/" + sample_.diverged);
  EXPECT_EQ(diverged["result"]["outcome"], "diverged");
  EXPECT_EQ(diverged["result"]["paper"], nullptr);
  EXPECT_NE(diverged["result"]["reason"].get<std::string>().find("step 812"), std::string::npos);
}

TEST_F(RoutesTest, WorkersAndLog) {
  const json workers = body("workers")["workers"];
  ASSERT_EQ(workers.size(), 3u);
  std::set<std::string> states;
  for (const json& worker : workers) states.insert(worker["state"].get<std::string>());
  EXPECT_EQ(states, (std::set<std::string>{"joined", "quarantined"}));
  for (const json& worker : workers) EXPECT_EQ(worker["arithmetic"], "0123456789ab");
  const json log = body("log");
  ASSERT_FALSE(log["log"].empty());
  const json rest = body("log", {{"after", std::to_string(log["after"].get<std::int64_t>())}});
  EXPECT_TRUE(rest["log"].empty());
  EXPECT_EQ(rest["after"], log["after"]);
}

TEST_F(RoutesTest, WorkersSayWhatTheyHaveInHandWhereACoordinatorKnows) {
  const json nobody = body("workers");
  EXPECT_EQ(nobody["launches"], json::array());
  for (const json& worker : nobody["workers"]) {
    EXPECT_TRUE(worker["pack"].is_null()) << "there is no coordinator";
    EXPECT_TRUE(worker["usage"].is_null());
  }
  test::SampleControl control(sample_);
  Request request;
  request.method = "GET";
  request.path = "/api/v1/workers";
  const json known = json::parse(Site(folder_, &control, {true, "secret"}).handle(request).body);
  const json& rows = known["workers"];
  ASSERT_EQ(known["launches"].size(), 1u) << known;
  EXPECT_EQ(known["launches"][0]["error"], "sbatch failed with exit code 1: invalid partition");
  std::map<std::string, json> workers;
  for (const json& row : rows) workers[row["id"]] = row;
  EXPECT_EQ(workers["w-1"]["pack"], json({{"trials", 4}, {"first_trial", sample_.running_trial}, {"progress", 0.5}}));
  EXPECT_EQ(workers["w-1"]["usage"], json({{"cpu", 0.975}, {"resident_bytes", 412'000'000}, {"gpu", nullptr}}));
  EXPECT_EQ(workers["w-2"]["usage"]["gpu"],
            json({{"busy", 0.25}, {"memory_used_bytes", 38'654'705'664}, {"memory_total_bytes", 154'618'822'656}}));
  EXPECT_TRUE(workers["w-3"]["pack"].is_null());
  EXPECT_TRUE(workers["w-3"]["usage"].is_null());
}

TEST_F(RoutesTest, LeaderboardPutsWholeBlocksFirstAndNamesProtocols) {
  const json board = body("sweeps/" + sample_.running + "/leaderboard");
  EXPECT_EQ(board["total"], 9);
  EXPECT_EQ(board["synthetic"], true);
  EXPECT_EQ(std::set<std::string>(board["axes"].begin(), board["axes"].end()),
            (std::set<std::string>{"learning_rate", "top_n"}));
  // 96 trials in blocks of 15: six complete configs less one with a failed and one with a diverged trial, then 6
  // of 15.
  int whole = 0;
  bool partial_seen = false;
  for (const json& row : board["rows"]) {
    const json& values = row["values"];
    EXPECT_EQ(values["runs_expected"], 15);
    const bool complete = row["complete"];
    EXPECT_FALSE(complete && partial_seen) << "a whole block stands after a partial one";
    partial_seen = partial_seen || !complete;
    whole += complete;
    EXPECT_EQ(values["paper_score"].is_null(), values["runs_done"] == 0);
    EXPECT_EQ(values["paper_score_sd"].is_null(), values["runs_done"] == 0);
    EXPECT_TRUE(values["held_out_score"].is_null() || values["runs_done"] > 0);
  }
  EXPECT_EQ(whole, 4);
  int done = 0, named = 0;
  for (const json& row : board["rows"]) done += row["values"]["runs_done"].get<int>();
  ASSERT_EQ(board["arithmetics"].size(), 2u);
  for (const json& one : board["arithmetics"]) named += one["results"].get<int>();
  EXPECT_EQ(named, done);
  const std::string note = board["arithmetics_note"];
  EXPECT_NE(note.find(" results of arithmetic 0123456789ab, "), std::string::npos) << note;
  EXPECT_NE(note.find(" of ba9876543210: the last digits may differ"), std::string::npos) << note;
  EXPECT_EQ(board["rows"].back()["values"]["runs_done"], 0);
  EXPECT_EQ(board["rows"].back()["texts"]["runs"], "0/15");
  EXPECT_EQ(board["rows"][0]["against_reference"], nullptr);
  EXPECT_EQ(board["rows"][0]["config"], board["best"]);
  ASSERT_EQ(board["ranked_by"], "held-out");
  std::set<std::string> groups;
  for (const json& column : board["columns"]) {
    if (column["shown"] == "default") groups.insert(column["group"].get<std::string>());
  }
  EXPECT_EQ(groups, (std::set<std::string>{"", "held-out"})) << "the page shows the protocol that ranks";
}

TEST_F(RoutesTest, LeaderboardSortsAndPages) {
  const std::string path = "sweeps/" + sample_.finished + "/leaderboard";
  int orders = 0;
  const json columns = body(path)["columns"];
  for (const json& column : columns) {
    for (const json& name : column["numbers"]) {
      const json rows = body(path, {{"order", name}})["rows"];
      ASSERT_EQ(rows.size(), 4u);
      for (std::size_t i = 1; i < rows.size(); ++i) {
        const json& before = rows[i - 1]["values"][name.get<std::string>()];
        const json& after = rows[i]["values"][name.get<std::string>()];
        EXPECT_TRUE(after.is_null() || before >= after) << name;
      }
      ++orders;
    }
  }
  EXPECT_GE(orders, 20);
  const json second = body(path, {{"offset", "3"}, {"limit", "3"}});
  ASSERT_EQ(second["rows"].size(), 1u);
  EXPECT_EQ(second["rows"][0]["rank"], 4);
  EXPECT_EQ(second["next_offset"], nullptr);
  EXPECT_EQ(body(path, {{"limit", "3"}})["next_offset"], 3);
  EXPECT_EQ(get(path, {{"order", "best"}}).status, 400);
}

TEST_F(RoutesTest, LeaderboardIsFilteredBySettingsSearchAndCompleteness) {
  const std::string path = "sweeps/" + sample_.running + "/leaderboard";
  const auto names = [](const json& board) {
    std::set<std::string> all;
    for (const json& row : board["rows"]) all.insert(row["name"].get<std::string>());
    return all;
  };
  EXPECT_EQ(names(body(path, {{"where.top_n", "1|3"}, {"where.learning_rate", "0.001"}})),
            (std::set<std::string>{"rate=0.001, n=1", "rate=0.001, n=3"}));
  EXPECT_EQ(body(path, {{"complete", "1"}})["total"], 4);
  EXPECT_EQ(body(path, {{"search", "0.003"}})["total"], 3);
  EXPECT_EQ(body(path, {{"search", "no such"}})["total"], 0);
  const json first = body(path)["rows"][0];
  const std::string id = first["config"];
  EXPECT_EQ(names(body(path, {{"configs", id.substr(0, 8)}})), std::set<std::string>{first["name"]});
  for (const auto& [name, value] : std::map<std::string, std::string>{{"where.gate", "x"},
                                                                      {"complete", "yes"},
                                                                      {"configs", "zzzz"},
                                                                      {"reference", "zzzz"},
                                                                      {"order", "axis.gate"}}) {
    EXPECT_EQ(get(path, {{name, value}}).status, 400) << name;
  }
}

TEST_F(RoutesTest, LeaderboardIsFilteredByRangesOfAxesAndNumbers) {
  const std::string path = "sweeps/" + sample_.running + "/leaderboard";
  EXPECT_EQ(body(path, {{"between.learning_rate", "0.0005..0.002"}})["total"], 3);  // 0.001 of three
  EXPECT_EQ(body(path, {{"between.learning_rate", "..0.001"}})["total"], 6);
  EXPECT_EQ(body(path, {{"between.top_n", "2.."}, {"between.learning_rate", "0.001.."}})["total"], 4);
  const json all = body(path)["rows"];
  std::vector<double> scores;
  for (const json& row : all) {
    if (row["values"]["held_out_score"].is_number()) scores.push_back(row["values"]["held_out_score"]);
  }
  std::sort(scores.begin(), scores.end());
  ASSERT_GE(scores.size(), 3u);
  const std::string second = json(scores[1]).dump();
  EXPECT_EQ(body(path, {{"between.held_out_score", second + ".."}})["total"], scores.size() - 1)
      << "the end is included";
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"between.gate", "1..2"}, {"between.top_n", "2"}, {"between.learning_rate", "low..high"}, {"sample", "1"}}) {
    EXPECT_EQ(get(path, {{name, value}}).status, 400) << name;
  }
}

TEST_F(RoutesTest, ASampleOfConfigsIsEvenlySpacedAndHasBothEnds) {
  const std::string path = "sweeps/" + sample_.running + "/leaderboard";
  const json all = body(path)["rows"];
  ASSERT_EQ(all.size(), 9u);
  const json some = body(path, {{"sample", "3"}});
  ASSERT_EQ(some["rows"].size(), 3u);
  for (const std::size_t i : {0u, 1u, 2u}) EXPECT_EQ(some["rows"][i]["config"], all[4 * i]["config"]);
  EXPECT_EQ(some["total"], 9) << "of those that fit";
  EXPECT_EQ(body(path, {{"sample", "100"}})["rows"].size(), 9u);
}

TEST_F(RoutesTest, ProgressIsTheBestScoreOfConfigsWhoseRunsHaveEndedByTime) {
  std::map<std::string, std::int64_t> ended;  // by config
  for (int offset = 0;; offset += 100) {
    const json page = body("sweeps/" + sample_.running + "/trials", {{"offset", std::to_string(offset)}});
    for (const json& trial : page["trials"]) {
      if (!trial["ended_ms"].is_number()) continue;
      ended[trial["config"]] = std::max(ended[trial["config"]], trial["ended_ms"].get<std::int64_t>());
    }
    if (page["next_offset"].is_null()) break;
  }
  std::vector<std::pair<std::int64_t, double>> expected;  // time, Score
  const json board = body("sweeps/" + sample_.running + "/leaderboard");
  for (const json& row : board["rows"]) {
    if (!row["complete"].get<bool>() || !row["values"]["held_out_score"].is_number()) continue;
    expected.push_back({ended.at(row["config"]), row["values"]["held_out_score"]});
  }
  std::stable_sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  ASSERT_GE(expected.size(), 3u);
  ASSERT_LT(expected.front().first, expected.back().first);
  const json progress = body("sweeps/" + sample_.running + "/progress");
  ASSERT_EQ(progress["configs"].size(), expected.size());
  EXPECT_EQ(progress["total"], expected.size());
  double best = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    best = std::max(best, expected[i].second);
    EXPECT_EQ(progress["configs"][i]["ended_ms"], expected[i].first);
    EXPECT_EQ(progress["configs"][i]["score"], expected[i].second);
    EXPECT_EQ(progress["configs"][i]["best"], best);
  }

  const Site site(folder_, nullptr, {});
  const auto of = [&](const std::string& id) {
    const json listed = json::parse(get(site, "sweeps").body);
    for (const json& one : listed["sweeps"]) {
      if (one["id"] == id) return one["best_so_far"].get<std::vector<double>>();
    }
    return std::vector<double>();
  };
  get(site, "sweeps/" + sample_.running + "/leaderboard");
  const std::vector<double> line = of(sample_.running);
  ASSERT_EQ(line.size(), 32u);
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto first = expected.front().first, last = expected.back().first;
    const auto time = first + (last - first) * static_cast<std::int64_t>(i) / 31;
    double by_then = 0;
    for (const auto& [at, score] : expected) by_then = at <= time ? std::max(by_then, score) : by_then;
    EXPECT_EQ(line[i], by_then) << i;
  }
  EXPECT_TRUE(of(sample_.hostile).empty()) << "it has no Scores";
}

TEST_F(RoutesTest, PinnedConfigsComeFirstAndTagsFilter) {
  const test::Folder scratch;
  const std::filesystem::path folder = scratch.path();
  const auto sample = test::write_sample_store(folder, kNow);
  const Site site(folder, nullptr, {});
  const auto board = [&](const std::map<std::string, std::string>& query) {
    return json::parse(get(site, "sweeps/" + sample.finished + "/leaderboard", query).body);
  };
  const auto ids = [](const json& of) {
    std::vector<std::string> all;
    for (const json& row : of["rows"]) all.push_back(row["config"]);
    return all;
  };
  const std::vector<std::string> ranked = ids(board({}));  // kept in memory: the marks below must be seen all the same
  ASSERT_EQ(ranked.size(), 4u);
  EXPECT_EQ(board({})["tags"], json::array());
  {
    storage::Writer writer(folder);
    storage::Writer::Group group(writer);
    EXPECT_TRUE(writer.mark_config(ranked[2], {true, "<i>", {{"a", "b"}}}));
    EXPECT_TRUE(writer.mark_config(ranked[0], {{}, {}, {{"a"}}}));
    group.commit();
  }
  const json marked = board({});
  EXPECT_EQ(ids(marked), (std::vector<std::string>{ranked[2], ranked[0], ranked[1], ranked[3]}));
  EXPECT_EQ(marked["rows"][0]["rank"], 3);
  EXPECT_EQ(marked["rows"][0]["pinned"], true);
  EXPECT_EQ(marked["rows"][0]["note"], "<i>");
  EXPECT_EQ(marked["rows"][0]["tags"], (json{"a", "b"}));
  EXPECT_EQ(marked["rows"][1]["pinned"], false);
  EXPECT_EQ(marked["tags"], (json{"a", "b"}));
  EXPECT_EQ(ids(board({{"reverse", "1"}})), (std::vector<std::string>{ranked[2], ranked[3], ranked[1], ranked[0]}));
  EXPECT_EQ(ids(board({{"tag", "a"}})), (std::vector<std::string>{ranked[2], ranked[0]}));
  EXPECT_EQ(ids(board({{"tag", "b|a"}})), std::vector<std::string>{ranked[2]});
  EXPECT_EQ(board({{"tag", "c"}})["total"], 0);
}

TEST_F(RoutesTest, TheCsvHasWhatPeopleNotedAndNoFormulas) {
  const test::Folder scratch;
  const std::filesystem::path folder = scratch.path();
  const auto sample = test::write_sample_store(folder, kNow);
  const Site site(folder, nullptr, {});
  Request request;
  request.method = "GET";
  request.path = "/api/v1/sweeps/" + sample.finished + "/leaderboard";
  std::vector<std::string> ranked;
  const json board = json::parse(site.handle(request).body);
  for (const json& row : board["rows"]) ranked.push_back(row["config"]);
  const auto lines = [&](const std::map<std::string, std::string>& query) {
    Request csv = request;
    csv.path += ".csv";
    csv.query = query;
    std::vector<std::string> all;
    std::istringstream text(site.handle(csv).body);
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  };
  const auto ends = [](const std::string& line, const std::string& end) {
    return line.size() >= end.size() && line.compare(line.size() - end.size(), end.size(), end) == 0;
  };
  {
    storage::Writer writer(folder);
    storage::Writer::Group group(writer);
    writer.mark_config(ranked[0], {{}, "-1 is what it gains", {{"+a", "b"}}});
    writer.mark_config(ranked[1], {{}, "@SUM(A1), \"x\"", {{"a=b", "c"}}});
    writer.mark_config(ranked[3], {true, "=HYPERLINK(\"http://evil\",1)", {{"b"}}});
    group.commit();
  }
  const auto all = lines({});
  ASSERT_EQ(all.size(), 5u);
  EXPECT_TRUE(ends(all[0], ",pinned,tags,note")) << all[0];
  EXPECT_TRUE(ends(all[1], ",1,b,\"'=HYPERLINK(\"\"http://evil\"\",1)\"")) << all[1];  // the pinned one
  EXPECT_TRUE(ends(all[2], ",0,'+a|b,'-1 is what it gains")) << all[2];
  EXPECT_TRUE(ends(all[3], ",0,a=b|c,\"'@SUM(A1), \"\"x\"\"\"")) << all[3];
  EXPECT_TRUE(ends(all[4], ",0,,")) << all[4];
  EXPECT_EQ(lines({{"tag", "b"}}), (std::vector<std::string>{all[0], all[1], all[2]}));
  EXPECT_EQ(lines({{"reverse", "1"}}), (std::vector<std::string>{all[0], all[1], all[4], all[3], all[2]}));
}

TEST_F(RoutesTest, LeaderboardSortsByAnAxisEitherWay) {
  const std::string path = "sweeps/" + sample_.running + "/leaderboard";
  const auto values = [&](const char* reverse) {
    std::vector<int> all;
    const json board = body(path, {{"order", "axis.top_n"}, {"reverse", reverse}});
    for (const json& row : board["rows"]) {
      all.push_back(row["axis_values"]["top_n"]);
    }
    return all;
  };
  EXPECT_EQ(values("0"), (std::vector<int>{1, 1, 1, 2, 2, 2, 3, 3, 3}));
  EXPECT_EQ(values("1"), (std::vector<int>{3, 3, 3, 2, 2, 2, 1, 1, 1}));
}

TEST_F(RoutesTest, DifferencesToAReferenceAreThoseToTheBestTurnedRound) {
  const std::string path = "sweeps/" + sample_.finished + "/leaderboard";
  const json rows = body(path)["rows"];
  const json turned = body(path, {{"reference", rows[2]["config"]}});
  EXPECT_EQ(turned["reference"], rows[2]["config"]);
  EXPECT_EQ(turned["rows"][2]["against_reference"], nullptr);
  EXPECT_NEAR(turned["rows"][0]["against_reference"]["mean"].get<double>(),
              -rows[2]["against_reference"]["mean"].get<double>(), 1e-12);
  EXPECT_NEAR(turned["rows"][0]["against_reference"]["p_unadjusted"].get<double>(),
              rows[2]["against_reference"]["p_unadjusted"].get<double>(), 1e-12);
  EXPECT_EQ(rows[1]["values"]["difference"], rows[1]["against_reference"]["mean"]);
  EXPECT_EQ(rows[1]["values"]["difference_p_unadjusted"], rows[1]["against_reference"]["p_unadjusted"]);
  for (const json& column : turned["columns"]) {
    EXPECT_TRUE(column["id"] != "difference" || column["heading"] == "vs #3");
  }
  const json& values = rows[0]["values"];
  EXPECT_LT(values["held_out_score_low"], values["held_out_score"]);
  EXPECT_GT(values["held_out_score_high"], values["held_out_score"]);
}

TEST_F(RoutesTest, AFilteredCsvHasTheRowsOfTheFilteredBoard) {
  const Response csv =
      get("sweeps/" + sample_.running + "/leaderboard.csv", {{"where.top_n", "2"}, {"order", "axis.learning_rate"}});
  EXPECT_EQ(std::count(csv.body.begin(), csv.body.end(), '\n'), 4);
  EXPECT_LT(csv.body.find(",3e-04,"), csv.body.find(",0.003,")) << csv.body;
}

TEST_F(RoutesTest, AblationViewsSayWhatTheReportKnows) {
  const std::string sweep = "sweeps/" + sample_.running;
  EXPECT_TRUE(body(sweep + "/comparisons")["families"].empty());  // the sample's sweep file compares nothing
  const json subsets = body(sweep + "/subsets");
  EXPECT_EQ(subsets["encoders"].size(), 5u);
  ASSERT_EQ(subsets["rows"].size(), 1u);  // every config has all five
  EXPECT_EQ(subsets["rows"][0]["has"], json({true, true, true, true, true}));
  const json cross = body(sweep + "/cross", {{"rows", "top_n"}, {"columns", "learning_rate"}});
  EXPECT_EQ(cross["rows"], json({"1", "2", "3"}));
  EXPECT_EQ(cross["cells"].size(), 9u);
  EXPECT_EQ(get(sweep + "/cross", {{"rows", "top_n"}, {"columns", "gate"}}).status, 400);
  EXPECT_EQ(get(sweep + "/cross").status, 400);
  const json axes = body(sweep + "/axes");
  for (const json& axis : axes["axes"]) {
    EXPECT_GE(axis["importance"]["share"], 0.0);
    EXPECT_LE(axis["importance"]["share"], 1.0);
  }
}

TEST_F(RoutesTest, ImportanceIsOfAConfigAndOfAFold) {
  const std::string path = "sweeps/" + sample_.finished + "/importance";
  const json report = body(path);
  EXPECT_EQ(report["encoders"].size(), 5u);
  EXPECT_EQ(report["trials"], 10);
  EXPECT_EQ(report["configs"].size(), 4u);
  EXPECT_EQ(body(path, {{"fold", "2"}})["trials"], 2);
  const std::string other = report["configs"][3]["config"];
  EXPECT_EQ(body(path, {{"config", other}})["config"], other);
  EXPECT_EQ(get(path, {{"config", "zzzz"}}).status, 400);
  EXPECT_EQ(get(path, {{"fold", "77"}}).status, 400);
  EXPECT_EQ(report["by"], "modality");
  EXPECT_EQ(report["labels"], (json{"family", "modality"}));
  EXPECT_EQ(body(path, {{"by", "family"}})["groups"][0]["group"], "general");
  const Response unknown = get(path, {{"by", "famly"}});
  EXPECT_EQ(unknown.status, 400);
  EXPECT_NE(unknown.body.find("did you mean 'family'?"), std::string::npos) << unknown.body;
  EXPECT_EQ(get("sweeps/" + sample_.hostile + "/importance").status, 404);  // nothing has finished
  const json figures = body("sweeps/" + sample_.finished + "/figures");
  std::set<std::string> names;
  for (const json& figure : figures["figures"]) {
    names.insert(figure["name"].get<std::string>());
    EXPECT_EQ(figure["svg"].get<std::string>().substr(0, 4), "<svg");
  }
  EXPECT_TRUE(names.count("selection_frequency"));
}

TEST_F(RoutesTest, ATrialsClipsAndConfusionCountTheSame) {
  const std::string trial = "trials/" + sample_.trial;
  const json confusion = body(trial + "/confusion");
  int clips = 0;
  int right_sets = 0;
  for (std::size_t t = 0; t < confusion["sets"].size(); ++t) {
    for (std::size_t p = 0; p < confusion["sets"].size(); ++p) {
      clips += confusion["counts"][t][p].get<int>();
      if (t == p) right_sets += confusion["counts"][t][p].get<int>();
    }
  }
  EXPECT_EQ(clips, test::kSampleClipsAFold);
  // ACC_presence of the trial is the share of clips on the diagonal.
  const double presence = body(trial)["result"]["paper"]["accuracy"]["acc_presence"];
  EXPECT_NEAR(presence, right_sets / double{test::kSampleClipsAFold}, 1e-12);

  const json all = body(trial + "/clips", {{"limit", "1000"}});
  const json hits = body(trial + "/clips", {{"only", "hits"}});
  const json misses = body(trial + "/clips", {{"only", "misses"}, {"limit", "5"}});
  EXPECT_EQ(all["total"], test::kSampleClipsAFold);
  EXPECT_EQ(hits["total"].get<int>() + misses["total"].get<int>(), test::kSampleClipsAFold);
  EXPECT_EQ(misses["next_offset"], 5);
  int sets = 0;
  for (const json& row : all["rows"]) {
    sets += row["set_right"].get<bool>();
    EXPECT_EQ(row["probabilities"].size(), 6u);
    EXPECT_EQ(row["weights"], json(std::vector<double>(5, 0.199951171875)));  // half 0x3266, the sample's weights
  }
  EXPECT_EQ(sets, right_sets);

  const json surface = body(trial + "/surface");
  const int alpha = surface["chosen"]["alpha"];
  const int beta = surface["chosen"]["beta"];
  EXPECT_EQ(surface["score"][static_cast<std::size_t>(alpha)][static_cast<std::size_t>(beta)],
            body(trial)["result"]["paper"]["accuracy"]["score"]);

  EXPECT_EQ(get(trial + "/clips", {{"protocol", "held-out"}}).status,
            409);  // its held-out thresholds are of other folds
  EXPECT_EQ(get(trial + "/clips", {{"protocol", "best"}}).status, 400);
  EXPECT_EQ(get("trials/" + sample_.failed + "/clips").status, 404);
  EXPECT_EQ(get("trials/" + sample_.diverged + "/confusion").status, 409);
  const std::string inner = body("sweeps/" + sample_.finished + "/trials")["trials"][0]["id"];
  const json held_out = body("trials/" + inner + "/clips", {{"protocol", "held-out"}});
  EXPECT_EQ(held_out["epoch"], 30);
  EXPECT_EQ(held_out["protocol"], "held-out");
}

TEST_F(RoutesTest, EnsemblesHaveEstimatesWeightsAndAConfusionOfAllClips) {
  const json list = body("ensembles");
  EXPECT_EQ(list["fits"], json::array());
  ASSERT_EQ(list["ensembles"].size(), 1u);
  EXPECT_EQ(list["ensembles"][0]["sweep_name"], "gates with an inner fold");
  EXPECT_EQ(list["ensembles"][0]["nested"]["score"], 0.4);
  const std::string path = "ensembles/" + std::to_string(sample_.ensemble);
  const json one = body(path);
  EXPECT_EQ(one["members"], 10);  // two configs, five folds
  EXPECT_EQ(one["weights"][0]["weight"], 0.75);
  EXPECT_EQ(one["weights"][0]["name"], "scorer, n=2");
  EXPECT_TRUE(one["exports"].empty());
  const json confusion = body(path + "/confusion");
  int clips = 0;
  for (const json& row : confusion["counts"]) {
    for (const json& count : row) clips += count.get<int>();
  }
  EXPECT_EQ(clips, 5 * test::kSampleClipsAFold);
  for (const char* wrong : {"ensembles/77", "ensembles/x", "ensembles/-1", "exports/1/archive.zip", "exports/../x"}) {
    EXPECT_EQ(get(wrong).status, 404) << wrong;
  }
}

TEST_F(RoutesTest, TheConfusionOfAnEnsembleIsThatOfItsMix) {
  storage::Reader reader(folder_);
  storage::EnsembleRecord ensemble = *reader.find_ensemble(sample_.ensemble);
  ensemble.thresholds = {0.15, 0.1};
  const auto dataset = *reader.find_dataset(ensemble.dataset);
  std::set<json> different;
  for (const sweep::Mix mix : {sweep::Mix::kArithmetic, sweep::Mix::kGeometric}) {
    ensemble.request.options.mix = mix;
    const json answer = ensemble_confusion_json(reader, ensemble);
    // By definition, clip by clip: a mean, or the normalised product of powers, of the fold's two members.
    std::map<int, std::vector<std::pair<double, std::vector<float>>>> said;  // fold -> members
    for (const auto& member : ensemble.members) {
      const auto part =
          reader.predictions({member.trial}, ensemble.request.protocol, storage::Split::kValidation).at(0);
      said[part.fold].emplace_back(member.weight * 5, std::vector<float>(part.fused.begin(), part.fused.end()));
    }
    std::map<int, std::size_t> row;
    std::vector<sweep::Label> truth, predicted;
    for (const auto& clip : dataset.clips) {
      if (!clip.label) continue;
      const std::size_t begin = 6 * row[clip.fold]++;
      std::vector<double> p(6, mix == sweep::Mix::kGeometric);
      double sum = 0;
      for (std::size_t c = 0; c < 6; ++c) {
        for (const auto& [weight, fused] : said.at(clip.fold)) {
          const double one = fused.at(begin + c);
          p[c] = mix == sweep::Mix::kArithmetic ? p[c] + weight * one : p[c] * std::pow(std::max(one, 1e-12), weight);
        }
        sum += p[c];
      }
      for (double& one : p) one /= sum;
      truth.push_back(*clip.label);
      predicted.push_back(sweep::decode(p.data(), dataset.classes, ensemble.thresholds));
    }
    const auto expected = sweep::set_confusion(predicted, truth);
    json counts = json::array();
    for (std::size_t t = 0; t < expected.sets.size(); ++t) {
      counts.emplace_back();
      for (std::size_t c = 0; c < expected.sets.size(); ++c) counts.back().push_back(expected.at(t, c));
    }
    EXPECT_EQ(answer["counts"], counts) << name_of(mix);
    different.insert(counts);
  }
  EXPECT_EQ(different.size(), 2u) << "the two mixes decode some clips in different ways";
}

TEST_F(RoutesTest, VerdictsAreThoseThatTheSweepFileAsksFor) {
  const json families = body("sweeps/" + sample_.finished + "/comparisons")["families"];
  ASSERT_EQ(families.size(), 1u);
  EXPECT_EQ(families[0]["axis"], "gate");
  EXPECT_EQ(families[0]["baseline_text"], "scorer");
  ASSERT_EQ(families[0]["comparisons"].size(), 2u);  // query against scorer at each top_n
  EXPECT_EQ(families[0]["comparisons"][0]["held_text"], json({{"top_n", "2"}}));
  EXPECT_EQ(families[0]["comparisons"][0]["pairs"], 10);
}

TEST_F(RoutesTest, TheTimelineHoldsTheNewestAttempts) {
  const std::string path = "sweeps/" + sample_.running + "/timeline";
  // 94 trials with one attempt, one with five, two running.
  const json all = body(path)["attempts"];
  EXPECT_EQ(all.size(), 102u);
  EXPECT_EQ(all.back()["state"], "running");
  EXPECT_EQ(all.back()["ended_ms"], nullptr);
  const json newest = body(path, {{"limit", "10"}})["attempts"];
  ASSERT_EQ(newest.size(), 10u);
  EXPECT_EQ(newest[0], all[92]);
}

TEST_F(RoutesTest, DataSetsAreListedWithWhatASweepNeeds) {
  const json sets = body("datasets")["datasets"];
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0]["name"], "made-up");
  EXPECT_EQ(sets[0]["clips"], 5 * test::kSampleClipsAFold);
  EXPECT_EQ(sets[0]["test_clips"], 0);
  EXPECT_EQ(sets[0]["encoders"].size(), 5u);
}

TEST_F(RoutesTest, MetricsAreLinesThatPrometheusReads) {
  Request request;
  request.method = "GET";
  request.path = "/metrics";
  const Response alone = Site(folder_, nullptr, {}).handle(request);
  EXPECT_EQ(alone.body.find("medley_worker_cpu_ratio{"), std::string::npos);
  test::SampleControl control(sample_);
  const Response response = Site(folder_, &control, {true, "secret"}).handle(request);
  for (const char* line : {"medley_worker_trials{worker=\"w-3\",name=\"node09:118\"} 0\n",
                           "medley_worker_cpu_ratio{worker=\"w-1\",name=\"node07:4211\"} 0.975\n",
                           "medley_worker_resident_memory_bytes{worker=\"w-1\",name=\"node07:4211\"} 412000000\n",
                           "medley_worker_gpu_utilization_ratio{worker=\"w-2\",name=\"node07:4212\"} 0.25\n",
                           "medley_worker_gpu_memory_used_bytes{worker=\"w-2\",name=\"node07:4212\"} 38654705664\n",
                           "medley_worker_gpu_memory_size_bytes{worker=\"w-2\",name=\"node07:4212\"} 154618822656\n"}) {
    EXPECT_NE(response.body.find(line), std::string::npos) << line << response.body;
  }
  for (const char* absent :
       {"medley_worker_cpu_ratio{worker=\"w-3\"", "medley_worker_gpu_utilization_ratio{worker=\"w-1\""}) {
    EXPECT_EQ(response.body.find(absent), std::string::npos) << absent;
  }
  EXPECT_EQ(response.status, 200);
  EXPECT_NE(response.body.find("medley_trials{sweep=\"" + sample_.running +
                               "\",name=\"top-n by learning rate\",state=\"finished\"} 95\n"),
            std::string::npos);
  EXPECT_NE(response.body.find("medley_workers{state=\"quarantined\"} 1\n"), std::string::npos);
  std::istringstream lines(response.body);
  for (std::string line; std::getline(lines, line);) {
    const bool comment = line.compare(0, 2, "# ") == 0;
    EXPECT_TRUE(comment ||
                std::regex_match(
                    line, std::regex(R"([a-z_]+(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? [0-9.e+-]+)")))
        << line;
  }
}

TEST_F(RoutesTest, AxisTablesCountEveryConfigOnce) {
  const json answer = body("sweeps/" + sample_.running + "/axes");
  ASSERT_EQ(answer["axes"].size(), 2u);
  for (const json& axis : answer["axes"]) {
    int configs = 0;
    int trials = 0;
    for (const json& value : axis["values"])
      configs += value["configs"].get<int>(), trials += value["trials"].get<int>();
    EXPECT_EQ(axis["values"].size(), 3u);
    EXPECT_EQ(configs, 9);
    EXPECT_EQ(trials, 94);  // 95 finished, one of them diverged
  }
  // 0.0003 is stored as text, 3e-04, and still comes before 0.001.
  ASSERT_EQ(answer["axes"][0]["name"], "learning_rate");
  std::vector<double> rates;
  for (const json& value : answer["axes"][0]["values"]) rates.push_back(value["value"]);
  EXPECT_EQ(rates, (std::vector<double>{0.0003, 0.001, 0.003}));
}

TEST_F(RoutesTest, LeaderboardIsAlsoCsv) {
  const Response csv = get("sweeps/" + sample_.finished + "/leaderboard.csv");
  EXPECT_EQ(csv.status, 200);
  EXPECT_EQ(csv.type, "text/csv; charset=utf-8");
  EXPECT_EQ(std::count(csv.body.begin(), csv.body.end(), '\n'), 5);  // head and four configs
}

TEST_F(RoutesTest, WhatIsNotThereIs404AndWhatIsWrongIs400) {
  for (const char* path :
       {"sweeps/ffffffffffff", "trials/0123456789abcdef", "sweeps/..", "sweeps/", "trials/", "trials/abc",
        "sweeps/DROP TABLE", "nothing", "", "sweeps/ffff/leaderboard", "sweeps/ffff/axes/x"}) {
    EXPECT_EQ(get(path).status, 404) << path;
  }
  const std::string trials = "sweeps/" + sample_.running + "/trials";
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"offset", "-1"}, {"limit", "0"}, {"fold", "x"}, {"state", "lost"}, {"seed", "1.5"}}) {
    EXPECT_EQ(get(trials, {{name, value}}).status, 400) << name;
  }
  EXPECT_EQ(get(trials, {{"limit", "1001"}}).status, 400);
  EXPECT_EQ(get(trials, {{"limit", "99999999999999999999"}}).status, 400);
}

TEST_F(RoutesTest, WhatIsRememberedIsForgottenWhenTheStoreChanges) {
  const auto folder = folder_.string() + "_changing";
  std::filesystem::copy(folder_, folder, std::filesystem::copy_options::recursive);
  {
    const Site site(folder, nullptr, {});
    storage::Writer writer(folder);
    Request request;
    request.method = "GET";
    const auto ask = [&](const std::string& path) {
      request.path = "/api/v1/" + path;
      return json::parse(site.handle(request).body);
    };
    const std::string board = "sweeps/" + sample_.running + "/leaderboard";
    const json before = ask(board);
    EXPECT_EQ(ask("sweeps/" + sample_.running)["state"], "running");
    EXPECT_EQ(ask(board), before);
    {
      storage::Writer::Group group(writer);
      writer.set_sweep_state(sample_.running, sweep::SweepState::kPaused, kNow);
      writer.end_attempt({sample_.running_trial, 1}, sweep::AttemptState::kLost, "gone", kNow);
      writer.fail_trial(sample_.running_trial, "gone", kNow);
      group.commit();
    }
    EXPECT_EQ(ask("sweeps/" + sample_.running)["state"], "paused");
    const auto failed = [&] {
      int sum = 0;
      const json after = ask(board);
      for (const json& row : after["rows"]) sum += row["failed"].get<int>();
      return sum;
    };
    // At once where a board is quick to make; on a slow machine it is made behind.
    EXPECT_TRUE(test::eventually([&] { return failed() == 2; })) << failed() << ", one before";

    request.path = "/api/v1/" + board;
    const Response first = site.handle(request);
    for (const auto& [name, value] : first.headers) {
      if (name == "ETag") request.headers["if-none-match"] = value;
    }
    const Response again = site.handle(request);
    EXPECT_EQ(again.status, 304);
    EXPECT_TRUE(again.body.empty());
  }
}

TEST_F(RoutesTest, WhoDoesNotWaitIsToldThatALargeSweepIsBeingComputed) {
  const Site site(folder_, nullptr, {}, {0, std::chrono::milliseconds(0), false});  // every sweep is large
  const std::string sweep = "sweeps/" + sample_.running;
  Request request;
  request.method = "GET";
  request.headers["prefer"] = "respond-async";
  const auto ask = [&](const std::string& path) {
    request.path = "/api/v1/" + path;
    return site.handle(request);
  };
  const Response first = ask(sweep + "/leaderboard");
  EXPECT_EQ(first.status, 202);
  const json making = json::parse(first.body)["computing"];
  EXPECT_TRUE(making["of"] == nullptr || making["of"] == 9) << making;  // configs
  Response whole;
  EXPECT_TRUE(test::eventually([&] { return (whole = ask(sweep + "/leaderboard")).status == 200; }));
  EXPECT_EQ(whole.body, get(sweep + "/leaderboard").body);
  // Trials come at once, without their held-out Scores.
  const Site other(folder_, nullptr, {}, {0, std::chrono::milliseconds(0), false});
  request.path = "/api/v1/" + sweep + "/trials";
  const json trials = json::parse(other.handle(request).body);
  EXPECT_TRUE(trials["computing"].is_object());
  EXPECT_EQ(trials["total"], 9 * 5 * 3);
  for (const json& row : trials["trials"]) EXPECT_EQ(row["held_out"], nullptr);
  json scored;
  EXPECT_TRUE(test::eventually([&] {
    scored = json::parse(other.handle(request).body);
    return scored["computing"].is_null();
  }));
  EXPECT_EQ(scored, body(sweep + "/trials"));
  EXPECT_NE(scored["trials"][0]["held_out"], nullptr);
  // Who waits gets all of it.
  request.headers.clear();
  const Site patient(folder_, nullptr, {}, {0, std::chrono::milliseconds(0), false});
  request.path = "/api/v1/" + sweep + "/subsets";
  EXPECT_EQ(patient.handle(request).status, 200);
}

TEST_F(RoutesTest, AnAnswerIsCompressedOnceAndKeptForBothKindsOfClients) {
  const Site site(folder_, nullptr, {});
  Request request;
  request.method = "GET";
  request.path = "/api/v1/sweeps/" + sample_.running + "/leaderboard";
  const auto header = [](const Response& response, const std::string& name) {
    std::vector<std::string> values;
    for (const auto& [known, value] : response.headers) {
      if (known == name) values.push_back(value);
    }
    return values;
  };
  using Values = std::vector<std::string>;
  for (int time = 0; time < 2; ++time) {  // made, and remembered
    request.headers = {{"accept-encoding", "br, gzip"}};
    const Response packed = site.handle(request);
    EXPECT_EQ(header(packed, "Content-Encoding"), Values{"gzip"});
    EXPECT_EQ(header(packed, "Vary"), Values{"Accept-Encoding"});
    request.headers.clear();
    const Response plain = site.handle(request);
    EXPECT_EQ(header(plain, "Content-Encoding"), Values{});
    EXPECT_EQ(header(plain, "Vary"), Values{"Accept-Encoding"});
    EXPECT_LT(packed.body.size(), plain.body.size() / 2);
    EXPECT_EQ(header(packed, "ETag"), header(plain, "ETag"));
    request.headers = {{"accept-encoding", "gzip"}, {"if-none-match", header(plain, "ETag").at(0)}};
    const Response known = site.handle(request);
    EXPECT_EQ(known.status, 304);
    EXPECT_EQ(header(known, "Content-Encoding"), Values{});
  }
}

TEST_F(RoutesTest, TrialsAreSortedAndChosenByStateAndHaveAFewEpochs) {
  const std::string path = "sweeps/" + sample_.running + "/trials";
  const auto rows = [&](std::map<std::string, std::string> query) {
    query["limit"] = "1000";
    return body(path, query)["trials"];
  };
  const json all = rows({});
  const auto ids = [](const json& trials) {
    std::vector<std::string> list;
    for (const json& row : trials) list.push_back(row["id"]);
    return list;
  };
  std::vector<std::string> turned = ids(all);
  std::reverse(turned.begin(), turned.end());
  EXPECT_EQ(ids(rows({{"descending", "1"}})), turned);
  const std::map<std::string, std::function<json(const json&)>> orders{
      {"ended", [](const json& row) { return row["ended_ms"]; }},
      {"seconds", [](const json& row) { return row["seconds"]; }},
      {"attempts", [](const json& row) { return row["attempts"] == 0 ? json() : row["attempts"]; }},
      {"paper_score",
       [](const json& row) { return row["paper"].is_null() ? json() : row["paper"]["accuracy"]["score"]; }},
      {"held_out_score",
       [](const json& row) { return row["held_out"].is_null() ? json() : row["held_out"]["accuracy"]["score"]; }}};
  const auto scored = std::count_if(all.begin(), all.end(), [](const json& row) { return !row["held_out"].is_null(); });
  ASSERT_GT(scored, 53) << "with and without one";
  ASSERT_LT(scored, static_cast<std::ptrdiff_t>(all.size()));
  for (const auto& [order, made_by] : orders) {
    const auto& number = made_by;  // Clang 14 captures no name of a binding
    for (const char* descending : {"0", "1"}) {
      std::vector<json> expected(all.begin(), all.end());
      const bool turn = *descending == '1';
      std::stable_sort(expected.begin(), expected.end(), [&](const json& a, const json& b) {
        const json x = number(a), y = number(b);
        if (x.is_null() || y.is_null()) return !x.is_null() && y.is_null();
        return turn ? y < x : x < y;
      });
      const json sorted = rows({{"order", order}, {"descending", descending}});
      EXPECT_EQ(ids(sorted), ids(json(expected))) << order << descending;
      const json second = body(path, {{"order", order}, {"descending", descending}, {"offset", "50"}, {"limit", "3"}});
      EXPECT_EQ(ids(second["trials"]), ids(json(std::vector<json>(expected.begin() + 50, expected.begin() + 53))));
    }
  }
  json running = json::array();
  std::copy_if(all.begin(), all.end(), std::back_inserter(running),
               [](const json& row) { return row["running"] == true; });
  EXPECT_EQ(rows({{"state", "running"}}), running);
  EXPECT_EQ(running[0]["id"], sample_.running_trial);
  EXPECT_EQ(ids(rows({{"state", "diverged"}})), std::vector<std::string>{sample_.diverged});
  const json best = rows({{"state", "finished"}, {"fold", "1"}, {"order", "held_out_score"}, {"descending", "1"}});
  ASSERT_GT(best.size(), 1u);
  for (const json& row : best) EXPECT_EQ(row["fold"], 1);
  EXPECT_GE(best[0]["held_out"]["accuracy"]["score"], best[1]["held_out"]["accuracy"]["score"]);
  EXPECT_EQ(body(path, {{"state", "diverged"}})["total"], 1);
  EXPECT_EQ(get(path, {{"state", "lost"}}).status, 400);
  EXPECT_EQ(get(path, {{"order", "name"}}).status, 400);
  EXPECT_EQ(get(path, {{"curves", "2"}}).status, 400);
  for (const json& row : rows({{"state", "finished"}, {"curves", "1"}, {"fold", "0"}})) {
    const json scores = body("trials/" + row["id"].get<std::string>())["result"]["curves"]["score"];
    EXPECT_EQ(row["curve"].size(), std::min<std::size_t>(24, scores.size()));
    if (row["outcome"] == "diverged") continue;
    EXPECT_EQ(row["curve"].front(), scores.front());
    EXPECT_EQ(row["curve"].back(), scores.back());
  }
  EXPECT_EQ(all[0]["curve"], nullptr);
  const std::map<std::string, std::string> names{
      {"", ""}, {"w-1", "node07:4211"}, {"w-2", "node07:4212"}, {"w-3", "node09:118"}};
  for (const json& row : all) EXPECT_EQ(row["worker_name"], names.at(row["worker"]));
}

TEST(Memory, AnAnswerThatTookLongIsGivenWhileItIsALittleOldAndMadeAgainByOne) {
  using namespace std::chrono_literals;
  Memory memory;
  const Memory::Clock::time_point now{};
  const Memory::Moment before{1, 0, 0, 0}, later{2, 0, 0, 0}, changed{2, 0, 0, 1};
  Response response;
  response.body = "old";
  memory.keep("quick", before, 0, response, 10ms, now);
  memory.keep("slow", before, 0, response, 300ms, now);
  EXPECT_TRUE(memory.find("quick", before, now));
  EXPECT_FALSE(memory.find("quick", later, now)) << "it is made at once";
  const auto slow = [&](const Memory::Moment& moment, std::chrono::milliseconds after) {
    const auto found = memory.find("slow", moment, now + after);
    return !found ? "none" : found->due ? "due" : found->response.body;
  };
  EXPECT_EQ(slow(before, 1h), "old") << "nothing has changed";
  EXPECT_EQ(slow(later, 5999ms), "old");
  EXPECT_EQ(slow(changed, 5999ms), "none") << "who changed something sees it";
  EXPECT_EQ(slow(later, 6s), "due") << "after 20 times what it took: 5 % of the time";
  EXPECT_EQ(slow(later, 6s), "old") << "somebody makes it";
  EXPECT_EQ(slow(later, 37s), "none") << "who comes back after a while waits for a new one";
  response.body = "new";
  memory.keep("slow", later, 0, response, 300ms, now + 7s);
  EXPECT_EQ(slow(changed, 13s), "none");
  EXPECT_EQ(slow(later, 13s), "new");
  memory.forget("slow");
  EXPECT_EQ(slow(later, 13s), "none");
}

// A viewer whose answer was still made of the older board once kept it for the newer one, for ever.
TEST(Memory, AnAnswerIsNotKeptForABoardThatCameWhileItWasMade) {
  using namespace std::chrono_literals;
  Memory memory;
  const Memory::Clock::time_point now{};
  const Memory::Moment before{1, 5, 0, 0}, after{1, 6, 0, 0};
  memory.keep("leaderboard", before, 6, Response(), 300ms, now);
  EXPECT_FALSE(memory.find("leaderboard", after, now)) << "its time is that of the board, so it is made at once";
  memory.keep("leaderboard", after, 6, Response(), 300ms, now);
  EXPECT_TRUE(memory.find("leaderboard", after, now));
}

TEST_F(RoutesTest, ManyViewersAskWhileResultsComeIn) {
  const auto folder = folder_.string() + "_busy";
  std::filesystem::copy(folder_, folder, std::filesystem::copy_options::recursive);
  const std::string sweep = "sweeps/" + sample_.running;
  {
    const Site site(folder, nullptr, {});
    std::atomic<bool> ended{false};
    std::atomic<int> wrong{0};
    const auto browse = [&](int first) {
      const std::vector<std::string> paths{sweep,    sweep + "/leaderboard", sweep + "/axes", sweep + "/subsets",
                                           "sweeps", sweep + "/importance",  "workers"};
      for (std::size_t i = static_cast<std::size_t>(first); !ended; ++i) {
        Request request;
        request.method = "GET";
        request.path = "/api/v1/" + paths[i % paths.size()];
        if (site.handle(request).status != 200) ++wrong;
      }
    };
    std::vector<std::thread> viewers;
    for (int i = 0; i < 4; ++i) viewers.emplace_back(browse, i);
    storage::Writer writer(folder);
    const auto dataset = test::sample_dataset();
    const auto trials = storage::Reader(folder).sweep_trials(sample_.running);
    for (std::size_t i = trials.size() - 20; i < trials.size(); ++i) {
      storage::Writer::Group group(writer);
      writer.begin_attempts("w-1", writer.next_pack(), {{trials[i].id, 1}}, kNow);
      writer.accept_result({trials[i].id, 1}, "w", test::sample_result(trials[i], dataset), kNow);
      group.commit();
    }
    ended = true;
    for (std::thread& viewer : viewers) viewer.join();
    EXPECT_EQ(wrong, 0);
    Request request;
    request.method = "GET";
    request.path = "/api/v1/" + sweep + "/leaderboard";
    // What was written last is shown, whatever was remembered; where a board takes long, once it is made behind.
    const auto finished = [&] {
      int sum = 0;
      const json board = json::parse(site.handle(request).body);
      for (const json& row : board["rows"]) sum += row["values"]["runs_done"].get<int>();
      return sum;
    };
    EXPECT_TRUE(test::eventually([&] { return finished() == 95 + 20; })) << finished();
  }
}

TEST_F(RoutesTest, AStoreThatIsNotThereIsSaidSo) {
  Request request;
  request.method = "GET";
  request.path = "/api/v1/sweeps";
  const Site site(folder_ / "nowhere", nullptr, {});
  EXPECT_EQ(site.handle(request).status, 503);
  request.path = "/api/v1/healthz";
  const Response health = site.handle(request);
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(json::parse(health.body)["store"], false);
}

}  // namespace
}  // namespace medley::web
