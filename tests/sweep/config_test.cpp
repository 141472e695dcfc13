#include "sweep/config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/trial.h"
#include "tests/support/error_of.h"

namespace medley::sweep {
namespace {

using nlohmann::json;
using Kind = Setting::Kind;

/// Every setting is given, so that a change of defaults changes nothing here.
Config gated_config() {
  return config_from_json(json::parse(R"({
    "encoders": ["clip", "wavlm", "hubert"], "fusion": "sum", "gate": "scorer", "selection": "learned", "top_n": 2,
    "temperature": 1.0, "gate_dim": 64, "projection_dim": 256, "fusion_dim": 512, "head": "decoupled",
    "presence_weight": 1, "salience_weight": 1, "adaptation": "none",
    "normalize": "encoder", "optimizer": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01,
    "schedule": "cosine", "warmup_epochs": 0, "batch_size": 32, "epochs": 30, "dropout": 0.3,
    "label_smoothing": 0, "grad_clip": 0, "patience": 0, "inner_fold": false, "precision": "float32"})"));
}

Config baseline_config() {
  return config_from_json(json::parse(R"({
    "encoders": ["hubert"], "fusion": "concat", "hidden": 0, "head": "softmax", "adaptation": "coral",
    "adaptation_weight": 12.5, "adaptation_target": "test", "normalize": "actor", "optimizer": "adam",
    "learning_rate": 5e-6, "weight_decay": 0.001, "schedule": "constant", "warmup_epochs": 0, "batch_size": 32,
    "epochs": 200, "dropout": 0.3, "label_smoothing": 0, "grad_clip": 0, "patience": 0, "inner_fold": true,
    "precision": "float64"})"));
}

// The two texts were written by hand and hashed by sha256sum. If this test fails, ids have changed, and every
// stored result is lost to its sweep: that is a change of kNumericsVersion's kind, never an accident.
TEST(Config, CanonicalTextAndIdsArePinned) {
  EXPECT_EQ(canonical_text(gated_config()), R"(adaptation=none
batch_size=32
dropout=0.3
encoders=clip+wavlm+hubert
epochs=30
fusion=sum
fusion_dim=512
gate=scorer
gate_dim=64
grad_clip=0
head=decoupled
inner_fold=false
label_smoothing=0
learning_rate=0.001
normalize=encoder
optimizer=adamw
patience=0
precision=float32
presence_weight=1
projection_dim=256
salience_weight=1
schedule=cosine
selection=learned
temperature=1
top_n=2
warmup_epochs=0
weight_decay=0.01
)");
  EXPECT_EQ(config_id(gated_config()), "3e38e7fd453b");
  EXPECT_EQ(canonical_text(baseline_config()), R"(adaptation=coral
adaptation_target=test
adaptation_weight=12.5
batch_size=32
encoders=hubert
epochs=200
fusion=concat
grad_clip=0
head=softmax
hidden=0
inner_fold=true
label_smoothing=0
learning_rate=5e-06
normalize=actor
optimizer=adam
patience=0
precision=float64
schedule=constant
warmup_epochs=0
weight_decay=0.001
)");
  EXPECT_EQ(config_id(baseline_config()), "e43a98d23cd1");
}

TEST(Config, TrialIdIsPinned) { EXPECT_EQ(trial_id(gated_config(), 3, 7, "abc"), "e443681315364d40"); }

TEST(Config, TrialIdDependsOnEveryPart) {
  const Config config = gated_config();
  const std::set<std::string> ids = {trial_id(config, 0, 1, "a"), trial_id(config, 1, 1, "a"),
                                     trial_id(config, 0, 2, "a"), trial_id(config, 0, 1, "b"),
                                     trial_id(baseline_config(), 0, 1, "a")};
  EXPECT_EQ(ids.size(), 5u);
}

TEST(Config, OnlyTrialsThatReadTestClipsFollowThem) {
  Config config = gated_config();
  EXPECT_EQ(trial_id(config, 0, 1, "a", "x"), trial_id(config, 0, 1, "a", ""));
  config.adaptation = Adaptation::kCoral;
  EXPECT_EQ(trial_id(config, 0, 1, "a", "x"), trial_id(config, 0, 1, "a", "y")) << "adapts to the reported fold";
  config.adaptation_target = AdaptationTarget::kTest;
  EXPECT_NE(trial_id(config, 0, 1, "a", "x"), trial_id(config, 0, 1, "a", "y"));
}

TEST(Config, OnlyAnAdaptationLossHasAWeight) {
  for (const std::string& name : all_names<Adaptation>()) {
    Config config = gated_config();
    config.adaptation = *find_named<Adaptation>(name);
    Config heavier = config;
    heavier.adaptation_weight = 7;
    EXPECT_EQ(config_id(heavier) != config_id(config), has_adaptation_loss(config)) << name;
    config.adaptation_target = AdaptationTarget::kTest;
    EXPECT_EQ(reads_test_clips(config), adapts_input(config) || has_adaptation_loss(config)) << name;
  }
}

/// Values that differ from each other, within the bounds of the setting.
std::vector<json> some_values(const Setting& setting) {
  switch (setting.kind) {
    case Kind::kInteger:
      return {static_cast<int>(setting.minimum), static_cast<int>(setting.minimum) + 1};
    case Kind::kNumber:
      return {setting.minimum, (setting.minimum + setting.maximum) / 3};
    case Kind::kFlag:
      return {false, true};
    case Kind::kEncoders:
      return {json::array({"a"}), json::array({"a", "b"})};
    case Kind::kLayers:
      return {"3", "6-12"};
    case Kind::kChoice:
      break;
  }
  return std::vector<json>(setting.choices.begin(), setting.choices.end());
}

TEST(Config, LayersAreAllOneOrARange) {
  const Setting& layers = *find_setting("layers");
  for (const char* text : {"all", "0", "6-12", "9999"}) {
    EXPECT_EQ(check_value(layers, text), "") << text;
    EXPECT_EQ(Layers::parse(text)->text(), text);
  }
  EXPECT_EQ(Layers::parse("06-6")->text(), "6");
  for (const char* text : {"", "-", "6-", "-6", "12-6", "1.5", "six", "10000", "1-2-3", " 6"}) {
    EXPECT_EQ(check_value(layers, text), "must be all, a layer counted from 0 (7), or a range of them (6-12)") << text;
  }
  EXPECT_NE(check_value(layers, 6), "");
  Config config = gated_config();
  layers.set(config, "all");
  EXPECT_EQ(config_id(config), "3e38e7fd453b") << "all layers leave no trace";
}

/// Configs that between them make every setting matter.
std::vector<Config> varied_configs() {
  Config coral = gated_config();
  coral.adaptation = Adaptation::kCoral;
  coral.layers = {6, 12};
  Config moments = gated_config();
  moments.adaptation = Adaptation::kCmd;
  Config by_mass = gated_config();
  by_mass.selection = Selection::kThreshold;
  Config aligned = gated_config();
  aligned.fusion = Fusion::kRankConcat;
  aligned.weights = Weights::kUniform;
  aligned.alignment = true;
  Config sets = gated_config();
  sets.fusion = Fusion::kMean;
  sets.head = Head::kSetRatio;
  Config labels = gated_config();
  labels.head = Head::kLabel;
  Config fitted = gated_config();
  fitted.fusion = Fusion::kConcat;
  fitted.hidden = 0;
  fitted.optimizer = Optimizer::kLbfgs;
  return {gated_config(), coral, moments, by_mass, aligned, sets, labels, baseline_config(), fitted};
}

TEST(Config, EverySettingIsReadBackAsItWasSet) {
  for (const Setting& setting : settings()) {
    for (const json& value : some_values(setting)) {
      ASSERT_EQ(check_value(setting, value), "") << setting.name << " " << value;
      Config config = gated_config();
      setting.set(config, value);
      EXPECT_EQ(setting.get(config), value) << setting.name;
    }
  }
}

TEST(Config, JsonRoundTripKeepsIdAndText) {
  for (const Config& config : varied_configs()) {
    const Config again = config_from_json(json::parse(to_json(config).dump()));
    EXPECT_EQ(canonical_text(again), canonical_text(config));
    EXPECT_EQ(config_id(again), config_id(config));
  }
}

TEST(Config, NumbersKeepEveryBitThroughJson) {
  Config config = gated_config();
  config.learning_rate = 0.1 + 0.2;
  EXPECT_EQ(config_from_json(json::parse(to_json(config).dump())).learning_rate, 0.1 + 0.2);
  EXPECT_NE(canonical_text(config).find("learning_rate=0.30000000000000004\n"), std::string::npos);
}

TEST(Config, ASettingThatIsNotReadLeavesTheIdAloneAndOneThatIsChangesIt) {
  int active = 0;
  int inactive = 0;
  for (const Config& config : varied_configs()) {
    for (const Setting& setting : settings()) {
      const json before = setting.get(config);
      for (const json& value : some_values(setting)) {
        if (value == before) continue;
        Config changed = config;
        setting.set(changed, value);
        if (setting.active(config)) {
          EXPECT_NE(config_id(changed), config_id(config)) << setting.name;
          ++active;
        } else {
          EXPECT_EQ(config_id(changed), config_id(config)) << setting.name;
          EXPECT_FALSE(setting.active_when.empty()) << setting.name;
          ++inactive;
        }
      }
    }
  }
  EXPECT_GT(active, 60);
  EXPECT_GT(inactive, 20);
}

TEST(Config, EverySettingMattersSomewhere) {
  for (const Setting& setting : settings()) {
    const auto configs = varied_configs();
    EXPECT_TRUE(std::any_of(configs.begin(), configs.end(), [&](const Config& c) { return setting.active(c); }))
        << setting.name;
  }
}

TEST(Config, BoundsAreInclusiveAndNothingBeyondThemPasses) {
  for (const Setting& setting : settings()) {
    if (setting.kind != Kind::kInteger && setting.kind != Kind::kNumber) continue;
    const bool whole = setting.kind == Kind::kInteger;
    const auto value = [whole](double x) { return whole ? json(static_cast<std::int64_t>(x)) : json(x); };
    EXPECT_EQ(check_value(setting, value(setting.minimum)), "") << setting.name;
    EXPECT_EQ(check_value(setting, value(setting.maximum)), "") << setting.name;
    EXPECT_NE(check_value(setting, value(setting.minimum - 1)), "") << setting.name;
    EXPECT_NE(check_value(setting, value(setting.maximum + 1)), "") << setting.name;
    EXPECT_NE(check_value(setting, json(std::nan(""))), "") << setting.name;
    EXPECT_NE(check_value(setting, json(INFINITY)), "") << setting.name;
    EXPECT_NE(check_value(setting, json(UINT64_MAX)), "") << setting.name;
    EXPECT_NE(check_value(setting, json("1")), "") << setting.name;
    EXPECT_NE(check_value(setting, json(true)), "") << setting.name;
    EXPECT_NE(check_value(setting, json()), "") << setting.name;
    if (whole) {
      EXPECT_NE(check_value(setting, json(setting.minimum + 0.5)), "") << setting.name;
    }
  }
}

TEST(Config, DefaultsAreWithinTheirBounds) {
  Config config;
  config.encoders = {"a", "b", "c", "d"};
  for (const Setting& setting : settings()) EXPECT_EQ(check_value(setting, setting.get(config)), "") << setting.name;
  EXPECT_FALSE(check_config(config));
}

TEST(Config, ZeroHasOneText) {
  Config config = gated_config();
  find_setting("weight_decay")->set(config, -0.0);
  EXPECT_NE(canonical_text(config).find("weight_decay=0\n"), std::string::npos);
}

TEST(Config, SettingsThatCameLaterLeaveNoTraceAtTheirFirstValue) {
  const Config config = config_from_json({{"encoders", {"a", "b", "c", "d"}}});
  int later = 0;
  for (const Setting& setting : settings()) {
    if (setting.traceless.is_null()) continue;
    ++later;
    EXPECT_EQ(setting.get(Config()), setting.traceless) << setting.name << ": configs without it would change";
    EXPECT_EQ(canonical_text(config).find("\n" + setting.name + "="), std::string::npos) << setting.name;
  }
  EXPECT_EQ(later, 12);
}

TEST(Config, ALabelHeadHasOneTermAndAloneSmoothsRatios) {
  Config config = gated_config();
  for (const Head head : {Head::kDecoupled, Head::kSoftmax, Head::kSetRatio, Head::kLabel}) {
    config.head = head;
    const bool of_labels = head == Head::kLabel;
    EXPECT_EQ(find_setting("ratio_smoothing")->active(config), of_labels) << name_of(head);
    for (const char* name : {"presence_weight", "salience_weight"}) {
      EXPECT_EQ(find_setting(name)->active(config), head == Head::kDecoupled || head == Head::kSetRatio) << name;
    }
  }
  config.presence_weight = config.salience_weight = 0;
  EXPECT_FALSE(check_config(config)) << "a label head does not read the weights";
}

TEST(Config, ALinearModelDropsNothingAndAFitHasNoSteps) {
  Config linear = gated_config();
  linear.fusion = Fusion::kConcat;
  linear.hidden = 0;
  Config fitted = linear;
  fitted.optimizer = Optimizer::kLbfgs;
  for (const char* name : {"dropout", "rdrop_weight"}) {
    EXPECT_TRUE(find_setting(name)->active(gated_config())) << name;
    EXPECT_FALSE(find_setting(name)->active(linear)) << name;
  }
  for (const char* name : {"learning_rate", "schedule", "warmup_epochs", "batch_size", "epochs", "grad_clip",
                           "patience", "stop_after", "weight_decay"}) {
    EXPECT_TRUE(find_setting(name)->active(linear)) << name;
    EXPECT_FALSE(find_setting(name)->active(fitted)) << name;
  }
  EXPECT_TRUE(find_setting("tune_decay")->active(fitted));
  EXPECT_FALSE(find_setting("tune_decay")->active(linear));
  fitted.tune_decay = false;
  EXPECT_TRUE(find_setting("weight_decay")->active(fitted));
  fitted.epochs = 30;
  fitted.stop_after = 4;
  EXPECT_EQ(last_epoch(fitted), 1);
}

TEST(Config, AGateThatDecidesNothingLeavesNoTrace) {
  Config config = gated_config();
  config.weights = Weights::kUniform;
  for (const auto selection : {Selection::kRandom, Selection::kFixed, Selection::kAll}) {
    config.selection = selection;
    for (const char* name : {"gate", "gate_dim", "temperature", "gate_noise", "balance_weight", "renormalise"}) {
      EXPECT_FALSE(find_setting(name)->active(config)) << name;
    }
  }
  config.selection = Selection::kThreshold;
  for (const char* name : {"gate", "gate_dim", "temperature", "mass"}) {
    EXPECT_TRUE(find_setting(name)->active(config)) << name;
  }
}

/// The ids of `config` and of `other` are the same, and both are read back as what they train.
void expect_same_function(const Config& config, const Config& other) {
  EXPECT_EQ(canonical_text(config), canonical_text(other));
  EXPECT_EQ(fusibility_key(canonical(config)), fusibility_key(canonical(other)));
  EXPECT_EQ(canonical_text(config_from_json(to_json(config))), canonical_text(config));
}

TEST(Config, SelectingAsManyAsThereAreIsAll) {
  Config all = gated_config();
  all.selection = Selection::kAll;
  for (const auto selection : {Selection::kLearned, Selection::kRandom, Selection::kFixed}) {
    Config config = gated_config();
    config.selection = selection;
    config.top_n = static_cast<int>(config.encoders.size());
    expect_same_function(config, all);
    --config.top_n;
    EXPECT_NE(config_id(config), config_id(all));
  }
}

TEST(Config, OneEncoderHasNoGate) {
  Config one = gated_config();
  one.encoders = {"clip"};
  one.top_n = 1;
  for (const char* name :
       {"fusion", "gate", "selection", "top_n", "weights", "temperature", "gate_noise", "gate_dim"}) {
    EXPECT_FALSE(find_setting(name)->active(one)) << name;
  }
  Config other = one;
  other.fusion = Fusion::kMean;
  expect_same_function(one, other);
  other.fusion = Fusion::kRankConcat;
  other.gate = Gate::kQuery;
  other.weights = Weights::kUniform;
  other.top_n = 4;
  expect_same_function(one, other);
  EXPECT_FALSE(check_config(other)) << "top_n of one encoder is void";
  other.fusion = Fusion::kConcat;
  EXPECT_NE(config_id(one), config_id(other));
}

TEST(Config, TheOnlyEncoderKeptHasAllTheWeight) {
  Config softmax = gated_config();
  softmax.top_n = 1;
  for (const auto weights : {Weights::kSparsemax, Weights::kUniform}) {
    Config config = softmax;
    config.weights = weights;
    expect_same_function(config, softmax);
  }
  Config hot = softmax;
  hot.temperature = 3;
  expect_same_function(hot, softmax);
  Config cut = softmax;
  cut.renormalise = false;  // the weight among all
  EXPECT_NE(config_id(cut), config_id(softmax));
  cut.weights = Weights::kUniform;  // 1, cut or not
  expect_same_function(cut, softmax);
}

TEST(Config, TopNThatNobodySaysFitsTheEncoders) {
  EXPECT_EQ(config_from_json({{"encoders", {"a", "b", "c"}}}).top_n, 3);
  EXPECT_EQ(config_from_json({{"encoders", {"a", "b", "c", "d", "e"}}}).top_n, 4);
  EXPECT_THROW(config_from_json({{"encoders", {"a", "b", "c"}}, {"top_n", 4}}), Error);
}

TEST(Config, AnAdaptationWeightThatNobodySaysIsThatOfItsLoss) {
  const auto weight = [](const char* adaptation, json more = json::object()) {
    more["encoders"] = {"a", "b"};
    more["adaptation"] = adaptation;
    return config_from_json(more).adaptation_weight;
  };
  EXPECT_EQ(weight("coral"), 20);
  EXPECT_EQ(weight("mmd"), 1);
  EXPECT_EQ(weight("dann"), 0.3);
  EXPECT_EQ(weight("cdan"), 0.3);
  EXPECT_EQ(weight("cmd"), 0.3);
  EXPECT_EQ(weight("coral", {{"adaptation_weight", 1}}), 1);
}

TEST(Config, EncoderNamesWithPlusSignsDoNotCollide) {
  Config one = gated_config();
  Config two = gated_config();
  one.encoders = {"a+b"};
  two.encoders = {"a", "b"};
  EXPECT_NE(config_id(one), config_id(two));
  one.encoders = {"a\\+b"};
  two.encoders = {"a\\", "b"};
  EXPECT_NE(config_id(one), config_id(two));
}

TEST(Config, FusibilityKeyKeepsApartOnlyWhatMayNotSharePacks) {
  Config config = gated_config();
  const std::string key = fusibility_key(config);
  config.top_n = 1;
  config.learning_rate = 0.5;
  config.encoders = {"clip", "wavlm"};
  EXPECT_EQ(fusibility_key(config), key);
  config.batch_size = 64;
  EXPECT_NE(fusibility_key(config), key);
}

std::string error_of(const json& object) {
  return test::error_of<Error>([&] { config_from_json(object); });
}

TEST(Config, JsonErrorsNameTheKeyTheValueAndWhatWouldBeValid) {
  EXPECT_EQ(error_of({{"encoders", {"a"}}, {"selction", "all"}}),
            "unknown setting 'selction'; did you mean 'selection'?");
  EXPECT_EQ(error_of({{"encoders", {"a"}}, {"dropout", 2}}), "dropout: '2' must be between 0 and 0.95");
  EXPECT_EQ(error_of({{"encoders", {"a"}}, {"gate", "scorr"}}),
            "gate: 'scorr' is not a value of gate; did you mean 'scorer'?");
  EXPECT_EQ(error_of(json::array()), "a config must be an object of settings");
  EXPECT_EQ(error_of({{"encoders", json::array()}}), "encoders: '' must be a list of encoder names");
  EXPECT_EQ(error_of({{"encoders", {"a", "a"}}, {"top_n", 1}}), "encoders: one stands twice in a+a");
}

TEST(Config, ImpossibleCombinationsAreNamedWithTheSettingsToBlame) {
  using Names = std::vector<std::string>;
  Config config = gated_config();
  const auto expect = [&](const Names& settings, const std::string& message) {
    const auto conflict = check_config(config);
    ASSERT_TRUE(conflict) << message;
    EXPECT_EQ(conflict->message, message);
    EXPECT_EQ(conflict->settings, settings);
  };
  config.top_n = 4;
  expect({"top_n", "encoders"}, "top_n 4 is larger than the 3 encoders of this config");
  config.selection = Selection::kAll;
  EXPECT_FALSE(check_config(config));
  config.warmup_epochs = config.epochs;
  expect({"warmup_epochs", "epochs"}, "warmup_epochs 30 leaves none of the 30 epochs");
  config.warmup_epochs = 0;
  config.presence_weight = config.salience_weight = 0;
  expect({"presence_weight", "salience_weight"}, "presence_weight and salience_weight are both 0: nothing is learned");
  config.head = Head::kSoftmax;
  EXPECT_FALSE(check_config(config));
  config.encoders.clear();
  expect({"encoders"}, "encoders: none is left");

  config = gated_config();
  config.optimizer = Optimizer::kLbfgs;
  const std::string fits = "optimizer lbfgs fits convex losses: ";
  expect({"optimizer", "fusion", "hidden"}, fits + "it needs fusion concat and hidden 0");
  config.fusion = Fusion::kConcat;
  config.hidden = 7;
  expect({"optimizer", "fusion", "hidden"}, fits + "it needs fusion concat and hidden 0");
  config.hidden = 0;
  config.warmup_epochs = config.stop_after = 99;
  EXPECT_FALSE(check_config(config)) << "there are no epochs";
  const Config fitted = config;
  config.adaptation = Adaptation::kMmd;
  expect({"adaptation", "optimizer"}, fits + "adaptation must be none, moments or coral-input");
  config = fitted;
  config.alignment = true;
  expect({"alignment", "optimizer"}, fits + "alignment must be false");
  config = fitted;
  config.focal_gamma = 1;
  expect({"focal_gamma", "optimizer"}, fits + "focal_gamma must be 0");
  config = fitted;
  config.mixup = 1;
  expect({"mixup", "optimizer"}, fits + "mixup must be 0, as there are no batches");
  config = fitted;
  config.weight_decay = 0;
  EXPECT_FALSE(check_config(config)) << "it is chosen";
  config.tune_decay = false;
  expect({"weight_decay", "optimizer"}, fits + "weight_decay must be above 0, else there may be no optimum");
}

}  // namespace
}  // namespace medley::sweep
