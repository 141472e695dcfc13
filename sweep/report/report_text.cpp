#include "sweep/report/report_text.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "sweep/config.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

/// The names in value_text() of a list: split at '+', but not at '\\+'.
std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      names.emplace_back();
    } else {
      if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '+') ++i;
      names.back() += text[i];
    }
  }
  return names;
}

void drop_column(Table& table, std::size_t column) {
  const auto at = static_cast<std::ptrdiff_t>(column);
  table.columns.erase(table.columns.begin() + at);
  for (auto& row : table.rows) row.erase(row.begin() + at);
}

}  // namespace

std::string full_text(double value) { return std::isfinite(value) ? value_text(nlohmann::json(value)) : std::string(); }

std::string spread_text(double mean, double sd) {
  return std::isnan(sd) ? share_text(mean) : share_text(mean) + " ± " + share_text(sd);
}

std::string signed_text(double difference) {
  const std::string text = share_text(difference);
  return text.front() == '-' || std::isnan(difference) ? text : "+" + text;
}

std::string p_text(double p) { return p < 0.001 ? "<.001" : share_text(p); }

std::string interval_text(const Interval& interval) {
  if (!std::isfinite(interval.low)) return "-";
  return "[" + share_text(interval.low) + ", " + share_text(interval.high) + "]";
}

std::string source_text(const Report& report) {
  return report.sweep + " on " + report.dataset + (report.synthetic ? " (synthetic data)" : "");
}

std::string seeds_text(const Report& report, const std::string& seed) {
  const std::string all = std::to_string(report.seeds) + " " + seed + (report.seeds == 1 ? "" : "s");
  if (report.search.empty()) return all;
  int least = report.seeds;
  int most = 0;
  for (const ConfigReport& config : report.configs) {
    std::set<std::uint64_t> trained;
    for (const RunScore& run : config.runs) trained.insert(run.seed);
    if (trained.empty()) continue;  // diverged, or not begun
    least = std::min(least, static_cast<int>(trained.size()));
    most = std::max(most, static_cast<int>(trained.size()));
  }
  if (least == report.seeds || most == 0) return all;
  return (least == most ? "" : std::to_string(least) + " to ") + std::to_string(most) + " of at most " + all;
}

std::string runs_text(const Report& report) {
  const auto count = [](int n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); };
  const bool official = report.partitions.front().official();
  return count(report.folds, "fold") + (official ? "" : " (" + partitions_text(report.partitions) + ")") + " x " +
         seeds_text(report);
}

AxisText::AxisText(const Report& report) : labels_(report.labels) {
  for (const AxisReport& axis : report.axes) {
    if (axis.axis != "encoders") continue;
    for (const AxisValueReport& value : axis.values) {
      if (value.value.is_null()) continue;
      for (const std::string& name : names_in(value_text(value.value))) encoders_.insert(name);
    }
  }
}

std::string AxisText::label_of(const std::string& key, const std::string& otherwise) const {
  const auto label = labels_.find(key);
  return label == labels_.end() ? otherwise : label->second;
}

bool AxisText::labelled(const std::string& axis, const json& value) const {
  const std::string text = value_text(value);
  return labels_.count(axis + "=" + text) > 0 || labels_.count(text) > 0;
}

std::string AxisText::operator()(const std::string& axis, const json& value) const {
  if (value.is_null()) return "(not used)";
  if (labelled(axis, value)) return label_of(axis + "=" + value_text(value), label_of(value_text(value), ""));
  std::string text = value_text(value);
  if (axis != "encoders") return text;
  const std::vector<std::string> names = names_in(text);
  if (!labels_.empty()) {
    text.clear();
    for (const std::string& name : names) text += (text.empty() ? "" : "+") + label_of(name, name);
  }
  const std::set<std::string> kept(names.begin(), names.end());
  if (kept.size() < 2) return text;
  if (kept == encoders_) return "all " + std::to_string(kept.size());
  std::string lacks;
  for (const std::string& name : encoders_) {
    if (kept.count(name) == 0) lacks += (lacks.empty() ? "all but " : ", ") + label_of(name, name);
  }
  return lacks.size() < text.size() ? lacks : text;
}

std::string AxisText::of(const ConfigReport& config, const std::string& axis) const {
  const json value = config.axis_values.value(axis, json());
  if (!value.is_null() || !config.settings.contains(axis)) return (*this)(axis, value);
  return "(" + (*this)(axis, config.settings[axis]) + ")";
}

void lift_constants(Table& table, const std::set<std::string>& heads) {
  if (table.rows.size() < 2) return;
  std::string lifted;
  for (std::size_t c = 0; c < table.columns.size();) {
    const std::string& first = table.rows.front()[c];
    const bool constant = heads.count(named(table.columns[c])) > 0 &&
                          std::all_of(table.rows.begin(), table.rows.end(),
                                      [&](const std::vector<std::string>& row) { return row[c] == first; });
    if (!constant) {
      ++c;
      continue;
    }
    lifted += (lifted.empty() ? "in every row: " : ", ") + named(table.columns[c]) + " " + first;
    drop_column(table, c);
  }
  if (!lifted.empty()) table.above.push_back(lifted);
}

}  // namespace medley::sweep
