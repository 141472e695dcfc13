#pragma once

#include <filesystem>
#include <vector>

#include "trainer/evaluate.h"
#include "trainer/saved_headers.h"

namespace medley::trainer {

/// A trained trial, whole: what is needed to predict clips that it has never seen.
struct Checkpoint : CheckpointHeader {
  torch::Tensor parameters;               ///< [layout.size], on the CPU
  std::vector<Standardization> encoders;  ///< [layout encoder]
  /// [layout encoder] of the z-scored training rows [dim, dim], where adaptation is coral-input. Empty elsewhere.
  std::vector<std::vector<double>> covariances;
};

/// NPZ: one array a parameter, `mean.<encoder>`, `scale.<encoder>`, `covariance.<encoder>` with coral-input, and
/// `trial` (JSON). Written whole or not at all. Throws data::Error when the file cannot be written.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Throws Error naming the file and what is missing or does not fit.
Checkpoint read_checkpoint(const std::filesystem::path& path);

}  // namespace medley::trainer
