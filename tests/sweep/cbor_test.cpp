#include "sweep/cbor.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace medley::sweep {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Cbor, TakesWhatIsWritten) {
  const nlohmann::json all = {{"text", "a"},
                              {"list", {1, -2, 3.5, true, nullptr}},
                              {"empty", nlohmann::json::array()},
                              {"map", {{"x", nlohmann::json::binary(Bytes(300, 1))}}}};
  EXPECT_EQ(cbor_problem(nlohmann::json::to_cbor(all), 3, 100), "");
  EXPECT_EQ(cbor_problem(nlohmann::json::to_cbor(all), 1, 100), "nested deeper than 1");
  EXPECT_EQ(cbor_problem(nlohmann::json::to_cbor(all), 3, 9), "more than 9 values");
}

// Examples of RFC 8949, appendix A and section 3.2.
TEST(Cbor, RefusesWhatAReaderWouldTakeInMoreThanItsBytes) {
  EXPECT_EQ(cbor_problem({0x83, 0x01, 0x02, 0x03}, 2, 10), "");
  EXPECT_EQ(cbor_problem({0x9f, 0x01, 0xff}, 2, 10), "a length that is reserved or not given");
  EXPECT_EQ(cbor_problem({0x7f, 0x61, 0x61, 0xff}, 2, 10), "a length that is reserved or not given");
  EXPECT_EQ(cbor_problem({0x1c}, 2, 10), "a length that is reserved or not given");
  EXPECT_EQ(cbor_problem({0xc1, 0x01}, 2, 10), "a tag");
  EXPECT_EQ(cbor_problem({}, 2, 10), "it ends within a value");
  EXPECT_EQ(cbor_problem({0x19, 0x01}, 2, 10), "it ends within a value");
  EXPECT_EQ(cbor_problem({0x62, 0x61}, 2, 10), "it ends within a value");
  EXPECT_EQ(cbor_problem({0x82, 0x01}, 2, 10), "it ends within a value");
  EXPECT_EQ(cbor_problem({0x01, 0x01}, 2, 10), "bytes after its end");
  EXPECT_EQ(cbor_problem({0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 2, 10), "more than 10 values");
  EXPECT_EQ(cbor_problem(Bytes(1'000'000, 0x81), 12, 1000), "nested deeper than 12");
}

}  // namespace
}  // namespace medley::sweep
