#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace medley::data {

/// What the file system says of the files that a dataset is read from: device, inode, size, and the times of the last
/// change of content and of inode. Features are used where they lie on disk, so a file that is written to, replaced or
/// cut off changes what is trained on. Its fingerprint was of what it held before.
class FileStates {
 public:
  FileStates() = default;
  /// Of metadata, dataset.yaml and feature files of a dataset's folder as they are now: call it before they are read.
  /// Throws Error as find_feature_files() does.
  static FileStates of(const std::filesystem::path& folder);

  /// "": all files are as they were. Else what happened to the first that is not: "FILE was 120 bytes, and is 80 now".
  std::string change() const;

 private:
  struct State {
    std::filesystem::path file;
    bool there = false;
    unsigned long device = 0, inode = 0;
    long long size = 0, modified_ns = 0, changed_ns = 0;
  };
  static State look(const std::filesystem::path& file);

  std::vector<State> states_;
};

}  // namespace medley::data
