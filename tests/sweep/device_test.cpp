#include "sweep/device.h"

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

TEST(Device, IsReadFromTheTextThatItGives) {
  const Device first{Device::Kind::kCuda, 0}, twelfth{Device::Kind::kCuda, 12}, current{Device::Kind::kCuda, {}};
  EXPECT_EQ(parse_device("cpu"), Device{});
  EXPECT_EQ(parse_device("cuda"), current);
  EXPECT_EQ(parse_device("cuda:0"), first);
  EXPECT_EQ(parse_device("cuda:12"), twelfth);
  for (const Device& device : {Device{}, current, first, twelfth}) EXPECT_EQ(parse_device(to_string(device)), device);
  EXPECT_FALSE(Device{}.is_gpu());
  EXPECT_TRUE(current.is_gpu());
}

TEST(Device, NoOtherTextIsOne) {
  for (const char* text : {"", "CPU", "cpu:0", "gpu", "cuda:", "cuda0", "cuda:x", "cuda:-1", "cuda: 1", "cuda:01",
                           "cuda:1000", "cuda:99999999999999999999", "cudatoolkit"}) {
    EXPECT_FALSE(parse_device(text)) << text;
  }
}

}  // namespace
}  // namespace medley::sweep
