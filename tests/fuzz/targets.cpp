#include <optional>
#include <utility>

#include "tests/fuzz/target.h"
#include "tests/support/folder.h"

namespace medley::fuzz {

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"frames", frames, 1000},
      {"handshakes", handshakes, 500},
      {"results", results, 300},
      {"sweeps", sweeps, 30},
      {"surfaces", surfaces, 1000},
      {"parts", parts, 300},
      {"ensembles", ensembles, 500},
      {"npy", npy, 1000},
      {"npz", npz, 300},
      {"csv", csv, 1000},
      {"metadata", metadata, 100},
      {"descriptions", descriptions, 200},
      {"features", features, 200},
      {"series", series, 200},
      {"submissions", submissions, 500},
      {"archives", archives, 100},
      {"checkpoints", checkpoints, 300},
      {"resume_points", resume_points, 300},
      {"profiles", profiles, 200},
      {"records", records, 200},
      {"requests", requests, 30},
      {"http", http, 50},
  };
  return all;
}

std::filesystem::path file_of(const std::string& name, const std::string& bytes) {
  static const test::Folder folder(test::Folder::Where::kMemory);
  static std::filesystem::path last;
  std::filesystem::remove(last);
  last = folder / name;
  test::write_file(last, bytes);
  return last;
}

std::pair<std::string, std::string> halves(const std::string& input) {
  const std::size_t end = input.find('\0');
  if (end == std::string::npos) return {input, ""};
  return {input.substr(0, end), input.substr(end + 1)};
}

}  // namespace medley::fuzz
