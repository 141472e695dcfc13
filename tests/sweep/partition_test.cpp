#include "sweep/partition.h"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/trial.h"

namespace medley::sweep {
namespace {

/// Clips of 11 actors: actor a has 3 + 5a mod 7, clip c of stratum (a + c c) mod 3.
struct SmallCase {
  std::vector<std::string> actors;
  std::vector<int> strata;
  SmallCase() {
    for (int a = 0; a < 11; ++a) {
      for (int c = 0; c < 3 + 5 * a % 7; ++c) {
        actors.push_back("actor" + std::to_string(a));
        strata.push_back((a + c * c) % 3);
      }
    }
  }
  /// Of actors 0 to 10.
  std::vector<int> folds(std::uint64_t seed, int repeat) const {
    const std::vector<int> of_clip = deal_folds(actors, strata, 4, seed, repeat);
    std::vector<int> of_actor;
    for (int a = 0; a < 11; ++a) {
      const auto first = std::find(actors.begin(), actors.end(), "actor" + std::to_string(a));
      of_actor.push_back(of_clip.at(static_cast<std::size_t>(first - actors.begin())));
    }
    return of_actor;
  }
};

// From a Python program of its own, Philox included, that follows the text of deal_folds().
TEST(Partition, IsThatOfAnotherProgram) {
  const SmallCase small;
  EXPECT_EQ(small.folds(1, 1), (std::vector<int>{2, 2, 2, 0, 3, 1, 1, 1, 0, 3, 0}));
  EXPECT_EQ(small.folds(1, 2), (std::vector<int>{2, 0, 2, 0, 2, 1, 3, 3, 3, 1, 1})) << "another repeat";
  EXPECT_EQ(small.folds((std::uint64_t{1} << 40) + 7, 1), (std::vector<int>{2, 2, 2, 3, 3, 0, 0, 0, 1, 1, 1}));
}

TEST(Partition, IsDisjointInGroupsAndBalancedForAnyOrderOfClips) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const int groups = 4 + static_cast<int>(random() % 40), folds = 2 + static_cast<int>(random() % 3);
    std::vector<std::pair<std::string, int>> clips;
    int largest = 0;
    for (int g = 0; g < groups; ++g) {
      const int size = 1 + static_cast<int>(random() % 30);
      largest = std::max(largest, size);
      for (int c = 0; c < size; ++c) clips.push_back({"g" + std::to_string(g), static_cast<int>(random() % 5)});
    }
    const auto deal = [&] {
      std::vector<std::string> names;
      std::vector<int> strata;
      for (const auto& [name, stratum] : clips) {
        names.push_back(name);
        strata.push_back(stratum);
      }
      const std::vector<int> made = deal_folds(names, strata, folds, static_cast<std::uint64_t>(round), 1);
      std::map<std::string, std::set<int>> of_group;
      std::map<int, std::set<std::string>> groups_of;
      std::map<int, int> clips_of;
      for (std::size_t i = 0; i < made.size(); ++i) {
        of_group[names[i]].insert(made[i]);
        groups_of[made[i]].insert(names[i]);
        ++clips_of[made[i]];
      }
      for (const auto& [name, in] : of_group) EXPECT_EQ(in.size(), 1u) << name;
      EXPECT_EQ(static_cast<int>(groups_of.size()), folds);
      std::vector<int> sizes, members;
      for (const auto& [fold, in] : groups_of) members.push_back(static_cast<int>(in.size()));
      for (const auto& [fold, count] : clips_of) sizes.push_back(count);
      const auto spread = [](const std::vector<int>& of) {
        return *std::max_element(of.begin(), of.end()) - *std::min_element(of.begin(), of.end());
      };
      EXPECT_LE(spread(members), 1);
      EXPECT_LE(spread(sizes), largest);
      return of_group;
    };
    const auto before = deal();
    std::shuffle(clips.begin(), clips.end(), random);
    EXPECT_EQ(deal(), before);
  }
}

TEST(Partition, BalancesStrataBetweenGroupsOfOneSize) {
  // 20 groups of 4 clips: ten have stratum 0 alone, ten have 1 alone. Each of 5 folds gets two of either.
  std::vector<std::string> groups;
  std::vector<int> strata;
  for (int g = 0; g < 20; ++g) {
    for (int c = 0; c < 4; ++c) {
      groups.push_back("g" + std::to_string(g));
      strata.push_back(g % 2);
    }
  }
  const auto stratum_0 = [&](const std::vector<int>& folds) {
    std::vector<int> counts(5);
    for (std::size_t i = 0; i < folds.size(); ++i) counts[static_cast<std::size_t>(folds[i])] += strata[i] == 0;
    return counts;
  };
  const std::vector<int> even(5, 8);
  std::set<std::vector<int>> different, unbalanced;
  for (int repeat = 1; repeat <= 20; ++repeat) {
    const std::vector<int> folds = deal_folds(groups, strata, 5, 1, repeat);
    EXPECT_EQ(stratum_0(folds), even) << repeat;
    different.insert(folds);
    const std::vector<int> unstratified = deal_folds(groups, std::vector<int>(groups.size()), 5, 1, repeat);
    if (stratum_0(unstratified) != even) unbalanced.insert(unstratified);
  }
  EXPECT_EQ(different.size(), 20u);
  EXPECT_GT(unbalanced.size(), 10u) << "without strata nothing balances them";
}

TEST(Partition, NeedsAsManyGroupsAsFolds) {
  EXPECT_THROW(deal_folds({"a", "b"}, {0, 0}, 3, 1, 1), Error);
  EXPECT_THROW(deal_folds({"a", "b"}, {0, 0}, 1, 1, 1), Error);
  const std::vector<int> folds = deal_folds({"a", "b", "c"}, {0, 1, 2}, 3, 1, 1);
  EXPECT_EQ(std::set<int>(folds.begin(), folds.end()).size(), 3u);
}

TEST(Partition, TextReadsBackAndNothingElseDoes) {
  EXPECT_EQ(partition_text({}), "official");
  EXPECT_EQ(partition_text({10}), "10 by actor, stratified by label, seed 1, repeat 1");
  EXPECT_EQ(partition_text({5, PartitionBy::kClip, Stratify::kNone, 7, 2}), "5 by clip, seed 7, repeat 2");
  EXPECT_EQ(partitions_text({{}}), "official");
  const Partition first{4}, second{4, PartitionBy::kActor, Stratify::kLabel, 1, 2};
  EXPECT_EQ(partitions_text({first, second}), "4 by actor, stratified by label, seed 1, 2 repeats");
  for (const PartitionBy by : {PartitionBy::kActor, PartitionBy::kClip}) {
    for (const Stratify stratify : {Stratify::kLabel, Stratify::kNone}) {
      const Partition partition{1000, by, stratify, INT64_MAX, 1000};
      EXPECT_EQ(partition_of(partition_text(partition)), partition);
    }
  }
  EXPECT_TRUE(partition_of("official").official());
  for (const char* text :
       {"", "Official", "10", "1 by actor, seed 1, repeat 1", "10 by actor, seed 1, repeat 0", "10 by actor, seed 1",
        "10 by actor, seed 01, repeat 1", "10 by actor, seed 1, repeat 1 ", " 10 by actor, seed 1, repeat 1",
        "10 by speaker, seed 1, repeat 1", "10 by actor, seed -1, repeat 1", "-4 by actor, seed 1, repeat 1",
        "99999999999 by actor, seed 1, repeat 1", "10 by actor, stratified by label, seed 1, repeat 1x"}) {
    EXPECT_THROW(partition_of(text), Error) << text;
  }
}

struct TestClip {
  std::string filename, actor;
  int fold = 0;
  std::optional<Label> label;
};
struct TestDataset {
  std::vector<TestClip> clips;
  std::vector<int> folds;
};

TEST(Partition, LeavesTestClipsAndTheOfficialFoldsAlone) {
  TestDataset dataset{{}, {3, 4}};
  for (int i = 0; i < 12; ++i) {
    dataset.clips.push_back({"clip" + std::to_string(i), "actor" + std::to_string(i / 2), 3 + i % 2, Label{i % 3}});
  }
  dataset.clips.push_back({"test0", "", -1, {}});
  const TestDataset official = partitioned(dataset, {});
  EXPECT_EQ(official.folds, dataset.folds);
  for (std::size_t i = 0; i < 13; ++i) EXPECT_EQ(official.clips[i].fold, dataset.clips[i].fold);

  const TestDataset by_actor = partitioned(dataset, {3});
  EXPECT_EQ(by_actor.folds, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(by_actor.clips.back().fold, -1);
  for (std::size_t i = 0; i < 12; i += 2) EXPECT_EQ(by_actor.clips[i].fold, by_actor.clips[i + 1].fold);

  dataset.clips[0].actor.clear();
  EXPECT_THROW(partitioned(dataset, {3}), Error) << "an actor is not known";
  const TestDataset by_clip = partitioned(dataset, {3, PartitionBy::kClip});
  std::vector<int> sizes(3);
  for (std::size_t i = 0; i < 12; ++i) ++sizes[static_cast<std::size_t>(by_clip.clips[i].fold)];
  EXPECT_EQ(sizes, (std::vector<int>{4, 4, 4}));
}

TEST(Partition, IsPartOfATrialsIdUnlessOfficial) {
  Config config;
  config.encoders = {"a", "b"};
  const std::string official = trial_id(config, 0, 1, "data");
  std::set<std::string> ids = {official};
  std::vector<Partition> made = {{5}, {10}, {5, PartitionBy::kClip}, {5, PartitionBy::kActor, Stratify::kNone}};
  made.push_back({5, PartitionBy::kActor, Stratify::kLabel, 2});
  made.push_back({5, PartitionBy::kActor, Stratify::kLabel, 1, 2});
  for (const Partition& partition : made) ids.insert(trial_id(config, 0, 1, "data", "", partition));
  EXPECT_EQ(ids.size(), made.size() + 1);
  EXPECT_EQ(trial_id(config, 0, 1, "data", "", Partition()), official);
  EXPECT_EQ(trial_id(config, 0, 1, "data", "", {0, PartitionBy::kClip, Stratify::kNone, 9, 9}), official);
}

TEST(Partition, TravelsWithATrialAndLeavesNoTraceWhenOfficial) {
  TrialSpec trial{"0123456789abcdef", Config(), 1, 2};
  trial.config.encoders = {"a"};
  EXPECT_FALSE(to_json(trial).contains("partition"));
  EXPECT_TRUE(trial_from_json(to_json(trial)).partition.official());
  trial.partition = {7, PartitionBy::kClip, Stratify::kLabel, 3, 2};
  EXPECT_EQ(trial_from_json(to_json(trial)).partition, trial.partition);
  nlohmann::json bad = to_json(trial);
  bad["partition"] = "7 by moon";
  EXPECT_THROW(trial_from_json(bad), Error);
  bad["partition"] = 7;
  EXPECT_THROW(trial_from_json(bad), Error);
}

}  // namespace
}  // namespace medley::sweep
