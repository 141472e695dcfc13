#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sweep/encoder_labels.h"
#include "sweep/label.h"

namespace medley::data {

struct Clip {
  std::string filename;  ///< as in the metadata and the submission: test_0001.mov
  std::string stem;      ///< as in the feature files: test_0001
  std::string actor;     ///< "" when the metadata does not say
  int fold = -1;         ///< -1: a test clip
  std::optional<sweep::Label> label;
};

/// One encoder's features: a matrix on disk (memory-mapped where the archive stores it) or in memory.
class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual const std::string& name() const = 0;
  virtual const sweep::EncoderLabels& labels() const = 0;  ///< of dataset.yaml
  /// "" when dataset.yaml does not say.
  std::string modality() const { return sweep::word_of(labels(), sweep::kModality); }
  virtual int dim() const = 0;              ///< of one layer
  virtual int layers() const { return 1; }  ///< above 1: the model averages those a config chooses
  /// Writes the features of `clips` (indices into Dataset::clips), float32 row-major [clips.size(), layers(), dim()].
  virtual void gather(const std::vector<int>& clips, float* out) const = 0;
  /// The complete matrix [rows, layers(), dim()] if it lies in memory as aligned float32 in C order, else nullptr. Row
  /// row_of(clip) is the clip's. Zero copy.
  virtual const float* matrix() const = 0;
  virtual int rows() const = 0;
  virtual int row_of(int clip) const = 0;
};

/// A checked dataset folder (docs/data.md). Immutable; any thread may read it.
struct Dataset {
  std::filesystem::path folder;
  bool synthetic = false;  ///< made by `medley data make`; said wherever its numbers are shown
  sweep::Classes classes;
  std::vector<Clip> clips;  ///< labelled clips in the order of train_metadata.csv, then test clips in theirs
  std::vector<int> folds;   ///< distinct folds, ascending
  std::vector<std::shared_ptr<const Encoder>> encoders;  ///< order of dataset.yaml, else by name
  std::vector<std::string> prepared;                     ///< what `data import` did to the numbers, from dataset.yaml
  std::vector<std::string> notes;  ///< what was read otherwise than it is written, a sentence each
  /// 64 hexadecimal digits over all that training reads: classes, and the labelled clips with their labels, folds and
  /// features. Test clips do not count, so that a trial keeps its id when they arrive.
  std::string fingerprint;
  /// 64 hexadecimal digits over names, actors and features of the test clips, never their labels. "" without test
  /// clips.
  std::string test_fingerprint;

  std::vector<int> clips_of_fold(int fold) const;  ///< indices; fold -1: the test clips
  std::vector<std::string> encoder_names() const;
};

/// Loads and checks everything. Throws data::Error that lists what is wrong, each with file, row, column, value.
Dataset load_dataset(const std::filesystem::path& folder);

/// What a model can predict: a dataset, or a folder of new clips alone. These are the clips of test_metadata.csv, else
/// the rows of the first feature file, which are row_0, row_1, ... where it has no names. All are of fold -1 and
/// without a fingerprint. `classes` are the model's, where dataset.yaml says no others. Throws as load_dataset().
Dataset load_clips(const std::filesystem::path& folder, const sweep::Classes& classes);

}  // namespace medley::data
