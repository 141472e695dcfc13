#include "sweep/result_parts.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#include "sweep/half.h"
#include "sweep/head_fusion.h"
#include "sweep/label.h"
#include "sweep/varint.h"

namespace medley::sweep {
namespace {

constexpr std::size_t kMaxHistogram = 1024;
constexpr std::size_t kMaxTerms = 32;
constexpr std::uint16_t kNanHalf = 0x7e00;

/// Whole numbers from 0 on: each has one form, without zeros behind its highest digit.
std::uint64_t take_whole(RecordReader& in, const char* what) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 63; shift += 7) {
    const std::uint8_t byte = *in.take(1, what);
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte == 0 && shift > 0) break;
    if (byte < 0x80) return value;
  }
  in.fail(std::string(what) + " has a number in a form that is none");
}

void put_signed(RecordBytes& bytes, std::int64_t value) {
  put_varint(bytes, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

/// A whole number from 0 to `most`, as its difference from `before`.
int take_cell(RecordReader& in, int before, int most, const char* what) {
  const std::uint64_t zigzag = take_whole(in, what);
  const auto more = static_cast<std::int64_t>(zigzag >> 1) ^ -static_cast<std::int64_t>(zigzag & 1);
  if (more < -before || more > most - before) in.fail(std::string(what) + " must be from 0 to " + std::to_string(most));
  return static_cast<int>(before + more);
}

/// Bits of a probability, and of the one NaN.
std::uint16_t bits_of(float value) { return std::isnan(value) ? kNanHalf : half_bits(value); }

/// Every NaN is one, and the two zeros are not.
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  if (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0) return true;
  return std::equal(a.begin(), a.end(), b.begin(), [](float x, float y) {
    return std::memcmp(&x, &y, sizeof x) == 0 || (std::isnan(x) && std::isnan(y));
  });
}

Kept kept_of(const Predictions& said, int classes) {
  if (said.presence.empty()) return Kept::kFused;
  if (same_bits(said.fused, said.salience)) return Kept::kExpectations;
  return same_bits(said.fused, product_of_heads(said, classes)) ? Kept::kHeads : Kept::kAll;
}

void put_halves(RecordBytes& bytes, const std::vector<float>& values) {
  std::size_t at = bytes.size();
  bytes.resize(at + 2 * values.size());
  for (const float value : values) {
    const std::uint16_t half = bits_of(value);
    assert(std::isnan(value) || half_value(half) == value);
    store_number(bytes.data() + at, half);
    at += 2;
  }
}

std::vector<float> take_halves(RecordReader& in, std::size_t count) {
  const std::uint8_t* from = in.take(2 * count, "a matrix of probabilities");
  std::vector<float> values(count);
  bool sound = true;
  for (std::size_t i = 0; i < count; ++i) {
    const auto half = load_number<std::uint16_t>(from + 2 * i);
    sound = sound && ((half & 0x7fff) <= 0x7c00 || half == kNanHalf);
    values[i] = half_value(half);
  }
  if (!sound) in.fail("a probability has a form that is none");
  return values;
}

}  // namespace

double canonical(double value) { return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value + 0.0; }

RecordBytes encode_surface(const ThresholdSurface& surface) {
  RecordBytes bytes;
  bool zero = surface.clips == 0 && surface.blends == 0;
  for (const auto* hits : {&surface.presence_hits, &surface.salience_hits}) {
    for (const int hit : *hits) zero = zero && hit == 0;
  }
  if (zero) return bytes;
  put_signed(bytes, surface.clips);
  put_signed(bytes, surface.blends);
  for (const auto* hits : {&surface.presence_hits, &surface.salience_hits}) {
    std::int64_t before = 0;
    for (const int hit : *hits) {
      put_signed(bytes, hit - before);
      before = hit;
    }
  }
  return bytes;
}

ThresholdSurface decode_surface(const std::uint8_t* data, std::size_t size) {
  ThresholdSurface surface;
  if (size == 0) return surface;
  RecordReader in(data, size, "a threshold surface");
  surface.clips = take_cell(in, 0, kMaxRecordedClips, "its number of clips");
  surface.blends = take_cell(in, 0, surface.clips, "its number of blends");
  int before = 0;
  for (int& hit : surface.presence_hits) before = hit = take_cell(in, before, surface.clips, "a hit");
  before = 0;
  for (int& hit : surface.salience_hits) before = hit = take_cell(in, before, surface.blends, "a hit");
  if (surface.clips == 0) in.fail("one of no clips is no bytes");
  in.expect_end();
  return surface;
}

RecordBytes encode_predictions(const Predictions& predictions) {
  RecordBytes bytes;
  if (predictions.clips == 0) {
    assert(predictions.fused.empty() && predictions.presence.empty() && predictions.salience.empty());
    return bytes;
  }
  const std::size_t size = predictions.fused.size(), clips = static_cast<std::size_t>(predictions.clips);
  assert(predictions.clips > 0 && size > 0 && size % clips == 0 && size / clips <= kMaxClasses);
  assert(predictions.presence.size() == predictions.salience.size());
  assert(predictions.presence.empty() || predictions.presence.size() == size);
  const auto classes = static_cast<int>(size / clips);
  const Kept kept = kept_of(predictions, classes);
  bytes.reserve(kPredictionsHead + 6 * size);
  put_number(bytes, static_cast<std::uint32_t>(predictions.clips));
  put_number(bytes, static_cast<std::uint8_t>(classes));
  put_number(bytes, static_cast<std::uint8_t>(kept));
  put_halves(bytes, predictions.presence);
  put_halves(bytes, predictions.salience);
  if (kept == Kept::kFused || kept == Kept::kAll) put_halves(bytes, predictions.fused);
  return bytes;
}

Predictions decode_predictions(const std::uint8_t* data, std::size_t size) {
  Predictions said;
  if (size == 0) return said;
  RecordReader in(data, size, "predictions");
  const auto clips = in.whole<std::uint32_t>("their number of clips", 1, kMaxRecordedClips);
  const auto classes = in.whole<std::uint8_t>("their number of classes", 1, kMaxClasses);
  const auto kept = static_cast<Kept>(in.whole<std::uint8_t>("what they keep", 1, 4));
  said.clips = static_cast<int>(clips);
  const std::size_t count = std::size_t{clips} * classes;
  if (kept != Kept::kFused) {
    said.presence = take_halves(in, count);
    said.salience = take_halves(in, count);
  }
  if (kept == Kept::kFused || kept == Kept::kAll) said.fused = take_halves(in, count);
  if (kept == Kept::kHeads) said.fused = product_of_heads(said, classes);
  if (kept == Kept::kExpectations) said.fused = said.salience;
  const bool shortest =
      kept == Kept::kFused || kept == Kept::kExpectations ||
      (kept == Kept::kHeads ? !same_bits(said.fused, said.salience) : kept_of(said, classes) == Kept::kAll);
  if (!shortest) in.fail("they keep what follows from the heads");
  in.expect_end();
  return said;
}

RecordBytes encode_terms(const std::vector<EpochMetrics>& epochs) {
  RecordBytes bytes;
  const auto first = std::find_if(epochs.begin(), epochs.end(), [](const EpochMetrics& e) { return !e.terms.empty(); });
  if (first == epochs.end()) return bytes;
  const std::vector<LossTerm>& names = first->terms;
  assert(names.size() <= kMaxTerms);
  put_number(bytes, static_cast<std::uint8_t>(names.size()));
  for (const LossTerm& term : names) {
    assert(term.name.size() < 256);
    put_number(bytes, static_cast<std::uint8_t>(term.name.size()));
    bytes.insert(bytes.end(), term.name.begin(), term.name.end());
  }
  const auto same_name = [](const LossTerm& a, const LossTerm& b) { return a.name == b.name; };
  for (const EpochMetrics& epoch : epochs) {
    put_number(bytes, static_cast<std::uint8_t>(epoch.terms.empty() ? 0 : 1));
    if (epoch.terms.empty()) continue;
    if (!std::equal(names.begin(), names.end(), epoch.terms.begin(), epoch.terms.end(), same_name)) {
      throw Error("epochs of a result have unlike loss terms");
    }
    for (const LossTerm& term : epoch.terms) put_number(bytes, canonical(term.value));
  }
  return bytes;
}

void decode_terms(const std::uint8_t* data, std::size_t size, std::vector<EpochMetrics>& epochs) {
  if (size == 0) return;
  RecordReader in(data, size, "loss terms");
  std::vector<LossTerm> terms(in.whole<std::uint8_t>("their number", 1, kMaxTerms));
  for (auto term = terms.begin(); term != terms.end(); ++term) {
    term->name = in.short_text("the name of a term");
    const auto same = [term](const LossTerm& other) { return other.name == term->name; };
    if (std::any_of(terms.begin(), term, same)) in.fail("'" + term->name + "' is there twice");
  }
  bool any = false;
  for (EpochMetrics& epoch : epochs) {
    if (in.whole<std::uint8_t>("whether an epoch has them", 0, 1) == 0) continue;
    any = true;
    epoch.terms = terms;
    for (LossTerm& term : epoch.terms) term.value = in.real("a term");
  }
  if (!any) in.fail("terms of no epochs are no bytes");
  in.expect_end();
}

RecordBytes encode_statistics(const std::vector<EncoderImportance>& encoders) {
  RecordBytes bytes;
  for (const EncoderImportance& encoder : encoders) {
    put_number(bytes, static_cast<std::uint16_t>(encoder.quantiles.size()));
    put_numbers(bytes, encoder.quantiles);
    put_number(bytes, static_cast<std::uint16_t>(encoder.histogram.size()));
    for (const std::int64_t count : encoder.histogram) put_varint(bytes, static_cast<std::uint64_t>(count));
    put_number(bytes, static_cast<std::uint16_t>(encoder.ranks.size()));
    put_numbers(bytes, encoder.ranks);
  }
  return bytes;
}

void decode_statistics(const std::uint8_t* data, std::size_t size, std::vector<EncoderImportance>& encoders) {
  RecordReader in(data, size, "the importance of encoders");
  for (EncoderImportance& encoder : encoders) {
    const auto count = [&in](const char* what, std::size_t most) {
      return std::size_t{in.whole<std::uint16_t>(what, 0, static_cast<std::uint16_t>(most))};
    };
    encoder.quantiles = in.numbers<double>(count("the number of quantiles", kMaxHistogram), "quantiles");
    encoder.histogram.resize(count("the number of bins", kMaxHistogram));
    for (std::int64_t& bin : encoder.histogram) bin = static_cast<std::int64_t>(take_whole(in, "a histogram"));
    encoder.ranks = in.numbers<double>(count("the number of ranks", kMaxRecordedEncoders), "ranks");
  }
  in.expect_end();
}

RecordBytes encode_weights(const std::vector<std::uint16_t>& weights) {
  RecordBytes bytes;
  if (weights.empty()) return bytes;
  put_number(bytes, static_cast<std::uint32_t>(weights.size()));
  const std::size_t bits = bytes.size();
  bytes.resize(bits + (weights.size() + 7) / 8);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    bytes[bits + i / 8] |= static_cast<std::uint8_t>(1u << i % 8);
    put_number(bytes, weights[i]);
  }
  return bytes;
}

std::vector<std::uint16_t> decode_weights(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint16_t> weights;
  if (size == 0) return weights;
  RecordReader in(data, size, "the gate's weights");
  const auto count = std::size_t{
      in.whole<std::uint32_t>("their number", 1, kMaxRecordedClips * static_cast<std::uint32_t>(kMaxRecordedEncoders))};
  const std::uint8_t* bits = in.take((count + 7) / 8, "which of them are not 0");
  if (count % 8 != 0 && bits[count / 8] >> count % 8 != 0) in.fail("more bits than weights");
  weights.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    if ((bits[i / 8] >> i % 8 & 1) == 0) continue;
    weights[i] = in.number<std::uint16_t>("a weight");
    if (weights[i] == 0) in.fail("a weight of 0 is no bytes");
  }
  in.expect_end();
  return weights;
}

RecordBytes encode_cka(const std::vector<float>& cka) {
  RecordBytes bytes;
  put_numbers(bytes, cka);
  return bytes;
}

std::vector<float> decode_cka(const std::uint8_t* data, std::size_t size) {
  RecordReader in(data, size, "CKA");
  std::vector<float> cka = in.numbers<float>(size / sizeof(float), "a number");
  in.expect_end();
  return cka;
}

}  // namespace medley::sweep
