#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sweep/encoder_labels.h"
#include "sweep/label.h"
#include "trainer/data/field_words.h"

namespace medley::data {

/// What dataset.yaml says (docs/data.md). Everything is optional.
struct Description {
  struct EncoderEntry {
    std::string name;
    sweep::EncoderLabels labels;
  };
  std::optional<sweep::Classes> classes;
  std::vector<EncoderEntry> encoders;  ///< in the file's order; empty: not said
  bool synthetic = false;
  ColumnNames columns;                ///< of the metadata: ours, theirs
  std::vector<std::string> prepared;  ///< what `data import` did to the numbers, a sentence each
};

/// Throws Error with file, line and key for YAML that is malformed, unknown keys and wrong values.
Description read_description(const std::filesystem::path& path);

/// The text of a dataset.yaml that says the same.
std::string description_text(const Description& description);

}  // namespace medley::data
