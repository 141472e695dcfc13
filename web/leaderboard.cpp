#include "web/leaderboard.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>

#include "sweep/config.h"
#include "sweep/nearest.h"
#include "sweep/report/ablation.h"
#include "sweep/report/columns.h"
#include "sweep/report/finding.h"
#include "sweep/report/report_json.h"
#include "sweep/report/report_text.h"
#include "sweep/score/statistics.h"
#include "web/query.h"
#include "web/refused.h"

namespace medley::web {
namespace {

using nlohmann::json;
using sweep::ConfigReport;
using sweep::finite;
using sweep::kNaN;

constexpr std::size_t kMaxChosenConfigs = 100;
constexpr const char* kRanked = "ranked";
constexpr const char* kAxisOrder = "axis.";
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('|', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string lower(std::string text) {
  for (char& c : text) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

/// "" for a config in which the axis plays no part.
std::string value_text_of(const ConfigReport& config, const std::string& axis) {
  const json value = config.axis_values.value(axis, json());
  return value.is_null() ? "" : sweep::value_text(value);
}

std::string config_id_of(const Board& board, const std::string& start) {
  std::string found;
  for (const ConfigReport& config : board.report.configs) {
    if (config.id.compare(0, start.size(), start) != 0) continue;
    if (!found.empty()) throw Refused{400, "Several configs begin with '" + start + "': give more digits."};
    found = config.id;
  }
  if (start.empty() || found.empty()) throw Refused{400, "This sweep has no config '" + start + "'."};
  return found;
}

void check_axis(const Board& board, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& axis : board.report.axes) {
    if (axis.axis == name) return;
    known.push_back(axis.axis);
  }
  throw Refused{400, "The sweep does not vary '" + name + "'" + sweep::suggestion(name, known) + "."};
}

/// "0.1..0.5", where either end may be missing.
Range range_of(const std::string& name, const std::string& text) {
  const Refused refused{400, "between." + name + " must be LOW..HIGH, two numbers of which one may be missing."};
  const std::size_t dots = text.find("..");
  if (dots == std::string::npos || text.size() == 2) throw refused;
  const auto number = [&](const std::string& part, double missing) {
    if (part.empty()) return missing;
    char* end = nullptr;
    const double value = std::strtod(part.c_str(), &end);
    if (*end != '\0' || !std::isfinite(value)) throw refused;
    return value;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {number(text.substr(0, dots), -kInfinity), number(text.substr(dots + 2), kInfinity)};
}

const ConfigReport* reference_of(const Board& board, const Selection& selection) {
  for (const ConfigReport& config : board.report.configs) {
    if (config.id == selection.reference) return &config;
  }
  return board.report.reference();
}

const storage::ConfigMark& mark_of(const ConfigReport& config, const Selection& selection) {
  static const storage::ConfigMark kNone;
  const auto it = selection.marks.find(config.id);
  return it == selection.marks.end() ? kNone : it->second;
}

/// An axis's value of a config, or one of its numbers; not a number where it has none.
double number_of(const Board& board, const ConfigReport& config, const ConfigReport& reference,
                 const std::string& name) {
  const auto number = sweep::find_number(name);
  const json value = number ? number->value({board.report, config, reference}) : config.axis_values.value(name, json());
  return value.is_number() ? value.get<double>() : kNaN;
}

/// `reference`: reference_of() the selection.
bool fits(const Board& board, const ConfigReport& config, const ConfigReport& reference, const Selection& selection) {
  const auto& tags = mark_of(config, selection).tags;
  for (const std::string& tag : selection.tags) {
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) return false;
  }
  if (selection.complete && !config.complete()) return false;
  if (!selection.configs.empty() && selection.configs.count(config.id) == 0) return false;
  for (const auto& [axis, values] : selection.where) {
    if (values.count(value_text_of(config, axis)) == 0) return false;
  }
  for (const auto& [name, range] : selection.between) {
    const double value = number_of(board, config, reference, name);
    if (!(value >= range.low && value <= range.high)) return false;
  }
  if (selection.search.empty()) return true;
  const std::string wanted = lower(selection.search);
  if (lower(config.id).find(wanted) != std::string::npos) return true;
  for (const auto& [axis, value] : config.axis_values.items()) {
    if (lower(sweep::value_text(value)).find(wanted) != std::string::npos) return true;
  }
  return false;
}

/// A value of an axis as a filter names it ("-": the axis plays no part), and as people read it.
json value_json(const Board& board, const std::string& axis, const json& value) {
  if (value.is_null()) return {{"value", "-"}, {"text", "-"}};
  return {{"value", sweep::value_text(value)}, {"text", (*board.text)(axis, value)}};
}

json texts_json(const Board& board, const ConfigReport& config) {
  json texts = json::object();
  for (const sweep::AxisReport& axis : board.report.axes) texts[axis.axis] = board.axis_text(config, axis.axis);
  return texts;
}

json row_of(const Board& board, std::size_t index, const ConfigReport& reference, const storage::ConfigMark& mark) {
  const sweep::ConfigRow row{board.report, board.report.configs[index], reference};
  json made = sweep::row_json(row, index);
  made["name"] = board.name_of(row.config);
  made["axis_texts"] = texts_json(board, row.config);
  made["pinned"] = mark.pinned;
  made["note"] = mark.note;
  made["tags"] = mark.tags;
  const auto progress = board.progress.find(row.config.id);
  made["failed"] = progress == board.progress.end() ? 0 : progress->second.failed;
  const auto difference = sweep::difference_of(row);
  made["against_reference"] = difference ? sweep::comparison_json(*difference) : json();
  return made;
}

json groups_json(const sweep::Report& report) {
  json groups = json::object();
  for (const sweep::Column& column : sweep::columns()) {
    if (*column.group != '\0') groups[column.group] = sweep::group_note(column.group, report);
  }
  return groups;
}

/// Text that somebody typed, as a cell that no spreadsheet takes for a formula: behind an apostrophe where it begins as
/// one (OWASP, "CSV Injection").
std::string no_formula(const std::string& text) {
  const bool begins = !text.empty() && std::string("=+-@\t\r\n").find(text.front()) != std::string::npos;
  return begins ? "'" + text : text;
}

/// `most` of the rows, evenly spaced, the first and the last among them; all where `most` is 0 or there are fewer.
template <class Row>
std::vector<Row> sampled(const std::vector<Row>& rows, int most) {
  const auto count = static_cast<std::size_t>(most);
  if (most == 0 || rows.size() <= count) return rows;
  std::vector<Row> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(rows[i * (rows.size() - 1) / (count - 1)]);
  return some;
}

}  // namespace

Selection selection_of(const Request& request, const Board& board, std::map<std::string, storage::ConfigMark> marks) {
  Selection selection;
  selection.marks = std::move(marks);
  for (std::string& tag : split(request.parameter("tag"))) selection.tags.insert(std::move(tag));
  selection.order = request.parameter("order", kRanked);
  if (selection.order.rfind(kAxisOrder, 0) == 0) {
    check_axis(board, selection.order.substr(std::string(kAxisOrder).size()));
  } else if (selection.order != kRanked && !sweep::find_number(selection.order)) {
    std::vector<std::string> known;
    for (const sweep::Column& column : sweep::columns()) {
      known.insert(known.end(), column.numbers.begin(), column.numbers.end());
    }
    throw Refused{400, "order must be ranked, axis.NAME or a number of a config" +
                           sweep::suggestion(selection.order, known) + "."};
  }
  selection.reversed = flag_parameter(request, "reverse");
  selection.complete = flag_parameter(request, "complete");
  selection.search = request.parameter("search");
  for (const std::string& id : split(request.parameter("configs"))) {
    if (selection.configs.size() >= kMaxChosenConfigs) throw Refused{400, "At most 100 configs at a time."};
    selection.configs.insert(config_id_of(board, id));
  }
  if (const std::string id = request.parameter("reference"); !id.empty()) {
    selection.reference = config_id_of(board, id);
  }
  for (const auto& [name, value] : request.query) {
    const std::string about = name.substr(std::min(name.size(), name.find('.') + 1));
    if (name.rfind("where.", 0) == 0) {
      check_axis(board, about);
      for (const std::string& one : split(value)) selection.where[about].insert(one == "-" ? "" : one);
    } else if (name.rfind("between.", 0) == 0) {
      if (!sweep::find_number(about)) check_axis(board, about);
      selection.between[about] = range_of(about, value);
    }
  }
  selection.sample = static_cast<int>(number_parameter(request, "sample", 2, kMaxPageRows).value_or(0));
  return selection;
}

std::vector<std::size_t> chosen(const Board& board, const Selection& selection) {
  const auto& configs = board.report.configs;
  const ConfigReport* reference = reference_of(board, selection);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    if (fits(board, configs[i], *reference, selection)) rows.push_back(i);
  }
  const int sign = selection.reversed ? -1 : 1;
  if (selection.order.rfind(kAxisOrder, 0) == 0) {
    const std::string axis = selection.order.substr(std::string(kAxisOrder).size());
    std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
      const json first = configs[a].axis_values.value(axis, json());
      const json second = configs[b].axis_values.value(axis, json());
      if (first.is_null() != second.is_null()) return second.is_null();
      return selection.reversed ? sweep::value_before(second, first) : sweep::value_before(first, second);
    });
  } else if (sweep::find_number(selection.order)) {
    std::vector<double> keys(configs.size(), kNaN);
    for (const std::size_t i : rows) keys[i] = number_of(board, configs[i], *reference, selection.order);
    std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
      if (std::isnan(keys[a]) != std::isnan(keys[b])) return std::isnan(keys[b]);
      if (configs[a].complete() != configs[b].complete()) return configs[a].complete();
      return sign * keys[a] > sign * keys[b];
    });
  } else if (selection.reversed) {
    std::reverse(rows.begin(), rows.end());
  }
  std::stable_partition(rows.begin(), rows.end(), [&](std::size_t i) { return mark_of(configs[i], selection).pinned; });
  return rows;
}

json leaderboard_json(const Board& board, const Selection& selection, storage::Page page) {
  const sweep::Report& report = board.report;
  const auto fitting = chosen(board, selection);
  const auto rows = sampled(fitting, selection.sample);
  const ConfigReport* reference = reference_of(board, selection);
  json sent = json::array();
  const int total = static_cast<int>(rows.size());
  const int end = std::min(total, page.offset + page.limit);
  for (int i = page.offset; i < end; ++i) {
    const std::size_t row = rows[static_cast<std::size_t>(i)];
    sent.push_back(row_of(board, row, *reference, mark_of(report.configs[row], selection)));
  }
  std::set<std::string> tags;
  for (const ConfigReport& config : report.configs) {
    const auto& its = mark_of(config, selection).tags;
    tags.insert(its.begin(), its.end());
  }
  json axes = json::array();
  json values = json::object();
  for (const sweep::AxisReport& axis : report.axes) {
    axes.push_back(axis.axis);
    json texts = json::array();
    for (const auto& value : axis.values) texts.push_back(value_json(board, axis.axis, value.value));
    values[axis.axis] = std::move(texts);
  }
  json failures = json::array();
  for (const sweep::FailureReason& failure : report.failures) {
    failures.push_back({{"reason", failure.reason}, {"trials", failure.trials}});
  }
  json arithmetics = json::array();
  for (const auto& [arithmetic, results] : report.arithmetics) {
    arithmetics.push_back({{"arithmetic", arithmetic}, {"results", results}});
  }
  const sweep::Finding found = sweep::finding(report);
  json body = head_json(board);
  body.update(
      {{"finding", {{"state", name_of(found.state)}, {"text", found.text}}},
       {"compared", sweep::protocol_name(report.ranks_held_out())},
       {"head_fusion", sweep::head_fusion_text(report.decode.head_fusion)},
       {"partitions", sweep::partition_texts(report.partitions)},
       {"folds", report.folds},
       {"seeds", report.seeds},
       {"best", report.configs.empty() ? json(nullptr) : json(report.configs.front().id)},
       {"reference", reference == nullptr ? json(nullptr) : json(reference->id)},
       {"declared_reference", report.declared_reference.empty() ? json(nullptr) : json(report.declared_reference)},
       {"state", name_of(report.standing)},
       {"failures", std::move(failures)},
       {"arithmetics", std::move(arithmetics)},
       {"arithmetics_note", sweep::arithmetics_note(report.arithmetics)},
       {"axes", axes},
       {"axis_values", values},
       {"columns", reference == nullptr ? json::array() : sweep::columns_json(report, *reference)},
       {"groups", groups_json(report)},
       {"tags", tags},
       {"rows", sent},
       {"total", fitting.size()},
       {"configs", report.configs.size()},
       {"offset", page.offset},
       {"next_offset", end < total ? json(end) : json(nullptr)}});
  return body;
}

json ranking_json(storage::Reader& reader, const Board& board, int top) {
  Selection selection;
  selection.marks = reader.marks();
  return leaderboard_json(board, selection, {0, top > 0 ? top : INT_MAX});
}

std::string leaderboard_csv(const Board& board, const Selection& selection) {
  const sweep::Table whole = sweep::full_precision(board.report);  // rows in the order of the ranking
  sweep::Table table;
  table.columns = whole.columns;
  for (const char* name : {"pinned", "tags", "note"}) table.columns.push_back({name});
  for (const std::size_t i : chosen(board, selection)) {
    const storage::ConfigMark& mark = mark_of(board.report.configs[i], selection);
    std::string tags;
    for (const std::string& tag : mark.tags) tags += (tags.empty() ? "" : "|") + tag;
    table.rows.push_back(whole.rows[i]);
    for (const std::string& cell : {std::string(mark.pinned ? "1" : "0"), no_formula(tags), no_formula(mark.note)}) {
      table.rows.back().push_back(cell);
    }
  }
  return sweep::csv_table(table);
}

json best_json(const Board& board) {
  if (board.report.configs.empty()) return nullptr;
  const ConfigReport& best = board.report.configs.front();
  const auto score = sweep::ranked_score(board.report, best);
  if (!score) return nullptr;
  json body{{"config", best.id},
            {"name", board.name_of(best)},
            {"score", *score},
            {"protocol", sweep::protocol_name(board.report.ranked_by == sweep::RankedBy::kHeldOutScore)},
            {"complete", best.complete()}};
  sweep::add_interval(body, sweep::ranked_interval(board.report, best));
  return body;
}

namespace {

/// A config of which every run has ended, and the best Score of those that had by then.
struct Ended {
  const ConfigReport* config = nullptr;
  storage::TimeMs at = 0;
  double score = 0;
  double best = 0;
};

/// In order of time.
std::vector<Ended> ended_configs(const Board& board) {
  std::vector<Ended> ended;
  for (const ConfigReport& config : board.report.configs) {
    const auto progress = board.progress.find(config.id);
    const auto score = sweep::ranked_score(board.report, config);
    if (!score || !config.complete() || progress == board.progress.end()) continue;
    ended.push_back({&config, progress->second.ended, *score, *score});
  }
  std::stable_sort(ended.begin(), ended.end(), [](const Ended& a, const Ended& b) { return a.at < b.at; });
  for (std::size_t i = 1; i < ended.size(); ++i) ended[i].best = std::max(ended[i - 1].best, ended[i].score);
  return ended;
}

}  // namespace

json progress_json(const Board& board) {
  constexpr int kMost = 1000;
  const std::vector<Ended> ended = ended_configs(board);
  json rows = json::array();
  for (const Ended& one : sampled(ended, kMost)) {
    rows.push_back({{"config", one.config->id},
                    {"name", board.name_of(*one.config)},
                    {"ended_ms", one.at},
                    {"score", one.score},
                    {"best", one.best}});
  }
  json body = head_json(board);
  body["configs"] = std::move(rows);
  body["total"] = ended.size();
  return body;
}

json best_so_far_json(const Board& board) {
  constexpr int kMost = 32;
  const std::vector<Ended> ended = ended_configs(board);
  json best = json::array();
  if (ended.empty() || ended.front().at == ended.back().at) return best;
  auto at = ended.begin();
  for (int i = 0; i < kMost; ++i) {
    const storage::TimeMs time = ended.front().at + (ended.back().at - ended.front().at) * i / (kMost - 1);
    while (std::next(at) != ended.end() && std::next(at)->at <= time) ++at;
    best.push_back(at->best);
  }
  return best;
}

json axes_json(const Board& board) {
  json axes = json::array();
  const auto importance = sweep::axis_importance(board.report);
  for (const sweep::AxisReport& axis : board.report.axes) {
    json values = json::array();
    for (const sweep::AxisValueReport& value : axis.values) {
      values.push_back(
          {{"value", value.value},
           {"text", value.value.is_null() ? "-" : (*board.text)(axis.axis, value.value)},
           {"configs", value.configs},
           {"trials", value.trials},
           {"complete", value.complete},
           {"transductive", value.transductive},
           {"paper_score", sweep::spread_json(value.paper_score)},
           {"held_out_score", sweep::spread_json(value.held_out_score)},
           {"best_config", value.best_config},
           {"best_paper_score", value.best_config.empty() ? json(nullptr) : finite(value.best_paper_score)}});
    }
    json weight;
    for (const sweep::AxisImportance& one : importance) {
      if (one.axis != axis.axis) continue;
      weight = {{"share", finite(one.share)},
                {"configs", one.configs},
                {"residual_df", one.residual_df},
                {"lowest", finite(one.lowest)},
                {"highest", finite(one.highest)}};
    }
    axes.push_back({{"name", axis.axis}, {"values", values}, {"importance", weight}});
  }
  json body = head_json(board);
  body["axes"] = std::move(axes);
  return body;
}

}  // namespace medley::web
