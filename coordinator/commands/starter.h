#pragma once

#include <string>

#include "sweep/spec/dataset_shape.h"

namespace medley::coordinator {

/// The commented sweep file that `medley init` writes; `dataset` is the folder that it names.
std::string starter_sweep(const std::string& dataset);

/// The same for a dataset that is there: axes and comparisons fit its encoders, folds and test clips, so that it
/// expands without an error or a warning.
std::string starter_sweep(const std::string& dataset, const sweep::DatasetShape& shape);

}  // namespace medley::coordinator
