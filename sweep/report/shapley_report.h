#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sweep/report/report.h"
#include "sweep/score/shapley.h"

namespace medley::sweep {

/// A number with its 95 % interval, of NaN where there is none, and what the probe alone says.
struct ShapleyNumber {
  double value = 0;
  Interval interval{kNaN, kNaN};
  std::optional<double> probe = {};
};

/// Of two encoders, by their places: less than 0 where they stand in for each other.
struct ShapleyInteraction {
  std::size_t first = 0, second = 0;
  ShapleyNumber number;
};

/// Shapley values of the Score, retrained. docs/estimates.md
struct ShapleyReport {
  bool exact = false;  ///< every subset has a Score
  int trained = 0;     ///< subsets with one
  int subsets = 0;     ///< of at least one encoder
  int trainings = 0;   ///< runs of them
  bool held_out = true;
  std::vector<ShapleyNumber> values;             ///< [encoder]
  std::vector<ShapleyInteraction> interactions;  ///< of (0, 1), (0, 2), ...
  std::optional<ProbeFit> probe;                 ///< none: there is no probe
  std::string no_probe;                          ///< why; "": not said
};

/// `by_set` [2^encoders]: the measured config of each subset by bit mask, nullptr where there is none. `probe`
/// [2^encoders] may be empty. `folds` are those of a partition. Nothing where the values cannot be told.
///
/// Exact values have the interval of a difference of configs (Comparison), as each is a sum of Scores with fixed
/// weights: of actors and training seeds. Estimates add the variance of estimate_shapley(), which has training noise,
/// to that of actors, and without known actors to that of folds.
std::optional<ShapleyReport> make_shapley_report(int encoders, const std::vector<const ConfigReport*>& by_set,
                                                 const std::vector<double>& probe, int folds);

/// As people read them, the largest first; CSV and JSON have all.
inline constexpr std::size_t kInteractionsShown = 15;
std::vector<const ShapleyInteraction*> largest_interactions(const ShapleyReport& report);

/// "exact, over the Scores of all 255 subsets", or "estimated from 63 of 255 subsets".
std::string shapley_text(const ShapleyReport& report);
/// What the probe foretells, or that there is none.
std::string probe_text(const ShapleyReport& report);

}  // namespace medley::sweep
