#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/encoder_labels.h"
#include "sweep/family.h"
#include "sweep/head_fusion.h"
#include "sweep/label.h"
#include "sweep/result.h"
#include "sweep/score/admission.h"
#include "sweep/search/strategy.h"
#include "sweep/spec/dataset_shape.h"
#include "sweep/state.h"
#include "sweep/trial.h"

namespace medley::storage {

/// Wall-clock time, milliseconds since 1970-01-01 UTC. The store has no clock of its own: callers say when,
/// programs by now_ms().
using TimeMs = std::int64_t;
inline TimeMs now_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

struct ClipRecord {
  std::string filename;
  std::string actor;                  ///< "" when unknown
  int fold = -1;                      ///< -1: a test clip
  std::optional<sweep::Label> label;  ///< none for unlabelled test clips
};

struct EncoderRecord {
  std::string name;
  sweep::EncoderLabels labels;
  int dim = 0;     ///< columns of a layer
  int layers = 1;  ///< that a config chooses among
};

/// What the store knows of a dataset: all but the features.
struct DatasetRecord {
  std::string fingerprint;       ///< 64 hexadecimal digits, of all but the test clips
  std::string test_fingerprint;  ///< of the test clips that it has now; "" without any
  std::string folder;            ///< absolute; where it was last seen
  std::string name;
  bool synthetic = false;
  sweep::Classes classes;
  std::vector<int> folds;               ///< ascending
  std::vector<ClipRecord> clips;        ///< dataset order: labelled clips, then test clips
  std::vector<EncoderRecord> encoders;  ///< dataset order
};

/// What results of its trials must be, in the partition whose folds it has (sweep::partitioned()).
sweep::Promise promise_of(const DatasetRecord& dataset);
/// What expansion must know of it.
sweep::DatasetShape shape_of(const DatasetRecord& dataset);

/// One config of a sweep, with the axis values that made it: {"top_n": 3, "encoders": "pairs/2"}.
struct SweepConfig {
  sweep::Config config;
  nlohmann::json axis_values = nlohmann::json::object();
};

/// A round of a sweep's search, as it is decided. Configs of trials must be of the sweep, new ones included.
struct SearchRound {
  int number = 0;  ///< from 1
  std::vector<sweep::TrialSpec> trials;
  std::vector<sweep::TrialSpec> likely;  ///< of the round after it, in place of what was likely before
  std::vector<sweep::Decision> decisions;
  bool done = false;                      ///< nothing is asked for any more
  std::vector<SweepConfig> configs = {};  ///< new ones of the sweep, behind those that it has
};

/// An expanded sweep, as it is submitted. `trials` are in the order in which they should train; the config of each
/// must be one of `configs`. With a search they are all that it may ask for, and none is stored before it does; of one
/// that makes its configs (sweep::makes_configs()) there are neither.
struct SweepSubmission {
  std::string name;
  std::string description;       ///< that the sweep file gives; "" none
  std::string yaml;              ///< text of the sweep file
  std::string spec_file;         ///< path it was read from; "" when it came over HTTP
  std::string dataset;           ///< fingerprint; must be registered
  std::string test_fingerprint;  ///< of the dataset's test clips, for trials whose training reads them
  int priority = 0;              ///< higher first
  std::vector<sweep::Partition> partitions = {{}};  ///< the official one, or repeats of made folds
  std::vector<int> folds;                           ///< of each
  std::vector<std::uint64_t> seeds;
  nlohmann::json axes = nlohmann::json::object();
  std::vector<sweep::Family> families;
  sweep::HeldOutDecode decode;  ///< of its reports
  std::string reference;        ///< id of the config that tables compare with; "" the first of the ranking
  std::map<std::string, std::string> labels;  ///< sweep::Expansion::labels
  nlohmann::json search;                      ///< null: all trials at once
  std::vector<SweepConfig> configs;
  std::vector<sweep::TrialSpec> trials;
};

/// Numbers of a config of which every trial has ended, as its sweep's reports measure them.
struct MeasuredConfig {
  std::string config;                 ///< id
  int results = 0;                    ///< trials that had one
  TimeMs ended = 0;                   ///< when the last trial did (ConfigProgress::ended)
  std::vector<std::uint8_t> numbers;  ///< encode_measured()
};

/// Held-out Scores of a sweep's runs, as its reports measure them (sweep::RunScore).
struct SweepScores {
  struct Run {
    std::string trial;
    sweep::Accuracy accuracy;
    sweep::Thresholds thresholds;
    sweep::HeadFusion fusion = sweep::HeadFusion::kOwn;
  };
  int results = 0;  ///< trials with a result when they were measured
  std::vector<Run> runs;
};

/// What a sweep of another store brings along, beside its submission.
struct SweepOrigin {
  std::string id;
  std::string dataset_name;  ///< when it was submitted
  sweep::SweepState state = sweep::SweepState::kFinished;
  TimeMs created = 0;
  TimeMs ended = 0;
  std::vector<std::pair<SearchRound, TimeMs>> rounds;  ///< and when each was decided
};

/// 12 hexadecimal digits of name, dataset, search and trial ids: the same sweep submitted again has the same id,
/// whatever its comments.
std::string sweep_id(const SweepSubmission& submission);

/// Clips that predictions are stored of: the fold's validation clips, or the dataset's test clips.
#define MEDLEY_SPLIT(X) X(kValidation, "validation") X(kTest, "test")
MEDLEY_NAMED_ENUM(Split, MEDLEY_SPLIT)

struct WorkerRecord {
  std::string id;      ///< chosen by the worker, one a process
  std::string name;    ///< for people: host and process id
  int capacity = 1;    ///< largest pack it holds
  int ranks = 1;       ///< of its gang
  std::string device;  ///< "cpu", "cuda:0, NVIDIA H200"
  std::string version;
  std::string arithmetic = {};  ///< how it computes (trainer/arithmetic.h); "" unknown
};

struct ExportRecord {
  std::int64_t id = 0;        ///< given by the store
  std::int64_t ensemble = 0;  ///< 0: of a single trial, named in the manifest
  std::string file;           ///< as written
  std::string sha256;         ///< of the archive
  TimeMs created = 0;
  nlohmann::json manifest = nlohmann::json::object();
};

/// What people note of a config, in whatever sweep it is.
struct ConfigMark {
  bool pinned = false;
  std::string note;
  std::vector<std::string> tags;
};
/// What to change of it.
struct ConfigMarkChange {
  std::optional<bool> pinned;
  std::optional<std::string> note;
  std::optional<std::vector<std::string>> tags;
};

/// What people note of a sweep. None of it changes what is trained, nor its id.
struct SweepMarkChange {
  std::optional<std::string> name;
  std::optional<std::string> note;
  std::optional<std::vector<std::string>> tags;
  std::optional<bool> archived = {};  ///< lists leave it out
  std::optional<int> priority = {};   ///< higher first
};

/// The folder of a store: everything that a coordinator keeps.
struct StoreLayout {
  explicit StoreLayout(std::string folder_) : folder(std::move(folder_)) {}
  std::string folder;
  std::string database() const { return folder + "/medley.db"; }
  std::string lock() const { return folder + "/lock"; }
  std::string logs() const { return folder + "/logs"; }
  std::string checkpoints() const { return folder + "/checkpoints"; }
  std::string exports() const { return folder + "/exports"; }
  std::string discarded() const { return folder + "/discarded"; }  ///< results that should not count
};

}  // namespace medley::storage
