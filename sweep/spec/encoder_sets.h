#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sweep/spec/dataset_shape.h"
#include "sweep/spec/diagnostic.h"
#include "sweep/spec/spec.h"

namespace medley::sweep {

/// Indices into DatasetShape::encoders, ascending.
using EncoderSet = std::vector<int>;

/// Every encoder of the dataset.
EncoderSet all_encoders(const DatasetShape& shape);

/// The encoders that a sweep chooses among: those of `base`, or all. Errors are added to `diagnostics`; then it is all.
EncoderSet encoder_pool(const SweepSpec& spec, const DatasetShape& shape, Diagnostics& diagnostics);

/// The subsets that one item of `encoders` stands for. Generators choose among `pool`, lists of names among
/// the whole dataset. Sizes: the smaller first, then in dataset order; kShapley: as shapley_design() has them. Errors
/// (unknown encoder or modality, a pair of one encoder, more than kMaxConfigs subsets, too few for kShapley) are added
/// to `diagnostics`, and nothing is returned.
std::vector<EncoderSet> encoder_sets(const EncoderSets& item, const EncoderSet& pool, const DatasetShape& shape,
                                     Diagnostics& diagnostics);

}  // namespace medley::sweep
