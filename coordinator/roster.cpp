#include "coordinator/roster.h"

#include <algorithm>

namespace medley::coordinator {
namespace {

/// Mean share of the epochs that the running trials have done.
double progress_of(const std::vector<protocol::Held>& held) {
  double sum = 0;
  int count = 0;
  for (const protocol::Held& h : held) {
    if (h.stage != protocol::Held::Stage::kRunning) continue;
    ++count;
    if (h.epochs > 0) sum += std::min(1.0, static_cast<double>(h.epoch) / h.epochs);
  }
  return count > 0 ? sum / count : 0;
}

}  // namespace

std::string name_of(const protocol::Hello& hello) { return hello.host + ":" + std::to_string(hello.pid); }

void Roster::join(const protocol::Hello& hello) {
  records_[hello.instance] = {
      hello.instance,  coordinator::name_of(hello), hello.capacity, hello.ranks, hello.device, hello.version,
      hello.arithmetic};
  heard_[hello.instance].progress = progress_of(hello.held);
}

void Roster::read_back(const storage::WorkerRecord& worker) { records_[worker.id] = worker; }

void Roster::forget(const std::string& worker) {
  records_.erase(worker);
  heard_.erase(worker);
}

void Roster::hear(const std::string& worker, const protocol::Heartbeat& beat) {
  heard_[worker] = {progress_of(beat.held), beat.usage};
}

const storage::WorkerRecord* Roster::find(const std::string& worker) const {
  const auto it = records_.find(worker);
  return it == records_.end() ? nullptr : &it->second;
}

const Roster::Heard* Roster::heard(const std::string& worker) const {
  const auto it = heard_.find(worker);
  return it == heard_.end() ? nullptr : &it->second;
}

std::string Roster::name_of(const std::string& worker) const {
  const storage::WorkerRecord* record = find(worker);
  return record ? record->name : worker;
}

}  // namespace medley::coordinator
