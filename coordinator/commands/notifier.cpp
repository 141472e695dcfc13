#include "coordinator/commands/notifier.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "cluster/process.h"
#include "storage/records.h"
#include "storage/store_folder.h"
#include "sweep/digest.h"
#include "sweep/json_text.h"
#include "web/client.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::uintmax_t kLowBytes = std::uintmax_t(1) << 30;
constexpr std::chrono::seconds kDiskInterval{30};
constexpr std::chrono::seconds kLastTellings{60};
constexpr std::chrono::seconds kCommandLimit{60};

const SweepStatus* find(const Status& status, const std::string& id) {
  const auto found =
      std::find_if(status.sweeps.begin(), status.sweeps.end(), [&](const SweepStatus& one) { return one.id == id; });
  return found == status.sweeps.end() ? nullptr : &*found;
}

bool has_ended(const SweepStatus& sweep) { return sweep.state == sweep::SweepState::kFinished; }

Notice end_of(const SweepStatus& sweep) {
  Notice notice;
  notice.event = sweep.failed > 0 ? "failed" : "finished";
  notice.sweep = sweep.id;
  notice.message = sweep.failed > 0 ? fmt::format("sweep {} ended with {} of {} trials failed", sweep.name,
                                                  sweep.failed, sweep.trials)
                                    : fmt::format("sweep {} has all its results ({})", sweep.name, sweep.trials);
  notice.details = {{"name", sweep.name},
                    {"trials", sweep.trials},
                    {"finished", sweep.finished},
                    {"failed", sweep.failed},
                    {"diverged", sweep.diverged},
                    {"best_paper_score", sweep.best_paper_score ? json(*sweep.best_paper_score) : json()}};
  return notice;
}

bool is_hook(const std::string& target) { return target.rfind("http://", 0) == 0 || target.rfind("https://", 0) == 0; }

/// What went wrong; "" nothing.
std::string run(const std::string& command, const Notice& notice, const std::string& body, const fs::path& log) {
  cluster::ProcessSpec spec;
  spec.argv = {"/bin/sh", "-c", command};
  spec.environment = {{"MEDLEY_EVENT", notice.event},
                      {"MEDLEY_SWEEP", notice.sweep},
                      {"MEDLEY_MESSAGE", notice.message},
                      {"MEDLEY_JSON", body}};
  spec.log = log;
  try {
    cluster::Process process = cluster::Process::start(spec);
    const auto end = std::chrono::steady_clock::now() + kCommandLimit;
    std::optional<cluster::Exit> exit;
    while (!(exit = process.poll()) && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(20ms);
    if (!exit) {
      process.signal(SIGKILL);
      return fmt::format("it took more than {} s", kCommandLimit.count());
    }
    return exit->code == 0 && exit->signal == 0 ? "" : exit->text();
  } catch (const cluster::Error& error) {
    return error.what();
  }
}

}  // namespace

std::vector<Notice> notices_between(const Status& before, const Status& now) {
  std::vector<Notice> all;
  for (const SweepStatus& sweep : now.sweeps) {
    const SweepStatus* old = find(before, sweep.id);
    if (has_ended(sweep) && !(old && has_ended(*old))) all.push_back(end_of(sweep));
  }
  std::set<std::string> known;
  for (const WorkerStatus& worker : before.workers) {
    if (worker.state == sweep::WorkerState::kQuarantined) known.insert(worker.id);
  }
  for (const WorkerStatus& worker : now.workers) {
    if (worker.state != sweep::WorkerState::kQuarantined || known.count(worker.id)) continue;
    Notice notice;
    notice.event = "quarantined";
    notice.message = fmt::format("worker {} is quarantined: it failed what others finished", worker.name);
    notice.details = {{"worker", worker.name}};
    all.push_back(std::move(notice));
  }
  return all;
}

Notifier::Notifier(Options options) : options_(std::move(options)), thread_([this] { tell_all(); }) {}

Notifier::~Notifier() {
  {
    std::unique_lock lock(mutex_);
    ending_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kLastTellings, [&] { return queue_.empty() && !telling_; });
    hurried_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Notifier::look(const Status& status) {
  if (looked_) {
    for (const Notice& notice : notices_between(last_, status)) add(status, notice);
  }
  look_at_disk(status);
  last_ = status;
  looked_ = true;
}

void Notifier::look_at_disk(const Status& status) {
  const auto now = std::chrono::steady_clock::now();
  if (looked_ && now - disk_seen_ < kDiskInterval) return;
  disk_seen_ = now;
  const auto free = storage::free_bytes(options_.store);
  if (!free) return;
  const bool is_low = *free < kLowBytes;
  if (is_low && !disk_is_low_) {
    add(status, {"disk_low",
                 "",
                 fmt::format("{} MB are free for the store {}", *free >> 20, options_.store.string()),
                 {{"free_bytes", *free}}});
  }
  disk_is_low_ = is_low;
}

void Notifier::add(const Status& status, const Notice& notice) {
  std::set<std::string> targets(options_.always.begin(), options_.always.end());
  // What is not of one sweep concerns all that are not over.
  for (const SweepStatus& sweep : status.sweeps) {
    if (!options_.of_sweep || (notice.sweep.empty() ? has_ended(sweep) : sweep.id != notice.sweep)) continue;
    try {
      const auto of = options_.of_sweep(sweep.id);
      const auto found = of.find(notice.event);
      if (found != of.end()) targets.insert(found->second.begin(), found->second.end());
    } catch (const std::exception& error) {
      spdlog::warn("whom sweep {} wants to tell is not known: {}", sweep.name, error.what());
    }
  }
  Notice whole = notice;
  whole.details["event"] = notice.event;
  whole.details["message"] = notice.message;
  whole.details["sweep"] = notice.sweep.empty() ? json() : json(notice.sweep);
  whole.details["store"] = fs::absolute(options_.store).lexically_normal().string();
  whole.details["host"] = cluster::this_host();
  whole.details["time_ms"] = storage::now_ms();
  const std::lock_guard lock(mutex_);
  for (const std::string& target : targets) queue_.push_back({target, whole});
  changed_.notify_all();
}

void Notifier::tell_all() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !queue_.empty(); });
    if (queue_.empty() || hurried_) return;
    const Telling next = std::move(queue_.front());
    queue_.pop_front();
    telling_ = true;
    lock.unlock();
    tell(next);
    lock.lock();
    telling_ = false;
    changed_.notify_all();
  }
}

bool Notifier::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return hurried_.load(); });
}

void Notifier::tell(const Telling& telling) {
  const std::string body = sweep::json_text(telling.notice.details);
  const fs::path log = fs::path(storage::StoreLayout(options_.store.string()).logs()) / "notify.log";
  const std::string signature =
      options_.secret.empty() ? "" : "sha256=" + sweep::hmac_sha256_hex(options_.secret, body);
  for (std::size_t tried = 0;; ++tried) {
    const std::string wrong = is_hook(telling.target) ? web::post_to_hook(telling.target, body, signature)
                                                      : run(telling.target, telling.notice, body, log);
    if (wrong.empty()) return;
    const bool last = tried == options_.waits.size() || hurried_;
    spdlog::warn("'{}' could not be told that {}: {}{}", telling.target, telling.notice.message, wrong,
                 last ? "; it will not be tried again" : "");
    if (last || !wait(options_.waits[tried])) return;
  }
}

}  // namespace medley::coordinator
