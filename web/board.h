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

/// How much of a board that is being made there is.
struct Making {
  int done = 0;  ///< configs that have been measured
  int of = 0;    ///< that have to be; 0: not known yet
};

nlohmann::json making_json(const Making& making);

/// Thrown to who does not wait for a board that takes long.
struct NotYet {
  Making making;
};

/// Keeps the newest boards: a page asks every few seconds, and a report over many trials takes a while. A quick
/// board is rebuilt whenever the sweep has changed. A slow one is looked at in the background, using at most 5 % of the
/// time, whether the sweep has changed, and rebuilt; requests meanwhile get the previous one. Only the first board of a
/// sweep makes a request wait. Those of the newest sweeps are made in the background from the start on, those that
/// somebody asks for before the others. Several threads may ask.
class Boards {
 public:
  static constexpr std::size_t kMostConfigs = 30'000;  ///< of all boards together: 16 KB each with 25 runs

  struct Limits {
    int few_trials = 2000;                ///< of which the first board is quick
    std::chrono::milliseconds wait{100};  ///< of those who are impatient
    bool ahead = true;                    ///< make boards before anybody asks
  };

  explicit Boards(std::filesystem::path store);
  Boards(std::filesystem::path store, Limits limits);
  ~Boards();
  Boards(const Boards&) = delete;
  Boards& operator=(const Boards&) = delete;

  /// kShort: a large sweep's first board is made in the background, and NotYet is thrown unless it is there soon.
  enum class Patience { kAny, kShort };
  /// Of a sweep that is there, by its id. Throws what reading the store throws, also when that happened behind.
  std::shared_ptr<const Board> board(storage::Reader& reader, const std::string& sweep,
                                     Patience patience = Patience::kAny);
  /// The newest board of a sweep if there is one; makes none.
  std::shared_ptr<const Board> known(const std::string& sweep);
  /// How many boards have been made: when it has not changed, what was read off them has not.
  std::int64_t made() const { return made_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::mutex making;                                                       ///< held while a board is made
    storage::GrowingReport report{storage::GrowingReport::From::kMeasured};  ///< guarded by making
    // The rest is guarded by Boards::mutex_.
    std::shared_ptr<const Board> board;
    Making progress;             ///< of a board that is being made
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
  std::shared_ptr<const Board> await_first(Entry& entry);
  void look_again(Entry& entry, const std::string& sweep);
  void queue_newest();
  /// The entry that is to be looked at next, or the end. The caller holds mutex_.
  std::map<std::string, std::shared_ptr<Entry>>::iterator next_due();
  void work();

  std::filesystem::path store_;
  Limits limits_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;  ///< by sweep id
  std::condition_variable wake_;                           ///< of work()
  std::condition_variable looked_;                         ///< work() has looked at an entry
  std::atomic<std::int64_t> made_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace medley::web
