#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "sweep/report.h"

namespace medley::web {

/// A sweep's report and what the store alone knows of its configs.
struct Board {
  struct ConfigCosts {
    int failed = 0;           ///< trials whose retry budget is spent
    double mean_seconds = 0;  ///< of a finished trial
  };
  std::string sweep;
  sweep::Report report;
  std::map<std::string, ConfigCosts> costs;  ///< by config id
};

/// Reads everything finished of a sweep and reports on it.
Board read_board(storage::Reader& reader, const storage::SweepSummary& sweep);

/// Keeps the newest boards: a page asks every few seconds, and a report over many trials takes a while. A
/// board is made again when the sweep has changed, at most a twentieth of the time. Several threads may ask.
class Boards {
 public:
  std::shared_ptr<const Board> board(storage::Reader& reader, const storage::SweepSummary& sweep);

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::mutex making;  ///< held while a board is made
    std::string version;
    std::shared_ptr<const Board> board;  ///< guarded by Boards::mutex_
    Clock::time_point asked{};
    Clock::time_point fresh_until{};
  };
  static constexpr std::size_t kMaxEntries = 8;

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;  ///< by sweep id
};

enum class BoardOrder { kRanked, kPaperScore, kPaperPresence, kPaperSalience, kCleanScore };

/// Rows of a board as /api/v1 sends them. Whole blocks stand before partial ones in every order.
nlohmann::json leaderboard_json(const Board& board, BoardOrder order, storage::Page page);
nlohmann::json axes_json(const Board& board);

}  // namespace medley::web
