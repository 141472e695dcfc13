#include "cluster/local_workers.h"

#include <algorithm>
#include <thread>

#include <signal.h>

namespace medley::cluster {

LocalWorkers::LocalWorkers(int places, MakeSpec make_spec, RestartPolicy policy)
    : make_spec_(std::move(make_spec)), policy_(policy), places_(static_cast<std::size_t>(std::max(places, 0))) {}

void LocalWorkers::adopt(const std::vector<pid_t>& pids) {
  auto pid = pids.begin();
  for (Place& place : places_) {
    if (pid == pids.end()) return;
    if (place.process.empty()) place.process.push_back(Process::adopt(*pid++));
  }
}

std::vector<LocalWorkers::Death> LocalWorkers::reap(Clock::time_point now) {
  std::vector<Death> deaths;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    Place& place = places_[i];
    if (place.process.empty()) continue;
    const auto exit = place.process.front().poll();
    if (!exit) continue;
    const pid_t pid = place.process.front().pid();
    place.process.clear();
    note_death(place, now);
    deaths.push_back({static_cast<int>(i), pid, *exit, place.deaths >= policy_.limit});
  }
  return deaths;
}

void LocalWorkers::note_death(Place& place, Clock::time_point now) {
  auto delay = policy_.first_delay;
  for (int d = 0; d < place.deaths && delay < policy_.largest_delay; ++d) delay *= 2;
  place.not_before = now + std::min(delay, policy_.largest_delay);
  ++place.deaths;
}

std::vector<std::string> LocalWorkers::fill(Clock::time_point now) {
  std::vector<std::string> failures;
  if (stopping_) return failures;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    Place& place = places_[i];
    if (!place.process.empty() || place.deaths >= policy_.limit || now < place.not_before) continue;
    try {
      place.process.push_back(Process::start(make_spec_(static_cast<int>(i))));
    } catch (const Error& error) {  // no process or descriptor is free, perhaps: later there may be one
      note_death(place, now);
      failures.emplace_back(error.what());
    }
  }
  return failures;
}

void LocalWorkers::note_healthy(pid_t pid) {
  for (Place& place : places_) {
    if (!place.process.empty() && place.process.front().pid() == pid) place.deaths = 0;
  }
}

int LocalWorkers::running() const {
  return static_cast<int>(
      std::count_if(places_.begin(), places_.end(), [](const Place& place) { return !place.process.empty(); }));
}

bool LocalWorkers::given_up() const {
  return std::all_of(places_.begin(), places_.end(), [this](const Place& place) {
    return place.process.empty() && (stopping_ || place.deaths >= policy_.limit);
  });
}

std::vector<pid_t> LocalWorkers::pids() const {
  std::vector<pid_t> all;
  for (const Place& place : places_) {
    if (!place.process.empty()) all.push_back(place.process.front().pid());
  }
  return all;
}

void LocalWorkers::terminate() {
  stopping_ = true;
  for (Place& place : places_) {
    if (!place.process.empty()) place.process.front().signal(SIGTERM);
  }
}

void LocalWorkers::kill() {
  stopping_ = true;
  for (Place& place : places_) {
    if (!place.process.empty()) place.process.front().signal(SIGKILL);
  }
}

void LocalWorkers::stop(std::chrono::milliseconds grace) {
  terminate();
  const auto deadline = Clock::now() + grace;
  for (reap(Clock::now()); running() > 0; reap(Clock::now())) {
    if (Clock::now() > deadline) kill();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace medley::cluster
