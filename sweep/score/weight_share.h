#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sweep/encoder_labels.h"
#include "sweep/score/ensemble.h"

namespace medley::sweep {

/// The division of a candidate's weight among its encoders: [encoder] parts that sum to 1, 0 for encoders that it does
/// not have. Its mean gate weights where it has a gate; else even, since a concatenation says nothing of its encoders.
using EncoderParts = std::vector<double>;

/// Share of an ensemble's weight, and the range of that share over the fits without each fold, as a measure of trust.
struct WeightShare {
  std::string name;
  double share = 0;
  Interval range;
};

struct EncoderOfEnsemble {
  std::string name;
  EncoderLabels labels;
};

/// Of the encoders by the words of one label.
struct GroupShares {
  std::string by;                   ///< the label
  std::vector<WeightShare> shares;  ///< as the groups first appear; those without the label are "other"
};

/// Each list of shares sums to 1.
struct WeightShares {
  std::vector<WeightShare> encoders;  ///< in the order given
  std::vector<GroupShares> groups;    ///< one for each label that an encoder has, ascending
};
/// `parts` has one entry a candidate of the ensemble, each as long as `encoders`. Throws Error when sizes differ or the
/// parts of a candidate are negative or do not sum to 1.
WeightShares weight_shares(const Ensemble& ensemble, const std::vector<EncoderParts>& parts,
                           const std::vector<EncoderOfEnsemble>& encoders);

}  // namespace medley::sweep
