#pragma once

#include "trainer/model/model.h"

namespace medley::tests {

/// How model_test.cpp computes a pack as one: by LibTorch's operations in one program, by our GPU kernels in another.
extern const trainer::FusedModel::Kernels kBatched;

}  // namespace medley::tests
