// Offline runs of Weights & Biases, which `wandb sync` uploads: a folder offline-run-TIME-ID a run, with a file
// run-ID.wandb. The file is a header and a log of LevelDB
// (https://github.com/google/leveldb/blob/main/doc/log_format.md) whose checksums are the CRC-32 of zlib and are not
// masked (wandb/sdk/internal/datastore.py). A record is a Record of wandb/proto/wandb_internal.proto, of which few
// fields are needed.
#include <cmath>

#include <fmt/format.h>
#include <libdeflate.h>

#include "coordinator/actions/protocol_buffers.h"
#include "coordinator/actions/trackers.h"
#include "storage/files/write.h"
#include "sweep/json_text.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A log of LevelDB: records are cut where blocks of 32 KiB end.
class RecordLog {
 public:
  void add(std::string_view record) {
    bool first = true, last = false;
    while (!last) {
      std::size_t room = kBlock - bytes_.size() % kBlock;
      if (room < kHeader) {
        bytes_.append(room, '\0');
        room = kBlock;
      }
      last = record.size() <= room - kHeader;
      const std::string_view piece = record.substr(0, room - kHeader);
      const Kind kind = first ? (last ? Kind::kFull : Kind::kFirst) : (last ? Kind::kLast : Kind::kMiddle);
      put(kind, piece);
      record.remove_prefix(piece.size());
      first = false;
    }
  }

  const std::string& bytes() const { return bytes_; }

 private:
  enum class Kind : char { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };
  static constexpr std::size_t kBlock = 32768, kHeader = 7;

  void put(Kind kind, std::string_view piece) {
    std::uint32_t crc = libdeflate_crc32(0, &kind, 1);
    crc = libdeflate_crc32(crc, piece.data(), piece.size());
    bytes_ += little_endian(crc, 4) + little_endian(piece.size(), 2) + static_cast<char>(kind);
    bytes_.append(piece);
  }

  std::string bytes_ = ":W&B" + little_endian(0xbee1, 2) + little_endian(0, 1);  ///< with the header of the file
};

/// Numbers of a Record: fields of its `oneof record_type`.
enum class Kind { kHistory = 2, kSummary = 3, kRun = 17, kExit = 18, kFinal = 20 };

/// JSON as Python writes it, where not every double is a number.
std::string value_json(const json& value) {
  if (!value.is_number_float() || std::isfinite(value.get<double>())) return sweep::json_text(value);
  const auto number = value.get<double>();
  return std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
}

/// HistoryItem, ConfigItem and SummaryItem.
Message item(const std::string& key, const json& value) { return Message().text(1, key).text(16, value_json(value)); }

/// google.protobuf.Timestamp.
Message timestamp(storage::TimeMs time) {
  return Message()
      .whole(1, static_cast<std::uint64_t>(time / 1000))
      .whole(2, static_cast<std::uint64_t>(time % 1000 * 1000000));
}

/// Names of groups and of runs have at most 128 characters.
bool fits(const std::string& name) { return name.size() <= 128; }

std::string project_of(const storage::SweepSummary& sweep) {
  std::string name = file_name_of(sweep.name);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::string_view("\\#?%:").find(c) != std::string_view::npos; },
      '_');
  return fits(name) ? name : sweep.id;
}

Message run_record(const TrackedRun& run, const storage::SweepSummary& sweep, const json& facts) {
  json settings = run.settings;
  settings.update(run.varied);
  settings.update(facts);
  settings.update({{"fold", run.fold}, {"seed", run.seed}, {"config", run.config}, {"config_name", run.config_name}});
  Message config;
  for (const auto& [name, value] : settings.items()) config.of(1, item(name, value));
  const std::string name = run.config_name + ", " + run.place;
  Message record;
  record.text(1, run.id).text(3, project_of(sweep)).of(4, config);
  record.text(6, fits(run.config_name) ? run.config_name : run.config).text(7, "trial");
  record.text(8, fits(name) ? name : run.config + ", " + run.place);
  if (sweep.synthetic) record.text(10, "synthetic");
  return record.of(17, timestamp(run.started));
}

/// What W&B adds to each step and to a summary.
void add_time(Message& items, int step, storage::TimeMs time, storage::TimeMs started) {
  items.of(1, item("_step", step));
  items.of(1, item("_timestamp", static_cast<double>(time) / 1000));
  items.of(1, item("_runtime", static_cast<double>(time - started) / 1000));
}

std::string log_of(const TrackedRun& run, const storage::SweepSummary& sweep, const json& facts) {
  RecordLog log;
  int records = 0;
  const auto add = [&](Kind kind, const Message& content) {
    log.add(Message().whole(1, static_cast<std::uint64_t>(++records)).of(static_cast<int>(kind), content).bytes());
  };
  add(Kind::kRun, run_record(run, sweep, facts));
  for (const sweep::EpochMetrics& epoch : run.epochs) {
    Message step;
    for (const auto& [name, value] : epoch_numbers(epoch)) step.of(1, item(name, value));
    add_time(step, epoch.epoch, run.ended, run.started);
    add(Kind::kHistory, step.of(2, Message().whole(1, static_cast<std::uint64_t>(epoch.epoch))));
  }
  Message summary;
  for (const auto& [column, value] : run.columns.items()) {
    if (column != "fold" && column != "seed") summary.of(1, item(column, value));
  }
  add_time(summary, run.last_epoch(), run.ended, run.started);
  add(Kind::kSummary, summary);
  const bool finished = run.state == name_of(sweep::TrialState::kFinished);
  add(Kind::kExit,
      Message().whole(1, finished ? 0 : 1).whole(2, static_cast<std::uint64_t>((run.ended - run.started) / 1000)));
  add(Kind::kFinal, Message());
  return log.bytes();
}

/// As W&B names it, in the time of this host.
fs::path place_of(const TrackedRun& run) {
  const std::tm parts = local_time(run.started);
  return fs::path(fmt::format("offline-run-{:04}{:02}{:02}_{:02}{:02}{:02}-{}", parts.tm_year + 1900, parts.tm_mon + 1,
                              parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, run.id)) /
         ("run-" + run.id + ".wandb");
}

}  // namespace

bool write_wandb(const TrackedSweep& tracked, const fs::path& out) {
  files::PartialFolder folder(out);
  const json facts = tracked.facts();
  tracked.each([&](const TrackedRun& run) {
    if (run.has_ended()) folder.put(place_of(run), log_of(run, tracked.sweep(), facts));
  });
  return folder.commit_if_new();
}

}  // namespace medley::coordinator
