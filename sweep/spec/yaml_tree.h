#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sweep/spec/diagnostic.h"

namespace medley::sweep {

/// A YAML document as plain data, with the place of every key and value. Scalars stay text: what they mean is
/// for the setting to say.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  Place place;                                         ///< text: the scalar, or "" for a sequence or map
  std::vector<YamlNode> items;                         ///< kSequence
  std::vector<std::pair<YamlNode, YamlNode>> entries;  ///< kMap, as in the file; keys are scalars, distinct

  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_map() const { return kind == Kind::kMap; }
  bool is_null() const { return kind == Kind::kNull; }
};

/// Parses one document. Text that is not YAML throws SpecError at once. So does a construct beyond the needs of a sweep
/// file (aliases, tags, more than one document, nesting beyond 16). Duplicate keys are added to `diagnostics` and
/// dropped. `part` is that of all places.
YamlNode parse_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics, int part = 0);

}  // namespace medley::sweep
