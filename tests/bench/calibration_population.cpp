#include "tests/bench/calibration_population.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "trainer/kernels/vector_clones.h"

namespace medley::calibration {
namespace {

using sweep::Label;

constexpr int kDim = 12;

/// The official clips of an actor: 5 emotions x 4, 4 neutral ones, 10 pairs x 3 ratios.
std::vector<Label> labels_of_actor() {
  std::vector<Label> labels;
  for (int emotion = 0; emotion < 6; ++emotion) labels.insert(labels.end(), 4, {emotion, -1, 100});
  for (int a = 0; a < 5; ++a) {
    for (int b = a + 1; b < 5; ++b) {
      for (const int salience : {30, 50, 70}) labels.push_back({a, b, salience});
    }
  }
  return labels;
}

Row shares_of(const Label& label) {
  Row shares(6, 0.0);
  shares[static_cast<std::size_t>(label.first)] = label.salience / 100.0;
  if (label.is_blend()) shares[static_cast<std::size_t>(label.second)] = 1 - label.salience / 100.0;
  return shares;
}

constexpr std::size_t kBlock = 16;  // of random features, which registers hold

/// The random features of one clip, to `out` [hidden]; z is [dim], `first` [dim, hidden], and hidden a multiple of
/// kBlock.
MEDLEY_VECTOR_CLONES
void see(const float* __restrict z, std::size_t dim, const float* __restrict first, const float* __restrict bias,
         std::size_t hidden, float* __restrict out) {
  for (std::size_t from = 0; from < hidden; from += kBlock) {
    float sum[kBlock];
    for (std::size_t h = 0; h < kBlock; ++h) sum[h] = bias[from + h];
    for (std::size_t d = 0; d < dim; ++d) {
      for (std::size_t h = 0; h < kBlock; ++h) sum[h] += z[d] * first[d * hidden + from + h];
    }
    // tanh within .03, and many at once.
    for (std::size_t h = 0; h < kBlock; ++h) {
      const float v = std::min(3.0f, std::max(-3.0f, sum[h]));
      out[from + h] = v * (27 + v * v) / (27 + 9 * v * v);
    }
  }
}

constexpr std::size_t kRows = 4;  // that are added up together

/// Adds a'a to `products` [n, n]; a is [kRows, n].
MEDLEY_VECTOR_CLONES
void add_products(const float* __restrict a, std::size_t n, float* __restrict products) {
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t c = 0; c < n; ++c) {
      products[r * n + c] +=
          a[r] * a[c] + a[n + r] * a[n + c] + a[2 * n + r] * a[2 * n + c] + a[3 * n + r] * a[3 * n + c];
    }
  }
}

/// Solves (A'A + penalty) W = A'Y by Cholesky; A is [row, n] and Y [row, class]. Returns W as [class][n].
Matrix ridge(std::vector<float> a, std::vector<float> y, std::size_t n, double penalty) {
  constexpr std::size_t kClasses = 6;
  // Rows of zeros add nothing.
  a.resize((a.size() / n + kRows - 1) / kRows * kRows * n);
  y.resize(a.size() / n * kClasses);
  std::vector<float> products(n * n), targets(n * kClasses);
  for (std::size_t i = 0; i < a.size() / n; ++i) {
    const float* row = &a[i * n];
    if (i % kRows == 0) add_products(row, n, products.data());
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t k = 0; k < kClasses; ++k) targets[r * kClasses + k] += row[r] * y[i * kClasses + k];
    }
  }
  Matrix gram(n, Row(n)), right(kClasses, Row(n));
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t c = 0; c < n; ++c) gram[r][c] = products[r * n + c];
    for (std::size_t k = 0; k < kClasses; ++k) right[k][r] = targets[r * kClasses + k];
  }
  for (std::size_t r = 0; r < n; ++r) {
    gram[r][r] += penalty;
    for (std::size_t c = 0; c <= r; ++c) {
      double sum = gram[r][c];
      for (std::size_t k = 0; k < c; ++k) sum -= gram[r][k] * gram[c][k];
      gram[r][c] = r == c ? std::sqrt(sum) : sum / gram[c][c];
    }
  }
  for (Row& w : right) {
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t k = 0; k < r; ++k) w[r] -= gram[r][k] * w[k];
      w[r] /= gram[r][r];
    }
    for (std::size_t r = n; r-- > 0;) {
      for (std::size_t k = r + 1; k < n; ++k) w[r] -= gram[k][r] * w[k];
      w[r] /= gram[r][r];
    }
  }
  return right;
}

}  // namespace

double normal(Random& random) { return std::normal_distribution<double>()(random); }

Clips clips_of(int actors, int folds, Random& random) {
  std::vector<int> order(static_cast<std::size_t>(actors));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  Clips clips;
  for (int a = 0; a < actors; ++a) {
    for (const Label& label : labels_of_actor()) {
      clips.truth.push_back(label);
      clips.actor.push_back(a);
      clips.fold.push_back(order[static_cast<std::size_t>(a)] % folds);
    }
  }
  return clips;
}

Matrix features(const Clips& clips, int actors, const Encoder& encoder, Random& random) {
  Random population(7);
  Matrix shared(6, Row(kDim));
  for (Row& row : shared) {
    for (double& x : row) x = normal(population);
  }
  std::vector<Matrix> own(static_cast<std::size_t>(actors), shared);
  std::vector<Row> offset(static_cast<std::size_t>(actors), Row(kDim));
  for (int a = 0; a < actors; ++a) {
    for (Row& row : own[static_cast<std::size_t>(a)]) {
      for (double& x : row) x += encoder.expression * normal(random);
    }
    for (double& x : offset[static_cast<std::size_t>(a)]) x = encoder.of_actor * normal(random);
  }
  Matrix made;
  for (std::size_t i = 0; i < clips.truth.size(); ++i) {
    const auto actor = static_cast<std::size_t>(clips.actor[i]);
    const Row shares = shares_of(clips.truth[i]);
    Row row = offset[actor];
    for (int d = 0; d < kDim; ++d) {
      for (std::size_t c = 0; c < 6; ++c)
        row[static_cast<std::size_t>(d)] += shares[c] * own[actor][c][static_cast<std::size_t>(d)];
      row[static_cast<std::size_t>(d)] += encoder.noise * normal(random);
    }
    made.push_back(std::move(row));
  }
  return made;
}

Model::Model(const Clips& clips, const Matrix& x, int fold, const ModelOptions& options, std::uint64_t seed)
    : hidden_(static_cast<std::size_t>(options.hidden)) {
  const std::size_t dim = x[0].size();
  Row sum(dim), squares(dim);
  double rows = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (clips.fold[i] == fold) continue;
    ++rows;
    for (std::size_t d = 0; d < dim; ++d) {
      sum[d] += x[i][d];
      squares[d] += x[i][d] * x[i][d];
    }
  }
  for (std::size_t d = 0; d < dim; ++d) {
    const double mean = sum[d] / rows;
    mean_.push_back(static_cast<float>(mean));
    scale_.push_back(static_cast<float>(1 / (std::sqrt(std::max(0.0, squares[d] / rows - mean * mean)) + 1e-9)));
  }

  Random random(seed);
  // The last block is filled up with features whose weights are 0, of which nothing else is read.
  width_ = (hidden_ + kBlock - 1) / kBlock * kBlock;
  first_.resize(dim * width_);
  bias_.resize(width_);
  for (std::size_t h = 0; h < hidden_; ++h) {
    for (std::size_t d = 0; d < dim; ++d)
      first_[d * width_ + h] = static_cast<float>(.7 * normal(random) / std::sqrt(static_cast<double>(dim)));
  }
  for (std::size_t h = 0; h < hidden_; ++h) bias_[h] = static_cast<float>(.5 * normal(random));
  std::vector<float> a, y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (clips.fold[i] == fold) continue;
    const std::vector<float> row = seen(x[i]);
    a.insert(a.end(), row.begin(), row.end());
    for (const double share : shares_of(clips.truth[i])) y.push_back(static_cast<float>(share));
  }
  weights_ = ridge(std::move(a), std::move(y), hidden_ + 1, options.penalty);
}

std::vector<float> Model::seen(const Row& clip) const {
  std::vector<float> z(clip.size()), out(width_ + 1);
  for (std::size_t d = 0; d < clip.size(); ++d) z[d] = (static_cast<float>(clip[d]) - mean_[d]) * scale_[d];
  see(z.data(), z.size(), first_.data(), bias_.data(), width_, out.data());
  out.resize(hidden_ + 1);
  out[hidden_] = 1;
  return out;
}

void Model::predict(const Row& clip, std::vector<double>& p) const {
  const std::vector<float> row = seen(clip);
  double sum = 0;
  for (const Row& of_class : weights_) {
    p.push_back(std::max(1e-3, std::inner_product(row.begin(), row.end(), of_class.begin(), 0.0)));
    sum += p.back();
  }
  for (std::size_t c = p.size() - weights_.size(); c < p.size(); ++c) p[c] /= sum;
}

std::vector<double> predict(const Clips& clips, const Matrix& x, int fold, const ModelOptions& options,
                            std::uint64_t seed) {
  const Model model(clips, x, fold, options, seed);
  std::vector<double> p;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (clips.fold[i] == fold) model.predict(x[i], p);
  }
  return p;
}

}  // namespace medley::calibration
