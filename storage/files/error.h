#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace medley::files {

/// A file or folder that the system does not let us read, write or lock. The message is "PATH: cannot OPERATION:
/// REASON".
class Error : public std::runtime_error {
 public:
  /// `operation` is a verb ("write"); `code` is a value of errno.
  Error(const std::filesystem::path& path, const std::string& operation, int code);
  Error(const std::filesystem::path& path, const std::string& operation, const std::string& reason);
};

/// Runs `work` and throws what files refuse as an `Other`, the type that callers of a folder expect.
template <class Other, class Work>
auto rethrow_as(Work work) {
  try {
    return work();
  } catch (const Error& e) {
    throw Other(e.what());
  }
}

}  // namespace medley::files
