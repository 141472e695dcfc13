// What this machine's core can do at the shapes of a trial: products out of the caches, and streams from memory.
//     roofline ROWS DIM WIDTH MEGABYTES
// prints JSON: products of [ROWS, DIM] and [DIM, WIDTH] in GFLOP/s, and GB/s of reading MEGABYTES, and of reading and
// writing three such arrays, as an optimiser does. All in CPU seconds, the best of many.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

#include <sys/mman.h>

#include "trainer/kernels/gemm.h"
#include "trainer/kernels/optimizer.h"

namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work>
double best_of(int times, Work work) {
  double best = 1e30;
  for (int i = 0; i < times; ++i) {
    const double start = cpu_seconds();
    work();
    best = std::min(best, cpu_seconds() - start);
  }
  return best;
}

/// In huge pages.
float* numbers(std::size_t count) {
  constexpr std::size_t kPage = std::size_t{2} << 20;
  const std::size_t bytes = (count * sizeof(float) + kPage - 1) / kPage * kPage;
  void* memory = std::aligned_alloc(kPage, bytes);
  madvise(memory, bytes, MADV_HUGEPAGE);
  auto* x = static_cast<float*>(memory);
  for (std::size_t i = 0; i < count; ++i) x[i] = static_cast<float>(i % 977) * 1e-3F + 0.1F;
  return x;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: roofline ROWS DIM WIDTH MEGABYTES\n");
    return 2;
  }
  namespace trainer = medley::trainer;
  const int rows = std::atoi(argv[1]), dim = std::atoi(argv[2]), width = std::atoi(argv[3]);
  const auto count = static_cast<std::size_t>(std::atoi(argv[4])) * (1 << 20) / sizeof(float);
  // A block of the matrix that the second-level cache holds.
  const int block = std::min(dim, 512);
  float *x = numbers(static_cast<std::size_t>(rows) * static_cast<std::size_t>(block)),
        *w = numbers(static_cast<std::size_t>(block) * static_cast<std::size_t>(width)),
        *z = numbers(static_cast<std::size_t>(rows) * static_cast<std::size_t>(width));
  constexpr int kProducts = 20;
  const double product = best_of(40, [&] {
    for (int i = 0; i < kProducts; ++i) trainer::multiply(x, w, rows, block, width, z);
  });
  float *p = numbers(count), *m = numbers(count), *v = numbers(count);
  volatile double sum = 0;
  const double reading = best_of(20, [&] { sum = sum + trainer::sum_of_squares(p, count); });
  trainer::AdamStep step;
  const double writing = best_of(20, [&] {
    constexpr std::size_t kGradient = 2048;  // stays in the cache: an optimiser makes it while it steps
    for (std::size_t i = 0; i + kGradient <= count; i += kGradient) {
      trainer::adam_update(p + i, x, m + i, v + i, std::min<std::size_t>(kGradient, count - i), step);
    }
  });
  std::printf("{\"gflops\": %.1f, \"read_gb_s\": %.1f, \"update_gb_s\": %.1f}\n",
              2e-9 * kProducts * rows * block * width / product, 4e-9 * static_cast<double>(count) / reading,
              24e-9 * static_cast<double>(count) / writing);
  return 0;
}
