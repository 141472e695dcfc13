#include "trainer/kernels/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sweep/philox.h"
#include "trainer/kernels/vector_clones.h"

namespace medley::trainer {
namespace {

constexpr int kLanes = 16;
constexpr std::size_t kChunk = 4 * kLanes;

/// `chunks` times 64 elements; the lanes are blocks first_block .. first_block + 15 of each chunk.
MEDLEY_VECTOR_CLONES
void fill_chunks(std::uint32_t* out, std::size_t chunks, std::uint32_t name, std::uint32_t step, std::uint32_t purpose,
                 std::uint32_t key0, std::uint32_t key1) {
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    std::uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      c0[lane] = static_cast<std::uint32_t>(chunk * kLanes) + static_cast<std::uint32_t>(lane);
      c1[lane] = name;
      c2[lane] = step;
      c3[lane] = purpose;
    }
    std::uint32_t k0 = key0, k1 = key1;
    for (int round = 0; round < sweep::kPhiloxRounds; ++round) {
      for (int lane = 0; lane < kLanes; ++lane) sweep::philox_round(c0[lane], c1[lane], c2[lane], c3[lane], k0, k1);
      k0 += sweep::kPhiloxWeyl0;
      k1 += sweep::kPhiloxWeyl1;
    }
    std::uint32_t* to = out + chunk * kChunk;
    for (int lane = 0; lane < kLanes; ++lane) to[lane] = c0[lane];
    for (int lane = 0; lane < kLanes; ++lane) to[kLanes + lane] = c1[lane];
    for (int lane = 0; lane < kLanes; ++lane) to[2 * kLanes + lane] = c2[lane];
    for (int lane = 0; lane < kLanes; ++lane) to[3 * kLanes + lane] = c3[lane];
  }
}

}  // namespace

std::uint32_t name_key(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

void Stream::fill(std::uint32_t* out, std::size_t count) const {
  const auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
  const auto what = static_cast<std::uint32_t>(purpose);
  const std::size_t chunks = count / kChunk;
  fill_chunks(out, chunks, name, step, what, key0, key1);
  for (std::size_t i = chunks * kChunk; i < count; i += 1) {
    const auto block = static_cast<std::uint32_t>((i / kChunk) * kLanes + i % kLanes);
    out[i] = sweep::philox({block, name, step, what}, {key0, key1})[(i % kChunk) / kLanes];
  }
}

void normals(const std::uint32_t* bits, std::size_t count, double* out) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = std::sqrt(-2 * std::log(unit(bits[2 * i]))) * std::cos(2 * M_PI * unit(bits[2 * i + 1]));
  }
}

double beta(const Stream& stream, double a) {
  // A try fails with probability below .05. In practice 256 numbers, with four a try and two draws, are never used up.
  // The last try would be taken as it is.
  constexpr std::size_t kNumbers = 256;
  std::uint32_t bits[kNumbers];
  stream.fill(bits, kNumbers);
  std::size_t next = 0;
  const auto log_gamma_draw = [&] {
    // For a < 1: Gamma(a) = Gamma(a + 1) U^(1/a). In logarithms: for small a both draws underflow.
    const double boost = a < 1 ? std::log(unit(bits[next++])) / a : 0;
    const double d = (a < 1 ? a + 1 : a) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    double v = 1;
    while (next + 3 <= kNumbers) {
      double x;
      normals(bits + next, 1, &x);
      const double u = unit(bits[next + 2]);
      next += 3;
      v = (1 + c * x) * (1 + c * x) * (1 + c * x);
      if (v > 0 && std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) break;
      v = 1;
    }
    return boost + std::log(d * v);
  };
  const double first = log_gamma_draw(), second = log_gamma_draw();
  return 1 / (1 + std::exp(second - first));
}

std::vector<int> permutation(const Stream& stream, int count) {
  std::vector<std::uint32_t> bits(static_cast<std::size_t>(count));
  stream.fill(bits.data(), bits.size());
  std::vector<int> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (int i = count - 1; i > 0; --i) {
    const auto j = static_cast<int>(
        (static_cast<std::uint64_t>(bits[static_cast<std::size_t>(i)]) * (static_cast<std::uint64_t>(i) + 1)) >> 32);
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]);
  }
  return order;
}

}  // namespace medley::trainer
