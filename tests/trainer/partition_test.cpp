// Made folds: a trial of them is the trial that a dataset with these folds would have.
#include <gtest/gtest.h>

#include "tests/support/folder.h"
#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"
#include "trainer/predict.h"

namespace medley::tests {
namespace {

using sweep::Config;
using sweep::Partition;
using sweep::TrialSpec;

const Partition kFirst{3}, kSecond{3, sweep::PartitionBy::kActor, sweep::Stratify::kLabel, 1, 2};

TrialSpec of(const Partition& partition, const Config& config, int fold = 1) {
  TrialSpec spec = trial(config, fold);
  spec.partition = partition;
  return spec;
}

/// Settings that read who is in which fold in other ways.
std::vector<Config> configs() {
  std::vector<Config> all(4, small_config());
  all[1].inner_fold = true;
  all[1].normalize = sweep::Normalize::kActor;
  all[2].adaptation = sweep::Adaptation::kCoralInput;
  all[3].selection = sweep::Selection::kFixed;
  return all;
}

TEST(PartitionOfATrial, TrainsAsADatasetWithTheseFoldsDoes) {
  PlantedOptions twelve_actors;
  twelve_actors.actors_per_fold = 4;
  const data::Dataset dataset = planted_dataset(twelve_actors);
  for (const Config& config : configs()) {
    const auto official = bits(alone(dataset, trial(config, 1)));
    for (const Partition& partition : {kFirst, kSecond}) {
      const auto made = bits(alone(dataset, of(partition, config)));
      EXPECT_EQ(made, bits(alone(sweep::partitioned(dataset, partition), trial(config, 1))));
      EXPECT_NE(made, official);
    }
  }
}

TEST(PartitionOfATrial, DoesNotDependOnItsPack) {
  const data::Dataset dataset = planted_dataset();
  for (const Config& config : configs()) {
    const std::vector<TrialSpec> pack = {trial(config, 1), of(kFirst, config), of(kSecond, config),
                                         of(kFirst, config, 0)};
    const auto together = trainer::train_pack(dataset, pack);
    for (std::size_t i = 0; i < pack.size(); ++i) {
      EXPECT_EQ(bits(together[i]), bits(alone(dataset, pack[i]))) << "trial " << i;
    }
  }
}

TEST(PartitionOfATrial, ChecksAreForItsFolds) {
  const data::Dataset dataset = planted_dataset();
  EXPECT_THROW(alone(dataset, of({2}, small_config(), 2)), trainer::Error);
  EXPECT_NO_THROW(alone(dataset, of({6}, small_config(), 5)));
  EXPECT_ANY_THROW(alone(dataset, of({7}, small_config(), 0))) << "six actors";
}

TEST(PartitionOfATrial, ItsCheckpointAdaptsToTheSameClips) {
  const test::Folder scratch;
  const data::Dataset dataset = planted_dataset();
  trainer::TrainOptions options;
  options.checkpoints = scratch.path();
  const TrialSpec spec = of(kSecond, configs()[2]);
  const sweep::TrialResult result = trainer::train_pack(dataset, {spec}, options).front();
  const data::Dataset made = sweep::partitioned(dataset, kSecond);
  const auto said = trainer::predict(scratch.path() / (spec.id + ".npz"), dataset, made.clips_of_fold(1));
  EXPECT_EQ(said.fused, result.held_out.validation.fused);
}

}  // namespace
}  // namespace medley::tests
