// What CUDA code says on a machine without a GPU; on one with a GPU, that medley-gpu-check finds all right.
#include <cstdio>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "trainer/cuda/runtime.h"
#include "trainer/error.h"
#include "worker/nccl_collective.h"

namespace medley::tests {
namespace {

namespace cuda = trainer::cuda;

struct Ended {
  int exit_code = -1;
  std::string said;
};

Ended run(const std::string& command) {
  Ended result;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  char line[512];
  while (std::fgets(line, sizeof line, pipe)) result.said += line;
  result.exit_code = WEXITSTATUS(pclose(pipe));
  return result;
}

TEST(GpuCheck, FailsAndSaysSoWithoutAGpu) {
  if (cuda::find_devices().count > 0) GTEST_SKIP() << "this machine has a GPU";
  const Ended checked = run(MEDLEY_GPU_CHECK);
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_NE(checked.said.find("no GPU to check on: "), std::string::npos) << checked.said;
  EXPECT_NE(checked.said.find("Nothing was checked"), std::string::npos) << checked.said;
}

TEST(GpuCheck, FindsAllRightOnAGpu) {
  const cuda::Devices devices = cuda::find_devices();
  if (devices.count == 0) GTEST_SKIP() << "no GPU: " << devices.why_none;
  const Ended checked = run(std::string(MEDLEY_GPU_CHECK) + " --packs 0");
  EXPECT_EQ(checked.exit_code, 0) << checked.said;
}

TEST(CudaErrors, NameTheCallAndItsPlace) {
  try {
    cuda::check(cudaErrorMemoryAllocation, "cudaMalloc(&data, bytes)", "buffer.cpp", 12);
    FAIL();
  } catch (const trainer::Error& e) {
    EXPECT_STREQ(e.what(), "buffer.cpp:12: cudaMalloc(&data, bytes): out of memory (cudaErrorMemoryAllocation)");
  }
}

TEST(CudaErrors, AreThrownWhereThereIsNoGpu) {
  if (cuda::find_devices().count > 0) GTEST_SKIP() << "this machine has a GPU";
  EXPECT_THROW(cuda::DeviceBuffer<float>(10), trainer::Error);
  EXPECT_THROW(cuda::LaunchStream(), trainer::Error);
  EXPECT_THROW(worker::NcclCollective({}, {0, 2, 0}), trainer::Error);
}

TEST(NcclPlace, IsAGpuForEveryRankOfANode) {
  EXPECT_EQ(worker::device_of_local_rank(0, 2), 0);
  EXPECT_EQ(worker::device_of_local_rank(1, 2), 1);
  EXPECT_THROW(worker::device_of_local_rank(2, 2), trainer::Error);
  EXPECT_THROW(worker::device_of_local_rank(0, 0), trainer::Error);
}

}  // namespace
}  // namespace medley::tests
