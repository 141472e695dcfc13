#pragma once

#include <filesystem>
#include <vector>

#include "sweep/result.h"
#include "trainer/data/dataset.h"
#include "trainer/error.h"

namespace medley::trainer {

/// What the model in `checkpoint` says about `clips` of `dataset` (indices), which need not be the dataset that it was
/// trained on: actors and clips may be new, no label is read. Throws Error for an encoder that the dataset lacks or
/// that has another dim, for other classes, and for clips without an actor where the model normalises by actor.
sweep::Predictions predict(const std::filesystem::path& checkpoint, const data::Dataset& dataset,
                           const std::vector<int>& clips);

}  // namespace medley::trainer
