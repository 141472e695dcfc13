#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/data/dataset.h"
#include "trainer/data/feature_files.h"
#include "trainer/data/problems.h"

namespace medley::data {

struct LoadedEncoder {
  std::shared_ptr<const Encoder> encoder;  ///< nullptr when there were errors
  std::string digest;              ///< SHA-256 over shape and float32 features of labelled clips, in their order
  std::string test_digest;         ///< the same of the test clips
  std::vector<std::string> notes;  ///< what was read otherwise than it is written
  Problems problems;
};

/// Reads the features of one encoder and checks them against the clips. One pass over the bytes of `X` computes CRC-32,
/// finds NaN and infinities, and takes a SHA-256 per row. The digests are then hashed in clip order. Forms other than
/// one archive with `X` and `filenames` are read into memory first (feature_table). Throws nothing for what the file
/// says: errors come back as values. Thread-safe for different files.
LoadedEncoder load_features(const FeatureFile& file, const std::vector<Clip>& clips);

/// The names of the rows, in their order. Throws Error for what load_features() refuses.
std::vector<std::string> feature_names(const FeatureFile& file);

}  // namespace medley::data
