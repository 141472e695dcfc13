// What the dashboard changes, done by a real coordinator without workers on a small synthetic dataset.
#include "coordinator/commands/dashboard_control.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "coordinator/actions/sweep_file.h"
#include "coordinator/launches/cluster_record.h"
#include "storage/reader.h"
#include "tests/support/folder.h"
#include "tests/support/patience.h"
#include "trainer/data/synthetic.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kSweep =
    "name: first\nfolds: all\nseeds: 2\nbase: {top_n: 1}\naxes:\n  learning_rate: [0.001, 0.002]\n";

class DashboardControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    make_data(1, data::Existing::kRefuse);
    dataset_ = data::load_dataset(folder_ / "data");

    CoordinatorOptions settings;
    settings.store = folder_ / "store";
    settings.exit_when_done = false;
    coordinator_ = std::make_unique<Coordinator>(settings);
    const SweepFile file = read_sweep_text(kSweep, "first", dataset_);
    sweep_ = coordinator_->submit(record_of(file.dataset), file.submission()).id;
    running_ = std::async(std::launch::async, [this] { return coordinator_->run(); });
    control_ = std::make_unique<DashboardControl>(*coordinator_, settings.store);
  }
  void TearDown() override {
    control_.reset();
    coordinator_->request_stop(Coordinator::Stop::kNow, "the test is over");
    running_.get();
    coordinator_.reset();
  }

  void make_data(std::uint64_t seed, data::Existing existing) {
    data::SyntheticOptions options;
    options.seed = seed;
    options.encoders = 2;
    options.near_copies = 0;
    options.noise_encoders = 0;
    options.dim = 4;
    options.train_actors = 10;
    options.test_actors = 1;
    data::make_synthetic(folder_ / "data", options, existing);
  }

  const test::Folder scratch_;
  const fs::path folder_ = scratch_.path();
  data::Dataset dataset_;
  std::string sweep_;
  std::unique_ptr<Coordinator> coordinator_;
  std::future<Coordinator::End> running_;
  std::unique_ptr<DashboardControl> control_;
};

TEST_F(DashboardControlTest, APlanCountsWhatThereIsToTrain) {
  const auto answer = control_->plan({kSweep, dataset_.fingerprint, {}, {}});
  ASSERT_TRUE(answer.done) << answer.message;
  const json& plan = answer.details["plan"];
  EXPECT_EQ(plan["configs"], 2);
  EXPECT_EQ(plan["trials"], 2 * 5 * 2);
  EXPECT_EQ(plan["done"], 0);
  EXPECT_EQ(plan["left"], 20);
  EXPECT_EQ(plan["axes"][0]["setting"], "learning_rate");
  EXPECT_EQ(storage::Reader(folder_ / "store").sweeps().size(), 1u) << "a plan changes nothing";
}

TEST_F(DashboardControlTest, ASubmittedSweepKeepsTheScaleOfItsRanges) {
  const auto answer =
      control_->submit({"name: scales\nseeds: 1\nbase: {epochs: 1}\naxes:\n"
                        "  learning_rate: {log_uniform: [1e-4, 1e-2], points: 3}\n"
                        "  dropout: {uniform: [0.1, 0.3], points: 2}\n  top_n: [1, 2]\n",
                        dataset_.fingerprint,
                        {},
                        {}});
  ASSERT_TRUE(answer.done) << answer.message;
  storage::Reader reader(folder_ / "store");
  const auto sweep = reader.find_sweep(answer.details["sweep"]);
  std::map<std::string, std::string> scales;
  for (const json& axis : sweep->axes) {
    scales[axis["setting"]] = axis.value("scale", "");
  }
  EXPECT_EQ(scales,
            (std::map<std::string, std::string>{{"learning_rate", "log"}, {"dropout", "linear"}, {"top_n", ""}}));
}

TEST_F(DashboardControlTest, EveryErrorIsGivenWithItsPlace) {
  const auto answer = control_->plan(
      {"name: x\nbase: {epochs: -1}\naxes:\n  top_m: [1]\n  encoders: [[nobody]]\n", dataset_.fingerprint, {}, {}});
  EXPECT_FALSE(answer.done);
  const json& errors = answer.details["errors"];
  ASSERT_GE(errors.size(), 3u) << errors;  // of the file, and of what only the dataset shows
  EXPECT_EQ(errors[0]["line"], 2);
  EXPECT_EQ(errors[1]["line"], 4);
  EXPECT_EQ(errors[1]["text"], "top_m");
  EXPECT_EQ(errors[2]["line"], 5);
  EXPECT_FALSE(control_->submit({"axes: [", dataset_.fingerprint, {}, {}}).done);
}

TEST_F(DashboardControlTest, CommandsOfASubmittedSweepAreRefusedUnlessTheyAreObeyed) {
  const web::Control::SweepForm form{std::string(kSweep) + "on: {finished: rm -r /}\n", dataset_.fingerprint, {}, {}};
  const auto refused = control_->submit(form);
  EXPECT_FALSE(refused.done);
  ASSERT_EQ(refused.details["errors"].size(), 1u) << refused.details.dump();
  EXPECT_EQ(refused.details["errors"][0]["line"], 7);
  EXPECT_EQ(
      refused.details["errors"][0]["message"],
      "on: this coordinator does nothing that submitted sweeps ask for: start it with --obey-on, or leave it out");
  control_.reset();
  control_ = std::make_unique<DashboardControl>(*coordinator_, folder_ / "store", true);
  EXPECT_TRUE(control_->submit(form).done);
}

TEST_F(DashboardControlTest, ASubmittedSweepWaitsForWorkersLikeAnyOther) {
  const auto answer =
      control_->submit({"name: second\nfolds: [0, 1]\nseeds: 1\nbase: {top_n: 2}\n", dataset_.fingerprint, {}, {}});
  ASSERT_TRUE(answer.done) << answer.message;
  storage::Reader reader(folder_ / "store");
  const auto sweep = reader.find_sweep(answer.details["sweep"].get<std::string>());
  ASSERT_TRUE(sweep.has_value());
  EXPECT_EQ(sweep->name, "second");
  EXPECT_EQ(sweep->trials, 2);
  EXPECT_EQ(sweep->spec_file, "");
  EXPECT_TRUE(control_->pause(sweep->id).done);
  EXPECT_TRUE(control_->resume(sweep->id).done);
}

TEST_F(DashboardControlTest, LaunchesSayWhyNoWorkerComes) {
  EXPECT_EQ(control_->launches(), json::array());
  ClusterRecord record;
  record.id = claim_record(folder_ / "store");
  record.launcher = cluster::find_launcher(cluster::launchers(), "slurm");
  record.max_workers = 8;
  record.fruitless = 2;
  record.error = "invalid partition";
  record.next_start_ms = 1'700'000'000'000;
  write_record(folder_ / "store", record);
  EXPECT_EQ(control_->launches(), json::array({{{"id", 1},
                                                {"launcher", "slurm"},
                                                {"min_workers", 1},
                                                {"max_workers", 8},
                                                {"fruitless_starts", 2},
                                                {"error", "invalid partition"},
                                                {"next_start_ms", 1'700'000'000'000}}}));
}

TEST_F(DashboardControlTest, AConfigIsMarkedInTheStore) {
  storage::Reader reader(folder_ / "store");
  const std::string config = reader.trials(sweep_).at(0).config;
  EXPECT_TRUE(control_->mark(config, {true, "for table 2", {}}).done);
  EXPECT_TRUE(reader.marks().at(config).pinned);
  EXPECT_EQ(reader.marks().at(config).note, "for table 2");
  const auto answer = control_->mark("ffffffff", {true, {}, {}});
  EXPECT_FALSE(answer.done);
  EXPECT_NE(answer.message.find("no config ffffffff"), std::string::npos);
}

TEST_F(DashboardControlTest, ADataSetThatHasChangedIsRefused) {
  make_data(2, data::Existing::kOverwrite);
  const auto answer = control_->plan({kSweep, dataset_.fingerprint, {}, {}});
  EXPECT_FALSE(answer.done);
  EXPECT_NE(answer.message.find("has changed"), std::string::npos) << answer.message;
}

TEST_F(DashboardControlTest, AFolderThatNobodyRegisteredIsADataSetAsItLiesThere) {
  ASSERT_TRUE(control_->plan({kSweep, dataset_.fingerprint, {}, {}}).done);
  make_data(2, data::Existing::kOverwrite);
  const std::string folder = folder_ / "data";
  const auto answer = control_->submit({kSweep, {}, folder, {}});
  ASSERT_TRUE(answer.done) << answer.message;
  storage::Reader reader(folder_ / "store");
  const auto sweep = reader.find_sweep(answer.details["sweep"].get<std::string>());
  ASSERT_TRUE(sweep.has_value());
  EXPECT_NE(sweep->id, sweep_);
  EXPECT_EQ(sweep->dataset, data::load_dataset(folder).fingerprint);
  EXPECT_NE(sweep->dataset, dataset_.fingerprint) << "what was read before the files changed is not taken again";
  EXPECT_EQ(reader.find_dataset(sweep->dataset)->folder, fs::canonical(folder));
  const auto nowhere = control_->plan({kSweep, {}, folder + "/nowhere", {}});
  EXPECT_FALSE(nowhere.done);
  EXPECT_EQ(nowhere.message, folder + "/nowhere: not a folder");
}

TEST_F(DashboardControlTest, ASweepWithoutFailedTrialsHasNothingToRetry) {
  const auto answer = control_->retry_sweep(sweep_);
  EXPECT_FALSE(answer.done);
  EXPECT_EQ(answer.message, "sweep first has no failed trial");
}

TEST_F(DashboardControlTest, AnEnsembleThatCannotBeFittedSaysWhyToWhoeverBeganIt) {
  EXPECT_EQ(control_->fits(), json::array());
  std::vector<json> begun;
  for (int i = 0; i < 20; ++i) {
    const auto answer = control_->build_ensemble(sweep_, {});
    ASSERT_TRUE(answer.done) << answer.message;
    begun.insert(begun.begin(), answer.details.at("since_ms"));
    ASSERT_TRUE(test::eventually([&] { return control_->fits()[0]["ended"] != false; }));
  }
  EXPECT_EQ(std::set<json>(begun.begin(), begun.end()).size(), 20u);
  const json fits = control_->fits();
  ASSERT_EQ(fits.size(), 16u) << "the newest";
  for (std::size_t i = 0; i < fits.size(); ++i) {
    EXPECT_EQ(fits[i]["since_ms"], begun[i]);
    EXPECT_EQ(fits[i]["ended"], true);
    EXPECT_NE(fits[i]["error"].get<std::string>().find("predictions in every fold"), std::string::npos) << fits[i];
  }
  EXPECT_FALSE(control_->export_ensemble(7, "").done);
}

}  // namespace
}  // namespace medley::coordinator
