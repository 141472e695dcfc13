#include "coordinator/launches/cluster_keeper.h"

#include <algorithm>
#include <set>
#include <thread>

#include <spdlog/spdlog.h>

#include "coordinator/endpoint.h"
#include "storage/reader.h"

namespace medley::coordinator {
using std::chrono::milliseconds;

namespace {
constexpr milliseconds kFirstDelay{1'000};
constexpr milliseconds kLargestDelay{60'000};

/// Those that only wait in a queue, the last first, at most `count`.
std::vector<std::string> waiting(const std::vector<cluster::Place>& places, std::size_t count) {
  std::vector<std::string> ids;
  for (auto it = places.rbegin(); it != places.rend() && ids.size() < count; ++it) {
    if (it->state == cluster::Place::State::kWaiting) ids.push_back(it->id);
  }
  return ids;
}

}  // namespace

Demand read_demand(const std::filesystem::path& store) {
  Demand demand;
  demand.coordinator = !living_endpoint(store).empty();
  if (!storage::store_exists(store)) return demand;
  storage::Reader reader(store);
  for (const storage::SweepSummary& sweep : reader.sweeps()) {
    if (sweep.state == sweep::SweepState::kRunning) demand.trials += sweep.trials - sweep.finished - sweep.failed;
  }
  demand.joined = reader.known_workers();
  return demand;
}

int wanted_workers(int trials, int min, int max) { return trials > 0 ? std::clamp(trials, min, max) : 0; }

void Restraint::started(Clock::time_point now) {
  const bool again = last_ != Clock::time_point{} && now - last_ < kLargestDelay + delay_;
  delay_ = again ? std::min(std::max(delay_ * 2, kFirstDelay), kLargestDelay) : kFirstDelay;
  last_ = now;
  next_ = now + delay_;
}

void Fruitless::look(int joined) {
  if (joined > joined_) count_ = 0;
  joined_ = joined;
}

void keep_workers(cluster::Launcher& launcher, const KeeperOptions& options, const std::atomic<int>& stop,
                  const std::function<void(const KeeperNews&)>& tell) {
  using Clock = Restraint::Clock;
  Restraint restraint;
  Fruitless fruitless;
  const std::pair<int, int> as_started(options.min_workers, options.max_workers);
  std::set<std::string> told_to_leave;
  std::string error, told_error;
  int told_fruitless = 0;
  bool gave_up = false;  // and said so
  const auto say = [&](const std::vector<std::string>& jobs) {
    if (jobs.empty() && error == told_error && fruitless.count() == told_fruitless) return;
    const auto wait = std::chrono::duration_cast<milliseconds>(restraint.next() - Clock::now()).count();
    tell({jobs, fruitless.count(), error, fruitless.count() > 0 && !gave_up ? storage::now_ms() + wait : 0});
    told_error = error;
    told_fruitless = fruitless.count();
  };
  auto last_coordinator = Clock::now();
  int idle_looks = 0;  // in a row
  for (; stop == 0; std::this_thread::sleep_for(options.interval)) {
    const auto now = Clock::now();
    std::vector<std::string> jobs;
    try {
      const Demand demand = read_demand(options.store);
      fruitless.look(demand.joined);
      if (demand.coordinator) last_coordinator = now;
      const auto [min, max] = options.resized ? options.resized().value_or(as_started) : as_started;
      const int wanted = wanted_workers(demand.trials, min, max);
      const auto places = launcher.places();
      const int there = static_cast<int>(places.size());
      if (!demand.coordinator) {
        // It may have been killed and be back soon: its workers train on and wait for it, as long as they choose.
        if (there == 0 && now - last_coordinator > options.linger) {
          spdlog::info("no coordinator for {} s: ends", options.linger.count());
          return;
        }
        continue;
      }
      // Not at the first look: a coordinator that has just come up takes its sweep in a moment.
      idle_looks = wanted == 0 ? idle_looks + 1 : 0;
      if (idle_looks == 2 && there > 0) {
        spdlog::info("nothing is left to train: lets {} workers go", there);
        launcher.stop(ids_of(places));
      }
      const int present = there < wanted && options.joined ? std::max(there, options.joined()) : there;
      if (wanted > 0 && present < wanted && fruitless.has_given_up()) {
        if (!gave_up) {
          error = "gave up: no worker joined after " + std::to_string(fruitless.count()) + " starts" +
                  (error.empty() ? "" : "; the last one: " + error);
          spdlog::error("{}", error);
        }
        gave_up = true;
      } else if (wanted > 0 && present < wanted && restraint.allows(now)) {
        restraint.started(now);
        fruitless.started();
        gave_up = false;
        jobs = launcher.start(wanted - present);
        error.clear();
        spdlog::info("{} trials left, {} workers of {} there: started {}", demand.trials, present, wanted,
                     wanted - present);
      } else if (wanted > 0 && there > max) {
        // Fewer are wanted than run: the last ones save what they have, and leave. Each is told once.
        std::vector<std::string> leaving;
        for (auto i = static_cast<std::size_t>(max); i < places.size(); ++i) {
          if (told_to_leave.insert(places[i].id).second) leaving.push_back(places[i].id);
        }
        if (!leaving.empty()) launcher.stop(leaving);
      } else if (wanted > 0 && there > wanted) {
        // Those that run may hold a pack: only what waits in a queue is taken back.
        const auto ids = waiting(places, static_cast<std::size_t>(there - wanted));
        if (!ids.empty()) launcher.stop(ids);
      } else if (present >= wanted) {
        error.clear();
        told_to_leave.clear();
      }
    } catch (const std::exception& e) {  // of the launcher or the store: the next look may find them well
      error = e.what();
      spdlog::error("{}", e.what());
    }
    try {
      say(jobs);
    } catch (const std::exception& e) {
      spdlog::error("what became of it is not on record: {}", e.what());
    }
  }
}

}  // namespace medley::coordinator
