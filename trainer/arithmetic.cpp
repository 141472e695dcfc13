#include "trainer/arithmetic.h"

#include <array>
#include <cmath>
#include <vector>

#include <torch/autograd.h>
#include <torch/types.h>

#include "sweep/digest.h"
#include "trainer/data/random_dataset.h"
#include "trainer/trainer.h"

namespace medley::trainer {
namespace {

using sweep::Config;
using sweep::Sha256;
using torch::Tensor;

constexpr std::size_t kDigits = 12;

/// Configs that go through the kernels of gates, fusions, heads and losses. Widths are those that trials have by
/// default, as BLAS chooses its ways by size, and one that ends in part of a vector.
std::vector<Config> self_test_configs(const data::Dataset& dataset) {
  Config usual;
  usual.encoders = dataset.encoder_names();
  usual.top_n = 2;
  usual.epochs = 1;
  usual.label_smoothing = 0.1;
  usual.grad_clip = 1;
  Config query = usual;
  query.gate = sweep::Gate::kQuery;
  query.weights = sweep::Weights::kEntmax15;
  query.fusion = sweep::Fusion::kRankConcat;
  query.adaptation = sweep::Adaptation::kMmd;
  query.projection_dim = 72;
  Config concat = usual;
  concat.fusion = sweep::Fusion::kConcat;
  concat.head = sweep::Head::kSoftmax;
  concat.adaptation = sweep::Adaptation::kCoral;
  Config wide = usual;
  wide.precision = sweep::Precision::kFloat64;
  return {usual, query, concat, wide};
}

/// Numbers in [-0.5, 0.5), the same on every machine.
Tensor numbers(std::int64_t count) {
  return torch::arange(count).mul(7919).remainder(8192).to(torch::kFloat64).div(8192).sub(0.5);
}

/// All bits: float64 holds those of the smaller types.
void add(Sha256& digest, const Tensor& x) {
  const Tensor here = x.to(torch::kCPU, torch::kFloat64).contiguous();
  digest.add(here.data_ptr<double>(), static_cast<std::size_t>(here.numel()) * sizeof(double));
}

/// Batched products, as the model takes them, below and above the sizes at which BLAS changes its way.
void add_products(Sha256& digest, const std::string& device) {
  struct Size {
    std::int64_t rows, terms, columns;
  };
  for (const Size& s :
       {Size{32, 256, 512}, Size{7, 65, 33}, Size{1, 512, 11}, Size{128, 1100, 64}, Size{96, 384, 400}}) {
    for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kBFloat16}) {
      if (type == torch::kBFloat16 && torch::Device(device).is_cpu()) continue;  // the model has no such products there
      const auto options = torch::dtype(type).device(device);
      const Tensor a = numbers(s.rows * s.terms).view({1, s.rows, s.terms}).to(options);
      const Tensor b = numbers(s.terms * s.columns).view({1, s.terms, s.columns}).to(options);
      for (const Tensor& product :
           {torch::bmm(a, b), torch::bmm(b.transpose(1, 2), a.transpose(1, 2)), torch::bmm(a, a.transpose(1, 2))}) {
        add(digest, product);
      }
    }
  }
}

/// Functions and sums of LibTorch, and those of the C library, whose kernels are chosen by CPU too. A result has few
/// digits of them.
void add_functions(Sha256& digest, const std::string& device) {
  constexpr std::int64_t kRows = 33, kColumns = 131;
  const Tensor wide = numbers(kRows * kColumns).mul(8).view({kRows, kColumns});
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const Tensor x = wide.to(torch::dtype(type).device(device));
    const Tensor positive = x.abs() + 0.01;
    for (const Tensor& y :
         {x.exp(), positive.log(), positive.rsqrt(), positive.pow(1.5), x.sigmoid(), x.tanh(), torch::gelu(x),
          x.softmax(1), x.log_softmax(1), x.sum(), x.sum(0), x.mean(1), x.square().mean(1)}) {
      add(digest, y);
    }
  }
  const auto* x = wide.data_ptr<double>();
  for (std::int64_t i = 0; i < wide.numel(); ++i) {
    const double positive = std::abs(x[i]) + 0.01;
    const std::array<double, 7> all = {std::exp(x[i]), std::log(positive), std::pow(positive, x[i]), std::sin(x[i]),
                                       std::cos(x[i]), std::tanh(x[i]),    std::log1p(positive)};
    digest.add(all.data(), sizeof all);
    const auto f = static_cast<float>(x[i]);
    const std::array<float, 3> floats = {std::exp(f), std::log(static_cast<float>(positive)), std::tanh(f)};
    digest.add(floats.data(), sizeof floats);
  }
}

/// LAPACK's eigenvectors, by which `adaptation: coral-input` adapts, on the CPU whatever the device.
void add_eigenvectors(Sha256& digest) {
  for (const std::int64_t size : {33, 160}) {
    const Tensor x = numbers(size * size).view({size, size});
    const auto [values, vectors] = torch::linalg_eigh(torch::mm(x, x.t()) + torch::eye(size, torch::kFloat64));
    add(digest, values);
    add(digest, vectors);
  }
}

}  // namespace

std::string arithmetic(const std::string& device) {
  Sha256 digest;
  const data::Dataset dataset = data::random_dataset({3, 96, 160});
  TrainOptions options;
  options.device = device;
  for (const Config& config : self_test_configs(dataset)) {
    digest.add(sweep::digest_of(train_pack(dataset, {{"self-test", config, 0, 1}}, options)));
  }
  const torch::NoGradGuard no_grad;
  add_products(digest, device);
  add_functions(digest, device);
  add_eigenvectors(digest);
  return digest.hex().substr(0, kDigits);
}

}  // namespace medley::trainer
