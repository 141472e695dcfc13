#include "sweep/result.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/half.h"
#include "sweep/result_parts.h"

namespace medley::sweep {
namespace {

Predictions predictions(int clips, bool heads, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform;
  Predictions made;
  made.clips = clips;
  for (int i = 0; i < clips * 6; ++i) {
    made.fused.push_back(rounded_to_half(uniform(random)));
    if (heads) made.presence.push_back(rounded_to_half(uniform(random)));
    if (heads) made.salience.push_back(rounded_to_half(uniform(random)));
  }
  return made;
}

/// A result with something in every member, and numbers that text formats lose.
TrialResult full_result() {
  std::mt19937 random(1);
  TrialResult result;
  result.trial_id = "0123456789abcdef";
  result.arithmetic = "0123456789abx4";
  result.outcome = Outcome::kDiverged;
  result.reason = "step 12: salience loss is not finite";
  for (int i = 1; i <= 3; ++i) {
    EpochMetrics epoch;
    epoch.epoch = i;
    epoch.learning_rate = 1e-3 / i;
    epoch.loss = 0.1 * i;
    epoch.terms = {{"presence", std::numeric_limits<double>::denorm_min()},
                   {"salience", std::numeric_limits<double>::quiet_NaN()},
                   {"r-drop", i > 1 ? std::numeric_limits<double>::infinity() : 1}};
    epoch.validation_loss = -0.0;
    epoch.thresholds = {0.1, 1.0 / 3};
    epoch.validation = {2.0 / 7, 1.0 / 9};
    result.epochs.push_back(epoch);
  }
  result.paper = {2, predictions(9, true, random), predictions(4, false, random), {}};
  result.paper.surface.clips = 9;
  result.paper.surface.blends = 5;
  result.paper.surface.presence_hits[399] = 9;
  result.paper.surface.salience_hits[0] = 5;
  result.paper.validation.fused[3] = std::numeric_limits<float>::quiet_NaN();
  result.held_out = {3, predictions(9, true, random), {}, result.paper.surface};
  result.inner = result.paper.surface;
  for (const char* name : {"clip", "wavlm"}) {
    result.importance.encoders.push_back(
        {name, 0.5, 0.1, {0, .1, .5, .9, 1}, std::vector<std::int64_t>(20, 1), 0.75, {.25, .75}});
  }
  result.importance.weights.assign(18, 0x3800);
  for (const std::size_t dropped : {0, 1, 7, 17}) result.importance.weights[dropped] = 0;
  result.importance.cka = {1, .5f, .5f, 1};
  result.seconds = 1.25;
  result.samples_per_second = 1e5;
  result.peak_memory_bytes = std::int64_t{1} << 40;
  result.pack_size = 8;
  return result;
}

/// Equal to the bit; NaN equals NaN.
template <class T>
void expect_same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  ASSERT_EQ(a.size(), b.size());
  if (a.empty()) return;
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(T)), 0);
}

void expect_same(const Predictions& a, const Predictions& b) {
  EXPECT_EQ(a.clips, b.clips);
  expect_same_bits(a.fused, b.fused);
  expect_same_bits(a.presence, b.presence);
  expect_same_bits(a.salience, b.salience);
}

void expect_same(const ThresholdSurface& a, const ThresholdSurface& b) {
  EXPECT_EQ(a.presence_hits, b.presence_hits);
  EXPECT_EQ(a.salience_hits, b.salience_hits);
  EXPECT_EQ(a.clips, b.clips);
  EXPECT_EQ(a.blends, b.blends);
}

void expect_same(const Snapshot& a, const Snapshot& b) {
  EXPECT_EQ(a.epoch, b.epoch);
  expect_same(a.validation, b.validation);
  expect_same(a.test, b.test);
  expect_same(a.surface, b.surface);
}

TEST(Result, RoundTripKeepsEveryNumber) {
  const TrialResult a = full_result();
  const TrialResult b = decode_result(encode_result(a));
  EXPECT_EQ(a.trial_id, b.trial_id);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.reason, b.reason);
  ASSERT_EQ(a.epochs.size(), b.epochs.size());
  for (std::size_t i = 0; i < a.epochs.size(); ++i) {
    EXPECT_EQ(a.epochs[i].epoch, b.epochs[i].epoch);
    EXPECT_EQ(a.epochs[i].learning_rate, b.epochs[i].learning_rate);
    EXPECT_EQ(a.epochs[i].loss, b.epochs[i].loss);
    ASSERT_EQ(b.epochs[i].terms.size(), a.epochs[i].terms.size());
    for (std::size_t t = 0; t < a.epochs[i].terms.size(); ++t) {
      EXPECT_EQ(a.epochs[i].terms[t].name, b.epochs[i].terms[t].name);
    }
    EXPECT_EQ(a.epochs[i].terms[0].value, b.epochs[i].terms[0].value);
    EXPECT_TRUE(std::isnan(b.epochs[i].terms[1].value));
    if (i > 0) {
      EXPECT_TRUE(std::isinf(b.epochs[i].terms[2].value));
    }
    EXPECT_FALSE(std::signbit(b.epochs[i].validation_loss))
        << "a store has one zero, and the digest is of what it holds";
    EXPECT_EQ(a.epochs[i].thresholds.alpha, b.epochs[i].thresholds.alpha);
    EXPECT_EQ(a.epochs[i].thresholds.beta, b.epochs[i].thresholds.beta);
    EXPECT_EQ(a.epochs[i].validation.presence, b.epochs[i].validation.presence);
    EXPECT_EQ(a.epochs[i].validation.salience, b.epochs[i].validation.salience);
  }
  expect_same(a.paper, b.paper);
  expect_same(a.held_out, b.held_out);
  expect_same(a.inner, b.inner);
  ASSERT_EQ(b.importance.encoders.size(), 2u);
  EXPECT_EQ(b.importance.encoders[1].encoder, "wavlm");
  EXPECT_EQ(b.importance.encoders[1].mean, 0.5);
  EXPECT_EQ(b.importance.encoders[1].sd, 0.1);
  EXPECT_EQ(b.importance.encoders[1].selection_frequency, 0.75);
  expect_same_bits(a.importance.encoders[1].quantiles, b.importance.encoders[1].quantiles);
  expect_same_bits(a.importance.encoders[1].histogram, b.importance.encoders[1].histogram);
  expect_same_bits(a.importance.encoders[1].ranks, b.importance.encoders[1].ranks);
  expect_same_bits(a.importance.weights, b.importance.weights);
  expect_same_bits(a.importance.cka, b.importance.cka);
  EXPECT_EQ(a.seconds, b.seconds);
  EXPECT_EQ(a.samples_per_second, b.samples_per_second);
  EXPECT_EQ(a.peak_memory_bytes, b.peak_memory_bytes);
  EXPECT_EQ(a.pack_size, b.pack_size);
}

TEST(Result, EmptyResultRoundTrips) {
  const TrialResult b = decode_result(encode_result(TrialResult{}));
  EXPECT_EQ(b.held_out.epoch, 0);
  EXPECT_TRUE(b.epochs.empty());
}

/// A record as sweep/result.h and sweep/result_parts.h lay it out, field by field.
struct Record {
  std::uint32_t magic = 0x524c444d;
  std::uint16_t format = 4;
  std::uint8_t outcome = 0;
  double seconds = 2, samples_per_second = 4;
  std::int64_t peak = 5;
  std::uint32_t pack_size = 6;
  std::string trial = "id", test = "t", arithmetic = "a", reason = "r";
  std::uint32_t epochs = 1, epoch = 1;
  std::vector<double> numbers = {.5, .25, .125, 1, 0, .75, 1};
  RecordBytes terms = {1, 1, 'x', 1, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f};  // one; the epoch has it, x = .5
  std::uint32_t paper_epoch = 1, clips = 2;
  std::uint8_t classes = 2, kept = 1;
  std::vector<std::uint16_t> halves = {0x3c00, 0, 0x3800, 0x3800};  // 1 0, .5 .5
  RecordBytes surface = small_surface(), held_out_surface, inner;
  std::uint16_t encoders = 1;
  std::string encoder = "e";
  std::vector<double> importance = {1, 0, 1};
  RecordBytes statistics = {0, 0, 2, 0, 3, 0x81, 0x01, 0, 0};  // no quantiles, the bins 3 and 129, no ranks
  RecordBytes weights = {2, 0, 0, 0, 2, 0, 0x3c};              // of two, the second is 1
  RecordBytes cka = {0, 0, 0x80, 0x3f};                        // 1
  RecordBytes behind;

  /// Zigzag varints: two clips, a blend, one hit more from the first cell on, then none.
  static RecordBytes small_surface() {
    RecordBytes bytes(802);
    bytes[0] = 4, bytes[1] = 2, bytes[2] = 2;
    return bytes;
  }
  RecordBytes bytes() const {
    RecordBytes out, predictions;
    put_number(out, magic), put_number(out, format), put_number(out, outcome);
    put_number(out, seconds), put_number(out, samples_per_second), put_number(out, peak), put_number(out, pack_size);
    put_text(out, trial), put_text(out, test), put_text(out, arithmetic), put_text(out, reason);
    put_number(out, epochs), put_number(out, epoch), put_numbers(out, numbers), put_part(out, terms);
    put_number(predictions, clips), put_number(predictions, classes), put_number(predictions, kept);
    put_numbers(predictions, halves);
    put_number(out, paper_epoch), put_part(out, predictions), put_part(out, {}), put_part(out, surface);
    put_number(out, std::uint32_t{0}), put_part(out, {}), put_part(out, {}), put_part(out, held_out_surface);
    put_part(out, inner);
    put_number(out, encoders), put_text(out, encoder), put_numbers(out, importance), put_part(out, statistics);
    put_part(out, weights), put_part(out, cka);
    out.insert(out.end(), behind.begin(), behind.end());
    return out;
  }
};

TEST(Result, IsAFlatRecordOfLittleEndianNumbers) {
  TrialResult result;
  result.seconds = 2, result.samples_per_second = 4, result.peak_memory_bytes = 5, result.pack_size = 6;
  result.trial_id = "id", result.test_fingerprint = "t", result.arithmetic = "a", result.reason = "r";
  result.epochs = {{1, .5, .25, .125, {{"x", .5}}, {1, 0}, {.75, 1}}};
  result.paper.epoch = 1;
  result.paper.validation = {2, {}, {}, {1, 0, .5, .5}};
  result.paper.surface.clips = 2, result.paper.surface.blends = 1;
  result.paper.surface.presence_hits.fill(1);
  result.importance.encoders = {{"e", 1, 0, {}, {3, 129}, 1, {}}};
  result.importance.weights = {0, 0x3c00}, result.importance.cka = {1};
  const RecordBytes bytes = encode_result(result);
  EXPECT_EQ(bytes, Record().bytes());
  EXPECT_EQ(bytes[0], 'M');
  EXPECT_EQ(bytes[7 + 7], 0x40) << "2.0 is 0x4000000000000000, its high byte last";
  EXPECT_EQ(encode_result(decode_result(bytes)), bytes);
}

/// The record with one value changed to something that cannot be, and what is said of it.
void expect_refused(const std::string& words, const std::function<void(Record&)>& change) {
  Record record;
  change(record);
  try {
    decode_result(record.bytes());
    ADD_FAILURE() << words;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what() << "\n" << words;
  }
}

TEST(Result, EveryFieldIsChecked) {
  EXPECT_NO_THROW(decode_result(Record().bytes()));
  expect_refused("first word", [](Record& r) { r.magic ^= 1; });
  expect_refused("format 3; this medley reads format 4", [](Record& r) { r.format = 3; });
  expect_refused("the outcome must be from 0 to 1", [](Record& r) { r.outcome = 2; });
  expect_refused("seconds has a form", [](Record& r) { r.seconds = -0.0; });
  expect_refused("samples a second has a form", [](Record& r) { r.samples_per_second = -std::nan(""); });
  expect_refused("the peak of memory", [](Record& r) { r.peak = -1; });
  expect_refused("the size of the pack", [](Record& r) { r.pack_size = 0; });
  expect_refused("the size of the pack", [](Record& r) { r.pack_size = 0xffffffff; });
  expect_refused("the id of the trial", [](Record& r) { r.trial.resize(257, 'x'); });
  expect_refused("the fingerprint of the test clips", [](Record& r) { r.test = "\xff is no UTF-8"; });
  expect_refused("the arithmetic is longer", [](Record& r) { r.arithmetic.resize(257, 'x'); });
  expect_refused("the reason is longer", [](Record& r) { r.reason.resize(70000, 'x'); });
  expect_refused("the reason is no UTF-8", [](Record& r) { r.reason = "\xff"; });
  expect_refused("the number of epochs", [](Record& r) { r.epochs = 100001; });
  expect_refused("", [](Record& r) { r.epochs = 2; });
  expect_refused("an epoch must be from 0", [](Record& r) { r.epoch = 100001; });
  expect_refused("a number of an epoch", [](Record& r) { r.numbers[6] = -0.0; });
  expect_refused("a term is cut off", [](Record& r) { r.terms.pop_back(); });
  expect_refused("the name of a term is cut off", [](Record& r) { r.terms[1] = 200; });
  expect_refused("the name of a term is no UTF-8", [](Record& r) { r.terms[2] = 0xff; });
  expect_refused("a term has a form", [](Record& r) { r.terms[11] = 0xff, r.terms[10] = 0xff; });
  expect_refused("'x' is there twice", [](Record& r) { r.terms = {2, 1, 'x', 1, 'x'}; });
  expect_refused("their number must be from 1 to 32", [](Record& r) { r.terms[0] = 0; });
  expect_refused("whether an epoch has them", [](Record& r) { r.terms[3] = 2; });
  expect_refused("terms of no epochs are no bytes", [](Record& r) { r.terms[3] = 0, r.terms.resize(4); });
  expect_refused("their number must be from 1 to 32", [](Record& r) { r.terms[0] = 33; });
  expect_refused("bytes after its end", [](Record& r) { r.terms.push_back(0); });
  expect_refused("the epoch of a snapshot", [](Record& r) { r.paper_epoch = 100001; });
  expect_refused("their number of clips", [](Record& r) { r.clips = 0; });
  expect_refused("their number of clips", [](Record& r) { r.clips = 1000001; });
  expect_refused("cut off", [](Record& r) { r.clips = 3; });
  expect_refused("bytes after its end", [](Record& r) { r.clips = 1; });
  expect_refused("their number of classes", [](Record& r) { r.classes = 0; });
  expect_refused("their number of classes", [](Record& r) { r.classes = 17; });
  expect_refused("what they keep", [](Record& r) { r.kept = 0; });
  expect_refused("what they keep", [](Record& r) { r.kept = 5; });
  expect_refused("a probability has a form", [](Record& r) { r.halves[0] = 0x7e01; });
  expect_refused("a probability has a form", [](Record& r) { r.halves[0] = 0xfe00; });
  expect_refused("cut off", [](Record& r) { r.kept = 4; });
  expect_refused("its number of clips must", [](Record& r) { r.surface[0] = 3; });  // -2
  expect_refused("its number of blends", [](Record& r) { r.surface[1] = 6; });
  expect_refused("a hit must be from 0 to 2", [](Record& r) { r.surface[2] = 6; });
  expect_refused("a hit must be from 0 to 1", [](Record& r) { r.surface[402] = 4; });
  expect_refused("cut off", [](Record& r) { r.surface.pop_back(); });
  expect_refused("bytes after its end", [](Record& r) { r.surface.push_back(0); });
  expect_refused("in a form that is none", [](Record& r) { r.surface[0] = 0x84, r.surface[1] = 0; });
  expect_refused("in a form that is none", [](Record& r) { r.surface.assign(2000, 0xff); });
  expect_refused("one of no clips is no bytes", [](Record& r) { r.surface.assign(802, 0); });
  expect_refused("a surface of 1 clips beside predictions of 2", [](Record& r) { r.surface[0] = 2; });
  expect_refused("cut off", [](Record& r) { r.held_out_surface = {2}; });
  expect_refused("cut off", [](Record& r) { r.inner = {2}; });
  expect_refused("the number of encoders", [](Record& r) { r.encoders = 257; });
  expect_refused("the name of an encoder", [](Record& r) { r.encoder.resize(257, 'x'); });
  expect_refused("a number of an encoder", [](Record& r) { r.importance[1] = -0.0; });
  expect_refused("the number of quantiles", [](Record& r) { r.statistics[1] = 9; });
  expect_refused("quantiles is cut off", [](Record& r) { r.statistics[1] = 1; });
  expect_refused("the number of bins", [](Record& r) { r.statistics[3] = 5; });
  expect_refused("in a form that is none", [](Record& r) { r.statistics[6] = 0; });
  expect_refused("the number of ranks", [](Record& r) { r.statistics[8] = 2; });
  expect_refused("bytes after its end", [](Record& r) { r.statistics.push_back(0); });
  expect_refused("the gate's weights [clip, encoder] has 1 numbers, not 2", [](Record& r) {
    r.weights = {1, 0, 0, 0, 0};
  });
  expect_refused("a weight is cut off", [](Record& r) { r.weights.pop_back(); });
  expect_refused("a weight of 0 is no bytes", [](Record& r) { r.weights[6] = 0; });
  expect_refused("more bits than weights", [](Record& r) { r.weights[4] = 6; });
  expect_refused("which of them are not 0 is cut off", [](Record& r) { r.weights[0] = 0xff, r.weights[1] = 0xff; });
  expect_refused("bytes after its end", [](Record& r) { r.weights.push_back(0); });
  expect_refused("CKA [encoder, encoder] has 2 numbers, not 1", [](Record& r) { r.cka.resize(8); });
  expect_refused("bytes after its end", [](Record& r) { r.cka.push_back(0); });
  expect_refused("bytes after its end", [](Record& r) { r.behind = {0}; });
}

TEST(Result, ItsPartsLieWhereTheyWereWritten) {
  const ResultRecord written(full_result()), received(written.bytes);
  EXPECT_EQ(received.bytes, written.bytes);
  const auto parts = [](const ResultRecord& record) {
    const ResultParts& p = record.parts;
    std::vector<RecordBytes> all;
    for (const RecordPart& part : {p.terms, p.paper.validation, p.paper.test, p.paper.surface, p.held_out.validation,
                                   p.held_out.test, p.held_out.surface, p.inner, p.statistics, p.weights, p.cka}) {
      all.emplace_back(record.at(part), record.at(part) + part.size);
    }
    return all;
  };
  const TrialResult& of = received.result;
  const std::vector<RecordBytes> expected = {
      encode_terms(of.epochs),
      encode_predictions(of.paper.validation),
      encode_predictions(of.paper.test),
      encode_surface(of.paper.surface),
      encode_predictions(of.held_out.validation),
      encode_predictions(of.held_out.test),
      encode_surface(of.held_out.surface),
      encode_surface(of.inner),
      encode_statistics(of.importance.encoders),
      encode_weights(of.importance.weights),
      encode_cka(of.importance.cka),
  };
  EXPECT_EQ(parts(written), expected);
  EXPECT_EQ(parts(received), expected);
}

TEST(Result, EpochsOfUnlikeTermsAreRefused) {
  TrialResult result;
  result.epochs.resize(2);
  result.epochs[0].terms = {{"x", 2}};
  const std::vector<EpochMetrics> begun = decode_result(encode_result(result)).epochs;
  ASSERT_EQ(begun.size(), 2u);
  EXPECT_EQ(begun[0].terms.at(0).value, 2);
  EXPECT_TRUE(begun[1].terms.empty()) << "it has just begun, as in what is saved to resume from";
  result.epochs[1].terms = {{"x", 1}};
  result.epochs[0].terms = {{"y", 1}};
  EXPECT_THROW(encode_result(result), Error);
  result.epochs[0].terms = {{"x", 1}, {"y", 1}};
  EXPECT_THROW(encode_result(result), Error);
  result.epochs[0].terms = {{"x", 1}};
  EXPECT_NO_THROW(encode_result(result));
}

TEST(Result, PredictionsOfOtherClassesAreRefused) {
  TrialResult result;
  result.paper.validation = {1, {}, {}, {1, 0}};
  result.paper.surface.clips = 1;
  result.held_out.test = {1, {}, {}, {1, 0, 0}};
  EXPECT_THROW(decode_result(encode_result(result)), Error);
}

// Presence, salience and their product .25 / .375, .125 / .375 as halves; and salience for itself.
TEST(Result, WhatFollowsFromTheHeadsIsNotSaid) {
  const std::vector<float> presence = {.5, .25}, salience = {.5, .5};
  const std::vector<float> product = {half_value(0x3955), half_value(0x3555)};
  const std::vector<std::pair<std::vector<float>, std::uint8_t>> cases = {{product, 2}, {salience, 3}, {{1, 0}, 4}};
  for (const auto& [fused, kept] : cases) {
    const Predictions said{1, presence, salience, fused};
    RecordBytes bytes = encode_predictions(said);
    EXPECT_EQ(bytes[5], kept);
    EXPECT_EQ(bytes.size(), 6u + 2 * (kept == 4 ? 6 : 4));
    expect_same(decode_predictions(bytes.data(), bytes.size()), said);
    if (kept == 4) continue;
    // Said all the same, it would be another record of the same result.
    bytes[5] = 4;
    for (const float value : fused) put_number(bytes, half_bits(value));
    EXPECT_THROW(decode_predictions(bytes.data(), bytes.size()), Error);
  }
  // Where the product is the salience, that is how it is said.
  const Predictions same{1, {.5, .5}, {.5, .5}, {.5, .5}};
  RecordBytes bytes = encode_predictions(same);
  EXPECT_EQ(bytes[5], 3);
  bytes[5] = 2;
  EXPECT_THROW(decode_predictions(bytes.data(), bytes.size()), Error);
}

TEST(Result, LengthsThatAreOnlyClaimedAllocateNothing) {
  EXPECT_THROW(decode_result({}), Error);
  for (const std::uint8_t byte : {std::uint8_t{0x7f}, std::uint8_t{0xff}}) {
    EXPECT_THROW(decode_result(std::vector<std::uint8_t>(4000000, byte)), Error);
    // The record ends in every place, and claims all lengths that it can from there on.
    const RecordBytes good = Record().bytes();
    for (std::size_t at = 0; at < good.size(); ++at) {
      RecordBytes bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at));
      EXPECT_THROW(decode_result(bytes), Error) << at;
      bytes.resize(at + 8, byte);
      EXPECT_THROW(decode_result(bytes), Error) << at;
    }
  }
}

TEST(Result, DamagedBytesAreReadOrRefused) {
  const auto good = encode_result(full_result());
  std::mt19937 random(17);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    auto bytes = good;
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips)
      bytes[random() % bytes.size()] ^= std::uint8_t(1u << random() % 8);
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    try {
      EXPECT_EQ(encode_result(decode_result(bytes)), bytes) << "what is taken comes back byte by byte";
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);  // every cut and many a flip
}

}  // namespace
}  // namespace medley::sweep
