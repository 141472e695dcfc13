#include "worker/usage_sampler.h"

#include <sstream>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "storage/files/read.h"

namespace medley::worker {
namespace {

/// Of all threads of this process, those that have ended too.
double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::int64_t resident_bytes() {
  std::int64_t size = 0, resident = 0;  // pages (proc(5))
  std::istringstream(files::read_if_readable("/proc/self/statm").value_or("")) >> size >> resident;
  return resident * sysconf(_SC_PAGE_SIZE);
}

}  // namespace

UsageSampler::UsageSampler(ReadGpu read_gpu, std::chrono::milliseconds period)
    : then_(Clock::now()), cpu_then_(cpu_seconds()), read_gpu_(std::move(read_gpu)), period_(period) {
  if (read_gpu_) thread_ = std::thread([this] { watch_gpu(); });
}

UsageSampler::~UsageSampler() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void UsageSampler::watch_gpu() {
  for (;;) {
    const auto read = read_gpu_();
    std::unique_lock lock(mutex_);
    gpu_ = read;
    gpu_at_ = Clock::now();
    if (wake_.wait_for(lock, period_, [this] { return ends_; })) return;
  }
}

sweep::Usage UsageSampler::sample() {
  const auto now = Clock::now();
  const double cpu = cpu_seconds();
  const double seconds = std::chrono::duration<double>(now - then_).count();
  sweep::Usage usage;
  if (seconds > 0) usage.cpu = (cpu - cpu_then_) / seconds;
  usage.resident_bytes = resident_bytes();
  then_ = now;
  cpu_then_ = cpu;
  const std::lock_guard lock(mutex_);
  if (gpu_ && now - gpu_at_ < 10 * period_) usage.gpu = gpu_;
  return usage;
}

}  // namespace medley::worker
