#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "storage/timeline.h"
#include "web/http.h"

namespace medley::web {

/// Answers that are given again as long as neither the store, nor its probes, nor a board has changed: several viewers
/// poll the same few addresses. One that took long to make is also given while it is a little old, and is to be made
/// again behind, using at most 5 % of the time: large stores change with every result. Bounded in bytes; the least
/// recently used goes first. Several threads may use it.
class Memory {
 public:
  using Clock = std::chrono::steady_clock;
  /// What an answer was true for.
  struct Moment {
    std::int64_t store = 0;
    std::int64_t boards = 0;
    std::int64_t probes = 0;
    std::int64_t changes = 0;  ///< note_change()
    friend bool operator==(const Moment& a, const Moment& b) {
      return a.store == b.store && a.boards == b.boards && a.probes == b.probes && a.changes == b.changes;
    }
  };

  /// Take it before the store is read: what changes while an answer is made, makes the answer old. Throws
  /// storage::Error when there is no store.
  Moment now(const std::filesystem::path& store, std::int64_t boards);

  struct Found {
    Response response;
    bool due = false;  ///< it is old, and nobody else was told to make it again
  };
  std::optional<Found> find(const std::string& key, const Moment& moment, Clock::time_point now = Clock::now());
  /// `moment`: from before the answer was made. `boards`: how many there are now. A board that came meanwhile may or
  /// may not be part of the answer, which is therefore never given for what is there now, and its time says nothing.
  /// `took`: time of the processor that the answer cost.
  void keep(const std::string& key, const Moment& moment, std::int64_t boards, const Response& response,
            Clock::duration took, Clock::time_point now = Clock::now());
  void forget(const std::string& key);
  /// Somebody changed something by this server, and is to see it: no older answer is given any more.
  void note_change();

 private:
  static constexpr std::size_t kMaxBytes = 64 << 20;
  static constexpr std::size_t kMaxAnswer = 8 << 20;
  static constexpr std::chrono::milliseconds kQuick{50};
  static constexpr std::chrono::seconds kOldest{30};  ///< beyond what is due
  struct Entry {
    std::string key;
    Moment moment;
    Response response;
    Clock::duration took{};
    Clock::time_point fresh_until{};
    bool asked = false;  ///< to be made again
  };

  std::mutex mutex_;
  void drop(std::list<Entry>::iterator entry);

  std::unique_ptr<storage::ChangeCounter> counter_;
  std::int64_t changes_ = 0;
  std::list<Entry> entries_;  ///< newest use first
  std::map<std::string, std::list<Entry>::iterator> by_key_;
  std::size_t bytes_ = 0;
};

}  // namespace medley::web
