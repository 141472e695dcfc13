#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "web/board.h"
#include "web/http.h"

namespace medley::web {

/// Numbers from `low` to `high`, both included.
struct Range {
  double low = 0;
  double high = 0;
};

/// Which configs of a board, in which order: what the query of a leaderboard asks.
struct Selection {
  std::string order = "ranked";  ///< or `axis.NAME`, or a number of sweep::columns()
  bool reversed = false;
  std::map<std::string, std::set<std::string>> where;  ///< axis -> values as text; a config must have one of them
  std::map<std::string, Range> between;                ///< axis or number of a config -> its range
  std::set<std::string> configs;                       ///< ids; empty: any
  std::string search;                                  ///< in the id or an axis value, whatever the case
  bool complete = false;                               ///< only complete configs
  std::set<std::string> tags;                          ///< a config must have all of them
  std::map<std::string, storage::ConfigMark> marks;    ///< what people noted, by config id
  std::string reference;                               ///< id of the config to compare with; "" the report's
  int sample = 0;  ///< above 0: this many of them, evenly spaced in their order, the first and the last among them
};

/// `order`, `reverse`, `where.AXIS` (values separated by |), `between.NAME` (LOW..HIGH), `configs` (separated by |),
/// `search`, `complete`, `reference`, `tag` (separated by |), `sample`; ids may be unique starts. Throws Refused (400)
/// for what the board does not know.
Selection selection_of(const Request& request, const Board& board, std::map<std::string, storage::ConfigMark> marks);

/// Indices into the report's configs: pinned ones first. In every order complete configs stand before partial ones, and
/// those without the number last.
std::vector<std::size_t> chosen(const Board& board, const Selection& selection);

/// Rows of a board as /api/v1 sends them.
nlohmann::json leaderboard_json(const Board& board, const Selection& selection, storage::Page page);
/// The same configs, all pages, as `medley report --csv` prints them, and what people noted of them.
std::string leaderboard_csv(const Board& board, const Selection& selection);
/// As leaderboard_json() without a choice, all pages; `top` above 0 limits the number of rows.
nlohmann::json ranking_json(storage::Reader& reader, const Board& board, int top = 0);
nlohmann::json axes_json(const Board& board);
/// The first of the ranking with its Score and interval, and the protocol of these; null where no config has a number.
nlohmann::json best_json(const Board& board);
/// Configs of which every run has ended, in order of time, with the Score that ranks and the best one by then: at most
/// 1,000, evenly spaced among all of them.
nlohmann::json progress_json(const Board& board);
/// The best of these Scores at 32 times, evenly spaced between the first and the last; empty where there is one time.
nlohmann::json best_so_far_json(const Board& board);

}  // namespace medley::web
