#include "web/query.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include <fmt/format.h>

#include "sweep/error.h"
#include "web/refused.h"

namespace medley::web {
namespace {

constexpr int kPageRows = 100;

/// Digits only, and few enough of them for a row's number.
std::int64_t row_number(const std::string& text) {
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || text.size() > 15 || !digits) throw Refused{404, "The id of an ensemble is a number."};
  return std::stoll(text);
}

}  // namespace

const std::string& checked_id(const std::string& id) {
  const bool hexadecimal =
      std::all_of(id.begin(), id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!hexadecimal || id.size() < 4 || id.size() > 64) {
    throw Refused{404, "An id is 4 to 64 hexadecimal digits in lower case."};
  }
  return id;
}

std::optional<long long> number_parameter(const Request& request, const std::string& name, long long low,
                                          long long high) {
  const std::string text = request.parameter(name);
  if (text.empty()) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (errno != 0 || *end != '\0' || value < low || value > high) {
    throw Refused{400, fmt::format("{} must be a whole number from {} to {}.", name, low, high)};
  }
  return value;
}

Boards::Patience patience_of(const Request& request) {
  const bool now = request.header("prefer").find("respond-async") != std::string::npos;
  return now ? Boards::Patience::kShort : Boards::Patience::kAny;
}

storage::Page page_of(const Request& request) {
  storage::Page page;
  page.offset = static_cast<int>(number_parameter(request, "offset", 0, 100'000'000).value_or(0));
  page.limit = static_cast<int>(number_parameter(request, "limit", 1, kMaxPageRows).value_or(kPageRows));
  return page;
}

storage::TrialFilter filter_of(const Request& request) {
  storage::TrialFilter filter;
  if (const std::string config = request.parameter("config"); !config.empty()) filter.config = checked_id(config);
  if (const auto fold = number_parameter(request, "fold", 0, 1'000'000)) filter.fold = static_cast<int>(*fold);
  if (const auto seed = number_parameter(request, "seed", 0, INT64_MAX))
    filter.seed = static_cast<std::uint64_t>(*seed);
  if (const std::string partition = request.parameter("partition"); !partition.empty()) {
    try {
      filter.partition = sweep::partition_text(sweep::partition_of(partition));
    } catch (const sweep::Error& unreadable) {
      throw Refused{400, std::string("partition: ") + unreadable.what() + "."};
    }
  }
  if (const std::string state = request.parameter("state"); !state.empty()) {
    filter.running = state == "running";
    filter.diverged = state == "diverged";
    filter.state = sweep::find_named<sweep::TrialState>(state);
    if (!filter.state && !filter.running && !filter.diverged) {
      throw Refused{400, "state must be pending, running, finished, diverged or failed."};
    }
  }
  return filter;
}

storage::TrialSorting sorting_of(const Request& request) {
  const std::string order = request.parameter("order", name_of(storage::TrialOrder::kPosition));
  const auto found = sweep::find_named<storage::TrialOrder>(order);
  if (!found) throw Refused{400, "order must be position, ended, seconds, attempts, paper_score or held_out_score."};
  return {*found, flag_parameter(request, "descending")};
}

bool flag_parameter(const Request& request, const std::string& name) {
  const std::string text = request.parameter(name);
  if (!text.empty() && text != "0" && text != "1") throw Refused{400, name + " must be 0 or 1."};
  return text == "1";
}

storage::SweepSummary sweep_of(storage::Reader& reader, const std::string& id) {
  auto sweep = reader.find_sweep(checked_id(id));
  if (!sweep) throw Refused{404, "There is no sweep with this id in the store."};
  return *std::move(sweep);
}

storage::TrialDetail trial_of(storage::Reader& reader, const std::string& id) {
  auto trial = reader.find_trial(checked_id(id));
  if (!trial) throw Refused{404, "There is no trial with this id in the store."};
  return *std::move(trial);
}

storage::DatasetRecord dataset_of(storage::Reader& reader, const std::string& fingerprint) {
  auto dataset = reader.find_dataset(checked_id(fingerprint));
  if (!dataset) throw Refused{404, "There is no dataset with this fingerprint in the store."};
  return *std::move(dataset);
}

storage::EnsembleRecord ensemble_of(storage::Reader& reader, const std::string& id) {
  auto ensemble = reader.find_ensemble(row_number(id));
  if (!ensemble) throw Refused{404, "There is no ensemble with this id in the store."};
  return *std::move(ensemble);
}

storage::WorkerRow worker_of(storage::Reader& reader, const std::string& id) {
  for (const storage::WorkerRow& row : reader.workers()) {
    if (row.worker.id == id) return row;
  }
  throw Refused{404, "There is no worker with this id in the store."};
}

}  // namespace medley::web
