#include "storage/ensemble_record.h"

#include <functional>
#include <utility>

#include <gtest/gtest.h>

#include "storage/error.h"
#include "tests/support/error_of.h"

namespace medley::storage {
namespace {

using nlohmann::json;

const char* const kSettings = R"({
  "sweep": "0123456789ab", "protocol": "paper", "mix": "geometric", "decode": "thresholds", "thresholds": "per-fold",
  "head_fusion": "fitted", "heads_fused_as": "product-2",
  "alpha": 0.125, "beta": 0.25, "per_subset": true, "k": 3, "candidates": 40, "rounds": 30, "bags": 7, "repeat": 2,
  "partition": "4 by actor, seed 9, repeat 2",
  "fold_thresholds": [{"fold": 0, "alpha": 0.1, "beta": 0.2}, {"fold": 2, "alpha": 0.15, "beta": 0.3}]})";

const char* const kScores = R"({
  "optimistic": {"acc_presence": 0.75, "acc_salience": 0.25, "score": 0.5},
  "nested": {"acc_presence": 0.5, "acc_salience": 0.25, "score": 0.375},
  "best_single_nested": {"acc_presence": 0.5, "acc_salience": 0.0, "score": 0.25},
  "nested_interval": {"level": 0.9, "by": "folds", "acc_presence": [0.4, 0.6], "acc_salience": [0.2, 0.3], "score": [0.3, 0.45]},
  "folds": [
    {"fold": 0, "heads_fused_as": "mixture-0.5", "alpha": 0.35, "beta": 0.45, "acc_presence": 1.0, "acc_salience": 0.5, "score": 0.75,
     "weights": [{"config": "aaaa", "seeds": [7], "weight": 1.0}]},
    {"fold": 2, "heads_fused_as": "own", "alpha": 0.05, "beta": 0.1, "acc_presence": 0.0, "acc_salience": 0.5, "score": 0.25,
     "weights": []}],
  "weights": [{"config": "aaaa", "seeds": [7, 18446744073709551615], "weight": 0.7},
              {"config": "bbbb", "seeds": [7, 8], "weight": 0.3}],
  "shares": {"encoders": [{"encoder": "clip", "share": 0.6, "range": [0.5, 0.8]},
                          {"encoder": "hubert", "share": 0.4, "range": [0.2, 0.5]}],
             "groups": [{"by": "modality", "shares": [{"group": "video", "share": 1.0, "range": [1.0, 1.0]}]}]},
  "actors": 12, "candidates": 24, "left_out": 2, "transductive": true, "read_test_clips": true,
  "sweep_trials": 90, "sweep_results": 57, "synthetic": false})";

EnsembleRecord read(const std::string& settings, const std::string& scores, const std::string& method = "simplex") {
  EnsembleRecord ensemble;
  ensemble.id = 3;
  ensemble.request.name = "best";
  read_ensemble_json(method, settings, scores, ensemble);
  return ensemble;
}

std::string error_of(const json& settings, const json& scores, const std::string& method = "simplex") {
  return test::error_of<Error>([&] { read(settings.dump(), scores.dump(), method); });
}

TEST(EnsembleRecord, EveryValueIsReadIntoItsMember) {
  const EnsembleRecord ensemble = read(kSettings, kScores);
  EXPECT_EQ(ensemble.sweep, "0123456789ab");
  EXPECT_EQ(ensemble.request.name, "best");
  EXPECT_EQ(ensemble.request.protocol, sweep::Protocol::kPaper);
  EXPECT_TRUE(ensemble.request.per_subset);
  EXPECT_EQ(ensemble.request.repeat, 2);
  EXPECT_EQ(ensemble.partition, (sweep::Partition{4, sweep::PartitionBy::kActor, sweep::Stratify::kNone, 9, 2}));
  const sweep::EnsembleOptions& options = ensemble.request.options;
  EXPECT_EQ(options.method, sweep::EnsembleMethod::kSimplex);
  EXPECT_EQ(options.mix, sweep::Mix::kGeometric);
  EXPECT_FALSE(options.head_fusion);
  EXPECT_EQ(ensemble.head_fusion, sweep::HeadFusion::kProductSquared);
  EXPECT_EQ(options.thresholds, sweep::EnsembleThresholds::kPerFold);
  EXPECT_EQ(options.k, 3);
  EXPECT_EQ(options.most_candidates, 40);
  EXPECT_EQ(options.rounds, 30);
  EXPECT_EQ(options.bags, 7);
  EXPECT_EQ(options.level, 0.9);
  EXPECT_EQ(ensemble.thresholds.alpha, 0.125);
  EXPECT_EQ(ensemble.thresholds.beta, 0.25);
  ASSERT_EQ(ensemble.fold_thresholds.size(), 2u);
  EXPECT_EQ(ensemble.fold_thresholds[1].first, 2);
  EXPECT_EQ(ensemble.fold_thresholds[1].second.alpha, 0.15);
  EXPECT_EQ(ensemble.fold_thresholds[1].second.beta, 0.3);

  EXPECT_EQ(ensemble.optimistic.presence, 0.75);
  EXPECT_EQ(ensemble.optimistic.salience, 0.25);
  EXPECT_EQ(ensemble.nested.score(), 0.375);
  EXPECT_EQ(ensemble.best_single_nested.score(), 0.25);
  EXPECT_EQ(ensemble.nested_interval.presence.low, 0.4);
  EXPECT_EQ(ensemble.nested_interval.salience.high, 0.3);
  EXPECT_EQ(ensemble.nested_interval.score.low, 0.3);
  EXPECT_EQ(ensemble.clusters, sweep::Clusters::kFolds);
  EXPECT_EQ(clusters_text(ensemble), "by 2 folds, as fewer than two actors are known");
  ASSERT_EQ(ensemble.folds.size(), 2u);
  EXPECT_EQ(ensemble.folds[0].fold, 0);
  EXPECT_EQ(ensemble.folds[0].thresholds.beta, 0.45);
  EXPECT_EQ(ensemble.folds[0].accuracy.presence, 1);
  ASSERT_EQ(ensemble.folds[0].weights.size(), 1u);
  EXPECT_EQ(ensemble.folds[0].weights[0].config, "aaaa");
  EXPECT_TRUE(ensemble.folds[1].weights.empty());
  EXPECT_EQ(ensemble.folds[0].head_fusion, sweep::HeadFusion::kMixtureHalf);
  ASSERT_EQ(ensemble.weights.size(), 2u);
  EXPECT_EQ(ensemble.weights[0].seeds, (std::vector<std::uint64_t>{7, 18446744073709551615u}));
  EXPECT_EQ(ensemble.weights[1].weight, 0.3);
  ASSERT_EQ(ensemble.shares.encoders.size(), 2u);
  EXPECT_EQ(ensemble.shares.encoders[1].name, "hubert");
  EXPECT_EQ(ensemble.shares.encoders[1].share, 0.4);
  EXPECT_EQ(ensemble.shares.encoders[1].range.high, 0.5);
  ASSERT_EQ(ensemble.shares.groups.size(), 1u);
  EXPECT_EQ(ensemble.shares.groups[0].by, "modality");
  ASSERT_EQ(ensemble.shares.groups[0].shares.size(), 1u);
  EXPECT_EQ(ensemble.shares.groups[0].shares[0].name, "video");
  EXPECT_EQ(ensemble.actors, 12);
  EXPECT_EQ(ensemble.candidates, 24);
  EXPECT_EQ(ensemble.left_out, 2);
  EXPECT_TRUE(ensemble.transductive);
  EXPECT_TRUE(ensemble.read_test_clips);
  EXPECT_EQ(ensemble.sweep_trials, 90);
  EXPECT_EQ(ensemble.sweep_results, 57);
  EXPECT_EQ(unfinished_text(ensemble), "57 of 90 trials of the sweep had a result when the ensemble was fitted");
  EXPECT_FALSE(ensemble.synthetic);
}

TEST(EnsembleRecord, WhatIsReadIsWrittenAgain) {
  json scores = json::parse(kScores);
  EXPECT_EQ(settings_json(read(kSettings, kScores)), json::parse(kSettings));
  EXPECT_EQ(scores_json(read(kSettings, kScores)), scores);
  scores["nested_interval"]["by"] = "actors";
  EXPECT_EQ(clusters_text(read(kSettings, scores.dump())), "by 12 actors");
  EXPECT_EQ(scores_json(read(kSettings, scores.dump())), scores);
}

TEST(EnsembleRecord, NoKeyMayBeMissing) {
  const json settings = json::parse(kSettings), scores = json::parse(kScores);
  for (const auto& [key, value] : settings.items()) {
    json less = settings;
    less.erase(key);
    EXPECT_EQ(error_of(less, scores), "the store is damaged: ensemble 3 'best': settings." + key + " is missing");
  }
  for (const auto& [key, value] : scores.items()) {
    json less = scores;
    less.erase(key);
    EXPECT_EQ(error_of(settings, less), "the store is damaged: ensemble 3 'best': scores." + key + " is missing");
  }
}

TEST(EnsembleRecord, AWrongValueIsNamedWithItsEnsembleAndItsPlace) {
  const json settings = json::parse(kSettings), scores = json::parse(kScores);
  using Change = std::function<void(json & settings, json & scores)>;
  const std::pair<Change, const char*> changes[] = {
      {[](json& a, json&) { a = json::array(); }, "settings must be an object"},
      {[](json& a, json&) { a["alpha"] = "0.1"; }, "settings.alpha must be a number"},
      {[](json& a, json&) { a["decode"] = "optimal"; }, "settings.decode must be thresholds"},
      {[](json& a, json&) { a["protocol"] = "optimistic"; }, "protocol must be one of held-out, paper"},
      {[](json& a, json&) { a["mix"] = "harmonic"; }, "mix must be one of arithmetic, geometric"},
      {[](json& a, json&) { a["heads_fused_as"] = "sum"; }, "settings.heads_fused_as must be a fusion of heads"},
      {[](json& a, json&) { a["partition"] = "4 by moon"; }, "settings.partition must be a partition"},
      {[](json&, json& b) { b["nested_interval"]["by"] = "clips"; },
       "scores.nested_interval.by must be actors or folds"},
      {[](json& a, json&) { a["k"] = 0; }, "k must be a whole number from 1 to 10000"},
      {[](json& a, json&) { a["fold_thresholds"].erase(0); },
       "settings.fold_thresholds must have the folds of scores.folds"},
      {[](json&, json& b) { b["folds"][1]["alpha"] = nullptr; }, "scores.folds[1].alpha must be a number"},
      {[](json&, json& b) { b["folds"][0]["weights"][0].erase("seeds"); },
       "scores.folds[0].weights[0].seeds is missing"},
      {[](json&, json& b) { b["weights"][0]["seeds"][1] = -1; },
       "scores.weights[0].seeds[1] must be a whole number from 0"},
      {[](json&, json& b) { b["weights"] = json::object(); }, "scores.weights must be a list"},
      {[](json&, json& b) { b["shares"]["encoders"][0]["range"].push_back(1); },
       "scores.shares.encoders[0].range must be two numbers"},
      {[](json&, json& b) { b["actors"] = 1.5; }, "scores.actors must be a whole number from 0 to 2147483647"},
      {[](json&, json& b) { b["actors"] = 4294967296; }, "scores.actors must be a whole number from 0 to 2147483647"},
      {[](json&, json& b) { b["transductive"] = 1; }, "scores.transductive must be true or false"},
  };
  for (const auto& [change, message] : changes) {
    json a = settings, b = scores;
    change(a, b);
    EXPECT_EQ(error_of(a, b), std::string("the store is damaged: ensemble 3 'best': ") + message);
  }
  EXPECT_EQ(error_of(settings, scores, "greedy"),
            "the store is damaged: ensemble 3 'best': method must be one of mean, simplex, caruana");
  try {
    read("{", kScores);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "the store is damaged: ensemble 3 'best': settings are not JSON");
  }
}

}  // namespace
}  // namespace medley::storage
