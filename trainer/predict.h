#pragma once

#include <filesystem>
#include <vector>

#include "sweep/result.h"
#include "trainer/data/dataset.h"
#include "trainer/error.h"

namespace medley::trainer {

/// The predictions of the model in `checkpoint` for `clips` of `dataset` (indices). The dataset may be another than
/// that of training, with new actors and clips. No label is read. An adaptation of the input reads the target's clips
/// of this dataset: all of its test clips, or all of the trial's fold. Throws Error for an encoder that the dataset
/// lacks or that has another dim, for other classes, and for clips without an actor where the model normalises by
/// actor.
sweep::Predictions predict(const std::filesystem::path& checkpoint, const data::Dataset& dataset,
                           const std::vector<int>& clips);

}  // namespace medley::trainer
