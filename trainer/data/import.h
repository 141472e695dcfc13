#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "trainer/data/out_folder.h"

namespace medley::data {

/// mean, population standard deviation, percentiles 10, 25, 50, 75, 90 (linear interpolation, as
/// numpy.percentile), each a block of `dim`: [7 x dim]. `values` is [steps, dim] row-major, steps >= 1, all
/// finite.
inline constexpr int kStatistics = 7;
std::vector<float> static_features(const std::vector<float>& values, std::size_t steps, std::size_t dim);

struct ImportProgress {
  std::string encoder;
  std::size_t done = 0, clips = 0;  ///< of this encoder
};

/// Creates the dataset `out` from `source`. The source has a folder for each encoder, with one `<stem>.npy` of float
/// [steps, dim] for each clip of source/train_metadata.csv and source/test_metadata.csv. These files and dataset.yaml
/// are copied. One encoder is in memory at a time. `progress` is called from one thread at a time. Throws Error naming
/// the file for what is missing, not finite, empty, or of another dim than the encoder's first clip.
void import_dataset(const std::filesystem::path& source, const std::filesystem::path& out, Existing existing,
                    const std::function<void(const ImportProgress&)>& progress);

}  // namespace medley::data
