#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sweep/named_enum.h"
#include "sweep/score/statistics.h"
#include "sweep/search/parameter_space.h"

namespace medley::sweep {

/// What configs are drawn from, by searches that do.
struct Drawing {
  ParameterSpace parameters;
  std::vector<SpacePoint> points;  ///< of the configs that there are
  std::set<std::string> ids;       ///< theirs
  /// Id of the config that a point makes; "" where it cannot be trained. Without it a search chooses among the configs
  /// that there are.
  std::function<std::string(const SpacePoint&)> id_of;
};

/// What a search chooses from: every config in every fold with every seed.
struct SearchSpace {
  int configs = 0;
  std::vector<int> folds;            ///< ascending
  std::vector<std::uint64_t> seeds;  ///< all that it may use, in the order in which it uses them
  std::optional<int> reference;      ///< position of the config that the sweep file compares with
  std::optional<Drawing> drawing = {};
};

/// A trial, by the position of its config in the space.
struct SearchRun {
  int config = 0;
  std::uint64_t seed = 0;
  int fold = 0;
  friend bool operator==(const SearchRun& a, const SearchRun& b) {
    return std::tie(a.config, a.seed, a.fold) == std::tie(b.config, b.seed, b.fold);
  }
  friend bool operator<(const SearchRun& a, const SearchRun& b) {
    return std::tie(a.config, a.seed, a.fold) < std::tie(b.config, b.seed, b.fold);
  }
};

struct EndedRun : SearchRun {
  double score = kNaN;            ///< held-out; NaN: it diverged, or failed for good
  std::vector<ActorHits> actors;  ///< held-out hits; empty where actors are unknown
};

/// Why a config gets no more runs. kBehind: it is worse than another by more than chance. kSettled: what was asked of
/// it has an answer. kUnsettled: more seeds would not narrow its interval by a tenth. kNotPromoted: others had
/// better Scores after as many epochs, which may be chance.
#define MEDLEY_DECISION(X) \
  X(kBehind, "behind") X(kSettled, "settled") X(kUnsettled, "unsettled") X(kNotPromoted, "not promoted")
MEDLEY_NAMED_ENUM(DecisionKind, MEDLEY_DECISION)

struct Decision {
  int config = 0;
  DecisionKind kind = DecisionKind::kBehind;
  int runs = 0;                ///< that it has
  std::optional<int> against;  ///< config that it was compared with
  double difference = kNaN;    ///< Score less that config's
  Interval interval;           ///< of the difference, at the level that the search keeps under stopping
};

/// What a search wants after a round.
struct Step {
  std::vector<SearchRun> add;  ///< the next round, in the order in which to train; none that was added before
  std::vector<Decision> decisions;
  std::vector<SearchRun> likely;       ///< what the round after it will probably want: free workers train it ahead
  bool done = false;                   ///< nothing is added any more
  std::vector<SpacePoint> drawn = {};  ///< new configs; their positions follow on those of the space
};

/// Rounds so far: every run that the steps added has ended.
struct History {
  std::vector<Step> steps;     ///< `likely` plays no part
  std::vector<EndedRun> runs;  ///< by config, seed, fold
};

/// Chooses what to train from what complete rounds gave. Pure and deterministic: a search that is killed at any moment
/// decides the same again, on any number of workers, in any order of arrival. A search ends: it adds runs of a finite
/// space, and a step without new runs is its last.
class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual Step next(const SearchSpace& space, const History& history) const = 0;
};

}  // namespace medley::sweep
