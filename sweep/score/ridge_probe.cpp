#include "sweep/score/ridge_probe.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "sweep/error.h"
#include "sweep/philox.h"
#include "sweep/score/cholesky.h"
#include "sweep/score/metric.h"
#include "sweep/score/shapley.h"

namespace medley::sweep {
namespace {

constexpr std::size_t kRowsForAxes = 2000;
constexpr int kIterations = 5;

/// Rows of numbers, all of one length.
struct Rows {
  std::size_t columns = 0;
  std::vector<double> numbers;

  std::size_t count() const { return columns == 0 ? 0 : numbers.size() / columns; }
  double* operator[](std::size_t row) { return numbers.data() + row * columns; }
  const double* operator[](std::size_t row) const { return numbers.data() + row * columns; }
};

/// One encoder of one fold, before it is reduced: z-scores by the training rows.
Rows standardised(const std::vector<float>& features, std::size_t columns, const std::vector<int>& folds, int held) {
  const std::size_t clips = folds.size();
  std::vector<double> means(columns), squares(columns);
  double training = 0;
  for (std::size_t clip = 0; clip < clips; ++clip) training += folds[clip] != held;
  for (std::size_t clip = 0; clip < clips; ++clip) {
    if (folds[clip] == held) continue;
    for (std::size_t c = 0; c < columns; ++c) means[c] += double{features[clip * columns + c]} / training;
  }
  for (std::size_t clip = 0; clip < clips; ++clip) {
    if (folds[clip] == held) continue;
    for (std::size_t c = 0; c < columns; ++c) {
      const double off = double{features[clip * columns + c]} - means[c];
      squares[c] += off * off / training;
    }
  }
  Rows z{columns, std::vector<double>(clips * columns)};
  for (std::size_t c = 0; c < columns; ++c) {
    const double sd = std::sqrt(squares[c]);
    if (!(sd > 1e-7 * std::fabs(means[c]))) continue;  // constant: 0, as the trainer has it
    for (std::size_t clip = 0; clip < clips; ++clip) {
      z[clip][c] = (double{features[clip * columns + c]} - means[c]) / sd;
    }
  }
  return z;
}

/// Gram-Schmidt, twice, of `axes` [axis, column]. An axis that the others span is 0.
void orthonormalise(Rows& axes) {
  for (std::size_t a = 0; a < axes.count(); ++a) {
    const double before = std::sqrt(dot(axes[a], axes[a], axes.columns));
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t b = 0; b < a; ++b) {
        const double along = dot(axes[a], axes[b], axes.columns);
        for (std::size_t c = 0; c < axes.columns; ++c) axes[a][c] -= along * axes[b][c];
      }
    }
    const double length = std::sqrt(dot(axes[a], axes[a], axes.columns));
    const double factor = length > 1e-9 * before && before > 0 ? 1 / length : 0;
    for (std::size_t c = 0; c < axes.columns; ++c) axes[a][c] *= factor;
  }
}

/// The span of the first principal components of the training rows, [axis, column].
Rows principal_axes(const Rows& z, const std::vector<int>& folds, int held) {
  std::vector<std::size_t> training;
  for (std::size_t clip = 0; clip < folds.size(); ++clip) {
    if (folds[clip] != held) training.push_back(clip);
  }
  const std::size_t step = (training.size() + kRowsForAxes - 1) / kRowsForAxes;
  Rows axes{z.columns, std::vector<double>(z.columns * kProbeColumns)};
  for (std::size_t i = 0; i < axes.numbers.size(); ++i) {
    const auto words = philox({static_cast<std::uint32_t>(i), 0, 0, 0}, {0x52696467, 0x65000000});
    axes.numbers[i] = words[0] * 0x1p-32 - .5;
  }
  orthonormalise(axes);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    Rows next{z.columns, std::vector<double>(axes.numbers.size())};
    for (std::size_t i = 0; i < training.size(); i += step) {
      const double* row = z[training[i]];
      for (std::size_t a = 0; a < kProbeColumns; ++a) {
        const double along = dot(row, axes[a], z.columns);
        for (std::size_t c = 0; c < z.columns; ++c) next[a][c] += along * row[c];
      }
    }
    axes = std::move(next);
    orthonormalise(axes);
  }
  return axes;
}

/// One encoder of one fold as it enters the regression: few columns with a total variance of 1 over training rows.
Rows reduced(const std::vector<float>& features, const std::vector<int>& folds, int held) {
  const std::size_t clips = folds.size();
  Rows z = standardised(features, features.size() / clips, folds, held);
  if (z.columns > kProbeColumns) {
    const Rows axes = principal_axes(z, folds, held);
    Rows few{kProbeColumns, std::vector<double>(clips * kProbeColumns)};
    for (std::size_t clip = 0; clip < clips; ++clip) {
      for (std::size_t a = 0; a < kProbeColumns; ++a) few[clip][a] = dot(z[clip], axes[a], z.columns);
    }
    z = std::move(few);
  }
  double total = 0, training = 0;
  for (std::size_t clip = 0; clip < clips; ++clip) {
    if (folds[clip] == held) continue;
    ++training;
    total += dot(z[clip], z[clip], z.columns);
  }
  if (total > 0) {
    const double factor = std::sqrt(training / total);
    for (double& number : z.numbers) number *= factor;
  }
  return z;
}

/// The regression of one fold, grown encoder by encoder.
class Fold {
 public:
  /// `blocks`: of each encoder, all clips.
  Fold(const ProbeInput& input, int held, const std::vector<Rows>& blocks)
      : classes_(static_cast<std::size_t>(input.classes.count())) {
    for (const Rows& block : blocks) {
      begins_.push_back(columns_);
      columns_ += block.columns;
    }
    begins_.push_back(columns_);
    std::vector<std::size_t> training;
    for (std::size_t clip = 0; clip < input.folds.size(); ++clip) {
      if (input.folds[clip] == held) {
        held_.push_back(clip);
        truth_.push_back(input.truth[clip]);
      } else {
        training.push_back(clip);
      }
    }
    mean_.resize(classes_);
    for (const std::size_t clip : training) {
      add_target(input.truth[clip], mean_.data(), 1 / static_cast<double>(training.size()));
    }
    // By column, so that sums run along clips.
    held_columns_ = Rows{held_.size(), std::vector<double>(columns_ * held_.size())};
    Rows columns{training.size(), std::vector<double>(columns_ * training.size())};
    for (std::size_t e = 0; e < blocks.size(); ++e) {
      for (std::size_t c = 0; c < blocks[e].columns; ++c) {
        const std::size_t column = begins_[e] + c;
        for (std::size_t i = 0; i < held_.size(); ++i) held_columns_[column][i] = blocks[e][held_[i]][c];
        for (std::size_t i = 0; i < training.size(); ++i) columns[column][i] = blocks[e][training[i]][c];
      }
    }
    gram_ = Rows{columns_, std::vector<double>(columns_ * columns_)};
    right_ = Rows{classes_, std::vector<double>(columns_ * classes_)};
    Rows targets{training.size(), std::vector<double>(classes_ * training.size())};
    for (std::size_t i = 0; i < training.size(); ++i) {
      std::vector<double> target(classes_);
      add_target(input.truth[training[i]], target.data(), 1);
      for (std::size_t k = 0; k < classes_; ++k) targets[k][i] = target[k] - mean_[k];
    }
    for (std::size_t a = 0; a < columns_; ++a) {
      for (std::size_t b = 0; b <= a; ++b) {
        gram_[a][b] = gram_[b][a] = dot(columns[a], columns[b], training.size());
      }
      for (std::size_t k = 0; k < classes_; ++k) right_[a][k] = dot(columns[a], targets[k], training.size());
    }
    penalty_ = best_penalty(static_cast<double>(training.size()),
                            dot(targets.numbers.data(), targets.numbers.data(), targets.numbers.size()));
    factor_ = std::make_unique<Cholesky>(columns_);
    solved_.resize(columns_ * classes_);
    places_.reserve(columns_);
  }

  void add(int encoder) {
    const std::size_t first = places_.size();
    std::vector<double> row(columns_);
    for (std::size_t c = begins_[static_cast<std::size_t>(encoder)]; c < begins_[static_cast<std::size_t>(encoder) + 1];
         ++c) {
      for (std::size_t i = 0; i < places_.size(); ++i) row[i] = gram_[c][places_[i]];
      row[places_.size()] = gram_[c][c] + penalty_;
      places_.push_back(c);
      if (!factor_->append(row.data())) throw Error("a ridge regression has no solution");
      std::copy_n(right_[c], classes_, solved_.data() + (places_.size() - 1) * classes_);
    }
    factor_->forward(solved_.data(), classes_, first);
  }

  void remove(int encoder) {
    const std::size_t width =
        begins_[static_cast<std::size_t>(encoder) + 1] - begins_[static_cast<std::size_t>(encoder)];
    places_.resize(places_.size() - width);
    factor_->shrink(places_.size());
  }

  ThresholdSurface surface(const Classes& classes, const ThresholdGrid& grid) const {
    std::vector<double> weights(solved_.begin(),
                                solved_.begin() + static_cast<std::ptrdiff_t>(places_.size() * classes_));
    factor_->backward(weights.data(), classes_);
    Rows predicted{held_.size(), std::vector<double>(classes_ * held_.size())};
    for (std::size_t k = 0; k < classes_; ++k) {
      double* out = predicted[k];
      std::fill_n(out, held_.size(), mean_[k]);
      for (std::size_t i = 0; i < places_.size(); ++i) {
        const double weight = weights[i * classes_ + k];
        const double* column = held_columns_[places_[i]];
        for (std::size_t clip = 0; clip < held_.size(); ++clip) out[clip] += weight * column[clip];
      }
    }
    std::vector<double> rows(held_.size() * classes_);
    for (std::size_t clip = 0; clip < held_.size(); ++clip) {
      double sum = 0;
      for (std::size_t k = 0; k < classes_; ++k) sum += std::clamp(predicted[k][clip], 0., 1.);
      for (std::size_t k = 0; k < classes_; ++k) {
        rows[clip * classes_ + k] = sum > 0 ? std::clamp(predicted[k][clip], 0., 1.) / sum : mean_[k];
      }
    }
    return threshold_surface({rows.data(), static_cast<int>(held_.size()), static_cast<int>(classes_)}, truth_, classes,
                             grid);
  }

 private:
  static void add_target(const Label& label, double* target, double weight) {
    target[label.first] += weight * label.salience / 100;
    if (label.is_blend()) target[label.second] += weight * (100 - label.salience) / 100;
  }

  /// n |T - H T|^2 / (n - trace H)^2 is least, over penalties of n times a power of 10.
  double best_penalty(double clips, double total) const {
    double best = 0, least = INFINITY;
    for (const double share : {1e-5, 1e-4, 1e-3, 1e-2, 1e-1}) {
      const double penalty = share * clips;
      Cholesky factor(columns_);
      std::vector<double> row(columns_);
      for (std::size_t a = 0; a < columns_; ++a) {
        std::copy_n(gram_[a], a + 1, row.data());
        row[a] += penalty;
        if (!factor.append(row.data())) throw Error("a ridge regression has no solution");
      }
      std::vector<double> weights = right_.numbers;
      factor.forward(weights.data(), classes_);
      factor.backward(weights.data(), classes_);
      // |T - F W|^2 = |T|^2 - tr W'B - penalty |W|^2, as (F'F + penalty) W = B.
      const double error = total - dot(weights.data(), right_.numbers.data(), weights.size()) -
                           penalty * dot(weights.data(), weights.data(), weights.size());
      std::vector<double> inverse(columns_ * columns_);
      for (std::size_t a = 0; a < columns_; ++a) inverse[a * columns_ + a] = 1;
      factor.forward(inverse.data(), columns_);  // |L^-1|^2 is the trace of the inverse
      const double trace =
          1 + static_cast<double>(columns_) - penalty * dot(inverse.data(), inverse.data(), inverse.size());
      const double criterion = error / std::pow(std::max(1., clips - trace), 2);
      if (criterion < least) {
        least = criterion;
        best = penalty;
      }
    }
    return best;
  }

  std::size_t classes_, columns_ = 0;
  std::vector<std::size_t> begins_;  ///< [encoder + 1] columns of each
  std::vector<std::size_t> held_;    ///< clips of the fold
  std::vector<Label> truth_;         ///< of them
  std::vector<double> mean_;         ///< [class] target of the training rows
  Rows held_columns_, gram_, right_;
  double penalty_ = 0;
  std::unique_ptr<Cholesky> factor_;
  std::vector<std::size_t> places_;  ///< columns in the factor
  std::vector<double> solved_;       ///< L^-1 times their right sides, [column, class]
};

class Probe {
 public:
  explicit Probe(const ProbeInput& input) : input_(input), worth_(std::size_t{1} << input.encoders) {
    const int folds = 1 + *std::max_element(input.folds.begin(), input.folds.end());
    std::vector<std::vector<Rows>> blocks(static_cast<std::size_t>(folds));
    for (int e = 0; e < input.encoders; ++e) {
      const std::vector<float> features = input.features(e);
      for (int fold = 0; fold < folds; ++fold) {
        if (cancelled()) return;
        blocks[static_cast<std::size_t>(fold)].push_back(reduced(features, input.folds, fold));
      }
    }
    for (int fold = 0; fold < folds; ++fold) {
      if (cancelled()) return;
      folds_.emplace_back(input, fold, blocks[static_cast<std::size_t>(fold)]);
      blocks[static_cast<std::size_t>(fold)].clear();
    }
  }

  std::vector<double> worth() {
    if (!cancelled_) walk(0, 0);
    return cancelled_ ? std::vector<double>{} : std::move(worth_);
  }

 private:
  bool cancelled() { return cancelled_ = cancelled_ || input_.cancelled(); }

  /// The subsets that continue `set` with encoders from `encoder` on.
  void walk(int encoder, std::size_t set) {
    if (encoder == input_.encoders) {
      if (set != 0 && !cancelled()) worth_[set] = score();
      return;
    }
    walk(encoder + 1, set);
    if (cancelled_) return;
    for (Fold& fold : folds_) fold.add(encoder);
    walk(encoder + 1, set | std::size_t{1} << encoder);
    for (Fold& fold : folds_) fold.remove(encoder);
  }

  /// Hits of all folds, each at the thresholds that are best on the others.
  double score() const {
    std::vector<ThresholdSurface> surfaces;
    ThresholdSurface all;
    for (const Fold& fold : folds_) {
      surfaces.push_back(fold.surface(input_.classes, input_.grid));
      all += surfaces.back();
    }
    double presence = 0, salience = 0;
    for (const ThresholdSurface& own : surfaces) {
      ThresholdSurface others = all;
      others -= own;
      const auto best = others.best();
      const auto place = static_cast<std::size_t>(best.alpha_index * kGridSize + best.beta_index);
      presence += own.presence_hits[place];
      salience += own.salience_hits[place];
    }
    return (presence / std::max(1, all.clips) + salience / std::max(1, all.blends)) / 2;
  }

  const ProbeInput& input_;
  std::vector<Fold> folds_;
  std::vector<double> worth_;
  bool cancelled_ = false;
};

}  // namespace

std::vector<double> ridge_probe(const ProbeInput& input) {
  if (input.encoders < 1 || input.encoders > kMaxPlayers) {
    throw Error("a probe is of 1 to " + std::to_string(kMaxPlayers) + " encoders");
  }
  if (input.truth.size() != input.folds.size() || input.folds.empty() ||
      *std::max_element(input.folds.begin(), input.folds.end()) < 1) {
    throw Error("a probe needs labelled clips of two folds or more");
  }
  return Probe(input).worth();
}

}  // namespace medley::sweep
