#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "trainer/batch.h"
#include "trainer/model/losses.h"
#include "trainer/model/model.h"
#include "trainer/trial_state.h"

namespace medley::trainer {

/// One term of what a group's trials minimise.
struct Term {
  enum class Kind { kPresence, kSalience, kLabel, kAlignment, kAdaptation, kRdrop, kBalance };

  Kind kind;
  std::vector<double> weights;  ///< [trial]; 0: the trial has no such term
  torch::Tensor losses;         ///< [trial], unweighted
};

/// The name by which a term is recorded and shown.
const char* name_of(Term::Kind kind);

/// What the trials of a group minimise: a weighted sum of terms, each trial its own.
class Objective {
 public:
  /// `trials` are borrowed.
  Objective(const std::vector<TrialState*>& trials, const FusedModel& model);

  /// Those that a trial of the group has, in the order in which they are added, without losses.
  const std::vector<Term>& terms() const { return terms_; }
  /// The rows that a step needs.
  const Blocks& blocks() const { return blocks_; }
  /// True where the loss reads the gate's weights.
  bool reads_weights() const { return has(Term::Kind::kBalance); }

  struct Losses {
    torch::Tensor total;      ///< [trial], with gradients
    std::vector<Term> terms;  ///< as Objective::terms()
  };
  /// Of the last forward() of `model`; `out` has the rows of `batch`, of the whole gang.
  Losses of(const FusedModel& model, const FusedModel::Output& out, const Batch& batch, const Targets& targets) const;

 private:
  bool has(Term::Kind kind) const { return weights(kind).defined(); }
  const torch::Tensor& weights(Term::Kind kind) const { return weights_[static_cast<std::size_t>(kind)]; }
  LossTerms head_terms(const FusedModel::Output& out, const Targets& targets) const;
  torch::Tensor loss(Term::Kind kind, const LossTerms& head, const FusedModel& model, const FusedModel::Output& out,
                     const Batch& batch, const Targets& targets) const;

  std::vector<TrialState*> trials_;
  Blocks blocks_;
  std::vector<Term> terms_;
  std::vector<torch::Tensor> weights_;  ///< [kind] of [trial]; undefined where all are 0
  torch::Tensor focal_gammas_;          ///< [trial]; undefined where all are 0
};

}  // namespace medley::trainer
