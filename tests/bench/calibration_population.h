#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "sweep/label.h"

/// A made-up population of actors, encoders that see them, and models of the encoders.
namespace medley::calibration {

using Random = std::mt19937_64;
using Row = std::vector<double>;
using Matrix = std::vector<Row>;

double normal(Random& random);

struct Clips {
  sweep::Classes classes = sweep::Classes::blemore();
  std::vector<sweep::Label> truth;
  std::vector<int> actor;
  std::vector<int> fold;
};

/// The official clips of each actor: 5 emotions x 4, 4 neutral ones, 10 pairs x 3 ratios. Actors are dealt to folds at
/// random.
Clips clips_of(int actors, int folds, Random& random);

/// How an encoder sees actors.
struct Encoder {
  double of_actor = 1;     ///< SD of what belongs to the actor alone
  double expression = .6;  ///< SD of the actor's own way of showing an emotion, beside 1 for what all share
  double noise = 1;
};

/// Features of one encoder, [clip, feature], for actors that are drawn here. What all actors share is the same for
/// every encoder and sweep.
Matrix features(const Clips& clips, int actors, const Encoder& encoder, Random& random);

struct ModelOptions {
  int hidden = 48;  ///< random features: what a training seed decides
  double penalty = 3;
};

/// Ridge regression of the shares of the six classes on random features of z-scored input.
class Model {
 public:
  /// Trains on the clips outside of `fold`.
  Model(const Clips& clips, const Matrix& x, int fold, const ModelOptions& options, std::uint64_t seed);
  /// Appends the probabilities of a clip, [class].
  void predict(const Row& clip, std::vector<double>& p) const;

 private:
  /// The random features of a clip, and a 1.
  std::vector<float> seen(const Row& clip) const;

  std::size_t hidden_ = 0, width_ = 0;
  std::vector<float> mean_, scale_;
  std::vector<float> bias_, first_;  ///< [width], [column, width]
  Matrix weights_;                   ///< [class, hidden + 1]
};

/// Probabilities of the clips of `fold` by a model of the others, row-major.
std::vector<double> predict(const Clips& clips, const Matrix& x, int fold, const ModelOptions& options,
                            std::uint64_t seed);

}  // namespace medley::calibration
