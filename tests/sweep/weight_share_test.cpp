#include "sweep/score/weight_share.h"

#include <gtest/gtest.h>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

/// Weights .5, .3, .2 of three candidates; the fits without a fold have others.
Ensemble three() {
  Ensemble ensemble;
  ensemble.fitted.weights = {.5, .3, .2};
  for (const auto& weights : {std::vector<double>{1, 0, 0}, std::vector<double>{0, .5, .5}}) {
    Ensemble::Fold fold;
    fold.fitted.weights = weights;
    ensemble.folds.push_back(fold);
  }
  return ensemble;
}

const std::vector<EncoderOfEnsemble> kEncoders = {{"clip", {{"modality", "video"}, {"family", "general"}}},
                                                  {"wavlm", {{"modality", "audio"}}},
                                                  {"openface", {{"modality", "video"}, {"family", "adapted"}}}};

TEST(WeightShare, IsTheSumOfWhatCandidatesGiveTheirEncoders) {
  // Alone; two evenly; a gate of .1 and .9.
  const auto shares = weight_shares(three(), {{1, 0, 0}, {.5, .5, 0}, {0, .1, .9}}, kEncoders);
  ASSERT_EQ(shares.encoders.size(), 3u);
  EXPECT_NEAR(shares.encoders[0].share, .5 + .15, 1e-12);
  EXPECT_NEAR(shares.encoders[1].share, .15 + .02, 1e-12);
  EXPECT_NEAR(shares.encoders[2].share, .18, 1e-12);
  EXPECT_EQ(shares.encoders[1].name, "wavlm");
  ASSERT_EQ(shares.groups.size(), 2u);
  EXPECT_EQ(shares.groups[1].by, "modality");
  const auto& modalities = shares.groups[1].shares;
  ASSERT_EQ(modalities.size(), 2u);
  EXPECT_EQ(modalities[0].name, "video");
  EXPECT_NEAR(modalities[0].share, .83, 1e-12);
  EXPECT_NEAR(modalities[1].share, .17, 1e-12);
  EXPECT_EQ(shares.groups[0].by, "family");
  const auto& families = shares.groups[0].shares;
  ASSERT_EQ(families.size(), 3u);
  EXPECT_EQ(families[1].name, "other");
  EXPECT_NEAR(families[1].share, .17, 1e-12);
  EXPECT_EQ(families[2].name, "adapted");
  EXPECT_NEAR(families[2].share, .18, 1e-12);
}

TEST(WeightShare, RangesAreOfTheFitsWithoutAFold) {
  const auto shares = weight_shares(three(), {{1, 0, 0}, {.5, .5, 0}, {0, .1, .9}}, kEncoders);
  EXPECT_NEAR(shares.encoders[0].range.low, .25, 1e-12);
  EXPECT_NEAR(shares.encoders[0].range.high, 1, 1e-12);
  EXPECT_NEAR(shares.encoders[2].range.low, 0, 1e-12);
  EXPECT_NEAR(shares.encoders[2].range.high, .45, 1e-12);
  // Of the sum, not the sum of ranges: video has all of the first fit and .7 of the second.
  EXPECT_NEAR(shares.groups[1].shares[0].range.low, .7, 1e-12);
  EXPECT_NEAR(shares.groups[1].shares[0].range.high, 1, 1e-12);
}

TEST(WeightShare, EncodersWithoutALabelAreOneGroup) {
  const auto shares =
      weight_shares(three(), {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {{"a", {}}, {"b", {{"modality", "audio"}}}, {"c", {}}});
  ASSERT_EQ(shares.groups.size(), 1u);
  ASSERT_EQ(shares.groups[0].shares.size(), 2u);
  EXPECT_EQ(shares.groups[0].shares[0].name, "other");
  EXPECT_NEAR(shares.groups[0].shares[0].share, .7, 1e-12);
  EXPECT_TRUE(weight_shares(three(), {{1}, {1}, {1}}, {{"a", {}}}).groups.empty());
}

TEST(WeightShare, PartsThatAreNoSplitAreRefused) {
  EXPECT_THROW(weight_shares(three(), {{1, 0, 0}, {0, 1, 0}}, kEncoders), Error);
  EXPECT_THROW(weight_shares(three(), {{1, 0, 0}, {0, 1, 0}, {0, 1}}, kEncoders), Error);
  EXPECT_THROW(weight_shares(three(), {{1, 0, 0}, {0, 1, 0}, {0, .5, .4}}, kEncoders), Error);
  EXPECT_THROW(weight_shares(three(), {{1, 0, 0}, {0, 1, 0}, {-.5, 1.5, 0}}, kEncoders), Error);
  EXPECT_THROW(weight_shares(three(), {{1, 0, 0}, {0, 1, 0}, {0.0 / 0.0, 1, 0}}, kEncoders), Error);
}

}  // namespace
}  // namespace medley::sweep
