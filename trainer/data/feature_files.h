#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sweep/encoder_labels.h"

namespace medley::data {

/// The files of one encoder. More than one: parts of the clips, as train and test apart.
struct FeatureFile {
  std::vector<std::filesystem::path> paths;
  std::string name;  ///< of the encoder
  sweep::EncoderLabels labels;
  bool numbered = false;  ///< rows of an archive without names are row_0, row_1, ...

  /// "path" or "path (and 1 more)", the beginning of a message.
  std::string where() const;
  /// "path: encoder 'name': ".
  std::string message_start() const;
};

/// The feature files of `folder`, by name. They are <encoder>_static_features.npz or .csv, else <encoder>_features.npz
/// or .csv, else <encoder>.npz, the extension in any letter case. Files <encoder>_train... and <encoder>_test...
/// together are one encoder. `notes` gets a sentence for files that are joined and for those that are not read. Throws
/// Error where an encoder has two files.
std::vector<FeatureFile> find_feature_files(const std::filesystem::path& folder, std::vector<std::string>& notes);

/// A folder of files of one clip each: <clip>.npy, .npz or .csv.
struct ClipFolder {
  std::string name;                            ///< of the encoder
  std::vector<std::filesystem::path> folders;  ///< more than one: train/<encoder> and test/<encoder>
};

/// The clip folders of `folder`, by name: its subfolders, or those of folders train, test, ... `notes` gets a sentence
/// for each folder that is left out. MERTools ends names in -UTT and -FRA, which are dropped.
std::vector<ClipFolder> find_clip_folders(const std::filesystem::path& folder, std::vector<std::string>& notes);

/// The files of clips in a clip folder and the folders within it, hidden ones left out. Throws Error where two have the
/// same stem in different folders.
std::vector<std::filesystem::path> find_clip_files(const ClipFolder& folder);

/// What `folder` has that could have been features, for the message that it has none.
std::string other_features(const std::filesystem::path& folder);

}  // namespace medley::data
