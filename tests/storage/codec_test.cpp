#include "storage/codec.h"

#include <limits>

#include <gtest/gtest.h>

#include "sweep/protocol.h"
#include "sweep/result.h"

namespace medley::storage {
namespace {

TEST(Codec, ASurfaceOfAnyNumbersComesBack) {
  sweep::ThresholdSurface surface;
  surface.clips = std::numeric_limits<int>::max();
  surface.blends = std::numeric_limits<int>::min();
  for (std::size_t i = 0; i < surface.presence_hits.size(); ++i) {
    surface.presence_hits[i] = i % 2 ? std::numeric_limits<int>::max() : std::numeric_limits<int>::min();
    surface.salience_hits[i] = static_cast<int>(i) - 200;
  }
  const auto bytes = encode_surface(surface);
  const sweep::ThresholdSurface back = decode_surface(blob_of(bytes));
  EXPECT_EQ(back.clips, surface.clips);
  EXPECT_EQ(back.blends, surface.blends);
  EXPECT_EQ(back.presence_hits, surface.presence_hits);
  EXPECT_EQ(back.salience_hits, surface.salience_hits);
  EXPECT_TRUE(encode_surface({}).empty());
}

TEST(Codec, ADamagedSurfaceIsAnError) {
  sweep::ThresholdSurface surface;
  surface.clips = 500;
  auto bytes = encode_surface(surface);
  bytes.push_back(0);
  EXPECT_THROW(decode_surface(blob_of(bytes)), Error);
  for (std::size_t size = 1; size + 1 < bytes.size(); ++size) {
    EXPECT_THROW(decode_surface({bytes.data(), size}), Error) << size;
  }
  const std::vector<std::uint8_t> endless(2000, 0xff);
  EXPECT_THROW(decode_surface(blob_of(endless)), Error);
}

TEST(Codec, ASurfaceHoldsNoNumberOfMoreThan32Bits) {
  // Varints, low 7 bits first, of zigzag numbers: 2^31 as the number of clips, and 2^31 - 1 with 1 more as hits.
  const std::vector<std::uint8_t> clips = {0x80, 0x80, 0x80, 0x80, 0x10};
  const std::vector<std::uint8_t> most = {0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f};
  std::vector<std::uint8_t> bytes = clips;
  bytes.resize(clips.size() + 801);
  EXPECT_THROW(decode_surface(blob_of(bytes)), Error);
  bytes = most;
  bytes.resize(most.size() + 799);
  bytes[most.size()] = 1;  // one less
  EXPECT_EQ(decode_surface(blob_of(bytes)).presence_hits[1], std::numeric_limits<int>::max() - 1);
  bytes[most.size()] = 2;
  EXPECT_THROW(decode_surface(blob_of(bytes)), Error);
}

TEST(Codec, NumbersAreLittleEndian) {
  EXPECT_EQ(pack(std::vector<std::uint16_t>{0x1234}), (std::vector<std::uint8_t>{0x34, 0x12}));
  EXPECT_EQ(pack(std::vector<float>{1.f}), (std::vector<std::uint8_t>{0, 0, 0x80, 0x3f}));
  const std::vector<std::uint8_t> odd(3);
  EXPECT_THROW(unpack<std::uint16_t>(blob_of(odd), "odd"), Error);
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
