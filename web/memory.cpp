#include "web/memory.h"

#include <iterator>

#include "storage/probe_file.h"

namespace medley::web {

Memory::Moment Memory::now(const std::filesystem::path& store, std::int64_t boards) {
  const std::lock_guard lock(mutex_);
  if (!counter_) counter_ = std::make_unique<storage::ChangeCounter>(store);
  return {counter_->count(), boards, storage::probes_changed(store)};
}

std::optional<Response> Memory::find(const std::string& key, const Moment& moment) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || !(found->second->moment == moment)) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->response;
}

void Memory::keep(const std::string& key, const Moment& moment, const Response& response) {
  if (response.body.size() > kMaxAnswer) return;
  const std::lock_guard lock(mutex_);
  const auto drop = [&](std::list<Entry>::iterator entry) {
    bytes_ -= entry->response.body.size();
    by_key_.erase(entry->key);
    entries_.erase(entry);
  };
  if (const auto old = by_key_.find(key); old != by_key_.end()) drop(old->second);
  while (!entries_.empty() && bytes_ + response.body.size() > kMaxBytes) drop(std::prev(entries_.end()));
  entries_.push_front({key, moment, response});
  by_key_[key] = entries_.begin();
  bytes_ += response.body.size();
}

}  // namespace medley::web
