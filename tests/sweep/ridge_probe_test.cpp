#include "sweep/score/ridge_probe.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

constexpr int kClips = 90;

double wave(int clip, int k) { return std::sin(.7 * (clip + 1) + 2.1 * k); }

/// 90 clips of three classes in three folds. Encoders of 2, 20 and 3 columns, of which the second has rank 3 and one of
/// the third is constant.
ProbeInput made() {
  ProbeInput input;
  input.classes = {{"a", "b", "c"}, {false, false, false}};
  for (int clip = 0; clip < kClips; ++clip) {
    double strength[3];
    int first = 0, second = -1;
    for (int k = 0; k < 3; ++k) strength[k] = wave(clip, k) + .3 * std::sin(5.3 * (clip + 1) * (k + 1));
    for (int k = 1; k < 3; ++k) first = strength[k] > strength[first] ? k : first;
    for (int k = 0; k < 3; ++k) {
      if (k != first && (second < 0 || strength[k] > strength[second])) second = k;
    }
    Label label{first, -1, 100};
    if (strength[second] > .2) {
      const bool even = strength[first] - strength[second] < .3;
      label = make_blend(first, second, even ? 50 : 70);
    }
    input.truth.push_back(label);
    input.folds.push_back(clip / 30);
  }
  input.encoders = 3;
  input.features = [](int encoder) {
    std::vector<float> values;
    for (int clip = 0; clip < kClips; ++clip) {
      const auto add = [&](double value) { values.push_back(static_cast<float>(value)); };
      if (encoder == 0) {
        add(wave(clip, 0));
        add(wave(clip, 1) + .5 * std::cos(3.1 * (clip + 1)));
      } else if (encoder == 1) {
        for (int c = 0; c < 20; ++c) {
          add(wave(clip, 2) * std::sin(c + 1.) + std::cos(.9 * (clip + 1)) * std::cos(2. * c + .5) +
              wave(clip, 1) * std::sin(3. * c + .2));
        }
      } else {
        add(std::cos(2.3 * (clip + 1)));
        add(4);
        add(wave(clip, 0) * wave(clip, 2));
      }
    }
    return values;
  };
  return input;
}

TEST(RidgeProbe, IsRidgeRegressionAndTheOfficialDecodeOfEverySubset) {
  // Hits of 90 clips and 26 blends, by NumPy 1.24: eigh for the components, solve for each subset, the decode clip
  // by clip at each of 400 thresholds.
  const int hits[8][2] = {{0, 0}, {45, 12}, {56, 13}, {56, 14}, {31, 0}, {52, 8}, {48, 14}, {44, 14}};
  const auto worth = ridge_probe(made());
  ASSERT_EQ(worth.size(), 8u);
  EXPECT_EQ(worth[0], 0);
  for (std::size_t set = 1; set < 8; ++set) {
    EXPECT_NEAR(worth[set], (hits[set][0] / 90. + hits[set][1] / 26.) / 2, 1e-12) << set;
  }
}

TEST(RidgeProbe, ReadsNoLabelOfTheHeldFoldToFit) {
  // Where only fold 0's labels are others, predictions of fold 0 stay, and so does what is decoded of them: with one
  // class everything is hit, whatever it was.
  ProbeInput input = made();
  std::fill(input.truth.begin(), input.truth.end(), Label{1, -1, 100});
  const auto all_hit = ridge_probe(input);
  for (std::size_t set = 1; set < 8; ++set) EXPECT_EQ(all_hit[set], .5);  // no blends
  std::fill(input.truth.begin(), input.truth.begin() + 30, Label{2, -1, 100});
  // Folds 1 and 2 train on both classes, fold 0 on class 1 alone: none of its clips is hit.
  for (std::size_t set = 1; set < 8; ++set) EXPECT_LE(ridge_probe(input)[set], .5 * 60 / 90 + 1e-12);
}

TEST(RidgeProbe, EndsWhereItIsCancelled) {
  ProbeInput input = made();
  int asked = 0;
  input.cancelled = [&] { return ++asked > 12; };
  EXPECT_TRUE(ridge_probe(input).empty());
  EXPECT_LE(asked, 14);
}

TEST(RidgeProbe, WantsFolds) {
  ProbeInput input = made();
  std::fill(input.folds.begin(), input.folds.end(), 0);
  EXPECT_THROW(ridge_probe(input), Error);
  input = made();
  input.encoders = 17;
  EXPECT_THROW(ridge_probe(input), Error);
}

}  // namespace
}  // namespace medley::sweep
