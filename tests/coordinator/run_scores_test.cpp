// What a coordinator measures of configs, on its way to the page.
#include "coordinator/run_scores.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "coordinator/coordinator.h"
#include "storage/measured_config.h"
#include "storage/report_input.h"
#include "tests/storage/filled_store.h"
#include "tests/support/folder.h"
#include "tests/support/patience.h"
#include "web/site.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

class RunScoresTest : public testing::Test {
 protected:
  std::string config_at(std::size_t i) const { return sweep::config_id(sweep_.configs[i].config); }

  /// Rows of measured_config that are sound, by config.
  std::map<std::string, storage::MeasuredConfig> stored() const {
    storage::Reader reader(store_);
    std::map<std::string, storage::MeasuredConfig> all;
    reader.each_measured(id_, reader.find_sweep(id_)->decode, [&](const auto& one) { all[one.config] = one; });
    return all;
  }
  /// What the results give, whatever is stored.
  std::map<std::string, std::vector<std::uint8_t>> from_results() const {
    storage::Reader reader(store_);
    storage::GrowingReport growing(storage::GrowingReport::From::kResults);
    const auto report = growing.make(reader, *reader.find_sweep(id_), reader.config_progress(id_), {});
    std::map<std::string, std::vector<std::uint8_t>> all;
    for (const sweep::ConfigReport& config : report.configs) all[config.id] = storage::encode_measured(config);
    return all;
  }
  /// The rows of a page that is opened now, by config.
  std::map<std::string, json> page() const {
    web::Request request;
    request.method = "GET";
    request.path = "/api/v1/sweeps/" + id_ + "/leaderboard";
    const json body = json::parse(web::Site(store_, nullptr, {}).handle(request).body);
    std::map<std::string, json> all;
    for (const json& row : body.at("rows")) all[row.at("config")] = row.at("values");
    return all;
  }
  void write(const std::function<void(storage::Writer& writer)>& change) const {
    storage::Writer writer(store_);
    storage::Writer::Group group(writer);
    change(writer);
    group.commit();
  }
  /// A coordinator that finds nothing to train.
  void coordinate() const {
    CoordinatorOptions options;
    options.store = store_;
    Coordinator coordinator(options);
    EXPECT_EQ(coordinator.run().how, Coordinator::End::How::kDone);
  }

  const test::Folder scratch_;
  const std::filesystem::path store_ = scratch_.path() / "store";
  const storage::SweepSubmission sweep_ = fake::fake_sweep(3);  // two folds each
  const std::string id_ = storage::sweep_id(sweep_);
};

TEST_F(RunScoresTest, OfARunningSweepMeasuresConfigsWhoseRunsHaveAllEnded) {
  fake::fill(store_, sweep_, {0, 1, 2});  // all runs of the first config, one of the second
  std::vector<RunScores::Scores> kept;
  RunScores scores(store_, [&](const std::string& sweep, const RunScores::Scores& made) {
    EXPECT_EQ(sweep, id_);
    kept.push_back(made);
  });
  scores.note_results(id_, 1999);
  EXPECT_TRUE(scores.idle()) << "a small sweep is quick to read";
  const auto measure = [&] {
    ASSERT_FALSE(scores.idle());
    EXPECT_TRUE(test::eventually([&] {
      for (const RunScores::Measured& one : scores.measured()) EXPECT_EQ(one.error, "");
      return scores.idle();
    }));
  };
  scores.note_results(id_, 2000);
  measure();
  ASSERT_EQ(kept.size(), 1u);
  ASSERT_EQ(kept[0].configs.size(), 1u);
  EXPECT_EQ(kept[0].configs[0].config, config_at(0));
  EXPECT_EQ(kept[0].configs[0].results, 2);
  EXPECT_EQ(kept[0].configs[0].numbers, from_results().at(config_at(0)));
  EXPECT_FALSE(kept[0].finished);
  EXPECT_TRUE(kept[0].runs.runs.empty());
  scores.note_results(id_, 3999);
  EXPECT_TRUE(scores.idle()) << "not again after every result";
  scores.note_results(id_, 4000);
  EXPECT_FALSE(scores.idle());
}

TEST_F(RunScoresTest, WhatIsMeasuredOfAFinishedSweepIsStoredAndReadByPages) {
  fake::fill(store_, sweep_, fake::places(0, 6));
  write([&](storage::Writer& writer) { writer.set_sweep_state(id_, sweep::SweepState::kFinished, 5); });
  EXPECT_TRUE(stored().empty());
  const auto before = page();
  coordinate();
  ASSERT_EQ(stored().size(), 3u);
  const auto numbers = from_results();
  for (const auto& [config, measured] : stored()) EXPECT_EQ(measured.numbers, numbers.at(config)) << config;
  EXPECT_EQ(storage::Reader(store_).find_sweep(id_)->scored, 6);
  EXPECT_EQ(page(), before);

  // Without the surfaces a page has these numbers from there alone.
  fake::execute(store_, "DELETE FROM surface");
  EXPECT_EQ(page(), before);

  // The trials of a config are trained again, and one diverges: its row is no longer true, and the others are.
  const std::vector<std::string> again = {sweep_.trials[0].id, sweep_.trials[1].id};
  write([&](storage::Writer& writer) {
    EXPECT_EQ(writer.set_aside_changed(again, 6).size(), 2u);
    writer.begin_attempts("w", writer.next_pack(), {{again[0], 2}, {again[1], 2}}, 7);
    for (int i : {0, 1}) {
      const sweep::TrialSpec& trial = sweep_.trials[static_cast<std::size_t>(i)];
      writer.accept_result({trial.id, 2}, "w", fake::fake_result(trial, i == 0), 8);
    }
    writer.set_sweep_state(id_, sweep::SweepState::kFinished, 9);
  });
  EXPECT_EQ(stored().at(config_at(0)).numbers, numbers.at(config_at(0)));
  const auto after = page();
  EXPECT_EQ(after.at(config_at(0)).at("runs_diverged"), 1);
  EXPECT_EQ(after.at(config_at(1)), before.at(config_at(1)));
  EXPECT_EQ(after.at(config_at(2)), before.at(config_at(2)));
  coordinate();  // as after a kill before it was measured again
  EXPECT_EQ(stored().at(config_at(0)).ended, 8);
  EXPECT_EQ(stored().at(config_at(0)).numbers, from_results().at(config_at(0)));
  EXPECT_EQ(page(), after);
}

}  // namespace
}  // namespace medley::coordinator
