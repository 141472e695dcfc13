#include "trainer/data/limits.h"

#include <algorithm>
#include <fstream>

#include "trainer/data/error.h"

namespace medley::data {
namespace {

/// DEFLATE cannot expand further (a 258-byte match takes at least two bits).
constexpr std::uint64_t kMaxExpansion = 1032;

}  // namespace

std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  while (file >> word) {
    std::uint64_t kibibytes = 0;
    if (word == "MemAvailable:" && file >> kibibytes) return kibibytes * 1024;
  }
  return kMaxInflatedBytes;
}

void check_inflated_size(std::uint64_t packed, std::uint64_t size, std::uint64_t available, const std::string& where) {
  if (size / std::max<std::uint64_t>(1, packed) > kMaxExpansion) {
    throw Error(where + std::to_string(packed) + " bytes are said to inflate to " + std::to_string(size) +
                ": a zip bomb is not read");
  }
  const std::uint64_t most = std::min(kMaxInflatedBytes, available / 2);
  if (size > most) {
    throw Error(where + std::to_string(size) + " bytes once inflated; at most " + std::to_string(most) +
                " fit in half of this machine's free memory; store the array instead (np.savez)");
  }
}

}  // namespace medley::data
