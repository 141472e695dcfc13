#pragma once

#include <string>
#include <vector>

#include "sweep/result.h"

namespace medley::trainer {

/// Statistics of the gate over `clips`. `scores` and `weights` [clip, encoder]; a weight of 0 is an encoder that
/// was not kept. Ranks are by score, ties to the lower index. Quantiles interpolate linearly.
sweep::Importance gate_importance(const std::vector<std::string>& encoders, const std::vector<float>& scores,
                                  const std::vector<float>& weights, const std::vector<bool>& kept, int clips);

}  // namespace medley::trainer
