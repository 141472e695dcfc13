// What a worker measures of its host, and a GPU behind a library that stands in for NVML.
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <time.h>

#include "worker/nvml.h"
#include "worker/usage_sampler.h"

namespace medley::worker {
namespace {
using namespace std::chrono_literals;
using Gpu = sweep::Usage::Gpu;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

TEST(Nvml, AGpuIsFoundByItsPlaceOnTheHost) {
  const auto nvml = Nvml::open(FAKE_NVML);
  ASSERT_TRUE(nvml);
  const auto second = nvml->read("0000:3b:00.0");
  ASSERT_TRUE(second);
  EXPECT_DOUBLE_EQ(second->busy, 0.37);
  EXPECT_EQ(second->memory_used_bytes, 20 * kGiB);
  EXPECT_EQ(second->memory_total_bytes, 80 * kGiB);
  EXPECT_DOUBLE_EQ(nvml->read("0000:1b:00.0")->busy, 0.12);
  EXPECT_FALSE(nvml->read("0000:00:00.0")) << "no such GPU";
  EXPECT_FALSE(nvml->read(""));
}

TEST(Nvml, AGpuThatCannotSayOrSaysWhatCannotBeHasNoValue) {
  const auto nvml = Nvml::open(FAKE_NVML);
  ASSERT_TRUE(nvml);
  EXPECT_FALSE(nvml->read("0000:5e:00.0")) << "no utilisation";
  EXPECT_FALSE(nvml->read("0000:af:00.0")) << "busier than 100 %";
  EXPECT_FALSE(nvml->read("0000:d8:00.0")) << "more memory used than there is";
  EXPECT_FALSE(nvml->read("0000:d9:00.0")) << "more memory than a number holds";
}

TEST(Nvml, WithoutTheLibraryItsFunctionsOrADriverThereIsNone) {
  EXPECT_FALSE(Nvml::open("/nowhere/libnvidia-ml.so.1"));
  EXPECT_FALSE(Nvml::open("libc.so.6")) << "a library without NVML's functions";
  setenv("FAKE_NVML_WITHOUT_DRIVER", "1", 1);
  EXPECT_FALSE(Nvml::open(FAKE_NVML));
  unsetenv("FAKE_NVML_WITHOUT_DRIVER");
  EXPECT_TRUE(Nvml::open(FAKE_NVML));
}

TEST(Nvml, IsShutDownAsOftenAsItIsStarted) {
  void* library = dlopen(FAKE_NVML, RTLD_NOW | RTLD_LOCAL);
  ASSERT_TRUE(library) << dlerror();
  const auto users = reinterpret_cast<int (*)()>(dlsym(library, "fake_nvml_users"));
  {
    const auto one = Nvml::open(FAKE_NVML);
    const auto two = Nvml::open(FAKE_NVML);
    EXPECT_EQ(users(), 2);
  }
  EXPECT_EQ(users(), 0);
  dlclose(library);
}

TEST(UsageSampler, CpuTimeIsThatOfAllThreads) {
  constexpr double kEach = 0.15;  // seconds of CPU time
  constexpr int kThreads = 3;
  UsageSampler sampler;
  sampler.sample();
  const auto begin = Clock::now();
  const double own = thread_seconds();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([] {
      while (thread_seconds() < kEach) {
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const double cpu = sampler.sample().cpu;
  const double wall = std::chrono::duration<double>(Clock::now() - begin).count();
  const double used = kThreads * kEach + thread_seconds() - own;
  EXPECT_NEAR(cpu * wall, used, 0.05) << "in " << wall << " s";
  // Nothing has been done since.
  std::this_thread::sleep_for(50ms);
  EXPECT_LT(sampler.sample().cpu, 0.5);
}

/// A line of /proc/self/status, which counts in kB.
double status_bytes(const std::string& name) {
  std::ifstream in("/proc/self/status");
  double kilobytes = 0;
  for (std::string word; in >> word;) {
    if (word == name) in >> kilobytes;
  }
  return 1024 * kilobytes;
}

TEST(UsageSampler, ResidentMemoryIsWhatHasBeenTouched) {
  constexpr std::size_t kBytes = 64 << 20;
  UsageSampler sampler;
  const auto before = sampler.sample().resident_bytes;
  const std::vector<char> touched(kBytes, 1);
  const auto after = sampler.sample().resident_bytes;
  EXPECT_GE(after - before, static_cast<std::int64_t>(kBytes) - (1 << 20)) << touched.back();
  EXPECT_NEAR(static_cast<double>(after), status_bytes("VmRSS:"), 4 << 20);
  EXPECT_FALSE(sampler.sample().gpu);
}

/// Until `sampler` says something of a GPU, and at most ten seconds.
std::optional<Gpu> first_of(UsageSampler& sampler) {
  for (const auto end = Clock::now() + 10s; Clock::now() < end;) {
    if (const auto gpu = sampler.sample().gpu) return gpu;
    std::this_thread::sleep_for(1ms);
  }
  return std::nullopt;
}

TEST(UsageSampler, TheGpuIsReadAgainAndAgain) {
  const std::shared_ptr<Nvml> nvml = Nvml::open(FAKE_NVML);
  std::atomic<int> reads{0};
  UsageSampler sampler(
      [&] {
        ++reads;
        return nvml->read("0000:3b:00.0");
      },
      1ms);
  const auto gpu = first_of(sampler);
  ASSERT_TRUE(gpu);
  EXPECT_DOUBLE_EQ(gpu->busy, 0.37);
  for (const auto end = Clock::now() + 10s; reads < 3 && Clock::now() < end;) std::this_thread::sleep_for(1ms);
  EXPECT_GE(reads, 3);
}

TEST(UsageSampler, ADriverThatHangsHoldsNoHeartbeatUpAndItsLastWordGrowsOld) {
  std::promise<void> go;
  auto gone = go.get_future().share();
  std::atomic<int> reads{0};
  UsageSampler sampler(
      [&]() -> std::optional<Gpu> {
        if (++reads == 2) gone.wait();
        return Gpu{0.5, 1, 2};
      },
      5ms);
  ASSERT_TRUE(first_of(sampler));
  for (const auto end = Clock::now() + 10s; reads < 2 && Clock::now() < end;) std::this_thread::sleep_for(1ms);
  ASSERT_EQ(reads, 2);
  bool known = true;  // for ten periods at most
  for (const auto end = Clock::now() + 10s; known && Clock::now() < end;) {
    std::this_thread::sleep_for(1ms);
    known = sampler.sample().gpu.has_value();
  }
  EXPECT_FALSE(known);
  go.set_value();
  EXPECT_TRUE(first_of(sampler)) << "it answers again";
}

}  // namespace
}  // namespace medley::worker
