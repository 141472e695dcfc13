#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "trainer/data/dataset.h"
#include "trainer/data/problems.h"

namespace medley::data {

struct FeatureFile {
  std::filesystem::path path;
  std::string name;      ///< of the encoder
  std::string modality;  ///< "" when unknown
};

struct LoadedEncoder {
  std::shared_ptr<const Encoder> encoder;  ///< nullptr when there were errors
  std::string digest;                      ///< SHA-256 over shape and float32 features in clip order
  Problems problems;
};

/// Reads `X` and `filenames` of one feature file and checks them against the clips. One pass over the bytes computes
/// CRC-32, finds NaN and infinities, and takes a SHA-256 per row. The digests are then hashed in clip order. Throws
/// nothing for what the file says: errors come back as values. Thread-safe for different files.
LoadedEncoder load_features(const FeatureFile& file, const std::vector<Clip>& clips,
                            const std::unordered_map<std::string, int>& clip_of_stem);

}  // namespace medley::data
