#include "sweep/result.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "sweep/cbor.h"
#include "sweep/digest.h"
#include "sweep/error.h"
#include "sweep/label.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

// What a sane trial stays below. Everything that arrives is held against these before it is used.
constexpr std::size_t kMaxBytes = std::size_t{1} << 29;
constexpr std::size_t kMaxValues = 200000;
constexpr std::size_t kMaxDepth = 6;
constexpr std::size_t kMaxEpochs = 100000;
constexpr std::int64_t kMaxClips = 1000000;
constexpr std::size_t kMaxEncoders = 256;
constexpr std::size_t kMaxHistogram = 1024;
constexpr std::size_t kMaxTerms = 32;
constexpr std::size_t kTermColumns = 3;
constexpr std::size_t kMaxReason = 1 << 16;
constexpr std::size_t kMaxName = 256;
constexpr int kFormat = 1;

static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

[[noreturn]] void malformed(const std::string& what) { throw Error("malformed trial result: " + what); }

/// One NaN and one zero: what a store gives back, so that a result has the same bytes and digest as when it came.
double canonical(double value) { return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value + 0.0; }

/// Little-endian bytes of `values`, whatever this machine's order is.
template <class T>
json pack(const std::vector<T>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
  std::size_t at = 0;
  for (const T& value : values) {
    std::uint8_t raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
      bytes[at++] = raw[i];
#else
      bytes[at++] = raw[sizeof(T) - 1 - i];
#endif
    }
  }
  return json::binary(std::move(bytes));
}

const json& member(const json& object, const char* key) {
  if (!object.is_object()) malformed(std::string("'") + key + "' is looked for in something that is not a map");
  const auto it = object.find(key);
  if (it == object.end()) malformed(std::string("'") + key + "' is missing");
  return *it;
}

template <class T>
std::vector<T> unpack(const json& object, const char* key, std::size_t limit) {
  const json& value = member(object, key);
  if (!value.is_binary()) malformed(std::string("'") + key + "' is not binary");
  const auto& bytes = value.get_binary();
  if (bytes.size() % sizeof(T) != 0) {
    malformed(std::string("'") + key + "' has " + std::to_string(bytes.size()) + " bytes, not a multiple of " +
              std::to_string(sizeof(T)));
  }
  const std::size_t count = bytes.size() / sizeof(T);
  if (count > limit) {
    malformed(std::string("'") + key + "' has " + std::to_string(count) + " values, more than " +
              std::to_string(limit));
  }
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint8_t raw[sizeof(T)];
    for (std::size_t b = 0; b < sizeof(T); ++b) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
      raw[b] = bytes[i * sizeof(T) + b];
#else
      raw[sizeof(T) - 1 - b] = bytes[i * sizeof(T) + b];
#endif
    }
    std::memcpy(&values[i], raw, sizeof(T));
  }
  return values;
}

std::int64_t integer(const json& object, const char* key, std::int64_t low, std::int64_t high) {
  const json& value = member(object, key);
  const bool fits =
      value.is_number_integer() &&
      (!value.is_number_unsigned() ||
       value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  const std::int64_t number = fits ? value.get<std::int64_t>() : 0;
  if (!fits || number < low || number > high) {
    malformed(std::string("'") + key + "' must be a whole number from " + std::to_string(low) + " to " +
              std::to_string(high));
  }
  return number;
}

double number(const json& object, const char* key) {
  const json& value = member(object, key);
  if (!value.is_number()) malformed(std::string("'") + key + "' is not a number");
  return value.get<double>();
}

std::string text_of(const json& value, const char* key, std::size_t limit) {
  if (!value.is_string()) malformed(std::string("'") + key + "' is not text");
  const auto& string = value.get_ref<const std::string&>();
  if (string.size() > limit) malformed(std::string("'") + key + "' is longer than " + std::to_string(limit) + " bytes");
  value.dump();  // throws unless it is UTF-8: pages and reports could not say it
  return string;
}

std::string text(const json& object, const char* key, std::size_t limit) {
  return text_of(member(object, key), key, limit);
}

/// The numbers of an epoch in the order of their columns.
constexpr std::size_t kEpochColumns = 8;

std::array<double*, kEpochColumns - 1> columns_of(EpochMetrics& epoch) {
  return {&epoch.learning_rate,      &epoch.loss,
          &epoch.validation_loss,    &epoch.thresholds.alpha,
          &epoch.thresholds.beta,    &epoch.validation.presence,
          &epoch.validation.salience};
}

json epochs_to_json(const std::vector<EpochMetrics>& epochs) {
  std::vector<double> rows;
  rows.reserve(epochs.size() * kEpochColumns);
  for (EpochMetrics epoch : epochs) {
    rows.push_back(epoch.epoch);
    for (const double* column : columns_of(epoch)) rows.push_back(canonical(*column));
  }
  return pack(rows);
}

std::vector<EpochMetrics> epochs_from_json(const json& object) {
  const auto rows = unpack<double>(object, "epochs", kMaxEpochs * kEpochColumns);
  if (rows.size() % kEpochColumns != 0) malformed("'epochs' is cut off");
  std::vector<EpochMetrics> epochs(rows.size() / kEpochColumns);
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    const double* row = &rows[i * kEpochColumns];
    if (!(row[0] >= 0 && row[0] <= double{kMaxEpochs})) malformed("an epoch is not from 0 to 100000");
    epochs[i].epoch = static_cast<int>(row[0]);
    const auto columns = columns_of(epochs[i]);
    for (std::size_t c = 0; c < columns.size(); ++c) *columns[c] = row[c + 1];
  }
  return epochs;
}

/// The terms of all epochs: their names, and a row (place of the epoch, place of the name, value) for each.
json terms_to_json(const std::vector<EpochMetrics>& epochs) {
  std::vector<std::string> names;
  std::vector<double> rows;
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    for (const LossTerm& term : epochs[i].terms) {
      const auto name = std::find(names.begin(), names.end(), term.name) - names.begin();
      if (static_cast<std::size_t>(name) == names.size()) names.push_back(term.name);
      rows.insert(rows.end(), {static_cast<double>(i), static_cast<double>(name), canonical(term.value)});
    }
  }
  return {{"names", names}, {"rows", pack(rows)}};
}

void terms_from_json(const json& object, std::vector<EpochMetrics>& epochs) {
  const json& list = member(object, "names");
  if (!list.is_array() || list.size() > kMaxTerms) malformed("a trial has more than 32 loss terms");
  std::vector<std::string> names;
  for (const json& name : list) names.push_back(text_of(name, "names", kMaxName));
  if (std::set<std::string>(names.begin(), names.end()).size() != names.size()) malformed("two terms have one name");
  const auto rows = unpack<double>(object, "rows", epochs.size() * names.size() * kTermColumns);
  if (rows.size() % kTermColumns != 0) malformed("the terms' 'rows' are cut off");
  for (std::size_t i = 0; i < rows.size(); i += kTermColumns) {
    const double epoch = rows[i], name = rows[i + 1];
    const bool known = epoch >= 0 && epoch < static_cast<double>(epochs.size()) && name >= 0 &&
                       name < static_cast<double>(names.size());
    if (!known) malformed("a loss term is of no epoch, or has no name");
    auto& terms = epochs[static_cast<std::size_t>(epoch)].terms;
    const std::string& text = names[static_cast<std::size_t>(name)];
    const bool twice = std::any_of(terms.begin(), terms.end(), [&](const LossTerm& term) { return term.name == text; });
    if (twice) malformed("an epoch has the loss term '" + text + "' twice");
    terms.push_back({text, rows[i + 2]});
  }
}

json surface_to_json(const ThresholdSurface& surface) {
  const auto list = [](const std::array<int, kGridSize * kGridSize>& hits) {
    return pack(std::vector<std::int32_t>(hits.begin(), hits.end()));
  };
  return {{"presence", list(surface.presence_hits)},
          {"salience", list(surface.salience_hits)},
          {"clips", surface.clips},
          {"blends", surface.blends}};
}

ThresholdSurface surface_from_json(const json& object) {
  ThresholdSurface surface;
  surface.clips = static_cast<int>(integer(object, "clips", 0, kMaxClips));
  surface.blends = static_cast<int>(integer(object, "blends", 0, surface.clips));
  const auto fill = [&](const char* key, std::array<int, kGridSize * kGridSize>& hits, int most) {
    const auto values = unpack<std::int32_t>(object, key, hits.size());
    if (values.size() != hits.size()) malformed(std::string("surface '") + key + "' must have 400 cells");
    for (std::size_t i = 0; i < hits.size(); ++i) {
      if (values[i] < 0 || values[i] > most) malformed(std::string("surface '") + key + "' has more hits than clips");
      hits[i] = values[i];
    }
  };
  fill("presence", surface.presence_hits, surface.clips);
  fill("salience", surface.salience_hits, surface.blends);
  return surface;
}

json predictions_to_json(const Predictions& predictions) {
  return {{"clips", predictions.clips},
          {"presence", pack(predictions.presence)},
          {"salience", pack(predictions.salience)},
          {"fused", pack(predictions.fused)}};
}

/// Every matrix is [clips, classes] with one number of classes throughout a result; `classes` is 0 until known.
Predictions predictions_from_json(const json& object, std::size_t& classes) {
  Predictions predictions;
  predictions.clips = static_cast<int>(integer(object, "clips", 0, kMaxClips));
  const auto clips = static_cast<std::size_t>(predictions.clips);
  const std::size_t limit = clips * kMaxClasses;
  predictions.presence = unpack<float>(object, "presence", limit);
  predictions.salience = unpack<float>(object, "salience", limit);
  predictions.fused = unpack<float>(object, "fused", limit);
  if (clips == 0) return predictions;
  if (predictions.fused.empty() || predictions.fused.size() % clips != 0) {
    malformed("'fused' has " + std::to_string(predictions.fused.size()) + " values for " + std::to_string(clips) +
              " clips");
  }
  const std::size_t here = predictions.fused.size() / clips;
  if (classes == 0) classes = here;
  if (here != classes)
    malformed("predictions of " + std::to_string(here) + " and of " + std::to_string(classes) + " classes");
  for (const auto* head : {&predictions.presence, &predictions.salience}) {
    if (!head->empty() && head->size() != predictions.fused.size()) malformed("a head has another size than 'fused'");
  }
  return predictions;
}

json snapshot_to_json(const Snapshot& snapshot) {
  return {{"epoch", snapshot.epoch},
          {"validation", predictions_to_json(snapshot.validation)},
          {"test", predictions_to_json(snapshot.test)},
          {"surface", surface_to_json(snapshot.surface)}};
}

Snapshot snapshot_from_json(const json& object, std::size_t& classes) {
  Snapshot snapshot;
  snapshot.epoch = static_cast<int>(integer(object, "epoch", 0, kMaxEpochs));
  snapshot.validation = predictions_from_json(member(object, "validation"), classes);
  snapshot.test = predictions_from_json(member(object, "test"), classes);
  snapshot.surface = surface_from_json(member(object, "surface"));
  if (snapshot.validation.clips != 0 && snapshot.surface.clips != snapshot.validation.clips) {
    malformed("a surface of " + std::to_string(snapshot.surface.clips) + " clips beside predictions of " +
              std::to_string(snapshot.validation.clips));
  }
  return snapshot;
}

json importance_to_json(const Importance& importance) {
  json encoders = json::array();
  for (const EncoderImportance& encoder : importance.encoders) {
    encoders.push_back({{"encoder", encoder.encoder},
                        {"mean", canonical(encoder.mean)},
                        {"sd", canonical(encoder.sd)},
                        {"quantiles", pack(encoder.quantiles)},
                        {"histogram", pack(encoder.histogram)},
                        {"selected", canonical(encoder.selection_frequency)},
                        {"ranks", pack(encoder.ranks)}});
  }
  return {{"encoders", std::move(encoders)}, {"weights", pack(importance.weights)}, {"cka", pack(importance.cka)}};
}

Importance importance_from_json(const json& object, std::size_t clips) {
  Importance importance;
  const json& encoders = member(object, "encoders");
  if (!encoders.is_array() || encoders.size() > kMaxEncoders) {
    malformed("'encoders' must be a list of at most " + std::to_string(kMaxEncoders));
  }
  for (const json& item : encoders) {
    EncoderImportance encoder;
    encoder.encoder = text(item, "encoder", kMaxName);
    encoder.mean = number(item, "mean");
    encoder.sd = number(item, "sd");
    encoder.quantiles = unpack<double>(item, "quantiles", kMaxHistogram);
    encoder.histogram = unpack<std::int64_t>(item, "histogram", kMaxHistogram);
    for (const std::int64_t count : encoder.histogram) {
      if (count < 0) malformed("'histogram' has a negative count");
    }
    encoder.selection_frequency = number(item, "selected");
    encoder.ranks = unpack<double>(item, "ranks", kMaxEncoders);
    importance.encoders.push_back(std::move(encoder));
  }
  const std::size_t count = importance.encoders.size();
  importance.weights = unpack<std::uint16_t>(object, "weights", clips * count);
  if (!importance.weights.empty() && importance.weights.size() != clips * count) {
    malformed("'weights' must be [validation clip, encoder]");
  }
  importance.cka = unpack<float>(object, "cka", count * count);
  if (!importance.cka.empty() && importance.cka.size() != count * count) malformed("'cka' must be [encoder, encoder]");
  return importance;
}

}  // namespace

std::vector<std::uint8_t> encode_result(const TrialResult& result) {
  const json object = {{"format", kFormat},
                       {"trial", result.trial_id},
                       {"test_fingerprint", result.test_fingerprint},
                       {"arithmetic", result.arithmetic},
                       {"outcome", name_of(result.outcome)},
                       {"reason", result.reason},
                       {"epochs", epochs_to_json(result.epochs)},
                       {"terms", terms_to_json(result.epochs)},
                       {"paper", snapshot_to_json(result.paper)},
                       {"held_out", snapshot_to_json(result.held_out)},
                       {"inner", surface_to_json(result.inner)},
                       {"importance", importance_to_json(result.importance)},
                       {"seconds", canonical(result.seconds)},
                       {"samples_per_second", canonical(result.samples_per_second)},
                       {"peak_memory_bytes", result.peak_memory_bytes},
                       {"pack_size", result.pack_size}};
  return json::to_cbor(object);
}

TrialResult decode_result(const std::vector<std::uint8_t>& bytes) {
  if (bytes.size() > kMaxBytes) malformed(std::to_string(bytes.size()) + " bytes are more than a trial records");
  if (const std::string problem = cbor_problem(bytes, kMaxDepth, kMaxValues); !problem.empty()) malformed(problem);
  try {
    const json object = json::from_cbor(bytes);
    if (integer(object, "format", 0, 1000000) != kFormat) {
      malformed("format " + member(object, "format").dump() + "; this medley reads format " + std::to_string(kFormat));
    }
    TrialResult result;
    result.trial_id = text(object, "trial", kMaxName);
    result.test_fingerprint = text(object, "test_fingerprint", kMaxName);
    result.arithmetic = text(object, "arithmetic", kMaxName);
    const auto outcome = find_named<Outcome>(text(object, "outcome", kMaxName));
    if (!outcome) malformed("'outcome' must be finished or diverged");
    result.outcome = *outcome;
    result.reason = text(object, "reason", kMaxReason);
    result.epochs = epochs_from_json(object);
    terms_from_json(member(object, "terms"), result.epochs);
    std::size_t classes = 0;
    result.paper = snapshot_from_json(member(object, "paper"), classes);
    result.held_out = snapshot_from_json(member(object, "held_out"), classes);
    result.inner = surface_from_json(member(object, "inner"));
    const int clips = std::max(result.paper.validation.clips, result.held_out.validation.clips);
    result.importance = importance_from_json(member(object, "importance"), static_cast<std::size_t>(clips));
    result.seconds = number(object, "seconds");
    result.samples_per_second = number(object, "samples_per_second");
    result.peak_memory_bytes = integer(object, "peak_memory_bytes", 0, std::numeric_limits<std::int64_t>::max());
    result.pack_size = static_cast<int>(integer(object, "pack_size", 1, 1000000));
    return result;
  } catch (const json::exception& e) {
    malformed(e.what());
  }
}

std::string digest_of(const std::vector<TrialResult>& results) {
  Sha256 digest;
  for (TrialResult result : results) {
    result.seconds = result.samples_per_second = 0;
    result.peak_memory_bytes = 0;
    const std::vector<std::uint8_t> bytes = encode_result(result);
    digest.add(bytes.data(), bytes.size());
  }
  return digest.hex();
}

}  // namespace medley::sweep
