#pragma once

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
/// poll the same few addresses. Bounded in bytes; the least recently used goes first. Several threads may use it.
class Memory {
 public:
  /// What an answer was true for.
  struct Moment {
    std::int64_t store = 0;
    std::int64_t boards = 0;
    std::int64_t probes = 0;
    friend bool operator==(const Moment& a, const Moment& b) {
      return a.store == b.store && a.boards == b.boards && a.probes == b.probes;
    }
  };

  /// Take it before the store is read: what changes while an answer is made, makes the answer old. Throws
  /// storage::Error when there is no store.
  Moment now(const std::filesystem::path& store, std::int64_t boards);

  std::optional<Response> find(const std::string& key, const Moment& moment);
  void keep(const std::string& key, const Moment& moment, const Response& response);

 private:
  static constexpr std::size_t kMaxBytes = 32 << 20;
  static constexpr std::size_t kMaxAnswer = 2 << 20;
  struct Entry {
    std::string key;
    Moment moment;
    Response response;
  };

  std::mutex mutex_;
  std::unique_ptr<storage::ChangeCounter> counter_;
  std::list<Entry> entries_;  ///< newest use first
  std::map<std::string, std::list<Entry>::iterator> by_key_;
  std::size_t bytes_ = 0;
};

}  // namespace medley::web
