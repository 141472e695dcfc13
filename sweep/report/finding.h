#pragma once

#include <map>
#include <string>

#include "sweep/named_enum.h"
#include "sweep/report/report.h"

namespace medley::sweep {

/// What a report has found. The first that holds:
///  - failed: every trial failed
///  - not yet: trials are still to be trained
///  - no number: every run has ended, and no config has a Score
///  - searched: a search decided what to train, and its decisions are the verdicts
///  - helps, hurts, undecided, equivalent: of the planned comparisons, the first of these verdicts that one has
///  - not judged: there are planned comparisons, and all lack runs
///  - beats, none beats: of all configs against the reference that the sweep file names, by Holm (1979)
///  - single: one config only
///  - best: nothing was declared beforehand. No verdict, as the first was picked from the same runs.
#define MEDLEY_FINDING_STATE(X) \
  X(kFailed, "failed")          \
  X(kNotYet, "not yet")         \
  X(kNoNumber, "no number")     \
  X(kSearched, "searched")      \
  X(kHelps, "helps")            \
  X(kHurts, "hurts")            \
  X(kUndecided, "undecided")    \
  X(kEquivalent, "equivalent")  \
  X(kNotJudged, "not judged") X(kBeats, "beats") X(kNoneBeats, "none beats") X(kSingle, "single") X(kBest, "best")
MEDLEY_NAMED_ENUM(FindingState, MEDLEY_FINDING_STATE)

struct Finding {
  FindingState state = FindingState::kNoNumber;
  std::string text;  ///< one sentence without a full stop
};

/// Pure.
Finding finding(const Report& report);

/// p of the complete configs against the reference that the sweep file names, adjusted over all of them by Holm (1979),
/// by id. Empty without one.
std::map<std::string, double> adjusted_against_reference(const Report& report);

/// "seeds disagree on the best config: all with 2 of 3 seeds, learned, n=2 with 1", by the mean Score of a seed's runs,
/// over complete configs; "" where all seeds agree, and below two seeds or two configs.
std::string best_by_seeds_text(const Report& report);

}  // namespace medley::sweep
