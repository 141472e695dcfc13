#include "trainer/features.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "trainer/error.h"
#include "trainer/kernels/vector_clones.h"

namespace medley::trainer {
namespace {

/// Rounding leaves a constant float column with an sd of about 1e-8 of its mean; below this it is constant.
constexpr double kConstantColumn = 1e-7;

/// Column sums of `rows`, added in the order of the rows.
MEDLEY_VECTOR_CLONES
void add_row(const float* row, int dim, double* sum) {
  for (int j = 0; j < dim; ++j) sum[j] += static_cast<double>(row[j]);
}

MEDLEY_VECTOR_CLONES
void add_squares(const float* row, const double* mean, int dim, double* sum) {
  for (int j = 0; j < dim; ++j) {
    const double difference = static_cast<double>(row[j]) - mean[j];
    sum[j] += difference * difference;
  }
}

MEDLEY_VECTOR_CLONES
void scale_row(const float* row, const double* mean, const double* scale, int dim, float* out) {
  for (int j = 0; j < dim; ++j) out[j] = static_cast<float>((static_cast<double>(row[j]) - mean[j]) * scale[j]);
}

/// In float throughout: half the traffic of the above, on the way to every batch.
MEDLEY_VECTOR_CLONES
void scale_row(const float* row, const float* mean, const float* scale, int dim, float* out) {
  for (int j = 0; j < dim; ++j) out[j] = (row[j] - mean[j]) * scale[j];
}

MEDLEY_VECTOR_CLONES
void scale_row(const float* row, const double* mean, const double* scale, int dim, double* out) {
  for (int j = 0; j < dim; ++j) out[j] = (static_cast<double>(row[j]) - mean[j]) * scale[j];
}

Standardization statistics(const std::vector<const float*>& rows, int dim) {
  Standardization z;
  const auto width = static_cast<std::size_t>(dim);
  z.mean.assign(width, 0);
  z.scale.assign(width, 0);
  const auto count = static_cast<double>(rows.size());
  for (const float* row : rows) add_row(row, dim, z.mean.data());
  for (double& mean : z.mean) mean /= count;
  for (const float* row : rows) add_squares(row, z.mean.data(), dim, z.scale.data());
  for (std::size_t j = 0; j < width; ++j) {
    const double sd = std::sqrt(z.scale[j] / count);
    z.scale[j] = sd > kConstantColumn * std::abs(z.mean[j]) ? 1 / sd : 0;
  }
  return z;
}

/// Mean over the chosen layers of every clip, added in float64: [clip, dim].
std::vector<float> mean_of_layers(const data::Encoder& encoder, int clips, const sweep::Layers& chosen) {
  const int last = chosen.all() ? encoder.layers() - 1 : chosen.last;
  if (last >= encoder.layers()) {
    throw Error("layers " + chosen.text() + ": encoder '" + encoder.name() + "' has layers 0 to " +
                std::to_string(encoder.layers() - 1));
  }
  const auto width = static_cast<std::size_t>(encoder.dim());
  std::vector<float> means(static_cast<std::size_t>(clips) * width);
  std::vector<float> row(static_cast<std::size_t>(encoder.layers()) * width);
  std::vector<double> sum(width);
  for (int c = 0; c < clips; ++c) {
    encoder.gather({c}, row.data());
    std::fill(sum.begin(), sum.end(), 0.0);
    for (int layer = chosen.first; layer <= last; ++layer) {
      add_row(row.data() + static_cast<std::size_t>(layer) * width, encoder.dim(), sum.data());
    }
    float* out = means.data() + static_cast<std::size_t>(c) * width;
    for (std::size_t j = 0; j < width; ++j) out[j] = static_cast<float>(sum[j] / (last - chosen.first + 1));
  }
  return means;
}

}  // namespace

Features::Features(const data::Dataset& dataset, Actors actors, const sweep::Layers& layers) : dataset_(dataset) {
  const auto clips = static_cast<int>(dataset.clips.size());
  std::map<std::string, std::vector<int>> clips_of_actor;
  if (actors == Actors::kNormalize) {
    for (int c = 0; c < clips; ++c) {
      const std::string& actor = dataset.clips[static_cast<std::size_t>(c)].actor;
      if (!actor.empty()) clips_of_actor[actor].push_back(c);
    }
  }
  matrices_.resize(dataset.encoders.size());
  for (std::size_t e = 0; e < matrices_.size(); ++e) {
    const data::Encoder& encoder = *dataset.encoders[e];
    Matrix& matrix = matrices_[e];
    matrix.row_of.resize(static_cast<std::size_t>(clips));
    matrix.data = encoder.layers() > 1 ? nullptr : encoder.matrix();
    const auto width = static_cast<std::size_t>(encoder.dim());
    if (matrix.data) {
      for (int c = 0; c < clips; ++c) matrix.row_of[static_cast<std::size_t>(c)] = encoder.row_of(c);
    } else {
      std::iota(matrix.row_of.begin(), matrix.row_of.end(), 0);
      if (encoder.layers() > 1) {
        matrix.owned = mean_of_layers(encoder, clips, layers);
      } else {
        matrix.owned.resize(static_cast<std::size_t>(clips) * width);
        encoder.gather(matrix.row_of, matrix.owned.data());
      }
      matrix.data = matrix.owned.data();
    }
    if (actors == Actors::kIgnore) continue;
    matrix.by_actor.assign(static_cast<std::size_t>(clips) * width, 0.0F);
    for (const auto& [actor, members] : clips_of_actor) {
      const int index = static_cast<int>(e);
      const Standardization z = standardization(index, members, sweep::Normalize::kEncoder);
      for (const int c : members) {
        scale_row(row(index, c, sweep::Normalize::kEncoder), z.mean.data(), z.scale.data(), encoder.dim(),
                  matrix.by_actor.data() + static_cast<std::size_t>(c) * width);
      }
    }
  }
}

const float* Features::row(int encoder, int clip, sweep::Normalize normalize) const {
  const Matrix& matrix = matrices_[static_cast<std::size_t>(encoder)];
  const auto width = static_cast<std::size_t>(dim(encoder));
  if (normalize == sweep::Normalize::kActor) {
    assert(!matrix.by_actor.empty() && !dataset_.clips[static_cast<std::size_t>(clip)].actor.empty());
    return matrix.by_actor.data() + static_cast<std::size_t>(clip) * width;
  }
  return matrix.data + static_cast<std::size_t>(matrix.row_of[static_cast<std::size_t>(clip)]) * width;
}

Standardization Features::standardization(int encoder, const std::vector<int>& clips,
                                          sweep::Normalize normalize) const {
  std::vector<const float*> rows;
  rows.reserve(clips.size());
  for (const int clip : clips) rows.push_back(row(encoder, clip, normalize));
  return statistics(rows, dim(encoder));
}

template <class T>
void Features::gather(int encoder, const int* clips, int count, sweep::Normalize normalize, const Standardization& z,
                      T* out) const {
  const int width = dim(encoder);
  const std::vector<T> mean(z.mean.begin(), z.mean.end()), scale(z.scale.begin(), z.scale.end());
  for (int i = 0; i < count; ++i, out += width) {
    if (clips[i] < 0) {
      std::fill(out, out + width, T(0));
    } else {
      scale_row(row(encoder, clips[i], normalize), mean.data(), scale.data(), width, out);
    }
  }
}

template void Features::gather<float>(int, const int*, int, sweep::Normalize, const Standardization&, float*) const;
template void Features::gather<double>(int, const int*, int, sweep::Normalize, const Standardization&, double*) const;

}  // namespace medley::trainer
