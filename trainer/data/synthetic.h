#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/data/out_folder.h"

namespace medley::data {

/// What a synthetic dataset contains. Strengths are in standard deviations of an encoder's noise.
struct SyntheticOptions {
  std::uint64_t seed = 1;
  int train_actors = 47;
  int test_actors = 11;
  int folds = 5;

  int encoders = 6;     ///< all of them: those with signal, then near-copies, then noise-only ones
  int near_copies = 1;  ///< each follows one encoder with signal, in turn
  int noise_encoders = 1;
  int dim = 64;
  std::vector<std::string> modalities = {"video", "audio"};  ///< dealt in turn to the encoders with signal

  double signal = 4.0;      ///< distance of a class from the origin, in the first encoder
  double falloff = 0.9;     ///< each further encoder with signal has this share of the one before
  double relevance = 0.6;   ///< share of clips on which an encoder carries signal
  double marker = 4.0;      ///< how far an encoder's features tell whether they carry signal
  double identity = 3.0;    ///< distance of an actor from the origin; above `signal`, identity dominates
  double copy_noise = 0.2;  ///< what a near-copy adds
  double shift = 0.3;       ///< domain shift of the test actors: mean and spread
};

/// Writes train_metadata.csv, test_metadata.csv, <encoder>_static_features.npz, dataset.yaml (`synthetic: true`) and
/// truth.json into `folder` (docs/data.md). Clips an actor: 5 emotions x 4 intensities, 4 neutral, 10 pairs x 3 ratios:
/// 54. Every number is a function of the seed and of its purpose. Adding an encoder changes no other, and the same
/// options give the same bytes. Throws Error for options that cannot be, naming the option.
void make_synthetic(const std::filesystem::path& folder, const SyntheticOptions& options, Existing existing);

}  // namespace medley::data
