#pragma once

#include <string>
#include <vector>

#include "coordinator/actions/forecast.h"
#include "coordinator/actions/sweep_file.h"

namespace medley::coordinator {

/// What a sweep would train to little use, one sentence each; empty where nothing is known against it:
/// - a gate that keeps one encoder of each clip with `renormalise: true` gets no gradient;
/// - a comparison whose margin is smaller than what the sweep can settle;
/// - adaptation to clips whose features differ no more than those of different actors do.
std::vector<std::string> find_traps(const SweepFile& file, const Forecast& forecast);

/// How far the mean of `target` rows lies from that of `source` rows, as actors go. The mean over columns of
/// (m_t - m_s)^2 / (v (1/a_t + 1/a_s)), where v is the variance of the means of actors, and a_t and a_s are numbers of
/// actors. About 1 where both are drawn from the same actors. `rows` [row, dim]; `actor` [row]; rows without one take
/// no part. NaN with fewer than two actors on either side.
double shift_between(const std::vector<float>& rows, int dim, const std::vector<std::string>& actor,
                     const std::vector<bool>& target);

}  // namespace medley::coordinator
