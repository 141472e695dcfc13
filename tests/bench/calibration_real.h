#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/bench/calibration_population.h"

namespace medley::calibration {

/// The actors of a real dataset, from which groups are drawn.
///
/// Groups are simple random draws of G of N actors without replacement, and so share actors. Where a group's number A
/// is a mean over its actors of variance s^2, var(A) = (1 - G/N) s^2/G, which is less than the s^2/G of new actors. Of
/// two disjoint groups cov(A, B) = -s^2/N, so var(A - B) = 2 s^2/G, whatever N is. (A - B)/sqrt(2) therefore spreads as
/// the deviation of a group of new actors from the truth does. A number whose expectation is 0 for each set of actors
/// by symmetry needs no such correction.
class RealActors {
 public:
  /// Throws Error for a folder that is no dataset.
  explicit RealActors(const std::filesystem::path& folder);

  int count() const { return static_cast<int>(actors_.size()); }
  /// Two disjoint groups of `size` actors, by number.
  std::vector<std::vector<int>> two_groups(int size, Random& random) const;
  /// Their clips, in folds that are made at random.
  Clips clips_of(const std::vector<int>& group, int folds, Random& random) const;
  /// Features of these clips, [clip, column], z-scored over the dataset: columns of the encoders called `names`.
  Matrix features(const std::vector<int>& group, const std::vector<std::string>& names) const;
  std::vector<std::string> encoder_names() const;

 private:
  struct Actor {
    std::vector<sweep::Label> labels;
    std::vector<Row> rows;  ///< [clip], columns of all encoders
  };
  sweep::Classes classes_;
  std::vector<std::string> encoder_of_;  ///< [column]
  std::vector<Actor> actors_;
};

}  // namespace medley::calibration
