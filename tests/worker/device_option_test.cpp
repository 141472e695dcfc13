#include <gtest/gtest.h>

#include "worker/command.h"

namespace medley::worker {
namespace {

/// What `--device TEXT` sets where the default is the second GPU; "" leaves the option out.
sweep::Device parsed(const std::string& text) {
  sweep::Device device{sweep::Device::Kind::kCuda, 1};
  CLI::App app;
  add_device_option(app, device);
  app.parse(text.empty() ? "" : "--device " + text);
  return device;
}

TEST(DeviceOption, SetsTheDeviceOrLeavesTheDefault) {
  EXPECT_EQ(sweep::to_string(parsed("cpu")), "cpu");
  EXPECT_EQ(sweep::to_string(parsed("cuda:3")), "cuda:3");
  EXPECT_EQ(sweep::to_string(parsed("")), "cuda:1");
}

TEST(DeviceOption, TextThatIsNoDeviceIsAnErrorOfUsage) {
  try {
    parsed("gpu");
    FAIL();
  } catch (const CLI::ParseError& e) {
    EXPECT_STREQ(e.what(), "--device: 'gpu' is no device; valid: cpu, cuda, cuda:0, ...");
  }
}

}  // namespace
}  // namespace medley::worker
