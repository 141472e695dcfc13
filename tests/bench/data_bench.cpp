// How fast a dataset is checked, beside reading the same bytes and doing nothing with them.
//
// usage: data_bench FOLDER [encoders=12] [dim=7168]      makes FOLDER (3,050 clips, about 1 GB) when it is
// not there
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "trainer/data/dataset.h"
#include "trainer/data/npz_write.h"

namespace {

namespace fs = std::filesystem;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void make(const fs::path& folder, int encoders, int dim) {
  constexpr int kClips = 3050;
  fs::create_directories(folder);
  std::ofstream csv(folder / "train_metadata.csv");
  csv << "filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n";
  std::vector<std::string> names;
  for (int i = 0; i < kClips; ++i) {
    csv << "c" << i << ",A" << i % 50 << ",0,ang,,,," << i % 50 % 5 << "\n";
    names.push_back("c" + std::to_string((i * 7 + 3) % kClips));  // the rows are in another order than the clips
  }
  std::uint32_t state = 1;
  for (int e = 0; e < encoders; ++e) {
    std::vector<float> x(static_cast<std::size_t>(kClips) * static_cast<std::size_t>(dim));
    for (float& value : x) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    }
    medley::data::write_npz(
        folder / ("e" + std::to_string(e) + "_static_features.npz"),
        {{"X", {names.size(), static_cast<std::size_t>(dim)}, std::move(x)}, {"filenames", {names.size()}, names}});
  }
}

std::uintmax_t feature_bytes(const fs::path& folder) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".npz") bytes += entry.file_size();
  }
  return bytes;
}

/// Asks the kernel to forget the files' pages (the files must be synced), so that the next read comes from
/// the disk.
void forget(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const int file = ::open(entry.path().c_str(), O_RDONLY);
    ::fdatasync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

void read_only(const fs::path& folder) {
  std::vector<char> buffer(1 << 20);
  for (const auto& entry : fs::directory_iterator(folder)) {
    const int file = ::open(entry.path().c_str(), O_RDONLY);
    while (::read(file, buffer.data(), buffer.size()) > 0) {
    }
    ::close(file);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: data_bench FOLDER [encoders=12] [dim=7168]\n");
    return 2;
  }
  const fs::path folder = argv[1];
  if (!fs::exists(folder)) make(folder, argc > 2 ? std::atoi(argv[2]) : 12, argc > 3 ? std::atoi(argv[3]) : 7168);
  const double gigabytes = static_cast<double>(feature_bytes(folder)) / 1e9;
  std::string fingerprint;
  const auto load = [&] { fingerprint = medley::data::load_dataset(folder).fingerprint; };
  const auto report = [&](const char* what, double seconds) {
    std::printf("%-34s %7.3f s  %6.2f GB/s\n", what, seconds, gigabytes / seconds);
  };
  std::printf("%.2f GB of features\n", gigabytes);
  for (int round = 0; round < 2; ++round) {
    forget(folder);
    report("from disk: read and nothing else", seconds_of([&] { read_only(folder); }));
    report("from memory: read and nothing else", seconds_of([&] { read_only(folder); }));
    report("from memory: load_dataset", seconds_of(load));
    forget(folder);
    report("from disk: load_dataset", seconds_of(load));
  }
  std::printf("fingerprint %s\n", fingerprint.c_str());
}
