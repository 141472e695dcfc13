#include "sweep/device.h"

namespace medley::sweep {
namespace {

constexpr std::string_view kCpu = "cpu", kCuda = "cuda";
constexpr std::size_t kMaxDigits = 3;  // of an index

}  // namespace

std::string to_string(const Device& device) {
  if (!device.is_gpu()) return std::string(kCpu);
  return std::string(kCuda) + (device.index ? ":" + std::to_string(*device.index) : "");
}

std::optional<Device> parse_device(std::string_view text) {
  if (text == kCpu) return Device{};
  if (text.substr(0, kCuda.size()) != kCuda) return std::nullopt;
  text.remove_prefix(kCuda.size());
  if (text.empty()) return Device{Device::Kind::kCuda, std::nullopt};
  const std::string digits(text.substr(1));
  const bool number = text.front() == ':' && !digits.empty() && digits.size() <= kMaxDigits &&
                      digits.find_first_not_of("0123456789") == std::string::npos;
  if (!number || (digits.front() == '0' && digits.size() > 1)) return std::nullopt;
  return Device{Device::Kind::kCuda, std::stoi(digits)};
}

}  // namespace medley::sweep
