#include "worker/protocol/codec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "sweep/cbor.h"
#include "sweep/error.h"

namespace medley::protocol {
namespace {

using nlohmann::json;

constexpr std::array<const char*, std::variant_size_v<Message>> kNames = {
    "hello",  "heartbeat", "result", "attempt failed",  "leave", "pack size", "welcome",
    "assign", "cancel",    "alive",  "result received", "drain", "dismiss"};
static_assert(kNames.back() != nullptr, "a name for every message");

constexpr int kMaxDepth = 12;
constexpr std::size_t kMaxValues = 1'000'000;

[[noreturn]] void fail(const std::string& what) { throw Error("malformed message: " + what); }

/// Bytes of the UTF-8 character at `i`, 0 when there is none (RFC 3629: no overlong forms, no surrogates).
std::size_t utf8_length(const std::string& text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u; };
  const auto follows = [&](std::size_t k, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(k) >= low && byte(k) <= high;
  };
  const unsigned head = byte(0);
  if (head < 0x80) return head ? 1 : 0;
  if (head >= 0xc2 && head <= 0xdf) return follows(1) ? 2 : 0;
  if (head >= 0xe0 && head <= 0xef) {
    return follows(1, head == 0xe0 ? 0xa0 : 0x80, head == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  }
  if (head >= 0xf0 && head <= 0xf4) {
    return follows(1, head == 0xf0 ? 0x90 : 0x80, head == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// Reads the fields of one message; every accessor checks type and bounds. Unknown fields are refused, so that a
/// field cannot be ignored silently by the other side.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) fail(where_ + " is not an object");
  }
  /// Call when every field has been read.
  void finish() const {
    if (read_ != object_.size()) fail(where_ + " has " + std::to_string(object_.size() - read_) + " unknown fields");
  }

  const json& at(const char* name) {
    const auto it = object_.find(name);
    if (it == object_.end()) fail(where_ + " has no '" + name + "'");
    ++read_;
    return *it;
  }
  std::string text(const char* name, std::size_t limit) {
    const json& value = at(name);
    if (!value.is_string()) fail(where_ + "." + name + " is not text");
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() > limit) fail(where_ + "." + name + " is longer than " + std::to_string(limit) + " bytes");
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t length = utf8_length(text, i);
      if (length == 0) fail(where_ + "." + name + " has a zero byte or is not UTF-8");
      i += length;
    }
    return text;
  }
  std::int64_t integer(const char* name, std::int64_t low, std::int64_t high) {
    const json& value = at(name);
    if (!value.is_number_integer()) fail(where_ + "." + name + " is not a whole number");
    if (value.is_number_unsigned() &&
        value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      fail(where_ + "." + name + " is too large");
    }
    const auto number = value.get<std::int64_t>();
    if (number < low || number > high) {
      fail(where_ + "." + name + " is " + std::to_string(number) + ", not between " + std::to_string(low) + " and " +
           std::to_string(high));
    }
    return number;
  }
  int number(const char* name, int low, int high) { return static_cast<int>(integer(name, low, high)); }
  double real(const char* name, double low, double high) {
    const json& value = at(name);
    if (!value.is_number()) fail(where_ + "." + name + " is not a number");
    const auto number = value.get<double>();
    if (!(number >= low && number <= high)) {  // nor is NaN
      fail(where_ + "." + name + " is " + std::to_string(number) + ", not between " + std::to_string(low) + " and " +
           std::to_string(high));
    }
    return number;
  }
  bool flag(const char* name) {
    const json& value = at(name);
    if (!value.is_boolean()) fail(where_ + "." + name + " is not true or false");
    return value.get<bool>();
  }
  const json& list(const char* name, std::size_t limit) {
    const json& value = at(name);
    if (!value.is_array()) fail(where_ + "." + name + " is not a list");
    if (value.size() > limit) fail(where_ + "." + name + " has more than " + std::to_string(limit) + " entries");
    return value;
  }

 private:
  const json& object_;
  std::string where_;
  std::size_t read_ = 0;
};

constexpr int kMaxInt = std::numeric_limits<int>::max();
constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

json attempt_json(const AttemptId& attempt) { return json::array({attempt.trial, attempt.number}); }

AttemptId attempt_from(const json& value) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_string() || !value[1].is_number_integer()) {
    fail("an attempt is [trial id, number]");
  }
  AttemptId attempt;
  attempt.trial = value[0].get<std::string>();
  // The id becomes part of file names on the worker.
  if (attempt.trial.size() != 16 || attempt.trial.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fail("a trial id has 16 hexadecimal digits");
  }
  const bool fits = value[1].is_number_unsigned() ? value[1].get<std::uint64_t>() <= kMaxAttemptNumber
                                                  : value[1].get<std::int64_t>() >= 0;
  attempt.number = fits ? value[1].get<int>() : 0;
  if (attempt.number < 1 || attempt.number > kMaxAttemptNumber) fail("an attempt's number is 1 or more");
  return attempt;
}

json attempts_json(const std::vector<AttemptId>& attempts) {
  json list = json::array();
  for (const AttemptId& attempt : attempts) list.push_back(attempt_json(attempt));
  return list;
}

std::vector<AttemptId> attempts_from(const json& list) {
  std::vector<AttemptId> attempts;
  for (const json& value : list) attempts.push_back(attempt_from(value));
  return attempts;
}

json held_json(const std::vector<Held>& list) {
  json values = json::array();
  for (const Held& held : list) {
    values.push_back({{"attempt", attempt_json(held.attempt)},
                      {"spooled", held.stage == Held::Stage::kSpooled},
                      {"epoch", held.epoch},
                      {"epochs", held.epochs}});
  }
  return values;
}

std::vector<Held> held_from(const json& list) {
  std::vector<Held> all;
  for (const json& value : list) {
    Fields f(value, "held");
    Held held;
    held.attempt = attempt_from(f.at("attempt"));
    held.stage = f.flag("spooled") ? Held::Stage::kSpooled : Held::Stage::kRunning;
    held.epoch = f.number("epoch", 0, kMaxInt);
    held.epochs = f.number("epochs", 0, kMaxInt);
    f.finish();
    all.push_back(std::move(held));
  }
  return all;
}

json usage_json(const std::optional<sweep::Usage>& usage) {
  if (!usage) return nullptr;
  json gpu;
  if (usage->gpu) {
    gpu = {
        {"busy", usage->gpu->busy}, {"used", usage->gpu->memory_used_bytes}, {"total", usage->gpu->memory_total_bytes}};
  }
  return {{"cpu", usage->cpu}, {"resident", usage->resident_bytes}, {"gpu", std::move(gpu)}};
}

std::optional<sweep::Usage> usage_from(const json& value) {
  if (value.is_null()) return std::nullopt;
  Fields f(value, "usage");
  sweep::Usage usage;
  usage.cpu = f.real("cpu", 0, kMaxCores);
  usage.resident_bytes = f.integer("resident", 0, kMaxInt64);
  if (const json& of_gpu = f.at("gpu"); !of_gpu.is_null()) {
    Fields g(of_gpu, "usage.gpu");
    sweep::Usage::Gpu gpu;
    gpu.busy = g.real("busy", 0, 1);
    gpu.memory_total_bytes = g.integer("total", 0, kMaxInt64);
    gpu.memory_used_bytes = g.integer("used", 0, gpu.memory_total_bytes);
    g.finish();
    usage.gpu = gpu;
  }
  f.finish();
  return usage;
}

json new_epochs_json(const std::vector<NewEpoch>& list) {
  json values = json::array();
  for (const NewEpoch& one : list) {
    json terms = json::array();
    for (const sweep::LossTerm& term : one.metrics.terms) terms.push_back({{"name", term.name}, {"value", term.value}});
    values.push_back({{"attempt", attempt_json(one.attempt)},
                      {"epoch", one.metrics.epoch},
                      {"rate", one.metrics.learning_rate},
                      {"loss", one.metrics.loss},
                      {"validation_loss", one.metrics.validation_loss},
                      {"presence", one.metrics.validation.presence},
                      {"salience", one.metrics.validation.salience},
                      {"terms", std::move(terms)}});
  }
  return values;
}

std::vector<NewEpoch> new_epochs_from(const json& list) {
  constexpr double kMost = std::numeric_limits<double>::max();
  std::vector<NewEpoch> all;
  for (const json& value : list) {
    Fields f(value, "epochs");
    NewEpoch one;
    one.attempt = attempt_from(f.at("attempt"));
    one.metrics.epoch = f.number("epoch", 1, kMaxEpoch);
    one.metrics.learning_rate = f.real("rate", 0, kMost);
    one.metrics.loss = f.real("loss", -kMost, kMost);
    one.metrics.validation_loss = f.real("validation_loss", -kMost, kMost);
    one.metrics.validation.presence = f.real("presence", 0, 1);
    one.metrics.validation.salience = f.real("salience", 0, 1);
    for (const json& term : f.list("terms", kMaxTerms)) {
      Fields t(term, "epochs.terms");
      one.metrics.terms.push_back({t.text("name", kMaxTermBytes), t.real("value", -kMost, kMost)});
      t.finish();
    }
    f.finish();
    all.push_back(std::move(one));
  }
  return all;
}

// Fields of each message out of the typed value ...

json fields_of(const Hello& m) {
  return {{"instance", m.instance},   {"host", m.host},       {"boot_id", m.boot_id},     {"pid", m.pid},
          {"ranks", m.ranks},         {"cores", m.cores},     {"memory", m.memory_bytes}, {"device", m.device},
          {"capacity", m.capacity},   {"version", m.version}, {"numerics", m.numerics},   {"arithmetic", m.arithmetic},
          {"held", held_json(m.held)}};
}
json fields_of(const Heartbeat& m) {
  return {{"held", held_json(m.held)}, {"usage", usage_json(m.usage)}, {"epochs", new_epochs_json(m.epochs)}};
}
json fields_of(const Result& m) { return {{"attempt", attempt_json(m.attempt)}, {"bytes", json::binary(m.bytes)}}; }
json fields_of(const AttemptFailed& m) {
  return {{"attempt", attempt_json(m.attempt)}, {"reason", m.reason}, {"blame", name_of(m.blame)}};
}
json fields_of(const Leave& m) { return {{"reason", m.reason}}; }
json fields_of(const PackSize& m) { return {{"attempt", attempt_json(m.attempt)}, {"trials", m.trials}}; }
json fields_of(const Welcome& m) {
  return {{"lease", m.lease},
          {"heartbeat_ms", m.heartbeat_ms},
          {"fencing_ms", m.fencing_ms},
          {"checkpoints", m.checkpoint_folder}};
}
json fields_of(const Assign& m) {
  json trials = json::array();
  for (const Assign::Trial& t : m.trials) {
    trials.push_back({{"attempt", t.attempt}, {"spec", sweep::to_json(t.spec)}});
  }
  return {{"dataset", m.dataset_folder},
          {"fingerprint", m.dataset_fingerprint},
          {"test_fingerprint", m.test_fingerprint},
          {"trials", trials}};
}
json fields_of(const Cancel& m) { return {{"attempts", attempts_json(m.attempts)}}; }
json fields_of(const Alive&) { return json::object(); }
json fields_of(const ResultReceived& m) { return {{"attempt", attempt_json(m.attempt)}}; }
json fields_of(const Drain&) { return json::object(); }
json fields_of(const Dismiss& m) { return {{"reason", m.reason}}; }

// ... and back.

void read(Fields& f, Hello& m) {
  m.instance = f.text("instance", 32);
  if (m.instance.size() != 32 || m.instance.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fail("hello.instance has 32 hexadecimal digits");
  }
  m.host = f.text("host", kMaxNameBytes);
  m.boot_id = f.text("boot_id", kMaxNameBytes);
  m.pid = f.integer("pid", 0, kMaxInt64);
  m.ranks = f.number("ranks", 1, 1 << 16);
  m.cores = f.number("cores", 1, kMaxCores);
  m.memory_bytes = f.integer("memory", 0, kMaxInt64);
  m.device = f.text("device", kMaxNameBytes);
  m.capacity = f.number("capacity", 1, static_cast<int>(kMaxPackTrials));
  m.version = f.text("version", kMaxNameBytes);
  m.numerics = f.text("numerics", kMaxNameBytes);
  m.arithmetic = f.text("arithmetic", kMaxNameBytes);
  m.held = held_from(f.list("held", kMaxHeld));
}
void read(Fields& f, Heartbeat& m) {
  m.held = held_from(f.list("held", kMaxHeld));
  m.usage = usage_from(f.at("usage"));
  m.epochs = new_epochs_from(f.list("epochs", kMaxNewEpochs));
}
void read(Fields& f, Result& m) {
  m.attempt = attempt_from(f.at("attempt"));
  const json& bytes = f.at("bytes");
  if (!bytes.is_binary()) fail("result.bytes is not binary");
  m.bytes = bytes.get_binary();
}
void read(Fields& f, AttemptFailed& m) {
  m.attempt = attempt_from(f.at("attempt"));
  m.reason = f.text("reason", kMaxTextBytes);
  const auto blame = sweep::find_named<sweep::Blame>(f.text("blame", kMaxNameBytes));
  if (!blame) fail("attempt_failed.blame is not one that is known");
  m.blame = *blame;
}
void read(Fields& f, Leave& m) { m.reason = f.text("reason", kMaxTextBytes); }
void read(Fields& f, PackSize& m) {
  m.attempt = attempt_from(f.at("attempt"));
  m.trials = f.number("trials", 1, static_cast<int>(kMaxPackTrials));
}
void read(Fields& f, Welcome& m) {
  m.lease = static_cast<std::uint64_t>(f.integer("lease", 0, kMaxInt64));
  m.heartbeat_ms = f.number("heartbeat_ms", 1, kMaxInt);
  m.fencing_ms = f.number("fencing_ms", 1, kMaxInt);
  m.checkpoint_folder = f.text("checkpoints", kMaxTextBytes);
}
void read(Fields& f, Assign& m) {
  m.dataset_folder = f.text("dataset", kMaxTextBytes);
  m.dataset_fingerprint = f.text("fingerprint", kMaxNameBytes);
  m.test_fingerprint = f.text("test_fingerprint", kMaxNameBytes);
  for (const json& value : f.list("trials", kMaxPackTrials)) {
    Fields t(value, "assign.trials");
    Assign::Trial trial;
    trial.attempt = t.number("attempt", 1, kMaxAttemptNumber);
    try {
      trial.spec = sweep::trial_from_json(t.at("spec"));
    } catch (const sweep::Error& e) {
      fail(e.what());
    }
    attempt_from(attempt_json({trial.spec.id, trial.attempt}));  // the id's form
    t.finish();
    m.trials.push_back(std::move(trial));
  }
  if (m.trials.empty()) fail("assign.trials is empty");
}
void read(Fields& f, Cancel& m) { m.attempts = attempts_from(f.list("attempts", kMaxHeld)); }
void read(Fields&, Alive&) {}
void read(Fields& f, ResultReceived& m) { m.attempt = attempt_from(f.at("attempt")); }
void read(Fields&, Drain&) {}
void read(Fields& f, Dismiss& m) { m.reason = f.text("reason", kMaxTextBytes); }

template <std::size_t I = 0>
Message decode_named(const std::string& name, const json& object) {
  if constexpr (I == std::variant_size_v<Message>) {
    fail("no message is called '" + name.substr(0, 40) + "'");
  } else {
    if (name != kNames[I]) return decode_named<I + 1>(name, object);
    std::variant_alternative_t<I, Message> message;
    Fields fields(object, name);
    read(fields, message);
    fields.finish();
    return message;
  }
}

}  // namespace

const char* message_name(const Message& message) { return kNames[message.index()]; }

std::vector<std::uint8_t> encode(const Message& message) {
  json fields = std::visit([](const auto& m) { return fields_of(m); }, message);
  std::vector<std::uint8_t> body;
  try {
    body = json::to_cbor(json::array({message_name(message), std::move(fields)}));
  } catch (const json::exception& e) {
    throw Error(std::string("cannot send '") + message_name(message) + "': " + e.what());
  }
  if (body.size() > kMaxFrameBytes) {
    throw Error(std::string("cannot send '") + message_name(message) + "': " + std::to_string(body.size()) +
                " bytes, at most " + std::to_string(kMaxFrameBytes));
  }
  return body;
}

Message decode(const std::vector<std::uint8_t>& body) {
  if (const std::string problem = sweep::cbor_problem(body, kMaxDepth, kMaxValues); !problem.empty()) fail(problem);
  try {
    const json document = json::from_cbor(body);
    if (!document.is_array() || document.size() != 2 || !document[0].is_string()) fail("it is not [name, fields]");
    return decode_named(document[0].get<std::string>(), document[1]);
  } catch (const json::exception& e) {
    fail(e.what());
  }
}

bool is_sendable(const sweep::EpochMetrics& epoch) {
  const bool finite = std::isfinite(epoch.loss) && std::isfinite(epoch.validation_loss);
  return finite && epoch.terms.size() <= kMaxTerms &&
         std::all_of(epoch.terms.begin(), epoch.terms.end(), [](const sweep::LossTerm& term) {
           return std::isfinite(term.value) && term.name == sendable_text(term.name, kMaxTermBytes);
         });
}

std::string sendable_text(const std::string& text, std::size_t limit) {
  std::string sendable;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (sendable.size() + std::max<std::size_t>(length, 1) > limit) break;
    sendable += length ? text.substr(i, length) : "?";
    i += std::max<std::size_t>(length, 1);
  }
  return sendable;
}

std::vector<std::uint8_t> encode_frame(const Message& message) {
  const std::vector<std::uint8_t> body = encode(message);
  std::vector<std::uint8_t> frame(4 + body.size());
  for (int i = 0; i < 4; ++i)
    frame[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(body.size() >> (24 - 8 * i));
  std::copy(body.begin(), body.end(), frame.begin() + 4);
  return frame;
}

std::size_t decode_length(const std::uint8_t (&bytes)[4], std::size_t limit) {
  std::size_t length = 0;
  for (const std::uint8_t byte : bytes) length = length << 8 | byte;
  if (length == 0 || length > limit) {
    throw Error("a frame of " + std::to_string(length) + " bytes; between 1 and " + std::to_string(limit) +
                " are allowed");
  }
  return length;
}

}  // namespace medley::protocol
