#include <exception>
#include <thread>

#include <fmt/core.h>

#include "trainer/error.h"
#include "worker/gpu_check.h"
#include "worker/nccl_collective.h"

namespace medley::worker {
namespace {

namespace cuda = trainer::cuda;

constexpr std::size_t kCount = 100'003;

/// Element i of rank r before the sum is (r + 1) (i % 101), so after it n (n + 1) / 2 times i % 101: exact in float.
template <class T>
std::string sum_and_broadcast(NcclCollective& gang) {
  std::vector<T> values(kCount);
  for (std::size_t i = 0; i < kCount; ++i) values[i] = static_cast<T>((gang.rank() + 1) * static_cast<int>(i % 101));
  cuda::DeviceBuffer<T> buffer(kCount);
  cuda::copy(buffer.get(), values.data(), buffer.bytes(), nullptr);
  gang.all_reduce_sum(buffer.get(), kCount);
  cuda::copy(values.data(), buffer.get(), buffer.bytes(), nullptr);
  MEDLEY_CHECK_CUDA(cudaStreamSynchronize(nullptr));
  const int factor = gang.size() * (gang.size() + 1) / 2;
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto expected = static_cast<T>(factor * static_cast<int>(i % 101));
    if (values[i] != expected) return fmt::format("sum {} is {}, not {}", i, values[i], expected);
  }
  const int root = gang.size() - 1;
  for (T& value : values) value = static_cast<T>(gang.rank());
  cuda::copy(buffer.get(), values.data(), buffer.bytes(), nullptr);
  gang.broadcast(buffer.get(), buffer.bytes(), root);
  cuda::copy(values.data(), buffer.get(), buffer.bytes(), nullptr);
  MEDLEY_CHECK_CUDA(cudaStreamSynchronize(nullptr));
  for (const T value : values) {
    if (value != static_cast<T>(root)) return fmt::format("broadcast of rank {} gave {}", root, value);
  }
  return "";
}

Finding check_ranks(int ranks) {
  const NcclId id = new_nccl_id();
  std::vector<std::string> wrong(static_cast<std::size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      std::string& said = wrong[static_cast<std::size_t>(rank)];
      try {
        NcclCollective gang(id, {rank, ranks, device_of_local_rank(rank, ranks)});
        said = sum_and_broadcast<float>(gang);
        if (said.empty()) said = sum_and_broadcast<double>(gang);
      } catch (const std::exception& e) {
        said = e.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Finding finding{fmt::format("NCCL, {} rank{}", ranks, ranks == 1 ? "" : "s"), true, "sums and broadcasts are exact"};
  for (const std::string& said : wrong) {
    if (!said.empty()) finding = {finding.what, false, said};
  }
  return finding;
}

Finding check_deadline() {
  using std::chrono::milliseconds;
  Finding finding{"NCCL, a rank that never comes", false, "no error"};
  const auto start = std::chrono::steady_clock::now();
  try {
    NcclCollective gang(new_nccl_id(), {0, 2, 0, milliseconds(3000)});
  } catch (const trainer::Error& e) {
    const auto took = std::chrono::steady_clock::now() - start;
    finding.right = took < milliseconds(10'000);
    finding.found =
        fmt::format("aborted after {} ms: {}", std::chrono::duration_cast<milliseconds>(took).count(), e.what());
  }
  return finding;
}

}  // namespace

Findings check_nccl(int devices) {
  Findings all;
  for (int ranks = 1; ranks <= devices; ranks *= 2) all.push_back(check_ranks(ranks));
  all.push_back(check_deadline());
  return all;
}

}  // namespace medley::worker
