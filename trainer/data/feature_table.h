#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "trainer/data/feature_files.h"

namespace medley::data {

/// Features of clips by name, in memory: float32 [names.size(), layers, dim].
struct FeatureTable {
  std::vector<std::string> names;
  std::size_t layers = 1, dim = 0;
  std::vector<float> values;

  std::size_t items() const { return layers * dim; }  ///< of a row
};

/// What the axes of a three-axis array `X` are.
enum class Axes {
  kClipsLayersDim,
  kClipsTimeDim,  ///< read like layers; `import` reduces the steps to statistics
  kClipsDimOne,   ///< the last has length 1 and is dropped
};

/// What an archive with `X` and `filenames` holds.
struct ArrayLayout {
  std::string x, filenames;  ///< names of the arrays
  std::vector<std::string> names;
  std::size_t layers = 1, dim = 0;
};

class NpzFile;
/// Checks types, shapes and axes of an archive with `X` and `filenames`. Throws Error with the remedy. Where it may be
/// `numbered`, and has no names, they are row_0, row_1, ...
ArrayLayout array_layout(const NpzFile& npz, Axes axes, const std::string& remedy, bool numbered = false);

/// True for the name of a clip of the metadata.
using IsClip = std::function<bool(const std::string&)>;

/// Reads all files of an encoder, whatever their form: archives with `X` and `filenames`, archives with one array a
/// clip, and CSV tables with a row a clip. In an archive with one array a clip, arrays of another form that are no
/// clip's are left out. `notes` gets a sentence for each column and each array that is left out. `remedy` is the
/// beginning of the command that messages name. Throws Error.
FeatureTable read_feature_table(const FeatureFile& file, Axes axes, const std::string& remedy, const IsClip& is_clip,
                                std::vector<std::string>& notes);

/// True for an archive with one array a clip, of which one has several steps or none. `import` reduces them to
/// statistics.
bool is_archive_of_series(const FeatureFile& file, const IsClip& is_clip);

}  // namespace medley::data
