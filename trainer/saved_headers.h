#pragma once

#include <string>
#include <vector>

#include "sweep/label.h"
#include "sweep/result.h"
#include "sweep/trial.h"
#include "trainer/data/npz.h"
#include "trainer/model/layout.h"

/// What checkpoints and resume points say of themselves, checked, without their numbers and without LibTorch.
namespace medley::trainer {

inline constexpr int kCheckpointFormat = 1;
inline constexpr int kResumeFormat = 1;

/// All of a checkpoint but its numbers.
struct CheckpointHeader {
  sweep::TrialSpec trial;
  int epoch = 0;
  sweep::Classes classes;        ///< in the order of every probability row
  Layout layout;                 ///< of the trial alone: its encoders only
  std::vector<double> strength;  ///< [layout encoder] for `selection: fixed`, else empty
};

/// Every parameter, `mean.<encoder>`, `scale.<encoder>` and, with coral-input, `covariance.<encoder>` is then in `file`
/// and has its shape. Throws Error naming the
/// file and what is missing or does not fit, and data::Error for a damaged array.
CheckpointHeader read_checkpoint_header(const data::NpzFile& file);

/// All of a resume point but its numbers.
struct ResumeHeader {
  std::string trial;  ///< id
  int epoch = 1;      ///< of the next step
  long index = 0;     ///< of the next step, within its epoch
  long step = 0;
  std::string divergence;
  double best_score = 0, best_inner_score = 0;
  int best_epoch = 0, best_inner_epoch = 0;
  sweep::TrialResult so_far;  ///< its epochs, and the running one last
};

/// Throws Error that says what is wrong, without the file, and data::Error for a damaged array.
ResumeHeader read_resume_header(const data::NpzFile& file);

}  // namespace medley::trainer
