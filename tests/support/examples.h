#pragma once

#include <algorithm>
#include <filesystem>
#include <vector>

namespace medley::test {

/// The example sweeps of the repository at `source`, by name.
inline std::vector<std::filesystem::path> example_sweeps(const std::filesystem::path& source) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(source / "examples")) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace medley::test
