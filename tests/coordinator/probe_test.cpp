#include "coordinator/actions/probe.h"

#include <fstream>

#include <gtest/gtest.h>

#include "coordinator/actions/sweep_file.h"
#include "storage/writer.h"
#include "sweep/error.h"
#include "tests/support/folder.h"
#include "trainer/data/error.h"
#include "trainer/data/synthetic.h"

namespace medley::coordinator {
namespace {

/// A synthetic dataset of one encoder with signal, a near-copy of it and one of noise, known to an empty store.
class ProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    data::SyntheticOptions options;
    options.encoders = 3;
    options.train_actors = 10;
    options.test_actors = 1;
    options.dim = 20;
    options.relevance = 1;
    options.identity = 0;
    data::make_synthetic(folder_ / "data", options, data::Existing::kRefuse);
    dataset_ = data::load_dataset(folder_ / "data");
    storage::Writer writer(folder_ / "store");
    storage::Writer::Group group(writer);
    writer.register_dataset(record_of(dataset_), 1);
    group.commit();
    key_.dataset = dataset_.fingerprint;
    key_.encoders = dataset_.encoder_names();
  }

  MadeProbe found() {
    storage::Reader reader(folder_ / "store");
    return find_probe(reader, key_, [&](std::size_t subsets) { started_.push_back(subsets); });
  }

  test::Folder folder_;
  data::Dataset dataset_;
  storage::ProbeKey key_;
  std::vector<std::size_t> started_;
};

TEST_F(ProbeTest, HearsTheSignalAndNotTheNoise) {
  const auto worth = sweep::ridge_probe(probe_input(dataset_, key_));
  ASSERT_EQ(worth.size(), 8u);
  const auto noise = std::find(key_.encoders.begin(), key_.encoders.end(), "noise1");
  ASSERT_NE(noise, key_.encoders.end());
  const std::size_t only_noise = std::size_t{1} << (noise - key_.encoders.begin());
  // 12 of 54 clips have one of 6 labels, 30 one of 30: by chance hardly any.
  EXPECT_LT(worth[only_noise], .12);
  EXPECT_GT(worth[7 ^ only_noise], worth[only_noise] + .2);
  EXPECT_NEAR(worth[7], worth[7 ^ only_noise], .05);
}

TEST_F(ProbeTest, IsMadeOnceForADatasetPartitionAndEncoders) {
  EXPECT_EQ(storage::probes_changed(folder_ / "store"), 0);
  const MadeProbe made = found();
  EXPECT_EQ(made.missing, "");
  EXPECT_NE(storage::probes_changed(folder_ / "store"), 0);
  EXPECT_EQ(made.worth, sweep::ridge_probe(probe_input(dataset_, key_)));
  EXPECT_EQ(found().worth, made.worth);
  EXPECT_EQ(started_, (std::vector<std::size_t>{7}));
  key_.partition = sweep::partition_of("3 by actor, stratified by label, seed 1, repeat 1");
  EXPECT_NE(found().worth, made.worth);
  key_.encoders.pop_back();
  EXPECT_EQ(found().worth.size(), 4u);
  EXPECT_EQ(started_, (std::vector<std::size_t>{7, 7, 3}));
}

TEST_F(ProbeTest, ADamagedFileIsMadeAgain) {
  const MadeProbe made = found();
  const auto file = *std::filesystem::directory_iterator(folder_ / "store" / "probes");
  for (const char* text : {"", "{", "[]", R"({"head": 1, "worth": []})", R"({"worth": [0]})"}) {
    std::ofstream(file.path()) << text;
    EXPECT_FALSE(storage::read_probe(folder_ / "store", key_)) << text;
  }
  EXPECT_EQ(found().worth, made.worth);
}

TEST_F(ProbeTest, SaysWhyThereIsNone) {
  const std::string where = (folder_ / "data").string();
  std::filesystem::rename(folder_ / "data", folder_ / "elsewhere");
  EXPECT_EQ(found().missing, "the dataset cannot be read in " + where);
  data::SyntheticOptions options;
  options.encoders = 3;
  options.train_actors = 6;
  options.test_actors = 1;
  options.dim = 8;
  data::make_synthetic(folder_ / "data", options, data::Existing::kRefuse);
  EXPECT_EQ(found().missing, "the dataset in " + where + " has changed");
  EXPECT_TRUE(started_.empty());
  EXPECT_THROW(probe_input(dataset_, {dataset_.fingerprint, {}, {"nobody"}, {}}), data::Error);
}

}  // namespace
}  // namespace medley::coordinator
