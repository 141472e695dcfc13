// Ensembles and exports asked of a real server, whose coordinator is made up.
#include "coordinator/commands/remote_ensemble.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "coordinator/error.h"
#include "tests/support/folder.h"
#include "tests/web/sample_control.h"
#include "tests/web/sample_store.h"
#include "web/server.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Says of its fits what the test told it to, one list a question and the last one ever after.
class ToldControl : public test::SampleControl {
 public:
  ToldControl() : SampleControl(test::SampleStore()) {}
  Answer build_ensemble(const std::string& sweep_id, const sweep::EnsembleRequest& one) override {
    sweep = sweep_id;
    request = one;
    return answer;
  }
  json fits() override {
    json now = told.front();
    if (told.size() > 1) told.erase(0);
    return now;
  }
  Answer export_ensemble(std::int64_t, const std::string&) override { return {true, "exported", {{"export", 7}}}; }

  std::string sweep;
  sweep::EnsembleRequest request;
  Answer answer{true, "begun", {{"since_ms", 100}}};
  json told = json::array({json::array()});
};

class RemoteEnsembleTest : public testing::Test {
 protected:
  RemoteEnsembleTest() {
    sample_ = test::write_sample_store(folder_, 1'700'000'000'000);
    server_.start();
    control_ = {server_.url(), "secret", "here", ::getpid(), true};
  }
  ~RemoteEnsembleTest() override { server_.stop(); }

  std::string refusal(const sweep::EnsembleRequest& request = {}) const {
    try {
      return "ensemble " + std::to_string(fit_remotely(control_, sample_.finished, request));
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  const test::Folder scratch_;
  const fs::path folder_ = scratch_.path();
  test::SampleStore sample_;
  ToldControl coordinator_;
  web::Server server_{{folder_, "127.0.0.1", 0, "secret"}, &coordinator_};
  ControlPoint control_;
};

TEST_F(RemoteEnsembleTest, TheRequestArrivesWholeAndItsOwnFitIsWaitedFor) {
  const json other = {{"sweep", "s"}, {"since_ms", 101}, {"ended", true}, {"ensemble", 6}};
  const json begun = {{"sweep", "s"}, {"since_ms", 100}, {"ended", false}};
  const json ended = {{"sweep", "s"}, {"since_ms", 100}, {"ended", true}, {"ensemble", 5}};
  coordinator_.told = {json::array({begun}), json::array({begun}), {other, ended}};
  sweep::EnsembleRequest wanted;
  wanted.name = "mine";
  wanted.options.method = sweep::EnsembleMethod::kMean;
  wanted.options.thresholds = sweep::EnsembleThresholds::kPerFold;
  wanted.protocol = sweep::Protocol::kPaper;
  wanted.per_subset = true;
  wanted.repeat = 2;
  wanted.options.k = 3;
  wanted.options.most_candidates = 11;
  wanted.options.rounds = 12;
  wanted.options.bags = 13;
  EXPECT_EQ(fit_remotely(control_, sample_.finished, wanted), 5);
  EXPECT_EQ(coordinator_.sweep, sample_.finished);
  const sweep::EnsembleRequest& came = coordinator_.request;
  EXPECT_EQ(came.name, "mine");
  EXPECT_EQ(came.options.method, sweep::EnsembleMethod::kMean);
  EXPECT_EQ(came.options.thresholds, sweep::EnsembleThresholds::kPerFold);
  EXPECT_EQ(came.protocol, sweep::Protocol::kPaper);
  EXPECT_TRUE(came.per_subset);
  EXPECT_EQ(came.repeat, 2);
  EXPECT_EQ(came.options.k, 3);
  EXPECT_EQ(came.options.most_candidates, 11);
  EXPECT_EQ(came.options.rounds, 12);
  EXPECT_EQ(came.options.bags, 13);
}

TEST_F(RemoteEnsembleTest, WhatDidNotComeAboutSaysWhy) {
  coordinator_.told =
      json::array({json::array({{{"sweep", "s"}, {"since_ms", 100}, {"ended", true}, {"error", "no predictions"}}})});
  EXPECT_EQ(refusal(), "no predictions");
  coordinator_.told = json::array({json::array()});
  EXPECT_EQ(refusal(), "the coordinator knows nothing of this fit any more: it was started again meanwhile");
  coordinator_.answer.details = json::object();
  EXPECT_EQ(refusal().rfind("the coordinator at " + server_.url() + " answers as another version of Medley", 0), 0u)
      << refusal();
  coordinator_.answer = {false, "another ensemble is being fitted", json::object()};
  EXPECT_EQ(refusal(), "another ensemble is being fitted");
  sweep::EnsembleRequest many;
  many.options.rounds = 1'001;
  EXPECT_EQ(refusal(many), "rounds must be a whole number from 1 to 1000.");
  control_.token = "guessed";
  EXPECT_EQ(refusal(), "A change needs the token that the server printed.");
}

TEST_F(RemoteEnsembleTest, AnExportThatCannotBeFetchedLeavesNoFile) {
  const fs::path out = folder_ / "out.zip";
  try {
    export_remotely(control_, sample_.ensemble, out, "submission.json");
    FAIL() << "there is no export 7";
  } catch (const web::Error& error) {
    EXPECT_STREQ(error.what(), "There is no export with this id in the store.");
  }
  EXPECT_FALSE(fs::exists(out));
  EXPECT_FALSE(fs::exists(folder_ / "out.manifest.json"));
}

}  // namespace
}  // namespace medley::coordinator
