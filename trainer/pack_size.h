#pragma once

#include <functional>
#include <optional>
#include <string>

#include "sweep/trial.h"
#include "trainer/data/dataset.h"

namespace medley::trainer {

/// The size of pack that trains most trials a second, at most `largest`. It measures 1, 2, 4, ... while a doubling
/// gains at least a twentieth. `throughput` gives trials a second of a pack of a size, or nullopt when it does not fit.
/// At least 1, also when nothing fits. The first pack then reports the reason.
int best_pack_size(int largest, const std::function<std::optional<double>(int size)>& throughput);

/// Optimiser steps a second, times `size`, of a pack of `size` trials like `trial` on `device`. It trains a few steps
/// and discards them. Returns nullopt when the device's memory does not hold the pack. Throws as train_pack().
std::optional<double> measure_pack(const data::Dataset& dataset, const sweep::TrialSpec& trial,
                                   const std::string& device, int size);

}  // namespace medley::trainer
