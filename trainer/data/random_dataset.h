#pragma once

#include "trainer/data/dataset.h"

namespace medley::data {

struct RandomShape {
  int encoders = 12, dim = 1024, clips = 2456;
};

/// Random features, in memory and without a folder; five equal folds, labels in turn. The same numbers on every
/// machine.
Dataset random_dataset(const RandomShape& shape);

}  // namespace medley::data
