#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sweep/score/statistics.h"

/// Shapley values of encoders, by retraining: what an encoder adds to the Score when it joins others, over all orders
/// of joining. A set of players is a bit mask, and nobody's worth is 0.
namespace medley::sweep {

inline constexpr int kMaxPlayers = 16;
/// Exact Shapley values (1953) of a cooperative game: the mean, over all orders of joining, of what a player adds.
/// `worth` [2^players], by bit mask of who takes part; worth[0] is of nobody. They sum to worth.back() - worth[0].
/// Throws Error unless there are 1 to kMaxPlayers players and a worth for each set of them.
std::vector<double> shapley_values(int players, const std::vector<double>& worth);

/// Exact Shapley interaction indices (Grabisch & Roubens 1999) of two players, [player, player], 0 on the diagonal. The
/// mean of v(S+ij) - v(S+i) - v(S+j) + v(S) over the sets S of the others, each size alike and each set of a size
/// alike. Negative: the two stand in for each other. Errors as above.
std::vector<double> shapley_interactions(int players, const std::vector<double>& worth);

/// The sets to train for Shapley values: at most `trainings` of the 2^players - 1. The first are all players, then each
/// alone and all but each. Then follow pairs of a set and its complement (Covert & Lee 2021), whose size is drawn with
/// chance 1 / (s (players - s)), the weight that Shapley values give it (Lundberg & Lee 2017), and none twice. A longer
/// list begins with the shorter. Deterministic. Throws Error for more than kMaxPlayers players or fewer trainings than
/// fewest_trainings().
std::vector<std::uint32_t> shapley_design(int players, int trainings);
/// All players, each alone and all but each: 2 players + 1, or all sets of three players or fewer.
int fewest_trainings(int players);
/// Sets that estimate_shapley() takes at most.
inline constexpr int kMaxTrainedSets = 512;

struct TrainedSet {
  std::uint32_t set = 0;
  double worth = 0;
};

struct ShapleyEstimate {
  std::vector<double> values, standard_errors;  ///< [player]
  /// [player, player] of shapley_interactions(), 0 on the diagonal.
  std::vector<double> interactions, interaction_errors;
  double freedom = 0;  ///< degrees of freedom of all standard errors
  /// Values, then interactions of the pairs (0, 1), (0, 2), ..., are sums of the trained worths times these, [value or
  /// pair, trained], but for how the game's roughness is estimated.
  std::vector<double> weights;
};

/// Estimates from some trained sets, by kriging. The game is taken as
///
///     v(S) = a + sum_i b_i z_i + c / |S| + d probe(S) + g(S) + noise,    z_i = 1 in S, else -1
///
/// with a, b, c, d free. g is a Gaussian process of interactions of two to five players: in the Walsh basis each
/// product of k of the z has the variance w_k / C(n, k), where w_2 : w_4 = w_3 : w_5 = 4 : 1. A Shapley value is a sum
/// of the coefficients of odd products, 2 c_T / |T| over the T with the player, and an interaction of even ones, 4 c_T
/// /
/// (|T| - 1). Both are thus predicted with a standard error, whichever sets were trained (Rasmussen & Williams 2006,
/// section 2.7). Nobody's worth of 0 is then put in place of the model's: it is shared evenly.
///
/// The variances of odd and even interactions, over that of noise, are not known. Results are means over a grid of
/// both, weighted by the restricted likelihood. Noise is training and what no five players explain.
///
/// `probe` [2^players] is a cheap game like this one, known on all sets; its value for nobody is 0. It is a control
/// variate: only where the trained game differs from it must be learnt. Empty: there is none. It is left out where the
/// sets do not tell its coefficient. Returns nothing where they are too few, or too much alike, to tell the players
/// apart. Throws Error for a set twice, an empty one, more
/// than kMaxTrainedSets, and sizes that do not fit.
std::optional<ShapleyEstimate> estimate_shapley(int players, const std::vector<TrainedSet>& trained,
                                                const std::vector<double>& probe = {});

/// How well a probe foretells what was trained: worth = a + slope probe + residual, by least squares.
struct ProbeFit {
  double slope = 0;
  double residual_sd = kNaN;  ///< sample SD of the residual, with two parameters; NaN below three sets
  double correlation = kNaN;  ///< Pearson's
};
ProbeFit fit_probe(const std::vector<TrainedSet>& trained, const std::vector<double>& probe);

}  // namespace medley::sweep
