#include "web/worker_log.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "web/query.h"
#include "web/refused.h"

namespace medley::web {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxLines = 100;
constexpr std::streamoff kMaxFileBytes = 8 << 20;
constexpr std::streamoff kMaxBytes = 64 << 20;
constexpr std::size_t kMaxFiles = 4096;
/// A worker says what happened a moment after it did, and is heard of another moment later.
constexpr storage::TimeMs kMarginMs = 2000;

/// The head of a line as a worker writes it (worker/error_log.cpp): "2026-01-31T12:00:00.123Z [4211] info: ...".
struct Head {
  long process = 0;
  storage::TimeMs written_ms = 0;
  std::string_view message;  ///< "info: ..."
};

std::optional<Head> head_of(const std::string& line) {
  std::tm date{};
  int milliseconds = 0, length = 0;
  Head head;
  if (std::sscanf(line.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ [%9ld] %n", &date.tm_year, &date.tm_mon, &date.tm_mday,
                  &date.tm_hour, &date.tm_min, &date.tm_sec, &milliseconds, &head.process, &length) != 8 ||
      length == 0) {
    return std::nullopt;
  }
  date.tm_year -= 1900;
  date.tm_mon -= 1;
  head.written_ms = static_cast<storage::TimeMs>(timegm(&date)) * 1000 + milliseconds;
  head.message = std::string_view(line).substr(static_cast<std::size_t>(length));
  return head;
}

/// The id that a worker says when it joins (worker/link.cpp): "info: joined HOST:PORT as ID". "" for any other line.
std::string_view joined_as(const Head& head) {
  constexpr std::string_view kBegin = "info: joined ", kAs = " as ";
  if (head.message.substr(0, kBegin.size()) != kBegin) return {};
  const auto at = head.message.rfind(kAs);
  return at == std::string_view::npos ? std::string_view{} : head.message.substr(at + kAs.size());
}

bool is_worker_log(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  std::error_code error;
  return (name.rfind("worker-", 0) == 0 || name.rfind("cluster-", 0) == 0) && entry.path().extension() == ".log" &&
         fs::is_regular_file(entry.symlink_status(error));
}

std::vector<fs::path> newest_first(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!is_worker_log(*it)) continue;
    std::error_code gone;
    const auto written = fs::last_write_time(it->path(), gone);
    if (!gone) found.emplace_back(written, it->path());
    if (found.size() == kMaxFiles) break;
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<fs::path> files;
  for (auto& [written, path] : found) files.push_back(std::move(path));
  return files;
}

/// The last lines of a file, whole ones.
std::string end_of(const fs::path& file, std::streamoff most) {
  std::ifstream in(file, std::ios::binary);
  in.seekg(0, std::ios::end);
  const std::streamoff size = in.tellg();
  if (!in || size <= 0) return "";
  const std::streamoff begin = std::max<std::streamoff>(0, size - most);
  std::string text(static_cast<std::size_t>(size - begin), '\0');
  in.seekg(begin);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (begin > 0) text.erase(0, text.find('\n') + 1);
  return text;
}

/// The same of a log with what was rotated away before it.
std::string end_of_log(const fs::path& file, std::streamoff most) {
  std::string text = end_of(file, most);
  for (int i = 1; i <= kRotatedLogs && static_cast<std::streamoff>(text.size()) < most; ++i) {
    const fs::path before = file.string() + "." + std::to_string(i);
    std::error_code error;
    if (!fs::is_regular_file(fs::symlink_status(before, error))) break;
    text.insert(0, end_of(before, most - static_cast<std::streamoff>(text.size())));
  }
  return text;
}

/// From the line with which it joined to the first line of the process that joined after it.
std::vector<WorkerLog::Line> lines_of(const std::string& text, const std::string& worker) {
  std::vector<WorkerLog::Line> lines;
  std::vector<long> writers;  // of each line; 0 where it does not say
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const auto head = head_of(line);
    const auto id = head ? joined_as(*head) : std::string_view{};
    const bool begun = !lines.empty();
    if (!begun && id != worker) continue;
    if (begun && !id.empty() && id != worker) {
      const auto next = std::find(writers.begin() + 1, writers.end(), head->process);
      if (head->process != writers.front()) lines.resize(static_cast<std::size_t>(next - writers.begin()));
      break;
    }
    writers.push_back(head ? head->process : 0);
    lines.push_back({line.substr(0, kMaxLogLineBytes), std::nullopt});
    if (head) lines.back().written_ms = head->written_ms;
  }
  return lines;
}

}  // namespace

std::optional<WorkerLog> find_worker_log(const fs::path& folder, const std::string& worker) {
  std::streamoff left = kMaxBytes;
  for (const fs::path& file : newest_first(folder)) {
    if (left <= 0) break;
    const std::string text = end_of_log(file, std::min(left, kMaxFileBytes));
    left -= static_cast<std::streamoff>(text.size());
    if (text.find(" as " + worker) == std::string::npos) continue;
    auto lines = lines_of(text, worker);
    if (!lines.empty()) return WorkerLog{file.filename().string(), std::move(lines)};
  }
  return std::nullopt;
}

std::size_t first_new_line(const std::vector<WorkerLog::Line>& shown, const std::vector<WorkerLog::Line>& lines) {
  constexpr std::size_t kEnough = 8;  // lines that tell a place
  const std::size_t tail = std::min(shown.size(), kEnough);
  for (std::size_t end = lines.size(); end >= tail && tail > 0; --end) {
    const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(end - tail);
    const auto same = [](const auto& a, const auto& b) { return a.text == b.text; };
    const std::string &last = shown.back().text, &now = lines[end - 1].text;
    if (!std::equal(shown.end() - static_cast<std::ptrdiff_t>(tail), shown.end() - 1, begin, same)) continue;
    if (now == last) return end;
    if (now.compare(0, last.size(), last) == 0) return end - 1;  // half of it was there
  }
  return 0;
}

json worker_log_json(const std::string& worker, const fs::path& logs) {
  constexpr std::size_t kMostLines = 300;
  const WorkerLog log = find_worker_log(logs, worker).value_or(WorkerLog{});
  json lines = json::array();
  for (std::size_t i = log.lines.size() - std::min(log.lines.size(), kMostLines); i < log.lines.size(); ++i) {
    const auto& line = log.lines[i];
    lines.push_back({{"text", line.text}, {"written_ms", line.written_ms ? json(*line.written_ms) : json(nullptr)}});
  }
  return {{"worker", worker}, {"file", log.file.empty() ? json(nullptr) : json(log.file)}, {"lines", lines}};
}

json attempt_log_json(const storage::TrialDetail& trial, const fs::path& logs, const Request& request) {
  const auto number = number_parameter(request, "attempt", 1, INT32_MAX);
  const auto attempt = number ? std::find_if(trial.attempts.begin(), trial.attempts.end(),
                                             [&](const storage::AttemptRow& row) { return row.number == *number; })
                              : std::max_element(trial.attempts.begin(), trial.attempts.end(),
                                                 [](const auto& a, const auto& b) { return a.number < b.number; });
  if (attempt == trial.attempts.end()) throw Refused{404, "The trial has no such attempt."};

  auto log = find_worker_log(logs, attempt->worker).value_or(WorkerLog{});
  const auto after = [&](const WorkerLog::Line& line) {
    return attempt->ended != 0 && line.written_ms && *line.written_ms > attempt->ended + kMarginMs;
  };
  const auto end = std::find_if(log.lines.begin(), log.lines.end(), after);
  // All of them after it: that worker's host has another clock.
  if (end != log.lines.begin()) log.lines.erase(end, log.lines.end());
  if (log.lines.size() > kMaxLines) log.lines.erase(log.lines.begin(), log.lines.end() - kMaxLines);

  json lines = json::array();
  bool during = false;  // a line without a date belongs to the one above it
  for (const auto& line : log.lines) {
    if (line.written_ms) during = *line.written_ms >= attempt->started && !after(line);
    const json written = line.written_ms ? json(*line.written_ms) : json(nullptr);
    lines.push_back({{"text", line.text}, {"written_ms", written}, {"during", during}});
  }
  return {{"trial", trial.spec.id},
          {"attempt", attempt->number},
          {"worker", attempt->worker},
          {"worker_name", attempt->worker_name},
          {"file", log.file.empty() ? json(nullptr) : json(log.file)},
          {"lines", lines}};
}

}  // namespace medley::web
