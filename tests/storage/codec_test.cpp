#include "storage/codec.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "storage/measured_config.h"
#include "sweep/protocol.h"
#include "sweep/result_parts.h"

namespace medley::storage {
namespace {

TEST(Codec, ASurfaceComesBack) {
  sweep::ThresholdSurface surface;
  surface.clips = 1000000;
  surface.blends = 500;
  for (std::size_t i = 0; i < surface.presence_hits.size(); ++i) {
    surface.presence_hits[i] = i % 2 ? surface.clips : 0;
    surface.salience_hits[i] = static_cast<int>(i);
  }
  const auto bytes = sweep::encode_surface(surface);
  const sweep::ThresholdSurface back = decoded(blob_of(bytes), sweep::decode_surface);
  EXPECT_EQ(back.clips, surface.clips);
  EXPECT_EQ(back.blends, surface.blends);
  EXPECT_EQ(back.presence_hits, surface.presence_hits);
  EXPECT_EQ(back.salience_hits, surface.salience_hits);
  EXPECT_TRUE(sweep::encode_surface({}).empty());
}

TEST(Codec, MeasuredNumbersOfAConfigComeBack) {
  sweep::ConfigReport config;
  config.done = 3, config.diverged = 1;
  config.arithmetics = {{"", 1}, {"0123456789ab", 2}};
  config.paper_presence = {2, 0.25, 0.5}, config.paper_salience = {2, 1.0 / 3, std::nan("")};
  config.paper_score = {2, 0.7, 0.1};
  config.pooled_seeds = 1, config.pooled = {0.6, 0.4};
  config.held_out_seeds = 1, config.held_out = {0.5, 0.3}, config.held_out_score_sd = 0.01;
  config.paper_interval = {0.6, 0.8}, config.held_out_interval = {0.1, 0.9};
  config.mean_seconds = 12.5, config.threshold_choices = 5, config.edge_choices = 1;
  config.head_fusions = {{sweep::HeadFusion::kOwn, 3}, {sweep::HeadFusion::kProduct, 2}};
  config.no_held_out = "one fold";
  sweep::RunScore run{std::numeric_limits<std::uint64_t>::max(), -1, 0.75, 0.5};
  run.actors = {{0, 0, 0, 1, 0}, {300, 200, 100, 70000, 129}};
  run.repeat = 2, run.trial = "0123456789abcdef";
  run.paper_accuracy = {0.9, 0.8}, run.held_out_accuracy = {0.7, 0.6}, run.thresholds = {0.05, 0.95};
  run.fusion = sweep::HeadFusion::kMixtureHalf;
  config.runs = {run, {}};
  const auto bytes = encode_measured(config);
  sweep::ConfigReport back;
  decode_measured(blob_of(bytes), back);
  EXPECT_EQ(encode_measured(back), bytes);
  EXPECT_EQ(back.arithmetics, config.arithmetics);
  EXPECT_EQ(back.paper_salience.mean, 1.0 / 3);
  EXPECT_TRUE(std::isnan(back.paper_salience.sd));
  EXPECT_EQ(back.head_fusions, config.head_fusions);
  EXPECT_EQ(back.no_held_out, "one fold");
  EXPECT_EQ(back.held_out_interval.high, 0.9);
  ASSERT_EQ(back.runs.size(), 2u);
  EXPECT_EQ(back.runs[0].seed, run.seed);
  EXPECT_EQ(back.runs[0].fold, -1);
  ASSERT_EQ(back.runs[0].actors.size(), 2u);
  EXPECT_EQ(back.runs[0].actors[1].clips, 70000);
  EXPECT_EQ(back.runs[0].actors[1].blends, 129);
  EXPECT_EQ(back.runs[0].trial, run.trial);
  EXPECT_EQ(back.runs[0].fusion, run.fusion);
  EXPECT_EQ(back.runs[0].thresholds.beta, 0.95);
  EXPECT_TRUE(std::isnan(back.runs[1].held_out));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(decode_measured({bytes.data(), size}, back), Error) << size;
  }
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_THROW(decode_measured(blob_of(longer), back), Error);
}

TEST(Codec, ADamagedSurfaceIsAnError) {
  sweep::ThresholdSurface surface;
  surface.clips = 500;
  auto bytes = sweep::encode_surface(surface);
  bytes.push_back(0);
  EXPECT_THROW(decoded(blob_of(bytes), sweep::decode_surface), Error);
  for (std::size_t size = 1; size + 1 < bytes.size(); ++size) {
    EXPECT_THROW(decoded(Blob{bytes.data(), size}, sweep::decode_surface), Error) << size;
  }
  const std::vector<std::uint8_t> endless(2000, 0xff);
  EXPECT_THROW(decoded(blob_of(endless), sweep::decode_surface), Error);
}

TEST(Codec, ASurfaceHoldsNoMoreClipsThanATrialRecords) {
  // A varint, low 7 bits first, of a zigzag number: 2^31 as the number of clips.
  std::vector<std::uint8_t> bytes = {0x80, 0x80, 0x80, 0x80, 0x10};
  bytes.resize(bytes.size() + 801);
  EXPECT_THROW(decoded(blob_of(bytes), sweep::decode_surface), Error);
}

TEST(Codec, NumbersAreLittleEndian) {
  sweep::RecordBytes bytes;
  sweep::put_numbers(bytes, std::vector<std::uint16_t>{0x1234});
  sweep::put_numbers(bytes, std::vector<float>{1.f});
  EXPECT_EQ(bytes, (sweep::RecordBytes{0x34, 0x12, 0, 0, 0x80, 0x3f}));
}

TEST(Codec, AnEnumeratorIsReadByItsNameOnly) {
  EXPECT_EQ(enumerator<sweep::Protocol>("held-out"), sweep::Protocol::kHeldOut);
  EXPECT_EQ(enumerator<sweep::Outcome>("diverged"), sweep::Outcome::kDiverged);
  try {
    enumerator<sweep::Outcome>("divergent");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "the store is damaged: 'divergent' is not one of finished, diverged");
  }
}

}  // namespace
}  // namespace medley::storage
