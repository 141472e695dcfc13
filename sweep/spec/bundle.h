#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sweep/spec/diagnostic.h"
#include "sweep/spec/sweep_part.h"
#include "sweep/spec/yaml_tree.h"

namespace medley::sweep {

constexpr std::size_t kMaxIncluded = 64;
/// The text of a file, by its name relative to the folder of the sweep file. Throws std::exception.
using ReadPart = std::function<std::string(const std::string& name)>;
/// `text` with all files that it names under `include` and `base`, and those that they name. `file` stands for it in
/// messages. Throws SpecError for a file that `read` does not give, or that is no YAML.
std::string bundle_sweep(const std::string& text, const std::string& file, const ReadPart& read);
/// `text` with a setting that is laid over base, "dropout=0.3". Throws Error.
std::string with_setting(const std::string& text, const std::string& set);

/// A sweep file with its parts as one tree. Keys of the file go before those that it includes; base, axes, when,
/// variants and labels are joined key by key. Places are those of the parts.
struct SweepTree {
  YamlNode root;
  std::vector<YamlNode> sets;  ///< in their order
};
/// Throws SpecError for what is no YAML. Other errors go to `diagnostics`: parts that are not there, or not used, files
/// that include themselves, more than kMaxIncluded files, a setting under two names in one map.
SweepTree parse_parts(const std::string& text, const std::string& file, Diagnostics& diagnostics);

}  // namespace medley::sweep
