#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sweep/label.h"

namespace medley::data {

/// What dataset.yaml says (docs/data.md). Everything is optional.
struct Description {
  struct EncoderEntry {
    std::string name;
    std::string modality;
  };
  std::optional<sweep::Classes> classes;
  std::vector<EncoderEntry> encoders;  ///< in the file's order; empty: not said
  bool synthetic = false;
};

/// Throws Error with file, line and key for YAML that is malformed, unknown keys and wrong values.
Description read_description(const std::filesystem::path& path);

}  // namespace medley::data
