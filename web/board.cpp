#include "web/board.h"

#include <algorithm>
#include <utility>

#include "storage/report_input.h"

namespace medley::web {
namespace {

/// Changes whenever a trial of the sweep ends.
std::string version_of(const storage::SweepSummary& sweep) {
  return std::to_string(sweep.finished) + "/" + std::to_string(sweep.failed) + "/" + std::to_string(sweep.trials);
}

}  // namespace

std::string Board::axis_text(const sweep::ConfigReport& config, const std::string& axis) const {
  const auto value = config.axis_values.find(axis);
  return value == config.axis_values.end() || value->is_null() ? "" : (*text)(axis, *value);
}

std::string Board::name_of(const sweep::ConfigReport& config) const {
  std::string name;
  for (const sweep::AxisReport& axis : report.axes) {
    const std::string value = axis_text(config, axis.axis);
    if (!value.empty()) name += (name.empty() ? "" : ", ") + axis.axis + " " + value;
  }
  return name.empty() ? config.id : name;
}

Board read_board(storage::Reader& reader, const storage::SweepSummary& sweep) {
  const storage::Reader::Snapshot snapshot(reader);
  Board board;
  board.sweep = sweep.id;
  board.version = version_of(sweep);
  sweep::ReportInput input = storage::read_report_input(reader, sweep);
  input.families = storage::read_families(reader, sweep, board.mistakes);
  board.report = sweep::make_report(input);
  board.text.emplace(board.report);
  for (storage::Page page{0, storage::kMaxPage}; page.offset < sweep.configs; page.offset += page.limit) {
    for (const auto& row : reader.leaderboard(sweep.id, storage::LeaderboardOrder::kSubmission, page)) {
      board.costs[row.config] = {row.failed, row.mean_seconds};
    }
  }
  return board;
}

Boards::Boards(std::filesystem::path store) : store_(std::move(store)), thread_([this] { work(); }) {}

Boards::~Boards() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::shared_ptr<const Board> Boards::make(Entry& entry, storage::Reader& reader, const storage::SweepSummary& sweep) {
  const auto begin = Clock::now();
  auto made = std::make_shared<const Board>(read_board(reader, sweep));
  const auto end = Clock::now();
  const std::lock_guard lock(mutex_);
  entry.board = made;
  entry.took = end - begin;
  entry.fresh_until = end + 20 * entry.took;
  return made;
}

std::shared_ptr<const Board> Boards::board(storage::Reader& reader, const storage::SweepSummary& sweep) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    if (entries_.count(sweep.id) == 0 && entries_.size() >= kMaxEntries) {
      entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                      [](const auto& a, const auto& b) { return a.second->asked < b.second->asked; }));
    }
    auto& found = entries_[sweep.id];
    if (!found) found = std::make_shared<Entry>();
    entry = found;
    entry->asked = Clock::now();
    if (entry->failure) std::rethrow_exception(std::exchange(entry->failure, nullptr));
    if (entry->board && entry->board->version == version_of(sweep)) return entry->board;
    if (entry->board && entry->took > kQuick) {
      if (!entry->queued && entry->asked >= entry->fresh_until) {
        entry->queued = true;
        queue_.push_back(sweep.id);
        wake_.notify_one();
      }
      return entry->board;
    }
  }
  const std::lock_guard making(entry->making);
  {
    const std::lock_guard lock(mutex_);
    if (entry->board && entry->board->version == version_of(sweep)) return entry->board;  // somebody else made it
  }
  return make(*entry, reader, sweep);
}

void Boards::work() {
  for (;;) {
    std::string id;
    std::shared_ptr<Entry> entry;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      id = queue_.front();
      queue_.pop_front();
      const auto found = entries_.find(id);
      if (found == entries_.end()) continue;
      entry = found->second;
    }
    try {
      storage::Reader reader(store_);
      if (const auto sweep = reader.find_sweep(id)) make(*entry, reader, *sweep);
    } catch (...) {  // for the next who asks
      const std::lock_guard lock(mutex_);
      entry->failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    entry->queued = false;
  }
}

}  // namespace medley::web
