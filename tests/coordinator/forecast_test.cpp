// What a plan says that a sweep can settle, and its cost, against reports of a store of made-up results.
#include "coordinator/actions/forecast.h"

#include <cmath>

#include <gtest/gtest.h>

#include "coordinator/actions/traps.h"
#include "storage/report_input.h"
#include "tests/support/folder.h"
#include "tests/web/sample_store.h"

namespace medley::coordinator {
namespace {

class ForecastTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ids_ = test::write_sample_store(folder_ / "store", 1'700'000'000'000);
    const storage::DatasetRecord record = test::sample_dataset();
    file_.dataset.fingerprint = record.fingerprint;
    file_.dataset.classes = record.classes;
    for (const auto& clip : record.clips) {
      file_.dataset.clips.push_back({clip.filename, clip.filename, clip.actor, clip.fold, clip.label});
    }
    file_.expansion.folds = record.folds;
    file_.expansion.seeds = {1, 2};
    file_.expansion.families = {{"gate", "scorer", .5}, {"gate", "scorer", .0001}};
  }
  Forecast forecast(const char* store = "store", std::optional<double> wished = {}) const {
    std::vector<const sweep::TrialSpec*> left;
    for (const auto& trial : file_.expansion.trials) left.push_back(&trial);
    return make_forecast(file_, left, folder_ / store, wished);
  }
  /// Of every two configs of a finished sweep, what its report says.
  std::vector<double> reported_half_widths(const std::string& id) const {
    storage::Reader reader(folder_ / "store");
    const auto summary = reader.find_sweep(id);
    const auto report = sweep::make_report(storage::read_report_input(reader, *summary));
    std::vector<double> widths;
    for (const auto& a : report.configs) {
      for (const auto& b : report.configs) {
        if (&b == &a) break;
        const auto interval = sweep::compare_runs(a, b, &sweep::RunScore::held_out, 5)->result().interval;
        widths.push_back((interval.high - interval.low) / 2);
      }
    }
    return widths;
  }

  test::Folder folder_;
  test::SampleStore ids_;
  SweepFile file_;
};

TEST_F(ForecastTest, WithoutAStoreItAssumes) {
  const Forecast made = forecast("no-store");
  ASSERT_TRUE(made.settling);
  EXPECT_EQ(made.settling->pairs, 0);
  EXPECT_FALSE(made.seconds);
  // .25 (1/200 + 1/100) / 4 of 20 actors: (.1 + .45 / 2) and .45 / 2 of it, freedom 19 and 7/3; SciPy 1.10.
  EXPECT_NEAR(made.settling->half_width, 0.05295289839237137, 1e-9);
}

TEST_F(ForecastTest, ConfigsOfTheSweepItselfTellTheMost) {
  EXPECT_EQ(forecast().settling->sweeps.size(), 2u) << "any of the dataset";
  storage::Reader reader(folder_ / "store");
  const auto finished = reader.find_sweep(ids_.finished);
  for (const auto& row : reader.sweep_configs(ids_.finished))
    file_.expansion.configs.push_back({row.id, row.config, {}});
  const Forecast made = forecast();
  ASSERT_TRUE(made.settling);
  EXPECT_EQ(made.settling->sweeps, std::vector<std::string>{"gates with an inner fold"});
  EXPECT_EQ(made.settling->pairs, 6);
  EXPECT_EQ(made.settling->by, sweep::Clusters::kActors);
  // The same folds and seeds: the intervals of its report, but for the degrees of freedom of training.
  const std::vector<double> reported = reported_half_widths(ids_.finished);
  EXPECT_NEAR(made.settling->half_width / sweep::quantile(reported, .5), 1, .1);
  EXPECT_NEAR(made.settling->wide / sweep::quantile(reported, .8), 1, .25) << "with two seeds its freedom varies";
  EXPECT_GT(made.settling->found, 1.3 * made.settling->half_width);
  EXPECT_LT(made.settling->floor, made.settling->half_width);
}

TEST_F(ForecastTest, MarginsAreWithinReachOrNot) {
  const Forecast made = forecast();
  ASSERT_EQ(made.settling->margins.size(), 2u);
  EXPECT_TRUE(made.settling->margins[0].reached);
  EXPECT_EQ(made.settling->margins[0].seeds, 1);
  EXPECT_FALSE(made.settling->margins[1].reached);
  EXPECT_FALSE(made.settling->margins[1].seeds);
}

TEST_F(ForecastTest, MarginsGoByThePairsThatAreCompared) {
  storage::Reader reader(folder_ / "store");
  for (const auto& row : reader.sweep_configs(ids_.finished))
    file_.expansion.configs.push_back({row.id, row.config, {{"gate", "other"}}});
  ASSERT_EQ(file_.expansion.configs.size(), 4u);
  const Forecast all = forecast();
  EXPECT_FALSE(all.settling->compared);
  auto& one = file_.expansion.configs[0];
  auto& baseline = file_.expansion.configs[1];
  file_.expansion.families = {{"variant", "a", .5}};
  one.axis_values = {{"variant", "b"}};
  baseline.axis_values = {{"variant", "a"}};
  const Forecast made = forecast();
  ASSERT_TRUE(made.settling);
  EXPECT_TRUE(made.settling->compared);
  EXPECT_EQ(made.settling->pairs, 1);
  const auto summary = reader.find_sweep(ids_.finished);
  const auto report = sweep::make_report(storage::read_report_input(reader, *summary));
  const auto of = [&](const std::string& id) {
    return *std::find_if(report.configs.begin(), report.configs.end(),
                         [&](const auto& config) { return config.id == id; });
  };
  const auto interval =
      sweep::compare_runs(of(one.id), of(baseline.id), &sweep::RunScore::held_out, 5)->result().interval;
  const double reported = (interval.high - interval.low) / 2;
  EXPECT_NEAR(made.settling->margins[0].half_width / reported, 1, .25) << "with two seeds its freedom varies";
  EXPECT_EQ(made.settling->margins[0].pairs, 1);
  EXPECT_EQ(made.settling->margins[0].within, 1) << "the margin is .5";
  EXPECT_EQ(all.settling->margins[0].pairs, 0);
  EXPECT_TRUE(find_traps(file_, made).empty());
  EXPECT_EQ(made.settling->margins[0].half_width, made.settling->half_width);
  EXPECT_NE(made.settling->half_width, all.settling->half_width);
}

TEST_F(ForecastTest, DesignsForAWishReachIt) {
  const double wished = forecast().settling->half_width;
  const Forecast made = forecast("store", wished);
  ASSERT_FALSE(made.settling->cheapest.empty());
  EXPECT_LE(made.settling->cheapest.front().trainings(), 10) << "5 folds x 2 seeds reach it";
  file_.expansion.seeds.assign(static_cast<std::size_t>(made.settling->cheapest.front().seeds), 1);
  file_.expansion.folds.resize(static_cast<std::size_t>(made.settling->cheapest.front().folds));
  EXPECT_LE(forecast().settling->half_width, wished * (1 + 1e-9));
  EXPECT_TRUE(forecast("store", 1e-4).settling->cheapest.empty());
}

TEST_F(ForecastTest, TimeGoesByEpochsAndBytesByClips) {
  sweep::Config config;
  config.epochs = 10;
  file_.expansion.trials = {{"0123456789ab", config, 0, 1}, {"1123456789ab", config, 1, 1}};
  const Forecast made = forecast();
  EXPECT_EQ(made.left, 2);
  // Results of the sample take 6 to 9 s, and their configs have the default number of epochs.
  const double epochs = sweep::Config().epochs;
  EXPECT_GT(*made.seconds, 2 * 10 * 6 / epochs);
  EXPECT_LT(*made.seconds, 2 * 10 * 9 / epochs);
  EXPECT_EQ(made.bytes, 2 * (8 * 6 * 40 + 20'000)) << "2 parts, 2 protocols, 2 bytes of 6 classes";
  file_.expansion.trials[0].config.epochs = 30;
  EXPECT_NEAR(*forecast().seconds / *made.seconds, 2, 1e-9);
  file_.expansion.trials[0].config.head = sweep::Head::kSoftmax;
  EXPECT_EQ(forecast().bytes, (8 + 4) * 6 * 40 + 2 * 20'000);
}

TEST_F(ForecastTest, JsonHasAllOfIt) {
  const auto json = forecast_json(forecast("store", .5));
  EXPECT_EQ(json["settles"]["by"], "actors");
  EXPECT_EQ(json["settles"]["margins"].size(), 2u);
  EXPECT_EQ(json["settles"]["margins"][1]["seeds"], nullptr);
  EXPECT_EQ(json["settles"]["wished"], .5);
  EXPECT_EQ(json["settles"]["cheapest"][0],
            (nlohmann::json{{"folds", 2}, {"repeats", 1}, {"seeds", 1}, {"trainings", 2}}));
  EXPECT_EQ(json["training_seconds"], 0);
  file_.expansion.folds = {0};
  EXPECT_EQ(forecast_json(forecast())["settles"], nullptr) << "one fold compares nothing";
}

}  // namespace
}  // namespace medley::coordinator
