// What a pack promises: it learns; the same seed gives the same bits; a trial's bits do not depend on its pack.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"
#include "trainer/trainer.h"

namespace medley::tests {
namespace {

using sweep::Config;
using sweep::TrialResult;
using sweep::TrialSpec;

TEST(Pack, LearnsThePlantedProblem) {
  PlantedOptions options;
  options.clips_per_actor = 144;
  const data::Dataset dataset = planted_dataset(options);
  Config config = small_config();
  config.epochs = 40;
  const TrialResult result = alone(dataset, trial(config));
  ASSERT_EQ(result.outcome, sweep::Outcome::kFinished);
  ASSERT_EQ(result.epochs.size(), 40u);
  // Chance on 36 labels is below .1.
  EXPECT_GT(result.paper.surface.best().accuracy.presence, 0.6);
  EXPECT_LT(result.epochs.back().loss, 0.7 * result.epochs.front().loss);
  EXPECT_EQ(result.held_out.epoch, 40);
  EXPECT_EQ(result.held_out.test.clips, 10);
}

TEST(Pack, TheLearnedGatePrefersTheEncodersWithSignal) {
  PlantedOptions options;
  options.clips_per_actor = 108;
  options.encoders = {{"noise1", 8, 0}, {"clear", 8, 2}, {"noise2", 8, 0}, {"noise3", 8, 0}};
  const data::Dataset dataset = planted_dataset(options);
  Config config = small_config();
  config.encoders = dataset.encoder_names();
  config.top_n = 2;
  config.epochs = 40;
  const TrialResult result = alone(dataset, trial(config));
  ASSERT_EQ(result.importance.encoders.size(), 4u);
  for (const auto& encoder : result.importance.encoders) {
    if (encoder.encoder != "clear") {
      EXPECT_GT(result.importance.encoders[1].mean, encoder.mean + 0.3);
    }
  }
}

TEST(Pack, TheSameSeedGivesTheSameBitsAndAnotherDoesNot) {
  const data::Dataset dataset = planted_dataset();
  const auto first = bits(alone(dataset, trial(small_config())));
  EXPECT_EQ(first, bits(alone(dataset, trial(small_config()))));
  EXPECT_NE(first, bits(alone(dataset, trial(small_config(), 0, 2))));
}

/// Trials that differ in everything that trials of one pack may differ in.
std::vector<TrialSpec> mixed_trials(const Config& base) {
  std::vector<TrialSpec> trials;
  const auto add = [&](int fold, std::uint64_t seed, auto change) {
    Config config = base;
    change(config);
    trials.push_back(trial(config, fold, seed));
  };
  add(0, 1, [](Config&) {});
  add(1, 1, [](Config& c) { c.learning_rate = 1e-2; });
  add(2, 2, [](Config& c) {
    c.encoders = {"clear", "noise"};
    c.top_n = 1;
  });
  add(0, 3, [](Config& c) {
    c.epochs = 2;
    c.dropout = 0;
  });
  add(1, 4, [](Config& c) {
    c.encoders = {"faint"};
    c.top_n = 1;
    c.normalize = sweep::Normalize::kActor;
  });
  add(2, 1, [](Config& c) {
    c.top_n = 3;
    c.temperature = 0.5;
    c.label_smoothing = 0.1;
  });
  add(0, 1, [](Config& c) {
    c.inner_fold = true;
    c.patience = 2;
    c.schedule = sweep::Schedule::kConstant;
  });
  add(1, 9, [](Config& c) {
    c.grad_clip = 0.5;
    c.weight_decay = 0.2;
    c.warmup_epochs = 2;
  });
  return trials;
}

class PackOf : public testing::TestWithParam<const char*> {
 protected:
  static Config config() {
    Config config = small_config();
    const std::string what = GetParam();
    if (what == "query_coral") {
      config.gate = sweep::Gate::kQuery;
      config.adaptation = sweep::Adaptation::kCoral;
    } else if (what == "concat") {
      config.fusion = sweep::Fusion::kConcat;
      config.hidden = 7;
      config.optimizer = sweep::Optimizer::kAdam;
    } else if (what == "softmax_float64") {
      config.head = sweep::Head::kSoftmax;
      config.precision = sweep::Precision::kFloat64;
      config.selection = sweep::Selection::kAll;
    }
    return config;
  }
};

TEST_P(PackOf, ATrialHasTheSameBitsInEveryPack) {
  const data::Dataset dataset = planted_dataset();
  const std::vector<TrialSpec> trials = mixed_trials(config());
  std::vector<std::vector<std::uint8_t>> expected;
  for (const TrialSpec& spec : trials) expected.push_back(bits(alone(dataset, spec)));
  for (const std::size_t size : {2u, 4u, 8u}) {
    for (std::size_t first = 0; first + size <= trials.size(); first += size) {
      const auto begin = trials.begin() + static_cast<std::ptrdiff_t>(first);
      std::vector<TrialSpec> pack(begin, begin + static_cast<std::ptrdiff_t>(size));
      std::reverse(pack.begin(), pack.end());
      const auto results = trainer::train_pack(dataset, pack);
      ASSERT_EQ(results.size(), size);
      for (std::size_t i = 0; i < size; ++i) {
        EXPECT_EQ(results[i].trial_id, pack[i].id);
        EXPECT_EQ(bits(results[i]), expected[first + size - 1 - i]) << "pack of " << size << ", trial " << i;
      }
    }
  }
}

TEST_P(PackOf, AMaskedEncoderIsAsIfItDidNotExist) {
  const data::Dataset all = planted_dataset();
  data::Dataset subset = all;
  subset.encoders.erase(subset.encoders.begin() + 1);  // "faint"
  Config config = PackOf::config();
  config.encoders = {"clear", "noise"};
  const std::vector<TrialSpec> with_neighbour = {trial(PackOf::config()), trial(config)};
  EXPECT_EQ(bits(trainer::train_pack(all, with_neighbour)[1]), bits(alone(subset, trial(config))));
}

INSTANTIATE_TEST_SUITE_P(Switches, PackOf, testing::Values("scorer", "query_coral", "concat", "softmax_float64"));

TEST(Pack, ANeighbourThatDivergesIsFrozenAndChangesNoBit) {
  data::Dataset dataset = planted_dataset();
  const TrialSpec good = trial([] {
    Config c = small_config();
    c.encoders = {"clear", "noise"};
    return c;
  }());
  const auto expected = bits(alone(dataset, good));
  values_of(dataset, "faint")[3] = std::nanf("");
  const auto results = trainer::train_pack(dataset, {trial(small_config(), 1), good, trial(small_config(), 2)});
  EXPECT_EQ(bits(results[1]), expected);
  for (const int bad : {0, 2}) {
    EXPECT_EQ(results[static_cast<std::size_t>(bad)].outcome, sweep::Outcome::kDiverged);
    EXPECT_EQ(results[static_cast<std::size_t>(bad)].reason, "the presence loss is not finite in epoch 1, step 1");
  }
}

// Without a norm to clip by, the projections' gradients are used up as they are made; with one they are stored first.
TEST(Pack, BothWaysOfUpdatingGiveOneModel) {
  const data::Dataset dataset = planted_dataset();
  for (const auto fusion : {sweep::Fusion::kSum, sweep::Fusion::kConcat}) {
    for (const auto optimizer : {sweep::Optimizer::kAdamW, sweep::Optimizer::kAdam}) {
      Config config = small_config();
      config.precision = sweep::Precision::kFloat64;
      config.fusion = fusion;
      config.optimizer = optimizer;
      config.projection_dim = config.hidden = 71;
      const TrialResult at_once = alone(dataset, trial(config));
      config.grad_clip = 1e6;
      const TrialResult stored = alone(dataset, trial(config));
      ASSERT_EQ(at_once.epochs.size(), stored.epochs.size());
      for (std::size_t e = 0; e < stored.epochs.size(); ++e) {
        EXPECT_NEAR(at_once.epochs[e].loss, stored.epochs[e].loss, 1e-9 * stored.epochs[e].loss);
      }
    }
  }
}

TEST(Pack, ATrialStopsWhenPatienceRunsOut) {
  const data::Dataset dataset = planted_dataset();
  Config config = small_config();
  config.epochs = 60;
  config.patience = 3;
  const TrialResult result = alone(dataset, trial(config));
  double best = -1;
  int best_epoch = 0;
  for (const auto& e : result.epochs) {
    if (e.validation.score() > best) {
      best = e.validation.score();
      best_epoch = e.epoch;
    }
  }
  ASSERT_LT(result.epochs.size(), 60u);
  EXPECT_EQ(static_cast<int>(result.epochs.size()), best_epoch + 3);
  EXPECT_EQ(result.paper.epoch, best_epoch);
  EXPECT_EQ(result.paper.surface.best().accuracy.score(), best);
  EXPECT_EQ(result.held_out.epoch, 0) << "the reported fold chose when to stop";
}

TEST(Pack, TheInnerFoldIsHeldOutAndChoosesTheHeldOutEpoch) {
  const data::Dataset dataset = planted_dataset();
  Config config = small_config();
  config.inner_fold = true;
  const TrialResult result = alone(dataset, trial(config, 2));
  EXPECT_EQ(result.inner.clips, static_cast<int>(dataset.clips_of_fold(0).size())) << "the next fold, cyclically";
  EXPECT_GE(result.held_out.epoch, 1);
  EXPECT_EQ(result.held_out.surface.clips, static_cast<int>(dataset.clips_of_fold(2).size()));
}

/// What training itself did: losses of every epoch, and what the last model says of the test clips.
std::vector<double> training_trace(const TrialResult& result) {
  std::vector<double> trace;
  for (const auto& e : result.epochs) {
    trace.push_back(e.loss);
    for (const auto& term : e.terms) trace.push_back(term.value);
  }
  trace.insert(trace.end(), result.held_out.test.fused.begin(), result.held_out.test.fused.end());
  return trace;
}

TEST(Leakage, HeldOutFeaturesDoNotReachTraining) {
  data::Dataset dataset = planted_dataset();
  const auto expected = training_trace(alone(dataset, trial(small_config(), 1)));
  auto& values = values_of(dataset, "clear");
  for (const int clip : dataset.clips_of_fold(1)) values[static_cast<std::size_t>(clip) * 8] = 1e6F;
  EXPECT_EQ(training_trace(alone(dataset, trial(small_config(), 1))), expected);
}

TEST(Leakage, LabelsOfHeldOutAndTargetClipsDoNotReachTraining) {
  for (const auto target : {sweep::AdaptationTarget::kValidation, sweep::AdaptationTarget::kTest}) {
    data::Dataset dataset = planted_dataset();
    Config config = small_config();
    config.adaptation = sweep::Adaptation::kCoral;
    config.adaptation_target = target;
    const TrialResult before = alone(dataset, trial(config, 1));
    for (const int clip : dataset.clips_of_fold(1))
      dataset.clips[static_cast<std::size_t>(clip)].label = sweep::Label{5, -1, 100};
    for (const int clip : dataset.clips_of_fold(-1))
      dataset.clips[static_cast<std::size_t>(clip)].label = sweep::Label{0, -1, 100};
    const TrialResult after = alone(dataset, trial(config, 1));
    EXPECT_EQ(training_trace(after), training_trace(before));
    EXPECT_EQ(after.held_out.validation.fused, before.held_out.validation.fused);
    EXPECT_NE(after.held_out.surface.presence_hits, before.held_out.surface.presence_hits) << "the labels did change";
  }
}

TEST(Leakage, AdaptationDoesReadTheTargetsFeatures) {
  for (const auto adaptation : {sweep::Adaptation::kNone, sweep::Adaptation::kCoral, sweep::Adaptation::kMmd,
                                sweep::Adaptation::kDann, sweep::Adaptation::kCdan, sweep::Adaptation::kCmd,
                                sweep::Adaptation::kMoments, sweep::Adaptation::kCoralInput}) {
    data::Dataset dataset = planted_dataset();
    Config config = small_config();
    config.adaptation = adaptation;
    config.adaptation_target = sweep::AdaptationTarget::kTest;
    const TrialResult before = alone(dataset, trial(config, 1));
    auto& values = values_of(dataset, "clear");
    for (const int clip : dataset.clips_of_fold(-1)) values[static_cast<std::size_t>(clip) * 8] += 3;
    const TrialResult after = alone(dataset, trial(config, 1));
    EXPECT_EQ(after.epochs.back().loss != before.epochs.back().loss, sweep::has_adaptation_loss(config));
  }
}

TEST(Adaptation, ReversedGradientsKeepTheDiscriminatorGuessing) {
  data::Dataset dataset = planted_dataset();
  for (const char* encoder : {"clear", "faint", "noise"}) {
    auto& values = values_of(dataset, encoder);
    const std::size_t dim = values.size() / dataset.clips.size();
    for (const int clip : dataset.clips_of_fold(-1)) {
      for (std::size_t j = 0; j < dim; ++j) values[static_cast<std::size_t>(clip) * dim + j] += 1;
    }
  }
  for (const auto adaptation : {sweep::Adaptation::kDann, sweep::Adaptation::kCdan}) {
    Config config = small_config();
    config.adaptation = adaptation;
    config.adaptation_target = sweep::AdaptationTarget::kTest;
    config.dropout = 0;
    config.epochs = 40;
    // Without the reversal features and discriminator work together, and the loss falls below .01.
    EXPECT_GT(term(alone(dataset, trial(config, 1)).epochs.back(), "adaptation"), 0.2);
  }
}

// The planted features are linear in the soft label, so what is half one clip and half another has half the label of
// each.
TEST(Mixup, MixesTargetsAsItMixesFeatures) {
  PlantedOptions options;
  options.clips_per_actor = 72;
  options.encoders = {{"clear", 12, 4}};
  Config config = small_config();
  config.encoders = {"clear"};
  config.top_n = 1;
  config.mixup = 100;  // shares near one half
  config.dropout = 0;
  config.epochs = 60;
  // With the features mixed alone the loss stays above .4.
  EXPECT_LT(term(alone(planted_dataset(options), trial(config, 1)).epochs.back(), "salience"), 0.15);
}

/// The weights of the terms, as the config gives them.
double weighted_sum(const Config& config, const sweep::EpochMetrics& epoch) {
  double sum = 0;
  for (const auto& term : epoch.terms) {
    const double weight = term.name == "presence"     ? config.presence_weight
                          : term.name == "salience"   ? config.salience_weight
                          : term.name == "label"      ? 1
                          : term.name == "alignment"  ? config.alignment_weight
                          : term.name == "adaptation" ? config.adaptation_weight
                          : term.name == "r-drop"     ? config.rdrop_weight
                          : term.name == "balance"    ? config.balance_weight
                                                      : NAN;
    sum += weight * term.value;
  }
  return sum;
}

TEST(Terms, EveryTermOfTheTotalIsRecordedByItsName) {
  const data::Dataset dataset = planted_dataset();
  Config plain = small_config();
  plain.precision = sweep::Precision::kFloat64;
  plain.presence_weight = 0.7;
  Config full = plain;
  full.alignment = true;
  full.alignment_weight = 0.6;
  full.adaptation = sweep::Adaptation::kMmd;
  full.adaptation_weight = 3;
  full.rdrop_weight = 0.8;
  full.balance_weight = 0.3;
  Config softmax = plain;
  softmax.head = sweep::Head::kSoftmax;
  Config label = plain;
  label.head = sweep::Head::kLabel;
  label.rdrop_weight = 0.8;
  const std::pair<Config, std::vector<std::string>> cases[] = {
      {plain, {"presence", "salience"}},
      {full, {"presence", "salience", "alignment", "adaptation", "r-drop", "balance"}},
      {softmax, {"salience"}},
      {label, {"label", "r-drop"}}};
  for (const auto& [config, names] : cases) {
    for (const sweep::EpochMetrics& epoch : alone(dataset, trial(config, 1)).epochs) {
      std::vector<std::string> recorded;
      for (const auto& term : epoch.terms) recorded.push_back(term.name);
      EXPECT_EQ(recorded, names);
      EXPECT_NEAR(weighted_sum(config, epoch), epoch.loss, 1e-12 * epoch.loss);
    }
  }
}

TEST(Gate, KeepsExactlyTopN) {
  const data::Dataset dataset = planted_dataset();
  for (int n = 1; n <= 3; ++n) {
    Config config = small_config();
    config.top_n = n;
    config.epochs = 2;
    const TrialResult result = alone(dataset, trial(config));
    double kept = 0, weight = 0;
    for (const auto& e : result.importance.encoders) {
      kept += e.selection_frequency;
      weight += e.mean;
      double ranks = 0;
      for (const double share : e.ranks) ranks += share;
      EXPECT_NEAR(ranks, 1, 1e-12);
    }
    EXPECT_NEAR(kept, n, 1e-12);
    EXPECT_NEAR(weight, 1, 1e-6);
    EXPECT_EQ(result.importance.weights.size(), 3 * dataset.clips_of_fold(0).size());
    ASSERT_EQ(result.importance.cka.size(), 9u);
    for (const int diagonal : {0, 4, 8})
      EXPECT_NEAR(result.importance.cka[static_cast<std::size_t>(diagonal)], 1, 1e-6);
  }
}

TEST(Actors, NormalisationNeedsThem) {
  data::Dataset dataset = planted_dataset();
  Config config = small_config();
  config.normalize = sweep::Normalize::kActor;
  config.epochs = 2;
  EXPECT_EQ(alone(dataset, trial(config)).held_out.test.clips, 10);
  for (const int clip : dataset.clips_of_fold(-1)) dataset.clips[static_cast<std::size_t>(clip)].actor = "";
  const TrialResult without = alone(dataset, trial(config));
  EXPECT_EQ(without.held_out.test.clips, 0);
  EXPECT_GT(without.held_out.validation.clips, 0);
  dataset.clips.front().actor = "";
  EXPECT_THROW(alone(dataset, trial(config)), trainer::Error);
}

TEST(Errors, NameWhatIsWrong) {
  const data::Dataset dataset = planted_dataset();
  const auto message = [&](const std::vector<TrialSpec>& trials) -> std::string {
    try {
      trainer::train_pack(dataset, trials);
    } catch (const trainer::Error& e) {
      return e.what();
    }
    return "";
  };
  Config config = small_config();
  EXPECT_NE(message({trial(config, 7)}).find("no fold 7; valid: 0, 1, 2"), std::string::npos);
  config.encoders[0] = "cleer";
  EXPECT_NE(message({trial(config)}).find("unknown encoder 'cleer'; did you mean 'clear'?"), std::string::npos);
  config = small_config();
  config.projection_dim = 13;
  EXPECT_NE(message({trial(small_config()), trial(config)}).find("cannot share a pack"), std::string::npos);
  trainer::TrainOptions options;
  options.device = "gpu";
  EXPECT_THROW(trainer::train_pack(dataset, {trial(small_config())}, options), trainer::Error);
}

TEST(Pack, TellsEachEpochOfEachTrialAsItIsRecorded) {
  const data::Dataset dataset = planted_dataset();
  Config shorter = small_config();
  shorter.epochs = small_config().epochs - 1;
  trainer::TrainOptions options;
  std::vector<std::vector<sweep::EpochMetrics>> told(2);
  options.epoch_ended = [&](std::size_t place, const sweep::EpochMetrics& metrics) {
    told.at(place).push_back(metrics);
  };
  const auto results = trainer::train_pack(dataset, {trial(small_config()), trial(shorter, 1)}, options);
  for (std::size_t place = 0; place < 2; ++place) {
    ASSERT_EQ(told[place].size(), results[place].epochs.size());
    for (std::size_t e = 0; e < told[place].size(); ++e) {
      EXPECT_EQ(told[place][e].epoch, results[place].epochs[e].epoch);
      EXPECT_EQ(told[place][e].loss, results[place].epochs[e].loss);
      EXPECT_EQ(told[place][e].validation.score(), results[place].epochs[e].validation.score());
    }
  }
}

TEST(Stop, AbandonsThePack) {
  const data::Dataset dataset = planted_dataset();
  trainer::TrainOptions options;
  int polls = 0, epochs = 0;
  options.stop = [&] { return ++polls == 12 ? trainer::Stop::kAbandon : trainer::Stop::kNo; };
  options.progress = [&](const trainer::Progress& p) { epochs = p.epoch; };
  EXPECT_THROW(trainer::train_pack(dataset, {trial(small_config()), trial(small_config(), 1)}, options),
               trainer::Interrupted);
  EXPECT_EQ(epochs, 1) << "two trials, five steps an epoch";
}

}  // namespace
}  // namespace medley::tests
