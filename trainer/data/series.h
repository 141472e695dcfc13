#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "trainer/data/feature_files.h"

namespace medley::data {

/// One clip's features: [steps, dim] row-major. A vector [dim] has one step. A file without a step, such as a table of
/// a header row alone, has steps 0 and dim 0.
struct Series {
  std::size_t steps = 0, dim = 0;
  std::vector<float> values;
};

/// What was left out while series were read, for one note an encoder.
struct SeriesRemarks {
  std::set<int> faces;              ///< of the rows of a table, by its column face_id
  std::string row_columns;          ///< columns of CSV files that are no features
  std::size_t failed_steps = 0;     ///< steps whose column `success` is 0; they are kept
  std::size_t bfloat16_arrays = 0;  ///< arrays of two raw bytes a number
};

/// Series of the clips of one encoder, by name. Its files are `<clip>.npy`, `.npz` with one array, or `.csv` with a
/// header row; or one archive with an array a clip.
class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  virtual const std::vector<std::string>& names() const = 0;
  /// Of names()[i]. Axes of length 1 before [steps, dim] or between them are dropped. Throws Error naming the file for
  /// another shape and text. Thread-safe.
  virtual Series read(std::size_t i, SeriesRemarks& remarks) const = 0;
  /// The file of names()[i], the beginning of a message.
  virtual std::string where(std::size_t i) const = 0;
};

/// With `face`, tables have only their rows of this face_id. Tables without that column have all.
std::unique_ptr<SeriesSource> open_clip_folder(const ClipFolder& folder, std::optional<int> face);
/// Of an archive for which is_archive_of_series() holds.
std::unique_ptr<SeriesSource> open_archive_of_series(const FeatureFile& file);

}  // namespace medley::data
