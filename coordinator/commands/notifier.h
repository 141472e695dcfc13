#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "coordinator/status.h"

namespace medley::coordinator {

/// Something that people who are elsewhere want to know of. What kinds there are: sweep::notified_events().
struct Notice {
  std::string event;
  std::string sweep;       ///< id; "" of none
  std::string message;     ///< one sentence for people
  nlohmann::json details;  ///< an object
};

/// What became true between two looks: sweeps that ended, workers that were quarantined.
std::vector<Notice> notices_between(const Status& before, const Status& now);

/// Tells commands and web hooks. A command is run by /bin/sh; MEDLEY_EVENT, MEDLEY_SWEEP and MEDLEY_MESSAGE say what
/// happened, MEDLEY_JSON has all of it. A hook (http:// or https://) gets the same as JSON by POST; where a secret is
/// set, X-Medley-Signature is "sha256=" and the HMAC of the body. What fails is tried again after 1, 5 and 25 s, and
/// then logged. One thread calls look(); telling has a thread of its own.
class Notifier {
 public:
  /// Of a sweep: event -> who is told, beside `always`, who hear of everything.
  using TargetsOf = std::function<std::map<std::string, std::vector<std::string>>(const std::string& sweep)>;
  struct Options {
    std::filesystem::path store;
    std::vector<std::string> always;
    TargetsOf of_sweep;
    std::string secret;  ///< "": hooks are not signed
    std::vector<std::chrono::milliseconds> waits = {std::chrono::seconds(1), std::chrono::seconds(5),
                                                    std::chrono::seconds(25)};
  };
  explicit Notifier(Options options);
  /// Waits for what is on its way, for a minute at most.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// What is true at the first look is no news.
  void look(const Status& status);

 private:
  struct Telling {
    std::string target;
    Notice notice;
  };
  void add(const Status& status, const Notice& notice);
  void look_at_disk(const Status& status);
  void tell_all();
  void tell(const Telling& telling);
  bool wait(std::chrono::milliseconds time);

  const Options options_;
  Status last_;
  bool looked_ = false;
  bool disk_is_low_ = false;
  std::chrono::steady_clock::time_point disk_seen_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Telling> queue_;
  bool telling_ = false;
  bool ending_ = false;
  std::atomic<bool> hurried_ = false;  ///< no more tries
  std::thread thread_;
};

}  // namespace medley::coordinator
