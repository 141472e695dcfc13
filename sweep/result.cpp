#include "sweep/result.h"

#include <algorithm>
#include <array>
#include <limits>

#include "sweep/digest.h"
#include "sweep/error.h"
#include "sweep/result_parts.h"

namespace medley::sweep {
namespace {

// What a sane trial stays below. Everything that arrives is held against these before it is used.
constexpr std::size_t kMaxBytes = std::size_t{1} << 29;
constexpr std::uint32_t kMaxEpochs = 100000;
constexpr std::size_t kMaxReason = 1 << 16;
constexpr std::size_t kMaxName = 256;
constexpr std::uint32_t kMagic = 0x524c444d;  // "MDLR"
constexpr std::uint16_t kFormat = 4;

static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

/// The numbers of an epoch in the order of the record.
template <class Epoch>
auto columns_of(Epoch& epoch) {
  return std::array{&epoch.learning_rate,      &epoch.loss,
                    &epoch.validation_loss,    &epoch.thresholds.alpha,
                    &epoch.thresholds.beta,    &epoch.validation.presence,
                    &epoch.validation.salience};
}

void put_epochs(RecordBytes& bytes, const std::vector<EpochMetrics>& epochs, ResultParts& parts) {
  put_number(bytes, static_cast<std::uint32_t>(epochs.size()));
  for (const EpochMetrics& epoch : epochs) {
    put_number(bytes, static_cast<std::uint32_t>(epoch.epoch));
    for (const double* column : columns_of(epoch)) put_number(bytes, canonical(*column));
  }
  parts.terms = put_part(bytes, encode_terms(epochs));
}

ResultParts::Snapshot put_snapshot(RecordBytes& bytes, const Snapshot& snapshot) {
  ResultParts::Snapshot parts;
  put_number(bytes, static_cast<std::uint32_t>(snapshot.epoch));
  parts.validation = put_part(bytes, encode_predictions(snapshot.validation));
  parts.test = put_part(bytes, encode_predictions(snapshot.test));
  parts.surface = put_part(bytes, encode_surface(snapshot.surface));
  return parts;
}

void put_importance(RecordBytes& bytes, const Importance& importance, ResultParts& parts) {
  put_number(bytes, static_cast<std::uint16_t>(importance.encoders.size()));
  for (const EncoderImportance& encoder : importance.encoders) {
    put_text(bytes, encoder.encoder);
    for (const double number : {encoder.mean, encoder.sd, encoder.selection_frequency}) {
      put_number(bytes, canonical(number));
    }
  }
  parts.statistics = put_part(bytes, encode_statistics(importance.encoders));
  parts.weights = put_part(bytes, encode_weights(importance.weights));
  parts.cka = put_part(bytes, encode_cka(importance.cka));
}

RecordBytes encode(const TrialResult& result, ResultParts& parts) {
  RecordBytes bytes;
  bytes.reserve(1 << 16);
  put_number(bytes, kMagic);
  put_number(bytes, kFormat);
  put_number(bytes, static_cast<std::uint8_t>(result.outcome));
  put_number(bytes, canonical(result.seconds));
  put_number(bytes, canonical(result.samples_per_second));
  put_number(bytes, result.peak_memory_bytes);
  put_number(bytes, static_cast<std::uint32_t>(result.pack_size));
  for (const std::string* text : {&result.trial_id, &result.test_fingerprint, &result.arithmetic, &result.reason}) {
    put_text(bytes, *text);
  }
  put_epochs(bytes, result.epochs, parts);
  parts.paper = put_snapshot(bytes, result.paper);
  parts.held_out = put_snapshot(bytes, result.held_out);
  parts.inner = put_part(bytes, encode_surface(result.inner));
  put_importance(bytes, result.importance, parts);
  return bytes;
}

/// Reads a record, and notes where its parts lie.
class Decoder {
  /// Reads a part by the function that reads it in a store.
  template <class Decode>
  auto take_part(RecordPart& where, const char* what, Decode decode) {
    RecordReader part = in_.part(what);
    const std::size_t size = part.left();
    const std::uint8_t* data = part.take(size, what);
    where = {static_cast<std::size_t>(data - begin_), size};
    return decode(data, size);
  }

 public:
  Decoder(const RecordBytes& bytes, ResultParts& parts)
      : begin_(bytes.data()), in_(bytes.data(), bytes.size(), "malformed trial result"), parts_(parts) {}

  TrialResult take() {
    RecordReader& in = in_;
    if (in.left() > kMaxBytes) in.fail(std::to_string(in.left()) + " bytes are more than a trial records");
    if (in.number<std::uint32_t>("its first word") != kMagic) in.fail("its first word is not that of a result");
    if (const auto format = in.number<std::uint16_t>("its format"); format != kFormat) {
      in.fail("format " + std::to_string(format) + "; this medley reads format " + std::to_string(kFormat));
    }
    TrialResult result;
    result.outcome = static_cast<Outcome>(in.whole<std::uint8_t>("the outcome", 0, 1));
    result.seconds = in.real("seconds");
    result.samples_per_second = in.real("samples a second");
    result.peak_memory_bytes =
        in.whole<std::int64_t>("the peak of memory", 0, std::numeric_limits<std::int64_t>::max());
    result.pack_size = static_cast<int>(in.whole<std::uint32_t>("the size of the pack", 1, 1000000));
    result.trial_id = in.text("the id of the trial", kMaxName);
    result.test_fingerprint = in.text("the fingerprint of the test clips", kMaxName);
    result.arithmetic = in.text("the arithmetic", kMaxName);
    result.reason = in.text("the reason", kMaxReason);
    result.epochs = take_epochs();
    result.paper = take_snapshot(parts_.paper);
    result.held_out = take_snapshot(parts_.held_out);
    result.inner = take_part(parts_.inner, "a threshold surface", decode_surface);
    const int clips = std::max(result.paper.validation.clips, result.held_out.validation.clips);
    result.importance = take_importance(static_cast<std::size_t>(clips));
    in.expect_end();
    return result;
  }

 private:
  std::vector<EpochMetrics> take_epochs() {
    std::vector<EpochMetrics> epochs;
    for (auto left = in_.whole<std::uint32_t>("the number of epochs", 0, kMaxEpochs); left > 0; --left) {
      EpochMetrics& epoch = epochs.emplace_back();
      epoch.epoch = static_cast<int>(in_.whole<std::uint32_t>("an epoch", 0, kMaxEpochs));
      for (double* column : columns_of(epoch)) *column = in_.real("a number of an epoch");
    }
    take_part(parts_.terms, "loss terms",
              [&](const std::uint8_t* data, std::size_t size) { return decode_terms(data, size, epochs); });
    return epochs;
  }

  /// Every matrix is [clips, classes] with one number of classes throughout a result.
  Snapshot take_snapshot(ResultParts::Snapshot& parts) {
    Snapshot snapshot;
    snapshot.epoch = static_cast<int>(in_.whole<std::uint32_t>("the epoch of a snapshot", 0, kMaxEpochs));
    snapshot.validation = take_predictions(parts.validation);
    snapshot.test = take_predictions(parts.test);
    snapshot.surface = take_part(parts.surface, "a threshold surface", decode_surface);
    if (snapshot.validation.clips != 0 && snapshot.surface.clips != snapshot.validation.clips) {
      in_.fail("a surface of " + std::to_string(snapshot.surface.clips) + " clips beside predictions of " +
               std::to_string(snapshot.validation.clips));
    }
    return snapshot;
  }

  Predictions take_predictions(RecordPart& where) {
    Predictions said = take_part(where, "predictions", decode_predictions);
    if (said.clips == 0) return said;
    const std::size_t here = said.fused.size() / static_cast<std::size_t>(said.clips);
    if (classes_ == 0) classes_ = here;
    if (here != classes_) {
      in_.fail("predictions of " + std::to_string(here) + " and of " + std::to_string(classes_) + " classes");
    }
    return said;
  }

  Importance take_importance(std::size_t clips) {
    Importance importance;
    const auto most = static_cast<std::uint16_t>(kMaxRecordedEncoders);
    for (auto left = in_.whole<std::uint16_t>("the number of encoders", 0, most); left > 0; --left) {
      EncoderImportance& encoder = importance.encoders.emplace_back();
      encoder.encoder = in_.text("the name of an encoder", kMaxName);
      for (double* number : {&encoder.mean, &encoder.sd, &encoder.selection_frequency}) {
        *number = in_.real("a number of an encoder");
      }
    }
    take_part(parts_.statistics, "the importance of encoders", [&](const std::uint8_t* data, std::size_t size) {
      return decode_statistics(data, size, importance.encoders);
    });
    importance.weights = take_part(parts_.weights, "the gate's weights", decode_weights);
    importance.cka = take_part(parts_.cka, "CKA", decode_cka);
    const std::size_t encoders = importance.encoders.size();
    check_matrix(importance.weights.size(), clips * encoders, "the gate's weights [clip, encoder]");
    check_matrix(importance.cka.size(), encoders * encoders, "CKA [encoder, encoder]");
    return importance;
  }

  void check_matrix(std::size_t size, std::size_t whole, const char* what) const {
    if (size == 0 || size == whole) return;
    in_.fail(std::string(what) + " has " + std::to_string(size) + " numbers, not " + std::to_string(whole));
  }

  const std::uint8_t* begin_;
  RecordReader in_;
  ResultParts& parts_;
  std::size_t classes_ = 0;  ///< 0 until known
};

}  // namespace

ResultRecord::ResultRecord(TrialResult of) : result(std::move(of)), bytes(encode(result, parts)) {}

ResultRecord::ResultRecord(RecordBytes received) : bytes(std::move(received)) { result = Decoder(bytes, parts).take(); }

std::vector<std::uint8_t> encode_result(const TrialResult& result) {
  ResultParts parts;
  return encode(result, parts);
}

TrialResult decode_result(const std::vector<std::uint8_t>& bytes) {
  ResultParts parts;
  return Decoder(bytes, parts).take();
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
