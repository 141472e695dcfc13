#include "web/board.h"

#include <algorithm>
#include <utility>

#include "sweep/report/report_json.h"
#include "web/priority.h"

namespace medley::web {
namespace {

/// Changes whenever a trial of the sweep ends, or what its report says of it.
std::string version_of(const storage::SweepSummary& sweep) {
  return std::to_string(sweep.finished) + "/" + std::to_string(sweep.failed) + "/" + std::to_string(sweep.trials) +
         "/" + name_of(sweep.standing) + "/" + sweep.reference + "/" + std::to_string(sweep.decode.grid.from) + "/" +
         std::to_string(sweep.decode.grid.points) + "/" + sweep::head_fusion_text(sweep.decode.head_fusion) + "/" +
         std::to_string(sweep.rounds) + "/" + nlohmann::json(sweep.labels).dump();
}

Board read_board(storage::Reader& reader, const storage::SweepSummary& sweep, storage::GrowingReport& report,
                 const storage::GrowingReport::Progressed& progressed) {
  const storage::Reader::Snapshot snapshot(reader);
  const auto progress = reader.config_progress(sweep.id);
  return board_of(sweep, report.make(reader, sweep, progress, sweep.families, progressed), progress);
}

}  // namespace

Board board_of(const storage::SweepSummary& sweep, sweep::Report report,
               const std::vector<storage::ConfigProgress>& progress) {
  Board board;
  board.sweep = sweep.id;
  for (const sweep::Partition& partition : sweep.partitions) {
    for (const int fold : sweep.folds) board.folds.push_back(sweep::numbered_on(partition, fold));
  }
  board.version = version_of(sweep);
  for (const storage::ConfigProgress& config : progress) board.progress[config.config] = config;
  board.report = std::move(report);
  board.names.emplace(board.report);
  board.text.emplace(board.report);
  return board;
}

nlohmann::json head_json(const Board& board) {
  const sweep::Report& report = board.report;
  return {{"sweep", board.sweep},
          {"sweep_name", report.sweep},
          {"dataset", report.dataset},
          {"synthetic", report.synthetic},
          {"ranked_by", sweep::protocol_name(report.ranked_by == sweep::RankedBy::kHeldOutScore)}};
}

nlohmann::json making_json(const Making& making) {
  return {{"done", making.done}, {"of", making.of > 0 ? nlohmann::json(making.of) : nlohmann::json(nullptr)}};
}

std::string Board::axis_text(const sweep::ConfigReport& config, const std::string& axis) const {
  const auto value = config.axis_values.find(axis);
  const bool varied = value != config.axis_values.end() && !value->is_null();
  return varied || config.settings.contains(axis) ? text->of(config, axis) : "";
}

Boards::Boards(std::filesystem::path store) : Boards(std::move(store), Limits()) {}
Boards::Boards(std::filesystem::path store, Limits limits)
    : store_(std::move(store)), limits_(limits), thread_([this] { work(); }) {}

Boards::~Boards() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::shared_ptr<Boards::Entry> Boards::entry_of(const std::string& sweep) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[sweep];
  if (!entry) entry = std::make_shared<Entry>();
  entry->asked = Clock::now();
  return entry;
}

/// Those asked for longest ago, as far as all together hold too much. The caller holds mutex_.
void Boards::forget_oldest() {
  const auto configs = [&] {
    std::size_t sum = 0;
    for (const auto& [id, entry] : entries_) sum += entry->board ? entry->board->report.configs.size() : 0;
    return sum;
  };
  while (entries_.size() > 1 && configs() > kMostConfigs) {
    entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                    [](const auto& a, const auto& b) { return a.second->asked < b.second->asked; }));
  }
}

std::shared_ptr<const Board> Boards::known(const std::string& sweep) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(sweep);
  return found == entries_.end() ? nullptr : found->second->board;
}

std::shared_ptr<const Board> Boards::make(Entry& entry, storage::Reader& reader, const storage::SweepSummary& sweep) {
  const auto begin = Clock::now();
  auto made = std::make_shared<const Board>(read_board(reader, sweep, entry.report, [&](int done, int of) {
    const std::lock_guard lock(mutex_);
    entry.progress = {done, of};
  }));
  const auto end = Clock::now();
  const std::lock_guard lock(mutex_);
  entry.board = made;
  entry.progress = {};
  entry.took = end - begin;
  entry.fresh_until = end + 20 * entry.took;
  ++made_;
  forget_oldest();
  return made;
}

/// Has it made behind, and waits a little.
std::shared_ptr<const Board> Boards::await_first(Entry& entry) {
  std::unique_lock lock(mutex_);
  entry.queued = true;
  wake_.notify_one();
  looked_.wait_for(lock, limits_.wait, [&] { return ending_ || entry.board || entry.failure; });
  if (entry.failure) std::rethrow_exception(std::exchange(entry.failure, nullptr));
  if (!entry.board) throw NotYet{entry.progress};
  return entry.board;
}

std::shared_ptr<const Board> Boards::board(storage::Reader& reader, const std::string& sweep, Patience patience) {
  const std::shared_ptr<Entry> entry = entry_of(sweep);
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (entry->failure) std::rethrow_exception(std::exchange(entry->failure, nullptr));
    if (entry->board && entry->took > kQuick) {
      // Whatever has changed: what is made of this board is remembered, and nobody asks again until there is another.
      entry->queued = true;
      wake_.notify_one();
      return entry->board;
    }
    first = !entry->board;
  }
  if (first && patience == Patience::kShort && reader.stored_sweep(sweep).trials > limits_.few_trials) {
    return await_first(*entry);
  }
  const std::lock_guard making(entry->making);
  const storage::SweepSummary summary = reader.stored_sweep(sweep);
  if (auto board = known(sweep); board && board->version == version_of(summary)) return board;  // somebody else made it
  return make(*entry, reader, summary);
}

void Boards::look_again(Entry& entry, const std::string& id) {
  const std::lock_guard making(entry.making);
  storage::Reader reader(store_);
  const auto begin = Clock::now();
  const auto sweep = reader.find_sweep(id);
  if (!sweep) return;
  const std::shared_ptr<const Board> board = known(id);
  if (!board || version_of(*sweep) != board->version) {
    make(entry, reader, *sweep);
    return;
  }
  const auto end = Clock::now();
  const std::lock_guard lock(mutex_);
  entry.fresh_until = end + 20 * (end - begin);
}

void Boards::queue_newest() {
  if (!storage::store_exists(store_)) return;
  std::size_t configs = 0;
  for (const auto& sweep : storage::Reader(store_).sweeps()) {
    configs += static_cast<std::size_t>(sweep.configs);
    if (configs > kMostConfigs) return;
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[sweep.id];
    if (!entry) entry = std::make_shared<Entry>();
    entry->queued = true;
  }
}

std::map<std::string, std::shared_ptr<Boards::Entry>>::iterator Boards::next_due() {
  auto next = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    const Entry& entry = *it->second;
    if (!entry.queued) continue;
    const auto before = [&](const Entry& other) {
      if (!entry.board != !other.board) return !entry.board;
      return entry.board ? entry.fresh_until < other.fresh_until : entry.asked > other.asked;
    };
    if (next == entries_.end() || before(*next->second)) next = it;
  }
  return next;
}

void Boards::work() {
  give_way();
  try {
    if (limits_.ahead) queue_newest();
  } catch (const std::exception&) {
    // Nobody has asked yet: who does is told what is wrong with the store.
  }
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const auto due = next_due();
    if (due == entries_.end()) {
      wake_.wait(lock);
      continue;
    }
    if (const auto at = due->second->fresh_until; at > Clock::now()) {
      wake_.wait_until(lock, at);
      continue;
    }
    const std::string sweep = due->first;
    const std::shared_ptr<Entry> entry = due->second;
    entry->queued = false;
    lock.unlock();
    std::exception_ptr failure;
    try {
      look_again(*entry, sweep);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    entry->failure = failure;  // for the next who asks
    looked_.notify_all();
  }
}

}  // namespace medley::web
