#include "sweep/score/admission.h"

#include <functional>
#include <limits>
#include <utility>

#include <gtest/gtest.h>

#include "tests/worker/fake_trainer.h"

namespace medley::sweep {
namespace {

/// Two folds of the fake trainer's clips, and a trial of it that chooses epoch and thresholds on the inner fold.
struct Case {
  TrialSpec trial{"00112233445566ff", {}, 0, 1};
  Promise promise{Classes::blemore(), {{0, fake::fake_truth()}, {1, fake::fake_truth()}}, {"a", "b", "c"}, 2, "t"};
  TrialResult result;

  Case() {
    trial.config.encoders = {"c", "a"};
    trial.config.top_n = 1;
    trial.config.epochs = 1;
    trial.config.inner_fold = true;
    result = fake::fake_result(trial);
    result.inner = result.held_out.surface;
    for (const char* name : {"a", "c"}) {
      EncoderImportance encoder;
      encoder.encoder = name;
      encoder.mean = 0.5;
      encoder.selection_frequency = 0.5;
      result.importance.encoders.push_back(encoder);
    }
    result.test_fingerprint = "t";
    for (Snapshot* snapshot : {&result.paper, &result.held_out}) {
      snapshot->test.clips = 2;
      snapshot->test.fused.assign(12, 1.0f / 6);
    }
  }
  std::string problem() const { return admission_problem(result, trial, promise); }
};

TEST(Admission, TakesWhatATrialCanGive) {
  Case good;
  EXPECT_EQ(good.problem(), "");
  good.result.test_fingerprint = "others";
  good.result.paper.test.clips = 3;
  good.result.paper.test.fused.assign(18, 1.0f / 6);
  EXPECT_EQ(good.problem(), "") << "test clips that were there when it was trained";
  Case diverged;
  diverged.result = fake::fake_result(diverged.trial, true);
  EXPECT_EQ(diverged.problem(), "");
}

TEST(Admission, RefusesWhatCannotBe) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  using Change = std::function<void(Case&)>;
  const std::vector<std::pair<const char*, Change>> lies = {
      {"of trial", [](Case& c) { c.result.trial_id = "ff00112233445566"; }},
      {"no fold 7", [](Case& c) { c.trial.fold = 7; }},
      {"predictions of 0 clips",
       [](Case& c) {
         c.result.paper.validation = {};
         c.result.paper.surface.clips = 1'000'000;
         c.result.paper.surface.presence_hits.fill(1'000'000);
       }},
      {"which is no probability", [](Case& c) { c.result.paper.validation.fused[3] = kNaN; }},
      {"which is no probability", [](Case& c) { c.result.held_out.validation.fused[3] = 1.5f; }},
      {"which is no probability", [](Case& c) { c.result.paper.validation.presence.assign(24, -0.1f); }},
      {"has 5 values", [](Case& c) { c.result.paper.validation.salience.assign(5, 0.1f); }},
      {"has the sum", [](Case& c) { c.result.paper.validation.fused[3] = 0; }},
      {"paper.surface is not that of its predictions", [](Case& c) { ++c.result.paper.surface.presence_hits[17]; }},
      {"held_out.surface is not that", [](Case& c) { --c.result.held_out.surface.blends; }},
      {"paper is of epoch 9", [](Case& c) { c.result.paper.epoch = 9; }},
      {"held_out is of epoch 0", [](Case& c) { c.result.held_out.epoch = 0; }},
      {"it has 0 epochs", [](Case& c) { c.result.epochs.clear(); }},
      {"not numbered", [](Case& c) { c.result.epochs[0].epoch = 2; }},
      {"numbers that cannot be", [](Case& c) { c.result.epochs[0].validation.presence = 9.5; }},
      {"the inner surface is of 5 clips", [](Case& c) { c.result.inner.clips = 5; }},
      {"hits that cannot be", [](Case& c) { c.result.inner.salience_hits[0] = 3; }},
      {"its config no inner fold", [](Case& c) { c.trial.config.inner_fold = false; }},
      {"not of the encoders of its gate", [](Case& c) { c.result.importance.encoders.pop_back(); }},
      {"shares that are none", [](Case& c) { c.result.importance.encoders[0].mean = 2; }},
      {"held-out epoch, which its config does not give",
       [](Case& c) {
         c.trial.config.inner_fold = false;
         c.trial.config.patience = 1;
       }},
      {"predictions of 3 clips, not of 2", [](Case& c) { c.result.paper.test.clips = 3; }},
      {"its times cannot be", [](Case& c) { c.result.seconds = -1; }},
  };
  for (const auto& [said, lie] : lies) {
    Case one;
    lie(one);
    EXPECT_NE(one.problem().find(said), std::string::npos) << said << "; it said: " << one.problem();
  }
}

TEST(Admission, TheInnerFoldIsTheNext) {
  EXPECT_EQ(inner_fold_of({0, 2, 5}, 0), 2);
  EXPECT_EQ(inner_fold_of({0, 2, 5}, 5), 0);
}

}  // namespace
}  // namespace medley::sweep
