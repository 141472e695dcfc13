#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/named_enum.h"

namespace medley::sweep {

#define MEDLEY_FUSION(X) \
  X(kSum, "sum")         \
  X(kConcat, "concat") X(kRankConcat, "rank-concat") X(kModalityConcat, "modality-concat") X(kMean, "mean")
MEDLEY_NAMED_ENUM(Fusion, MEDLEY_FUSION)
#define MEDLEY_GATE(X) X(kScorer, "scorer") X(kQuery, "query") X(kContext, "context")
MEDLEY_NAMED_ENUM(Gate, MEDLEY_GATE)
#define MEDLEY_SELECTION(X) \
  X(kLearned, "learned") X(kAll, "all") X(kRandom, "random") X(kFixed, "fixed") X(kThreshold, "threshold")
MEDLEY_NAMED_ENUM(Selection, MEDLEY_SELECTION)
#define MEDLEY_WEIGHTS(X) \
  X(kSoftmax, "softmax") X(kSparsemax, "sparsemax") X(kEntmax15, "entmax15") X(kUniform, "uniform")
MEDLEY_NAMED_ENUM(Weights, MEDLEY_WEIGHTS)
#define MEDLEY_HEAD(X) X(kDecoupled, "decoupled") X(kSoftmax, "softmax") X(kSetRatio, "set-ratio") X(kLabel, "label")
MEDLEY_NAMED_ENUM(Head, MEDLEY_HEAD)
#define MEDLEY_ADAPTATION(X) \
  X(kNone, "none")           \
  X(kCoral, "coral")         \
  X(kMmd, "mmd")             \
  X(kDann, "dann")           \
  X(kCdan, "cdan") X(kCmd, "cmd") X(kMoments, "moments") X(kCoralInput, "coral-input")
MEDLEY_NAMED_ENUM(Adaptation, MEDLEY_ADAPTATION)
#define MEDLEY_ADAPTATION_TARGET(X) X(kValidation, "validation") X(kTest, "test")
MEDLEY_NAMED_ENUM(AdaptationTarget, MEDLEY_ADAPTATION_TARGET)
#define MEDLEY_NORMALIZE(X) X(kEncoder, "encoder") X(kActor, "actor")
MEDLEY_NAMED_ENUM(Normalize, MEDLEY_NORMALIZE)
#define MEDLEY_OPTIMIZER(X) X(kAdamW, "adamw") X(kAdam, "adam") X(kLbfgs, "lbfgs")
MEDLEY_NAMED_ENUM(Optimizer, MEDLEY_OPTIMIZER)
#define MEDLEY_SCHEDULE(X) X(kCosine, "cosine") X(kConstant, "constant")
MEDLEY_NAMED_ENUM(Schedule, MEDLEY_SCHEDULE)
#define MEDLEY_PRECISION(X) X(kFloat32, "float32") X(kFloat64, "float64") X(kTf32, "tf32") X(kBfloat16, "bfloat16")
MEDLEY_NAMED_ENUM(Precision, MEDLEY_PRECISION)

/// Which layers of an encoder that has several ([clips, layers, dim]) are averaged, counted from 0.
struct Layers {
  int first = 0;
  int last = -1;  ///< inclusive; -1: to the end, where first is 0

  bool all() const { return last < 0; }
  std::string text() const;  ///< "all", "7", "6-12"
  /// nullopt for anything but these three forms.
  static std::optional<Layers> parse(const std::string& text);
};

/// All settings of a trial but its partition, fold and seed. What each means, its bounds and when it matters stand
/// once, in settings(). Defaults here are the defaults of a sweep file.
struct Config {
  std::vector<std::string> encoders;  ///< the encoder mask, in dataset order; never empty in a valid config
  Layers layers;
  Fusion fusion = Fusion::kSum;
  Gate gate = Gate::kScorer;
  double gate_noise = 0.0;
  double balance_weight = 0.0;
  Selection selection = Selection::kLearned;
  int top_n = 4;
  double mass = 0.9;
  Weights weights = Weights::kSoftmax;
  bool renormalise = true;
  double temperature = 1.0;
  int gate_dim = 64;
  int projection_dim = 256;
  int fusion_dim = 512;
  int hidden = 512;
  Head head = Head::kDecoupled;
  double presence_weight = 1.0;
  double salience_weight = 1.0;
  bool alignment = false;
  double alignment_weight = 1.0;
  double focal_gamma = 0.0;
  Adaptation adaptation = Adaptation::kNone;
  double adaptation_weight = 1.0;
  int adaptation_moments = 5;
  AdaptationTarget adaptation_target = AdaptationTarget::kValidation;
  Normalize normalize = Normalize::kEncoder;
  Optimizer optimizer = Optimizer::kAdamW;
  double learning_rate = 1e-3;
  double weight_decay = 1e-2;
  bool tune_decay = true;
  Schedule schedule = Schedule::kCosine;
  int warmup_epochs = 0;
  int batch_size = 32;
  int epochs = 10;
  double dropout = 0.3;
  double label_smoothing = 0.0;
  double ratio_smoothing = 0.0;
  double mixup = 0.0;
  double rdrop_weight = 0.0;
  double grad_clip = 0.0;
  int patience = 0;
  int stop_after = 0;
  bool inner_fold = false;
  Precision precision = Precision::kFloat32;
};

/// One row of the settings table. It has all that the parser, the canonical text, `--help` and pages need to know about
/// one member of Config.
struct Setting {
  enum class Kind { kInteger, kNumber, kChoice, kFlag, kEncoders, kLayers };
  /// How trials that differ in this setting may share a pack.
  enum class Sharing { kPerTrial, kPerPack };

  std::string name;
  Kind kind;
  Sharing sharing;
  double minimum;  ///< inclusive; kInteger and kNumber only
  double maximum;
  std::vector<std::string> choices;  ///< kChoice only
  std::string unit;                  ///< "" when it has none
  std::string meaning;               ///< one sentence
  bool (*active)(const Config&);     ///< false where the trainer does not read it
  nlohmann::json (*get)(const Config&);
  void (*set)(Config&, const nlohmann::json&);  ///< `value` must have passed check_value()
  std::string active_when;                      ///< active() in words, "head is decoupled"; "" when it always is
  /// The value that leaves no trace in canonical_text(): what was trained before the setting existed, so that adding
  /// it changed no id. Null when there is none.
  nlohmann::json traceless = nullptr;
  std::string alias = {};  ///< a short name that files and options may have instead: "lr"; "" when there is none
};

/// Every setting, in the order in which people read them.
const std::vector<Setting>& settings();

/// The setting called `name`, or that has it as alias; or nullptr.
const Setting* find_setting(const std::string& name);
/// The name of the setting that `text` is the name or alias of, or `text`.
std::string setting_name(const std::string& text);
std::vector<std::string> setting_names();

/// "" if `value` is valid for `setting`, else what is wrong with it and what would be valid. `kEncoders` are
/// only checked for being names.
std::string check_value(const Setting& setting, const nlohmann::json& value);

/// The setting called `name`, of which `value` is valid. Throws Error with the nearest name, or what is wrong with it.
const Setting& checked_setting(const std::string& name, const nlohmann::json& value);

/// Settings that cannot be combined.
struct Conflict {
  std::vector<std::string> settings;  ///< names of those to blame, the likeliest first
  std::string message;                ///< "top_n 5 is larger than the 3 encoders of this config"
};

/// The first conflict of a config, if any.
std::optional<Conflict> check_config(const Config& config);

/// True where training is one convex fit to its optimum, and not steps by batches. Such a trial has one epoch.
inline bool is_fitted(const Config& config) { return config.optimizer == Optimizer::kLbfgs; }

/// The last epoch that a trial of this config may train: the schedule is that of `epochs` in either case.
inline int last_epoch(const Config& config) {
  if (is_fitted(config)) return 1;
  return config.stop_after > 0 ? config.stop_after : config.epochs;
}

/// True where encoders are projected to one space before they are fused: every fusion but `concat`.
bool is_projecting(const Config& config);
/// True where encoders are selected and weighted clip by clip.
bool is_gated(const Config& config);
/// True where the gate's scores decide anything: the selection, the weights, or the order of both.
bool is_scored(const Config& config);

/// True where adaptation is a term of the loss, with a weight.
bool has_adaptation_loss(const Config& config);
/// True where adaptation changes the features of the target's clips. Training is then that of `adaptation: none`.
bool adapts_input(const Config& config);
/// The widest encoder of `adaptation: coral-input`, in columns. A covariance has that many squared numbers: 8 MB in a
/// checkpoint.
inline constexpr int kMostCoralInputColumns = 1024;

/// True when training reads features of clips that its Scores are taken from (never labels): adaptation to the reported
/// fold, or normalising within its actors. Said wherever its numbers are shown (docs/results.md, "transductive").
bool is_transductive(const Config& config);

/// True when training reads features of the test clips (never labels): adaptation to them. Scores of the folds are not
/// transductive for that, but predictions for the test clips are. They decide the trial's numbers.
bool reads_test_clips(const Config& config);

/// Names of settings whose value follows from others where nobody says it.
const std::vector<std::string>& inferred_settings();
/// Gives those that are not in `said` their values: `top_n` is the default, or as many as there are encoders.
/// `adaptation_weight` is that of the loss, chosen by measurement (docs/method.md).
void infer_settings(Config& config, const std::set<std::string>& said);

/// The one way to write a config of all that train the same model. `selection` is all where top_n is the number of
/// encoders. Settings that change nothing have their defaults.
Config canonical(Config config);

/// The active settings of canonical(), `name=value\n` in the order of their names. Numbers have the shortest text that
/// reads back the same. Settings that the trainer does not read for this config, and those at their traceless value,
/// leave no trace.
std::string canonical_text(const Config& config);

inline constexpr std::size_t kConfigIdDigits = 12;
/// First kConfigIdDigits hexadecimal digits of the SHA-256 of canonical_text().
std::string config_id(const Config& config);

/// Trials train in one pack only when their keys are equal: the text of all kPerPack settings, those that are not read
/// too (canonical() gives them one value).
std::string fusibility_key(const Config& config);

/// Active settings of canonical() only. config_from_json() throws Error naming the key for anything unknown or invalid,
/// and leaves settings that are absent at their defaults.
nlohmann::json to_json(const Config& config);
Config config_from_json(const nlohmann::json& json);

/// Text of one value as people and canonical_text() see it: 0.001, learned, clip+wavlm (a '+' within a name
/// becomes '\+').
std::string value_text(const nlohmann::json& value);

}  // namespace medley::sweep
