#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "sweep/search/search.h"

namespace medley::coordinator {

/// What a search would have come to on a finished sweep, over many orders of its folds and seeds. Shares are means over
/// orders.
struct ReplayedSearch {
  sweep::SearchSettings settings;
  int orders = 0;
  int trials = 0;       ///< of the sweep, with a number
  int least_asked = 0;  ///< of them, that the search asked for in any order
  int most_asked = 0;
  double asked = 0;        ///< mean
  double same_winner = 0;  ///< share of orders whose best config is the sweep's
  double regret = 0;       ///< mean of the sweep's Score of its best config less that of the search's
  double largest_regret = 0;
  double tied_lost = 0;  ///< share of the configs tied with the best that were dropped as behind
  int tied = 0;          ///< configs that the sweep does not tell from its best (p of the difference .05 or more)
  /// In the order of the sweep file: what was decided of each config, with its id.
  struct Decided {
    std::string config;
    sweep::Decision decision;
    std::string against;  ///< id; "" none
  };
  std::vector<Decided> decisions;
};

/// Nothing is trained. A search that makes its configs chooses among those of the sweep instead; in each order it has
/// draws of its own; `configs` 0 is a quarter of them. Only configs with a held-out Score in every fold and seed take
/// part. Throws UsageError when there are fewer than two, and sweep::Error as the search does.
ReplayedSearch replay_search(storage::Reader& reader, const storage::SweepSummary& sweep,
                             sweep::SearchSettings settings, int orders);

nlohmann::json to_json(const ReplayedSearch& replayed);

}  // namespace medley::coordinator
