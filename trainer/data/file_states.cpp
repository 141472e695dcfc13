#include "trainer/data/file_states.h"

#include <sys/stat.h>

#include "trainer/data/feature_files.h"

namespace medley::data {
namespace {

long long nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

}  // namespace

FileStates::State FileStates::look(const std::filesystem::path& file) {
  State state;
  state.file = file;
  struct stat now = {};
  if (stat(file.c_str(), &now) != 0) return state;
  state.there = true;
  state.device = now.st_dev;
  state.inode = now.st_ino;
  state.size = now.st_size;
  state.modified_ns = nanoseconds(now.st_mtim);
  state.changed_ns = nanoseconds(now.st_ctim);
  return state;
}

FileStates FileStates::of(const std::filesystem::path& folder) {
  FileStates all;
  for (const char* name : {"train_metadata.csv", "test_metadata.csv", "dataset.yaml"}) {
    all.states_.push_back(look(folder / name));
  }
  std::vector<std::string> notes;
  for (const FeatureFile& file : find_feature_files(folder, notes)) {
    for (const std::filesystem::path& path : file.paths) all.states_.push_back(look(path));
  }
  return all;
}

std::string FileStates::change() const {
  for (const State& was : states_) {
    const State now = look(was.file);
    const std::string file = was.file.string();
    if (now.there != was.there) return file + (now.there ? " was not there, and is now" : " is not there any more");
    if (now.device != was.device || now.inode != was.inode) return file + " was replaced by another file";
    if (now.size != was.size) {
      return file + " was " + std::to_string(was.size) + " bytes, and is " + std::to_string(now.size) + " now";
    }
    if (now.modified_ns != was.modified_ns) return file + " was written to";
    if (now.changed_ns != was.changed_ns) return file + " was changed (its inode was)";
  }
  return "";
}

}  // namespace medley::data
