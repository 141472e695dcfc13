#include "sweep/result.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

Predictions predictions(int clips, bool heads, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform;
  Predictions made;
  made.clips = clips;
  for (int i = 0; i < clips * 6; ++i) {
    made.fused.push_back(uniform(random));
    if (heads) made.presence.push_back(uniform(random));
    if (heads) made.salience.push_back(uniform(random));
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
                   {"salience", std::numeric_limits<double>::quiet_NaN()}};
    if (i > 1) epoch.terms.push_back({"r-drop", std::numeric_limits<double>::infinity()});
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

TEST(Result, FloatsAreLittleEndianOnTheWire) {
  TrialResult result;
  result.paper.validation = {1, {}, {}, {1.0f}};
  result.paper.surface.clips = 1;
  const auto bytes = encode_result(result);
  // Key "fused", then a byte string of 4: 1.0f is 0x3f800000.
  const std::vector<std::uint8_t> expected = {0x65, 'f', 'u', 's', 'e', 'd', 0x44, 0x00, 0x00, 0x80, 0x3f};
  EXPECT_NE(std::search(bytes.begin(), bytes.end(), expected.begin(), expected.end()), bytes.end());
}

/// The result with one value changed to something that cannot be.
void expect_refused(const std::function<void(nlohmann::json&)>& change) {
  nlohmann::json object = nlohmann::json::from_cbor(encode_result(full_result()));
  change(object);
  EXPECT_THROW(decode_result(nlohmann::json::to_cbor(object)), Error);
}

TEST(Result, EverySizeIsChecked) {
  using nlohmann::json;
  const auto bytes = [](std::size_t n) { return json::binary(std::vector<std::uint8_t>(n)); };
  expect_refused([&](json& o) { o["format"] = 2; });
  expect_refused([&](json& o) { o["outcome"] = "lost"; });
  expect_refused([&](json& o) { o["reason"] = std::string(70000, 'x'); });
  expect_refused([&](json& o) { o["reason"] = "\xff is no UTF-8"; });
  expect_refused([&](json& o) { o["epochs"] = bytes(8 * 10); });
  expect_refused([&](json& o) { o["epochs"] = bytes(87); });
  const auto rows = [](std::initializer_list<double> numbers) {
    std::vector<std::uint8_t> raw(numbers.size() * sizeof(double));
    std::memcpy(raw.data(), numbers.begin(), raw.size());
    return json::binary(raw);
  };
  expect_refused([&](json& o) { o.erase("terms"); });
  expect_refused([&](json& o) { o["terms"]["names"] = {"presence", "presence"}; });
  expect_refused([&](json& o) { o["terms"]["names"] = std::vector<std::string>(33, "presence"); });
  expect_refused([&](json& o) { o["terms"]["names"][0] = "\xff is no UTF-8"; });
  expect_refused([&](json& o) { o["terms"]["rows"] = rows({0, 0}); });
  expect_refused([&](json& o) { o["terms"]["rows"] = rows({3, 0, 1}); });
  expect_refused([&](json& o) { o["terms"]["rows"] = rows({0, 3, 1}); });
  expect_refused([&](json& o) { o["terms"]["rows"] = rows({-1, 0, 1}); });
  expect_refused([&](json& o) { o["terms"]["rows"] = rows({NAN, 0, 1}); });
  expect_refused([&](json& o) { o["terms"]["rows"] = rows({0, 0, 1, 0, 0, 2}); });
  expect_refused([&](json& o) { o["paper"]["validation"]["clips"] = 10; });
  expect_refused([&](json& o) { o["paper"]["validation"]["clips"] = -1; });
  expect_refused([&](json& o) { o["paper"]["validation"]["clips"] = std::uint64_t(-1); });
  expect_refused([&](json& o) { o["paper"]["validation"]["clips"] = 9.0; });
  expect_refused([&](json& o) { o["paper"]["validation"]["fused"] = bytes(9 * 5 * 4); });
  expect_refused([&](json& o) { o["paper"]["validation"]["presence"] = bytes(4); });
  expect_refused([&](json& o) { o["paper"]["surface"]["clips"] = 8; });
  expect_refused([&](json& o) { o["paper"]["surface"]["blends"] = 10; });
  expect_refused([&](json& o) { o["paper"]["surface"]["presence"] = bytes(399 * 4); });
  expect_refused([&](json& o) { o["inner"]["salience"] = json::binary(std::vector<std::uint8_t>(1600, 0xff)); });
  expect_refused([&](json& o) { o["importance"]["weights"] = bytes(34); });
  expect_refused([&](json& o) { o["importance"]["cka"] = bytes(12); });
  expect_refused([&](json& o) { o["importance"]["encoders"][0].erase("mean"); });
  expect_refused([&](json& o) { o["importance"]["encoders"] = 3; });
  expect_refused([&](json& o) { o["pack_size"] = 0; });
  expect_refused([&](json& o) { o["seconds"] = "long"; });
  expect_refused([&](json& o) { o.erase("held_out"); });
  expect_refused([&](json& o) { o = json::array(); });
}

TEST(Result, NestedOrEndlessBytesAreRefusedWithoutRecursion) {
  EXPECT_THROW(decode_result({}), Error);
  EXPECT_THROW(decode_result(std::vector<std::uint8_t>(4000000, 0x81)), Error);  // lists of lists of lists...
  EXPECT_THROW(decode_result(std::vector<std::uint8_t>(4000000, 0x9f)), Error);  // the same, of unknown length
  EXPECT_THROW(decode_result(std::vector<std::uint8_t>(4000000, 0xc1)), Error);  // tags of tags
  EXPECT_THROW(decode_result(std::vector<std::uint8_t>(4000000, 0x5f)), Error);  // byte strings in chunks of chunks
  EXPECT_THROW(decode_result(std::vector<std::uint8_t>(4000000, 0x7f)), Error);  // the same of text
  // A byte string that claims 2^62 bytes.
  EXPECT_THROW(decode_result({0xa1, 0x61, 'a', 0x5b, 0x40, 0, 0, 0, 0, 0, 0, 0}), Error);
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
      decode_result(bytes);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);  // every cut and many a flip
}

}  // namespace
}  // namespace medley::sweep
