#include "tests/trainer/batched.h"

namespace medley::tests {

const trainer::FusedModel::Kernels kBatched = trainer::FusedModel::Kernels::kComposite;

}  // namespace medley::tests
