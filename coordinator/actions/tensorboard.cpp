// TensorBoard's event files. A file is TFRecords: length (8 bytes, little-endian), its masked CRC-32C, the record, its
// masked CRC-32C. A record is an Event (tensorboard/compat/proto/event.proto and summary.proto) in the encoding of
// protocol buffers, of which few fields are needed. Settings are those of the HPARAMS page
// (tensorboard/plugins/hparams/plugin_data.proto), whose sessions are trials and whose groups are configs.
#include <array>

#include <fmt/format.h>

#include "coordinator/actions/protocol_buffers.h"
#include "coordinator/actions/trackers.h"
#include "storage/files/write.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Castagnoli's CRC, reflected polynomial 82F63B78 (RFC 3720, appendix B.4).
std::uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
      made[i] = crc;
    }
    return made;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ crc >> 8;
  return ~crc;
}

/// Records hold CRCs so masked, since the CRC of bytes that hold their CRC says little.
std::uint32_t masked(std::uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

std::string record(std::string_view event) {
  const std::string length = little_endian(event.size(), 8);
  std::string made = length + little_endian(masked(crc32c(length)), 4);
  made.append(event);
  return made + little_endian(masked(crc32c(event)), 4);
}

double seconds_of(storage::TimeMs time) { return static_cast<double>(time) / 1000; }

Message event_at(storage::TimeMs time, int step) {
  Message event;
  event.real(1, seconds_of(time));
  if (step != 0) event.whole(2, static_cast<std::uint64_t>(step));
  return event;
}

Message scalar(const std::string& tag, double value) {
  return Message().text(1, tag).single(2, static_cast<float>(value));
}

/// A summary of the HPARAMS page: `data` is field `field` of HParamsPluginData.
Message of_hparams(const char* tag, int field, const Message& data) {
  const Message plugin = Message().text(1, "hparams").text(2, Message().of(field, data).bytes());
  return Message().of(1, Message().text(1, tag).of(9, Message().of(1, plugin)));
}

/// google.protobuf.Value.
Message value_of(const json& value) {
  if (value.is_boolean()) return Message().whole(4, value.get<bool>());
  if (value.is_number()) return Message().real(2, value.get<double>());
  return Message().text(3, value.get<std::string>());
}

Message session_start(const TrackedRun& run, const json& facts) {
  Message session;
  json params = run.varied;
  params["dataset"] = facts["dataset"].get<std::string>() + (facts["synthetic"] == true ? " (synthetic data)" : "");
  for (const auto& [name, value] : params.items()) session.of(1, Message().text(1, name).of(2, value_of(value)));
  return session.text(4, run.config_name).real(5, seconds_of(run.started));
}

/// tensorboard.hparams.Status; none before a trial has ended.
enum class Status { kSuccess = 1, kFailure = 2 };

std::string events_of(const TrackedRun& run, const json& facts) {
  std::string events = record(event_at(run.started, 0).text(3, "brain.Event:2").bytes());
  const auto add = [&](const Message& event) { events += record(event.bytes()); };
  add(event_at(run.started, 0).of(5, of_hparams("_hparams_/session_start_info", 3, session_start(run, facts))));
  for (const sweep::EpochMetrics& epoch : run.epochs) {
    Message summary;
    for (const auto& [tag, value] : epoch_numbers(epoch)) summary.of(1, scalar(tag, value));
    add(event_at(run.ended, epoch.epoch).of(5, summary));
  }
  if (!run.has_ended()) return events;
  Message summary;
  for (const auto& [column, value] : run.columns.items()) {
    if (value.is_number() && column != "fold" && column != "seed") summary.of(1, scalar(column, value.get<double>()));
  }
  add(event_at(run.known_last(), run.last_epoch()).of(5, summary));
  const Status status = run.state == name_of(sweep::TrialState::kFinished) ? Status::kSuccess : Status::kFailure;
  const Message end = Message().whole(1, static_cast<std::uint64_t>(status)).real(2, seconds_of(run.known_last()));
  add(event_at(run.known_last(), run.last_epoch()).of(5, of_hparams("_hparams_/session_end_info", 4, end)));
  return events;
}

/// Its name in words where a folder may have that, else its id.
std::string folder_of(const TrackedRun& run) {
  constexpr std::size_t kLongest = 120;
  const bool plain = run.config_name.size() <= kLongest && file_name_of(run.config_name) == run.config_name;
  return plain ? run.config_name : run.config;
}

}  // namespace

bool write_tensorboard(const TrackedSweep& tracked, const fs::path& out) {
  files::PartialFolder folder(out);
  const json facts = tracked.facts();
  tracked.each([&](const TrackedRun& run) {
    folder.put(
        fs::path(folder_of(run)) / run.place / fmt::format("events.out.tfevents.{:010}.medley", run.started / 1000),
        events_of(run, facts));
  });
  return folder.commit_if_new();
}

}  // namespace medley::coordinator
