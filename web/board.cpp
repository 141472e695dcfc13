#include "web/board.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "storage/report_input.h"

namespace medley::web {
namespace {

using nlohmann::json;

json spread_json(double mean, double sd) {
  return {{"mean", std::isfinite(mean) ? json(mean) : json(nullptr)},
          {"sd", std::isfinite(sd) ? json(sd) : json(nullptr)}};
}
json spread_json(const sweep::ScoreSpread& spread) { return spread_json(spread.mean, spread.sd); }

json paper_json(const sweep::ConfigReport& config) {
  if (config.paper_score.count == 0) return nullptr;
  return {{"n", config.paper_score.count},
          {"acc_presence", spread_json(config.paper_presence)},
          {"acc_salience", spread_json(config.paper_salience)},
          {"score", spread_json(config.paper_score)}};
}

json clean_json(const sweep::ConfigReport& config) {
  if (config.clean_seeds == 0) return nullptr;
  const double none = std::numeric_limits<double>::quiet_NaN();
  return {{"n", config.clean_seeds},
          {"acc_presence", spread_json(config.clean.presence, none)},
          {"acc_salience", spread_json(config.clean.salience, none)},
          {"score", spread_json(config.clean.score(), config.clean_seeds > 1 ? config.clean_score_sd : none)}};
}

json comparison_json(const std::optional<sweep::PairedComparison>& comparison) {
  if (!comparison) return nullptr;
  return {{"pairs", comparison->pairs},
          {"mean", comparison->mean},
          {"p", comparison->p},
          {"interval", {comparison->interval.low, comparison->interval.high}},
          {"verdict", sweep::verdict_name(comparison->verdict)}};
}

/// What an order sorts by, larger first; NaN where the config has no such number.
double key_of(const sweep::ConfigReport& config, BoardOrder order) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  if (order == BoardOrder::kCleanScore) return config.clean_seeds > 0 ? config.clean.score() : none;
  if (config.paper_score.count == 0) return none;
  if (order == BoardOrder::kPaperPresence) return config.paper_presence.mean;
  if (order == BoardOrder::kPaperSalience) return config.paper_salience.mean;
  return config.paper_score.mean;
}

/// Changes whenever a trial of the sweep ends.
std::string version_of(const storage::SweepSummary& sweep) {
  return std::to_string(sweep.finished) + "/" + std::to_string(sweep.failed) + "/" + std::to_string(sweep.trials);
}

}  // namespace

Board read_board(storage::Reader& reader, const storage::SweepSummary& sweep) {
  const storage::Reader::Snapshot snapshot(reader);
  Board board;
  board.sweep = sweep.id;
  board.report = sweep::make_report(storage::read_report_input(reader, sweep));
  for (storage::Page page{0, storage::kMaxPage}; page.offset < sweep.configs; page.offset += page.limit) {
    for (const auto& row : reader.leaderboard(sweep.id, storage::LeaderboardOrder::kSubmission, page)) {
      board.costs[row.config] = {row.failed, row.mean_seconds};
    }
  }
  return board;
}

std::shared_ptr<const Board> Boards::board(storage::Reader& reader, const storage::SweepSummary& sweep) {
  const std::string version = version_of(sweep);
  std::shared_ptr<Entry> entry;
  std::shared_ptr<const Board> old;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (entries_.count(sweep.id) == 0 && entries_.size() >= kMaxEntries) {
      entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                      [](const auto& a, const auto& b) { return a.second->asked < b.second->asked; }));
    }
    auto& found = entries_[sweep.id];
    if (!found) found = std::make_shared<Entry>();
    entry = found;
    entry->asked = Clock::now();
    old = entry->board;
    if (old && (entry->version == version || entry->asked < entry->fresh_until)) return old;
  }
  // One thread makes it; the others show the old one meanwhile, or wait for the first.
  std::unique_lock<std::mutex> making(entry->making, std::defer_lock);
  if (old) {
    if (!making.try_lock()) return old;
  } else {
    making.lock();
    std::lock_guard<std::mutex> lock(mutex_);
    if (entry->board) return entry->board;
  }
  const auto begin = Clock::now();
  auto made = std::make_shared<const Board>(read_board(reader, sweep));
  const auto end = Clock::now();
  std::lock_guard<std::mutex> lock(mutex_);
  entry->version = version;
  entry->board = made;
  entry->fresh_until = end + 20 * (end - begin);
  return made;
}

json leaderboard_json(const Board& board, BoardOrder order, storage::Page page) {
  const sweep::Report& report = board.report;
  std::vector<const sweep::ConfigReport*> configs;
  for (const sweep::ConfigReport& config : report.configs) configs.push_back(&config);
  if (order != BoardOrder::kRanked) {
    std::stable_sort(configs.begin(), configs.end(), [&](const auto* a, const auto* b) {
      const double first = key_of(*a, order);
      const double second = key_of(*b, order);
      if (std::isnan(first) != std::isnan(second)) return std::isnan(second);
      if (a->whole() != b->whole()) return a->whole();
      return first > second;
    });
  }
  json rows = json::array();
  const int total = static_cast<int>(configs.size());
  const int end = std::min(total, page.offset + page.limit);
  for (int i = page.offset; i < end; ++i) {
    const sweep::ConfigReport& config = *configs[static_cast<std::size_t>(i)];
    const auto costs = board.costs.find(config.id);
    const bool known = costs != board.costs.end();
    const std::optional<double> gap = config.gap();
    rows.push_back({{"rank", i + 1},
                    {"config", config.id},
                    {"axis_values", config.axis_values},
                    {"settings", config.settings},
                    {"transductive", config.transductive},
                    {"expected", config.expected},
                    {"finished", config.done},
                    {"diverged", config.diverged},
                    {"failed", known ? costs->second.failed : 0},
                    {"complete", config.whole()},
                    {"paper", paper_json(config)},
                    {"clean", clean_json(config)},
                    {"no_clean", config.no_clean},
                    {"optimism", gap ? json(*gap) : json(nullptr)},
                    {"against_best", comparison_json(config.against_best)},
                    {"mean_seconds", known && config.done > 0 ? json(costs->second.mean_seconds) : json(nullptr)}});
  }
  json axes = json::array();
  for (const sweep::AxisReport& axis : report.axes) axes.push_back(axis.axis);
  return {{"sweep", board.sweep},
          {"ranked_by", report.ranked_by == sweep::RankedBy::kCleanScore ? "clean_score" : "paper_score"},
          {"compared", report.compared_clean ? "clean" : "paper"},
          {"best", report.configs.empty() ? json(nullptr) : json(report.configs.front().id)},
          {"synthetic", report.synthetic},
          {"axes", axes},
          {"rows", rows},
          {"total", total},
          {"offset", page.offset},
          {"next_offset", end < total ? json(end) : json(nullptr)}};
}

json axes_json(const Board& board) {
  json axes = json::array();
  for (const sweep::AxisReport& axis : board.report.axes) {
    json values = json::array();
    for (const sweep::AxisValueReport& value : axis.values) {
      const auto scores = [](const sweep::ScoreSpread& spread) {
        return spread.count == 0 ? json(nullptr) : json{{"n", spread.count}, {"score", spread_json(spread)}};
      };
      values.push_back(
          {{"value", value.value},
           {"configs", value.configs},
           {"trials", value.trials},
           {"complete", value.whole},
           {"paper", scores(value.paper_score)},
           {"clean", scores(value.clean_score)},
           {"best_config", value.best_config},
           {"best_paper_score", value.best_config.empty() ? json(nullptr) : json(value.best_paper_score)}});
    }
    axes.push_back({{"name", axis.axis}, {"values", values}});
  }
  return {{"sweep", board.sweep}, {"synthetic", board.report.synthetic}, {"axes", axes}};
}

}  // namespace medley::web
