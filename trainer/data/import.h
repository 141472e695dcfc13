#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "trainer/data/clip_names.h"
#include "trainer/data/feature_table.h"
#include "trainer/data/out_folder.h"

namespace medley::data {

/// A statistic over the steps of a clip: mean, population standard deviation (std), or a percentile with linear
/// interpolation, as numpy.percentile (p10; min, median and max are p0, p50, p100).
struct Statistic {
  enum class Kind { kMean, kStd, kPercentile };
  Kind kind = Kind::kMean;
  double percent = 0;

  /// Throws Error for a word that is none.
  static Statistic parse(const std::string& word);
};
/// mean, std, p10, p25, p50, p75, p90, as the challenge computes them.
const std::vector<Statistic>& official_statistics();

/// Each statistic is a block of `dim`: [statistics x dim]. `values` is [steps, dim] row-major, steps >= 1. A column
/// with a NaN gives NaN.
std::vector<float> static_features(const std::vector<float>& values, std::size_t steps, std::size_t dim,
                                   const std::vector<Statistic>& statistics = official_statistics());

/// What becomes of numbers that are NaN or infinite, and of clips without features.
enum class Missing {
  kError,
  kDropClip,  ///< the clip leaves the metadata
  kZero,
  kFoldMean,  ///< mean of the column over the clips of the same fold (test clips are one), 0 where it has none
};

struct ImportOptions {
  Existing existing = Existing::kRefuse;
  NameRules match;
  Axes axes = Axes::kClipsLayersDim;
  Missing missing = Missing::kError;
  std::optional<int> face;  ///< face_id of the rows to keep, of tables of a clip
  std::vector<Statistic> statistics = official_statistics();
};

struct ImportProgress {
  std::string encoder;
  std::size_t done = 0, clips = 0;  ///< of this encoder
};

/// Creates the dataset `out` from `source`, which has train_metadata.csv and optionally test_metadata.csv and
/// dataset.yaml. Its encoders are folders of clips, of which each becomes a vector of statistics, and feature files of
/// every form that is read. Clips of one step in all files stay as they are. One encoder is in memory at a time.
/// dataset.yaml says what was done to the numbers. `out` appears when all of it has been written and read back; after
/// an Error it is as before. `progress` is called from one thread at a time. Returns notes, a sentence each. Throws
/// Error naming the first file and the number of clips for what is missing, not finite, without a step, of several
/// faces, or of another dim than the encoder's first clip.
std::vector<std::string> import_dataset(const std::filesystem::path& source, const std::filesystem::path& out,
                                        const ImportOptions& options,
                                        const std::function<void(const ImportProgress&)>& progress);

}  // namespace medley::data
