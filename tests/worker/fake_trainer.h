#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sweep/half.h"
#include "sweep/label.h"
#include "sweep/result.h"
#include "sweep/score/metric.h"
#include "sweep/trial.h"

namespace medley::fake {

inline constexpr int kClipsPerFold = 4;

/// Numbers in [0, 1) that depend on the trial's id alone.
class Noise {
 public:
  explicit Noise(const std::string& id) : state_(std::stoull(id, nullptr, 16)) {}
  double next() {  // splitmix64
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

 private:
  std::uint64_t state_;
};

/// The labels of a fold's clips.
inline std::vector<sweep::Label> fake_truth() { return {{0, -1, 100}, {1, -1, 100}, {0, 3, 50}, {1, 4, 70}}; }

/// The result that a fake worker gives for a trial: a function of the trial alone, whichever attempt, worker and pack.
inline sweep::TrialResult fake_result(const sweep::TrialSpec& trial, bool diverges = false) {
  sweep::TrialResult result;
  result.trial_id = trial.id;
  result.seconds = 0.25;
  result.samples_per_second = 1000;
  result.peak_memory_bytes = 1 << 20;
  if (diverges) {
    result.outcome = sweep::Outcome::kDiverged;
    result.reason = "presence_loss is NaN at step 3";
    return result;
  }
  const sweep::Classes classes = sweep::Classes::blemore();
  Noise noise(trial.id);
  sweep::Snapshot snapshot;
  snapshot.epoch = 1;
  snapshot.validation.clips = kClipsPerFold;
  for (int clip = 0; clip < kClipsPerFold; ++clip) {
    double sum = 0;
    std::vector<double> row;
    for (int c = 0; c < classes.count(); ++c) row.push_back(noise.next() + 1e-3);
    for (const double value : row) sum += value;
    for (const double value : row) snapshot.validation.fused.push_back(sweep::rounded_to_half(value / sum));
  }
  const std::vector<double> fused(snapshot.validation.fused.begin(), snapshot.validation.fused.end());
  const std::vector<sweep::Label> truth = fake_truth();
  snapshot.surface = sweep::threshold_surface({fused.data(), kClipsPerFold, classes.count()}, truth, classes);
  sweep::EpochMetrics epoch;
  epoch.epoch = 1;
  epoch.loss = noise.next();
  epoch.validation = snapshot.surface.best().accuracy;
  result.epochs = {epoch};
  result.paper = snapshot;
  result.held_out = snapshot;
  return result;
}

}  // namespace medley::fake
