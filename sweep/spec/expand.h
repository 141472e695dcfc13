#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sweep/config.h"
#include "sweep/family.h"
#include "sweep/spec/dataset_shape.h"
#include "sweep/spec/diagnostic.h"
#include "sweep/spec/spec.h"
#include "sweep/trial.h"

namespace medley::sweep {

struct ExpandedConfig {
  std::string id;
  Config config;
  /// Axis -> value as text, for the axes that vary this config: not those whose condition does not hold, nor
  /// those whose setting it does not read.
  std::map<std::string, std::string> axis_values;
};

/// A config made whole from a point of its space.
struct MadeConfig {
  Config config;  ///< canonical, unless it is impossible
  std::map<std::string, std::string> axis_values;
  std::optional<Conflict> conflict;  ///< why it cannot be trained on this dataset
};
/// top_n follows from the encoders where neither the start nor a parameter says it.
MadeConfig make_config(const ParameterSpace& space, std::size_t start, DrawnConfig drawn, const DatasetShape& shape);
MadeConfig make_config(const ParameterSpace& space, const SpacePoint& point, const DatasetShape& shape);
/// Of settings that somebody else chose, laid over a start: {"top_n": 3, "learning_rate": 0.001}, with "variant" where
/// the space has variants. Numbers are rounded as those of ranges are. Throws Error for what is unknown or invalid, and
/// names the nearest valid name.
MadeConfig posted_config(const ParameterSpace& space, const nlohmann::json& settings, const DatasetShape& shape);

struct Expansion {
  std::vector<ExpandedConfig> configs;  ///< grid: the first axis varies slowest; random: as drawn
  /// Trials are ordered by config, then partition, then seed, then fold. A config's runs are finished before those of
  /// the next begin. Rows of the table thus complete one by one, and trials that may share a pack stand together.
  std::vector<TrialSpec> trials;
  /// How it chooses what to train; nullopt: all of it. Of one that makes its configs (makes_configs()), `configs` are
  /// those of even draws, or base: an example of what it may train.
  std::optional<SearchSettings> search;
  std::vector<Family> families;              ///< `compare`
  std::vector<Partition> partitions = {{}};  ///< the official one, or the repeats of made folds
  std::vector<int> folds;                    ///< those that are reported, of each partition
  std::vector<std::uint64_t> seeds;
  std::int64_t points = 0;                    ///< points of the grid, or draws
  std::int64_t duplicates = 0;                ///< points that train the same as an earlier one
  std::int64_t dropped = 0;                   ///< configs that are impossible, with `impossible: skip`
  std::string reference_id;                   ///< config to compare with; "" when the file names none
  std::map<std::string, std::string> labels;  ///< LabelSpec::text by name
  std::vector<Diagnostic> warnings;

  /// Of each config.
  std::size_t runs() const { return partitions.size() * folds.size() * seeds.size(); }
};

/// All trials of a sweep on a dataset. Pure and deterministic; neither the order of keys in the file nor its
/// comments change an id. Throws SpecError with every error: unknown encoders, folds the dataset lacks,
/// impossible configs, an axis that changes nothing, more than kMaxConfigs or kMaxTrials.
Expansion expand(const SweepSpec& spec, const DatasetShape& shape);

/// Errors that the dataset shows in a file that also has errors of its own, so that all are reported together. These
/// are unknown names and folds, and configs that are impossible whatever the wrong settings (parsed.doubtful) should
/// be.
std::vector<Diagnostic> find_errors(const ParsedSweep& parsed, const DatasetShape& shape);

/// One value of an axis: how many configs and trials have it, and how many of these are done.
struct ValueCount {
  std::string value;  ///< "1e-05 to 0.01" for an axis drawn at random; "" where the axis is not varied
  std::int64_t configs = 0;
  std::int64_t trials = 0;
  std::int64_t done = 0;
};

struct AxisCount {
  std::string setting;
  std::vector<ValueCount> values;  ///< in the order of the configs that first have them; "" last
};

/// The table of `medley plan`: one entry an axis, in the order of the file. `done` tells of a trial id.
std::vector<AxisCount> count_by_axis(const SweepSpec& spec, const Expansion& expansion,
                                     const std::function<bool(const std::string& trial_id)>& done);

}  // namespace medley::sweep
