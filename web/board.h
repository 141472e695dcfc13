#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "storage/report_input.h"
#include "sweep/report/config_names.h"
#include "sweep/report/report.h"
#include "sweep/report/report_text.h"
#include "sweep/spec/diagnostic.h"

namespace medley::web {

/// A sweep's report and what the store alone knows of its configs.
struct Board {
  std::string sweep;
  std::string version;  ///< differs when a trial of the sweep has ended since
  sweep::Report report;
  std::vector<int> folds;                                   ///< of the sweep, numbered as TrialImportance::fold
  std::map<std::string, storage::ConfigProgress> progress;  ///< by config id
  std::optional<sweep::AxisText> text;                      ///< axis values as tables show them; never empty
  std::optional<sweep::ConfigNames> names;                  ///< as `medley report` has them; never empty

  /// The axis's value of a config, for people; "" where the axis plays no part.
  std::string axis_text(const sweep::ConfigReport& config, const std::string& axis) const;
  /// In words: "learned, n=2".
  std::string name_of(const sweep::ConfigReport& config) const { return (*names)(config.id); }
};

/// The board of a report that has been made, and of the progress of the sweep's configs.
Board board_of(const storage::SweepSummary& sweep, sweep::Report report,
               const std::vector<storage::ConfigProgress>& progress);

/// What every answer about a board begins with: sweep, dataset, and the protocol that ranks.
nlohmann::json head_json(const Board& board);

/// Keeps the newest boards: a page asks every few seconds, and a report over many trials takes a while. A quick
/// board is rebuilt whenever the sweep has changed. A slow one is looked at in the background, using at most 5 % of the
/// time, whether the sweep has changed, and rebuilt; requests meanwhile get the previous one. Only the first board of a
/// sweep makes a request wait, and those of the newest sweeps are started at once. Several threads may ask.
class Boards {
 public:
  static constexpr std::size_t kMostConfigs = 30'000;  ///< of all boards together: 16 KB each with 25 runs

  explicit Boards(std::filesystem::path store);
  ~Boards();
  Boards(const Boards&) = delete;
  Boards& operator=(const Boards&) = delete;

  /// Of a sweep that is there, by its id. Throws what reading the store throws, also when that happened behind.
  std::shared_ptr<const Board> board(storage::Reader& reader, const std::string& sweep);
  /// The newest board of a sweep if there is one; makes none.
  std::shared_ptr<const Board> known(const std::string& sweep);
  /// How many boards have been made: when it has not changed, what was read off them has not.
  std::int64_t made() const { return made_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::mutex making;              ///< held while a board is made
    storage::GrowingReport report;  ///< guarded by making
    // The rest is guarded by Boards::mutex_.
    std::shared_ptr<const Board> board;
    std::exception_ptr failure;  ///< of a making behind
    bool queued = false;         ///< to be made behind, not before fresh_until
    Clock::duration took{};
    Clock::time_point asked{};
    Clock::time_point fresh_until{};
  };
  static constexpr std::chrono::milliseconds kQuick{50};

  std::shared_ptr<Entry> entry_of(const std::string& sweep);
  void forget_oldest();
  std::shared_ptr<const Board> make(Entry& entry, storage::Reader& reader, const storage::SweepSummary& sweep);
  void look_again(Entry& entry, const std::string& sweep);
  void begin_newest();
  void work();

  std::filesystem::path store_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;  ///< by sweep id
  std::condition_variable wake_;
  std::atomic<std::int64_t> made_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace medley::web
