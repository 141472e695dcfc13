#include "tests/bench/calibration_population.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

/// Solves (A'A + penalty) W = A'Y by Cholesky; returns W as [class][feature].
Matrix ridge(const Matrix& a, const Matrix& y, double penalty) {
  const std::size_t n = a[0].size(), classes = y[0].size();
  Matrix gram(n, Row(n, 0.0)), right(classes, Row(n, 0.0));
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c <= r; ++c) gram[r][c] += a[i][r] * a[i][c];
      for (std::size_t k = 0; k < classes; ++k) right[k][r] += a[i][r] * y[i][k];
    }
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

Model::Model(const Clips& clips, const Matrix& x, int fold, const ModelOptions& options, std::uint64_t seed) {
  const std::size_t dim = x[0].size();
  mean_.assign(dim, 0);
  sd_.assign(dim, 0);
  double rows = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (clips.fold[i] == fold) continue;
    ++rows;
    for (std::size_t d = 0; d < dim; ++d) mean_[d] += x[i][d];
  }
  for (double& m : mean_) m /= rows;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t d = 0; clips.fold[i] != fold && d < dim; ++d) {
      sd_[d] += (x[i][d] - mean_[d]) * (x[i][d] - mean_[d]);
    }
  }
  for (double& s : sd_) s = std::sqrt(s / rows) + 1e-9;

  Random random(seed);
  const auto hidden = static_cast<std::size_t>(options.hidden);
  hidden_.assign(hidden, Row(dim));
  bias_.resize(hidden);
  for (Row& row : hidden_) {
    for (double& w : row) w = .7 * normal(random) / std::sqrt(static_cast<double>(dim));
  }
  for (double& b : bias_) b = .5 * normal(random);
  Matrix a, y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (clips.fold[i] == fold) continue;
    a.push_back(seen(x[i]));
    y.push_back(shares_of(clips.truth[i]));
  }
  weights_ = ridge(a, y, options.penalty);
}

Row Model::seen(const Row& clip) const {
  Row row(hidden_.size() + 1, 1.0);
  for (std::size_t h = 0; h < hidden_.size(); ++h) {
    double sum = bias_[h];
    for (std::size_t d = 0; d < clip.size(); ++d) sum += hidden_[h][d] * (clip[d] - mean_[d]) / sd_[d];
    row[h] = std::tanh(sum);
  }
  return row;
}

void Model::predict(const Row& clip, std::vector<double>& p) const {
  const Row row = seen(clip);
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
