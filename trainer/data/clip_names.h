#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "trainer/data/problems.h"

namespace medley::data {

/// The name of a clip in feature files. Blanks at the ends and the extension are dropped, and an accent is one code
/// point with its letter. Extensions are those of videos, sounds and feature files (mov, wav, npy). Thus test_0001.mov
/// and test_0001 have the same stem, and A101_0.3s is a stem.
std::string stem_of(const std::string& filename);

/// `name` without the folders before it, by Unix and by Windows: a1.mov of train/a1.mov.
std::string without_folders(const std::string& name);

/// What two names of a clip may differ in, beyond what stem_of() drops.
struct NameRules {
  bool folders = false;    ///< train/a1.mov is a1
  bool case_ = false;      ///< A1 is a1
  bool zeros = false;      ///< clip_01 is clip_1
  bool extension = false;  ///< a1.xyz is a1, whatever the extension

  bool any() const { return folders || case_ || zeros || extension; }
  /// As in `--match folders,case`.
  std::string text() const;
  static const std::vector<std::string>& words();
  /// `words` are some of words(); throws Error for another.
  static NameRules parse(const std::vector<std::string>& words);
};

/// Stem of `name` under `rules`: names with equal keys are one clip.
std::string name_key(const std::string& name, const NameRules& rules);

/// The row of each clip in a list of names, and what does not fit.
struct NameMatch {
  std::vector<int> row_of_clip;  ///< [clip], -1: none
  std::vector<int> clip_of_row;  ///< [row], -1: none
  std::size_t missing = 0;       ///< clips without a row
};

/// Joins `names` (of a feature file's rows, or of files) to clips by their stems. Errors go to `problems`, each in a
/// sentence beginning `where`: a name that occurs twice, and clips without a row, by cause and with the remedy.
/// `remedy` is the command to which `--match RULES` is added. With `may_miss` clips without a row are no error unless a
/// rule would find them.
NameMatch match_names(const std::vector<std::string>& names, const std::vector<std::string>& stems,
                      const NameRules& rules, bool may_miss, const std::string& where, const std::string& remedy,
                      Problems& problems);

}  // namespace medley::data
