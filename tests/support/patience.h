#pragma once

#include <chrono>
#include <thread>

namespace medley::test {

/// How much longer than an idle machine a busy one may take before a test gives up. A wait ends when what it waits for
/// is there, so a test that passes is no slower for it. Only one that hangs is.
constexpr int kPatience = 10;

/// When a test gives up on what takes an idle machine `usual` at most.
inline std::chrono::steady_clock::time_point deadline(std::chrono::milliseconds usual) {
  return std::chrono::steady_clock::now() + kPatience * usual;
}

/// Waits until `holds()`; false at that deadline.
template <class Holds>
bool eventually(Holds holds, std::chrono::milliseconds usual = std::chrono::seconds(20)) {
  for (const auto end = deadline(usual); !holds();) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace medley::test
