#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/label.h"
#include "trainer/data/clip_names.h"
#include "trainer/data/dataset.h"
#include "trainer/data/field_words.h"
#include "trainer/data/problems.h"

namespace medley::data {

enum class NeutralRule {
  kAsDeclared,  ///< exclusive classes never blend: such a label is an error
  kFromLabels,  ///< `neu` stops being exclusive when a label blends it
};

/// How to read metadata, and where to say what was found.
struct MetadataContext {
  NeutralRule rule;
  const ColumnNames& columns;       ///< of dataset.yaml
  sweep::Classes& classes;          ///< may change with kFromLabels
  Problems& problems;               ///< each error with line, column and value; equal errors are one
  std::vector<std::string>& notes;  ///< what was read otherwise than it is written
};

/// Reads train_metadata.csv (docs/data.md) and appends its clips. Throws Error when the file is no CSV.
void read_train_metadata(const std::filesystem::path& path, const MetadataContext& context, std::vector<Clip>& clips);

/// The same for test_metadata.csv: only `filename` is required; a label counts where emotion_1 is not empty;
/// fold is -1. Labels of test clips decide nothing, least of all what a class may be: classes are as in `context`.
void read_test_metadata(const std::filesystem::path& path, const MetadataContext& context, std::vector<Clip>& clips);

/// What two spellings of one actor have in common: letter case, accents in two forms and zeros before a number drop
/// out.
std::string actor_key(const std::string& actor);

}  // namespace medley::data
