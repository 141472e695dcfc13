#pragma once

#include "coordinator/actions/sweep_results.h"
#include "storage/ensemble_record.h"
#include "sweep/score/ensemble_request.h"
#include "sweep/score/weight_share.h"

namespace medley::coordinator {

/// An ensemble fitted on a sweep's out-of-fold predictions.
struct FittedEnsemble {
  sweep::Partition partition;  ///< of all members
  SweepPredictions predictions;
  sweep::Ensemble ensemble;
  sweep::Ensemble single;  ///< the best single candidate, chosen and measured in the same way
  sweep::WeightShares shares;
  bool transductive = false;     ///< a member is, of this or of a fit without a fold
  bool read_test_clips = false;  ///< training of a member of this did
  int trials = 0;                ///< of the sweep
  int results = 0;               ///< of them that have one
};

/// Throws storage::Error when the sweep has no config with predictions of the protocol in every fold, or not as many
/// repeats, and sweep::Error as sweep::fit_ensemble() does.
FittedEnsemble fit_ensemble(storage::Reader& reader, const storage::SweepSummary& sweep,
                            const sweep::EnsembleRequest& request);

/// What is stored, and what a manifest repeats.
storage::EnsembleRecord ensemble_record(const FittedEnsemble& fitted, const storage::SweepSummary& sweep,
                                        const sweep::EnsembleRequest& request, storage::TimeMs now);

}  // namespace medley::coordinator
