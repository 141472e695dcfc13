#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sweep/trial.h"
#include "trainer/evaluate.h"

namespace medley::trainer {

/// A trained trial, whole: what is needed to predict clips that it has never seen.
struct Checkpoint {
  sweep::TrialSpec trial;
  int epoch = 0;
  sweep::Classes classes;                 ///< in the order of every probability row
  Layout layout;                          ///< of the trial alone: its encoders only
  std::vector<double> strength;           ///< [layout encoder] for `selection: fixed`, else empty
  torch::Tensor parameters;               ///< [layout.size], on the CPU
  std::vector<Standardization> encoders;  ///< [layout encoder]
};

/// NPZ: one array a parameter, `mean.<encoder>`, `scale.<encoder>`, and `trial` (JSON). Written whole or not at all.
/// Throws data::Error when the file cannot be written.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Throws Error naming the file and what is missing or does not fit.
Checkpoint read_checkpoint(const std::filesystem::path& path);

}  // namespace medley::trainer
