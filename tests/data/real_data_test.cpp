// The two real sets beside the repository; expected numbers from their SOURCE.md and METHOD section 6.
#include <cstdlib>
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "trainer/data/dataset.h"
#include "trainer/data/npz.h"

namespace medley::data {
namespace {

std::filesystem::path shared() {
  const char* set = std::getenv("MEDLEY_SHARED");
  return set != nullptr ? std::filesystem::path(set) : std::filesystem::path(MEDLEY_SOURCE_DIR) / ".." / "shared";
}

#define NEEDS(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << (path) << " is not here (set MEDLEY_SHARED)"

std::size_t actors(const Dataset& dataset) {
  std::set<std::string> names;
  for (const Clip& clip : dataset.clips) {
    if (clip.fold >= 0) names.insert(clip.actor);
  }
  return names.size();
}

TEST(RealData, BlemoreHasTheOfficialFoldsAndBlends) {
  const auto folder = shared() / "data" / "blemore_hicmae";
  NEEDS(folder);
  const Dataset dataset = load_dataset(folder);
  EXPECT_EQ(dataset.clips.size(), 3050u);
  EXPECT_EQ(dataset.folds, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(actors(dataset), 47u);
  const std::size_t sizes[] = {522, 486, 468, 472, 508};
  const int blends[] = {280, 270, 240, 240, 296};
  for (int fold = 0; fold < 5; ++fold) {
    const std::vector<int> clips = dataset.clips_of_fold(fold);
    EXPECT_EQ(clips.size(), sizes[fold]);
    int count = 0;
    for (const int clip : clips) count += dataset.clips[static_cast<std::size_t>(clip)].label->is_blend() ? 1 : 0;
    EXPECT_EQ(count, blends[fold]);
  }
  const std::vector<int> test = dataset.clips_of_fold(-1);
  ASSERT_EQ(test.size(), 594u);
  EXPECT_EQ(dataset.clips[static_cast<std::size_t>(test[0])].filename, "test_0001.mov");
  EXPECT_FALSE(dataset.clips[static_cast<std::size_t>(test[0])].label.has_value());
  EXPECT_EQ(dataset.encoder_names(),
            (std::vector<std::string>{"hicmae_ce100", "hicmae_ce50", "hicmae_kl100", "hicmae_kl50"}));
  EXPECT_EQ(dataset.encoders[0]->dim(), 12);
  EXPECT_TRUE(dataset.classes.exclusive[5]);
  EXPECT_FALSE(dataset.synthetic);
  EXPECT_EQ(dataset.fingerprint.size(), 64u);
}

TEST(RealData, CremadLetsNeutralBlend) {
  const auto folder = shared() / "data" / "cremad_votes";
  NEEDS(folder);
  const Dataset dataset = load_dataset(folder);
  EXPECT_EQ(dataset.clips.size(), 7441u);
  EXPECT_EQ(actors(dataset), 91u);
  EXPECT_EQ(dataset.folds.size(), 5u);
  EXPECT_FALSE(dataset.classes.exclusive[5]);
  int neutral_blends = 0;
  for (const Clip& clip : dataset.clips) neutral_blends += clip.label->is_blend() && clip.label->second == 5 ? 1 : 0;
  EXPECT_EQ(neutral_blends, 2182);
  std::vector<int> dims;
  for (const auto& encoder : dataset.encoders) dims.push_back(encoder->dim());
  EXPECT_EQ(dims, (std::vector<int>{13, 13, 26, 10}));
}

TEST(RealData, GatherFollowsTheNamesAndNotTheRows) {
  const auto folder = shared() / "data" / "blemore_hicmae";
  NEEDS(folder);
  const Dataset dataset = load_dataset(folder);
  const NpzFile npz = NpzFile::open(folder / "hicmae_kl50_static_features.npz");
  const std::vector<std::string> names = npz.read_strings("filenames");
  const std::vector<float> x = npz.read_float32("X");
  const Encoder& encoder = *dataset.encoders[3];
  std::vector<int> all(dataset.clips.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  std::vector<float> gathered(all.size() * 12);
  encoder.gather(all, gathered.data());
  int in_order = 0;
  for (std::size_t row = 0; row < names.size(); ++row) {
    std::size_t clip = 0;
    while (dataset.clips[clip].stem != names[row]) ++clip;
    in_order += clip == row ? 1 : 0;
    EXPECT_EQ(encoder.row_of(static_cast<int>(clip)), static_cast<int>(row));
    for (std::size_t d = 0; d < 12; ++d) ASSERT_EQ(gathered[clip * 12 + d], x[row * 12 + d]);
  }
  EXPECT_LT(in_order, 100) << "the file's rows are shuffled on purpose";
}

TEST(RealData, GoldenInputsAreProbabilities) {
  const auto file = shared() / "golden" / "official_metric_inputs.npz";
  NEEDS(file);
  const NpzFile npz = NpzFile::open(file);
  const NpyHeader header = npz.header("hicmae_ce50_fold0__P");
  EXPECT_EQ(header.shape, (std::vector<std::size_t>{522, 6}));
  const std::vector<double> p = npz.read_float64("hicmae_ce50_fold0__P");
  ASSERT_EQ(p.size(), 522u * 6);
  for (const double value : p) {
    EXPECT_GE(value, 0.0);
    EXPECT_LE(value, 1.0);
  }
  EXPECT_EQ(npz.read_strings("hicmae_ce50_fold0__filenames").size(), 522u);
}

}  // namespace
}  // namespace medley::data
