#pragma once

#include <map>
#include <string>

namespace medley::sweep {

/// Words that dataset.yaml says of an encoder, by the name of the label: {"modality": "audio", "family": "speech"}.
/// Reports group encoders by one of them. Of training only `fusion: modality-concat` reads one, the modality.
using EncoderLabels = std::map<std::string, std::string>;

/// The label by which encoders are grouped unless another is asked for.
inline constexpr char kModality[] = "modality";
/// The group of encoders without the label.
inline constexpr char kOtherGroup[] = "other";

/// The word of label `name`; `without` where the encoder lacks it.
inline std::string word_of(const EncoderLabels& labels, const std::string& name, const std::string& without = "") {
  const auto known = labels.find(name);
  return known == labels.end() ? without : known->second;
}

}  // namespace medley::sweep
