#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sweep/head_fusion.h"
#include "sweep/score/mix.h"
#include "sweep/score/statistics.h"

namespace medley::sweep {

/// Out-of-fold probabilities of the candidates of an ensemble. A candidate is one (config, seed), or the mean of a
/// config's seeds. Its rows are pooled from the trials of all folds, so that each clip is predicted by models that did
/// not train on it.
struct OutOfFold {
  Classes classes;
  std::vector<Label> truth;                     ///< [clip]
  std::vector<int> fold;                        ///< [clip]
  std::vector<int> actor;                       ///< [clip] index of the actor, for intervals; empty: unknown
  std::vector<std::vector<double>> candidates;  ///< [candidate][clip, class], rows sum to 1
  /// [candidate][seed]: what its models say of all clips, so that heads can be fused in other ways; a candidate is the
  /// even mix of its seeds. Empty: `candidates` are all that is known.
  std::vector<std::vector<Predictions>> said;

  int clips() const { return static_cast<int>(truth.size()); }
};

/// kMean: the k candidates of the best Score, the same weight each. kSimplex: weights on the simplex that minimise the
/// KL to the soft labels (fit_simplex()). kCaruana: bagged greedy selection with replacement (Caruana et al. 2004).
#define MEDLEY_ENSEMBLE_METHOD(X) X(kMean, "mean") X(kSimplex, "simplex") X(kCaruana, "caruana")
MEDLEY_NAMED_ENUM(EnsembleMethod, MEDLEY_ENSEMBLE_METHOD)
/// Throws Error naming the valid ones: mean, simplex, caruana.
EnsembleMethod ensemble_method(const std::string& name);

/// kPooled: the cell of the best Score over all fitted rows. kPerFold: the best cell of each fold; for rows of no
/// fitted fold the mean of their alphas and betas.
#define MEDLEY_ENSEMBLE_THRESHOLDS(X) X(kPooled, "pooled") X(kPerFold, "per-fold")
MEDLEY_NAMED_ENUM(EnsembleThresholds, MEDLEY_ENSEMBLE_THRESHOLDS)
EnsembleThresholds ensemble_thresholds(const std::string& name);  ///< pooled, per-fold; throws Error

struct EnsembleOptions {
  EnsembleMethod method = EnsembleMethod::kCaruana;
  Mix mix = Mix::kArithmetic;  ///< for it the weights are fitted
  EnsembleThresholds thresholds = EnsembleThresholds::kPooled;
  /// How all members fuse their heads; nullopt: as it is best on the fitted rows for the even mix of the kCore best
  /// candidates.
  std::optional<HeadFusion> head_fusion;
  static constexpr int kCore = 5;
  int k = 5;                 ///< kMean: number of candidates
  int most_candidates = 50;  ///< kSimplex, kCaruana: number of best candidates by own Score on the fitted rows
  int rounds = 20;           ///< kCaruana: candidates added in a bag
  int bags = 10;             ///< kCaruana: each sees half of the candidates, drawn at random
  std::uint64_t seed = 1;
  double level = 0.95;  ///< of the nested interval
};

/// Weights fitted on some rows, with the fusion of heads and thresholds of the mixture on the same rows.
struct EnsembleWeights {
  HeadFusion head_fusion = HeadFusion::kOwn;
  std::vector<double> weights;  ///< [candidate], sum 1
  Thresholds thresholds;
  std::vector<std::pair<int, Thresholds>> fold_thresholds;  ///< kPerFold: of each fitted fold
};

/// Held clips show how actors differ, and not how models would after training on others. As in a comparison with one
/// seed, a share of the variance by actors stands in. Calibrated by tests/bench/calibration.
inline constexpr double kTrainingInflation = 1 + ActorComparison::kUnseenTraining;

/// An ensemble and what it can be expected to score. `optimistic` is fitted and measured on the same rows. `nested` is
/// the honest number. For each fold, selection, weights and thresholds are fitted on the other folds' rows and measured
/// on the fold's. Hits are pooled over folds.
struct Ensemble {
  EnsembleWeights fitted;  ///< on all rows: what is exported
  Accuracy optimistic;
  Accuracy nested;
  AccuracyInterval nested_interval;       ///< accuracy_interval() of the pooled nested predictions
  Clusters clusters = Clusters::kActors;  ///< of the interval; folds where fewer than two actors are known
  struct Fold {
    int fold = 0;
    EnsembleWeights fitted;  ///< on the other folds
    Accuracy accuracy;       ///< on this fold
  };
  std::vector<Fold> folds;  ///< ascending
};

/// Indices of the candidates that may be members, chosen by what is known of these folds (ascending) alone.
using Shortlist = std::function<std::vector<int>(const std::vector<int>& folds)>;

/// Without a `shortlist` every candidate may be a member. With one it is asked for each fit, so that the choice is
/// nested too. Throws Error when sizes differ, there is no candidate, a probability is not finite, or there are fewer
/// than two folds.
Ensemble fit_ensemble(const OutOfFold& rows, const EnsembleOptions& options, const Shortlist& shortlist = {});

/// Weights [candidate] of `candidates` that minimise the log loss of the mix over `clips`, as least_loss_weights()
/// finds them. The others have 0.
std::vector<double> fit_simplex(const OutOfFold& rows, const std::vector<int>& clips,
                                const std::vector<int>& candidates, Mix mix);

/// `rows` with the candidates' heads fused so.
OutOfFold with_head_fusion(const OutOfFold& rows, HeadFusion fusion, Mix mix);

/// The mix of the candidates on `clips`, row-major [clip, class].
std::vector<double> mix_candidates(const OutOfFold& rows, const std::vector<double>& weights,
                                   const std::vector<int>& clips, Mix mix);

}  // namespace medley::sweep
