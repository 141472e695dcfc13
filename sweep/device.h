#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace medley::sweep {

/// What trials are trained on.
struct Device {
  enum class Kind { kCpu, kCuda };
  Kind kind = Kind::kCpu;
  std::optional<int> index;  ///< of a GPU among those that the process sees; nullopt: the current one

  bool is_gpu() const { return kind == Kind::kCuda; }
};

inline bool operator==(const Device& a, const Device& b) { return a.kind == b.kind && a.index == b.index; }

/// "cpu", "cuda" or "cuda:1".
std::string to_string(const Device& device);
/// Inverse of to_string(); nullopt for any other text.
std::optional<Device> parse_device(std::string_view text);

}  // namespace medley::sweep
