#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace medley::worker {

/// Pack sizes that were measured on this host, in a JSON file: the next worker need not measure again. What another
/// process remembers at the same moment may be forgotten; it is then measured once more.
class PackSizes {
 public:
  /// Throws Error when there is a file that cannot be read.
  explicit PackSizes(std::filesystem::path file);
  std::optional<int> find(const std::string& key) const;
  /// On disk when it returns. Throws data::Error when it cannot be written.
  void remember(const std::string& key, int size);

 private:
  std::filesystem::path file_;
  std::map<std::string, int> sizes_;
};

}  // namespace medley::worker
