#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/config.h"
#include "sweep/head_fusion.h"
#include "sweep/partition.h"
#include "sweep/search/parameter_space.h"
#include "sweep/search/search.h"
#include "sweep/spec/diagnostic.h"

namespace medley::sweep {

/// Limits of a sweep file: what is larger is refused with a message, never tried.
inline constexpr std::size_t kMaxSpecBytes = 1 << 20;
inline constexpr std::int64_t kMaxTrials = 200'000;      ///< of a sweep, wherever it is submitted
inline constexpr std::int64_t kMaxConfigs = kMaxTrials;  ///< points of the grid, or random draws: each has a trial
inline constexpr std::int64_t kMaxDrawn = 10'000;        ///< configs of a search that makes them one by one
inline constexpr std::int64_t kMaxAxisValues = 100'000;

/// A value of a setting and where it was typed. `value` has passed check_value().
struct PlacedValue {
  nlohmann::json value;
  Place place;
};

/// One item of `encoders`: it stands for one or more subsets once the dataset is known (encoder_sets.h).
struct EncoderSets {
  enum class Kind { kAll, kSingles, kPairs, kLeaveOneOut, kByModality, kSizes, kShapley, kModalities, kNames };
  Kind kind = Kind::kAll;
  Place place;
  int smallest = 0;                ///< kSizes
  int largest = 0;                 ///< kSizes
  int trainings = 0;               ///< kShapley: subsets at most
  std::vector<PlacedValue> names;  ///< kModalities: modalities; kNames: encoders
};

/// The axis is varied only where every setting named here has one of its values. Elsewhere it stays at base.
struct Condition {
  SettingValues values;
  Place place;
};

/// One setting that the sweep varies.
struct Axis {
  enum class Kind { kValues, kEncoders, kUniform, kLogUniform };
  std::string setting;
  Place place;  ///< of the key
  Kind kind = Kind::kValues;
  std::vector<PlacedValue> values;  ///< kValues: all of them; kUniform, kLogUniform: their `points`, for a grid
  std::vector<EncoderSets> sets;    ///< kEncoders
  double low = 0;                   ///< kUniform, kLogUniform: inclusive
  double high = 0;
  std::optional<Condition> when;
};

/// One entry of `variants`: settings that belong together under a name, laid over base before the axes vary theirs.
struct Variant {
  std::string name;
  Place place;  ///< of the name
  std::map<std::string, PlacedValue> settings;
  std::optional<EncoderSets> encoders;  ///< kAll, kModalities or kNames
};

/// One item of `compare`: every value of an axis against one of them, everything else held
/// (sweep/report/planned_comparisons.h).
struct FamilySpec {
  Place place;
  std::string axis;
  PlacedValue baseline;                          ///< where the axis is not `encoders`
  std::optional<EncoderSets> baseline_encoders;  ///< where it is
  double margin = 0.01;                          ///< smallest difference of Scores that matters
};

/// One item of `labels`: what tables for people call an axis, a value, an encoder, or a config.
struct LabelSpec {
  Place place;       ///< of the name
  std::string name;  ///< "top_n", "learned", "top_n=2", or of a config "selection=learned, top_n=2", axes ascending
  std::string text;
};

/// What a sweep file says, checked as far as it can be without its dataset. Pure data.
struct SweepSpec {
  std::string file;  ///< the name that messages use
  std::string text;  ///< the YAML as typed with what it includes (bundle.h), for messages and for the store

  std::string name;         ///< default: the file's name without folder and extension
  std::string description;  ///< "" when there is none
  std::string dataset;      ///< folder as typed, relative to the file's folder; "" when there is none
  int priority = 0;         ///< larger is trained first

  Config base;                               ///< its encoders are empty: see base_encoders
  std::map<std::string, Place> base_places;  ///< of every setting under `base`
  std::optional<EncoderSets> base_encoders;  ///< kAll, kModalities or kNames; nullopt: all
  std::vector<Variant> variants;             ///< as in the file; empty: base as it is
  std::vector<Axis> axes;                    ///< as in the file

  std::vector<int> folds;            ///< ascending; empty: all of the dataset, or of `regroup`
  std::optional<Partition> regroup;  ///< made folds: the first repeat
  int repeats = 1;                   ///< of `regroup`
  Place folds_place;
  std::vector<std::uint64_t> seeds;  ///< as in the file; never empty

  enum class Search { kGrid, kRandom };
  Search search = Search::kGrid;
  int draws = 0;                  ///< kRandom
  std::uint64_t search_seed = 1;  ///< kRandom

  /// How it chooses what to train of the configs, folds and seeds; none: all of it. `configs` 0: as many as may be.
  std::optional<SearchSettings> adaptive;
  Place adaptive_place;

  enum class Impossible { kError, kSkip };
  Impossible impossible = Impossible::kError;  ///< what to do with configs that check_config() refuses

  /// Settings that, laid over `base`, name the config that others are compared with; empty: none.
  std::map<std::string, PlacedValue> reference;
  std::optional<EncoderSets> reference_encoders;
  std::string reference_variant;  ///< laid over base first; "" when it names none
  Place reference_place;

  std::vector<FamilySpec> families;  ///< `compare`, as in the file
  HeldOutDecode decode;              ///< of reports: no trial reads it
  std::vector<LabelSpec> labels;     ///< of reports, as in the file

  std::map<std::string, std::vector<std::string>> on;  ///< event -> commands and web hooks that are told of it
  Place on_place;
};

/// What could be made of a sweep file that may have errors.
struct ParsedSweep {
  SweepSpec spec;  ///< where something is wrong it says what it would without it
  std::vector<Diagnostic> errors;
  /// Settings of which it is not known what the file wants. kUnknownSetting is among them when that may be any of them.
  std::set<std::string> doubtful;
};
inline constexpr const char* kUnknownSetting = "";

/// Reads a sweep file (docs/sweeps.md). Pure: `file_name` is only a name for messages. Throws SpecError with
/// every error of the file, each with its line and column.
SweepSpec parse_sweep(const std::string& yaml_text, const std::string& file_name);

inline constexpr int kMaxPriority = 1000;  ///< and the negative of it
inline constexpr std::size_t kMaxSweepName = 200;
/// One line of 1 to kMaxSweepName bytes.
bool is_sweep_name(const std::string& text);

/// What `on` may name: the sweep has all its results, it ended with failed trials, a worker was quarantined, the
/// store's disk is nearly full.
const std::vector<std::string>& notified_events();

/// The keys that a sweep file may have, in the order in which people write them.
const std::vector<std::string>& sweep_file_keys();
/// The same, but gives the errors back, so that those that the dataset shows can be told with them (find_errors()).
/// Throws SpecError only for what is no YAML at all.
ParsedSweep read_sweep(const std::string& yaml_text, const std::string& file_name);

}  // namespace medley::sweep
