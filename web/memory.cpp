#include "web/memory.h"

#include <iterator>

#include "storage/probe_file.h"

namespace medley::web {

Memory::Moment Memory::now(const std::filesystem::path& store, std::int64_t boards) {
  const std::lock_guard lock(mutex_);
  if (!counter_) counter_ = std::make_unique<storage::ChangeCounter>(store);
  return {counter_->count(), boards, storage::probes_changed(store), changes_};
}

std::optional<Memory::Found> Memory::find(const std::string& key, const Moment& moment, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  Entry& entry = *found->second;
  bool due = false;
  if (!(entry.moment == moment)) {
    if (entry.took <= kQuick || entry.moment.changes != moment.changes || now > entry.fresh_until + kOldest)
      return std::nullopt;
    due = now >= entry.fresh_until && !entry.asked;
    entry.asked = entry.asked || due;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return Found{entry.response, due};
}

/// The caller holds mutex_.
void Memory::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->response.body.size();
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

void Memory::keep(const std::string& key, const Moment& moment, std::int64_t boards, const Response& response,
                  Clock::duration took, Clock::time_point now) {
  if (boards != moment.boards) took = Clock::duration::zero();
  const std::lock_guard lock(mutex_);
  if (const auto old = by_key_.find(key); old != by_key_.end()) drop(old->second);
  if (response.body.size() > kMaxAnswer) return;
  while (!entries_.empty() && bytes_ + response.body.size() > kMaxBytes) drop(std::prev(entries_.end()));
  entries_.push_front({key, moment, response, took, now + 20 * took});
  by_key_[key] = entries_.begin();
  bytes_ += response.body.size();
}

void Memory::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (const auto old = by_key_.find(key); old != by_key_.end()) drop(old->second);
}

void Memory::note_change() {
  const std::lock_guard lock(mutex_);
  ++changes_;
}

}  // namespace medley::web
