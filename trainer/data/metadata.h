#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/label.h"
#include "trainer/data/dataset.h"
#include "trainer/data/problems.h"

namespace medley::data {

/// The name of a clip in feature files, without the extension. An extension is a last dot, then 1 to 5 letters or
/// digits with at least one letter. Thus test_0001.mov and test_0001 have the same stem.
std::string stem_of(const std::string& filename);

enum class NeutralRule {
  kAsDeclared,  ///< exclusive classes never blend: such a label is an error
  kFromLabels,  ///< `neu` stops being exclusive when a label blends it
};

/// Reads train_metadata.csv (docs/data.md) and appends its clips. Each error goes to `problems` with line,
/// column and value. With kFromLabels `classes` may change. Throws Error when the file is no CSV.
void read_train_metadata(const std::filesystem::path& path, NeutralRule rule, sweep::Classes& classes,
                         std::vector<Clip>& clips, Problems& problems);

/// The same for test_metadata.csv: only `filename` is required; a label counts where emotion_1 is not empty;
/// fold is -1.
void read_test_metadata(const std::filesystem::path& path, NeutralRule rule, sweep::Classes& classes,
                        std::vector<Clip>& clips, Problems& problems);

}  // namespace medley::data
