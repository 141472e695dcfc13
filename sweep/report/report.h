#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/head_fusion.h"
#include "sweep/named_enum.h"
#include "sweep/partition.h"
#include "sweep/report/planned_comparisons.h"
#include "sweep/report/table.h"
#include "sweep/result.h"
#include "sweep/score/statistics.h"
#include "sweep/search/strategy.h"
#include "sweep/state.h"

namespace medley::sweep {

/// What a report needs of one finished trial.
struct TrialScores {
  std::string trial_id;
  std::string config_id;
  int fold = 0;
  std::uint64_t seed = 0;
  Outcome outcome = Outcome::kFinished;
  std::string arithmetic;  ///< TrialResult::arithmetic
  double seconds = 0;      ///< of training
  Accuracy paper;          ///< paper-style: epoch and thresholds tuned on the reported fold
  int held_out_epoch = 0;  ///< 0: the reported fold chose the epoch, so there is no held-out number
  ThresholdSurface paper_surface;
  ThresholdSurface held_out_surface;  ///< of the heads' own fusion, on the grid of the report without inner_fold
  ThresholdSurface inner_surface;     ///< clips == 0 without inner_fold
  /// Of the fold's clips at the held-out epoch; without clips: hits of actors are not counted, and heads are fused in
  /// their own way.
  Predictions held_out;
  Partition partition = {};  ///< that `fold` is of
};

/// Labelled clips of one fold, in dataset order.
struct FoldClips {
  std::vector<Label> truth;
  std::vector<int> actors;  ///< a number for each actor; empty where one of any fold is unknown
};

/// Labelled clips of a dataset, by fold of each partition.
struct ReportClips {
  Classes classes;
  std::map<std::pair<int, int>, FoldClips> folds;  ///< by Partition::repeat and fold

  const FoldClips* find(const Partition& partition, int fold) const {
    const auto found = folds.find({partition.repeat, fold});
    return found == folds.end() ? nullptr : &found->second;
  }
};

/// Why the search of a sweep asked for no more runs of a config.
struct StoppedBySearch {
  DecisionKind kind = DecisionKind::kBehind;
  int round = 0;
  int runs = 0;              ///< that it had
  std::string against;       ///< id of the config that it was compared with; "" none
  double difference = kNaN;  ///< Score less that config's
  Interval interval;         ///< valid although it was looked at after every round
};

/// What the search of a sweep asked for of one config.
struct AskedBySearch {
  std::set<std::pair<std::uint64_t, int>> runs;  ///< seed, fold
  std::optional<StoppedBySearch> stopped;
};

struct ReportConfig {
  std::string id;
  nlohmann::json settings = nlohmann::json::object();
  nlohmann::json axis_values = nlohmann::json::object();
  bool transductive = false;                ///< is_transductive()
  std::optional<AskedBySearch> asked = {};  ///< none without a search: every fold with every seed
};

/// Why trials failed for good, and how many for the same reason.
struct FailureReason {
  std::string reason;
  int trials = 0;
};

/// What a report is about.
struct ReportFrame {
  std::string sweep;        ///< name
  std::string description;  ///< that the sweep file gives; "" none
  std::string dataset;      ///< name
  bool synthetic = false;
  std::vector<Partition> partitions = {{}};  ///< the official one, or the repeats of one scheme; means are over them
  std::vector<int> folds;                    ///< of each
  std::vector<std::uint64_t> seeds;
  HeldOutDecode decode;
  std::vector<Family> families;               ///< what the sweep file compares
  std::string reference;                      ///< id of the config that the sweep file names; "" none
  std::map<std::string, std::string> labels;  ///< what tables for people call axes, values and encoders (sweeps.md)
  SweepStanding standing = SweepStanding::kFinished;
  std::vector<FailureReason> failures;  ///< most frequent first
  ReportClips clips;                    ///< without folds hits of actors are not counted
  std::string search;                   ///< how the sweep chose its trials: "race, margin .010"; "" all of them
  int rounds = 0;                       ///< that its search has decided
};

struct ReportInput : ReportFrame {
  std::vector<ReportConfig> configs;
  std::vector<TrialScores> trials;  ///< finished ones, diverged ones too; any order
};

/// Scores of one run: what comparisons pair. The held-out Score of a run is that of its fold's clips alone, at the
/// thresholds (and under the fusion of heads) that are best on the clips of the config's other folds of the same seed.
/// Hits of all folds together, not these Scores, make the config's held-out Score.
struct RunScore {
  std::uint64_t seed = 0;
  int fold = 0;
  double paper = 0;
  double held_out = kNaN;              ///< NaN where there is none
  std::vector<ActorHits> actors = {};  ///< held-out hits; empty where they were not counted
  int repeat = 1;                      ///< Partition::repeat
  std::string trial = {};
  Accuracy paper_accuracy = {};
  Accuracy held_out_accuracy = {kNaN, kNaN};
  Thresholds thresholds = {kNaN, kNaN};  ///< of the held-out Score
  HeadFusion fusion = HeadFusion::kOwn;  ///< of the held-out Score
};

/// Mean and sample SD (NaN below two) of `count` values.
struct ScoreSpread {
  int count = 0;
  double mean = 0;
  double sd = 0;
};
ScoreSpread spread(const std::vector<double>& values);

/// One config, measured.
struct ConfigReport {
  std::string id;
  nlohmann::json settings;
  nlohmann::json axis_values;
  bool transductive = false;
  int expected = 0;  ///< runs: partitions x folds x seeds, or those that the search asked for
  int done = 0;      ///< runs with a result, diverged ones included
  int diverged = 0;
  std::map<std::string, int> arithmetics;  ///< number of runs with a result of each
  /// Every run has a number. A mean over anything less is marked and ranked after those of complete configs.
  bool complete() const { return done == expected && diverged == 0; }

  ScoreSpread paper_presence, paper_salience, paper_score;  ///< over the runs with a number
  int pooled_seeds = 0;                                     ///< seeds, of each partition, whose folds all have a number
  Accuracy pooled;               ///< paper-style epoch; one pair of thresholds over all folds of a seed; mean of these
  int held_out_seeds = 0;        ///< seeds, of each partition, with a held-out number; 0: `held_out` says nothing
  Accuracy held_out;             ///< hits pooled over folds, mean of these
  double held_out_score_sd = 0;  ///< over these
  Interval paper_interval;       ///< 95 % of the mean Score of runs; NaN where compare_differences() gives none
  Interval held_out_interval;    ///< the same width about `held_out`, which pools hits instead
  double mean_seconds = 0;       ///< of training, over the runs with a result; NaN without any
  int threshold_choices = 0;     ///< of held-out thresholds, one a fold and seed; 0 where no grid is searched
  int edge_choices = 0;          ///< of them, those with alpha or beta at an end of the grid
  std::map<HeadFusion, int> head_fusions;  ///< number of folds and seeds that chose each; empty without held-out Scores
  std::string no_held_out;  ///< why there is no held-out number; "" when there is, or nothing has finished
  std::optional<double> optimism() const;  ///< mean paper-style Score minus held-out Score
  std::vector<RunScore> runs;              ///< those with a number, by repeat, then seed, then fold
  std::optional<StoppedBySearch> stopped;

  /// Against Report::reference(); none for itself and where compare_runs() gives none.
  std::optional<PairedComparison> against_reference;
};

/// Marginal means of one value of an axis, over every config that has it.
struct AxisValueReport {
  nlohmann::json value;  ///< null: configs in which the axis plays no part
  int configs = 0;
  int trials = 0;               ///< with a number
  bool complete = true;         ///< every one of the configs is
  bool transductive = false;    ///< any of them is
  ScoreSpread paper_score;      ///< over trials
  ScoreSpread held_out_score;   ///< over configs with a held-out number
  std::string best_config;      ///< the first of them in the ranking; "" when none has a number
  double best_paper_score = 0;  ///< its mean
};
struct AxisReport {
  std::string axis;
  std::vector<AxisValueReport> values;  ///< numbers ascending, then text, then null
};

/// Over these configs, in the order of the ranking; of no value yet.
AxisValueReport marginal_of(const std::vector<const ConfigReport*>& members);

enum class RankedBy { kHeldOutScore, kPaperScore };

/// A config with an adaptation whose Score is below that of the same config without, beyond the 95 % interval.
struct HarmfulAdaptation {
  std::string config;
  PairedComparison difference;  ///< to the config without; its interval is below 0, and not adjusted
};

/// An ablation report. Configs are ranked: complete ones first, then incomplete ones, then those that a search found
/// behind others, then those without a number.
/// Within each the order is by held-out Score, or by mean paper-style Score unless all configs with a number have a
/// held-out one. Ties are by id.
struct Report {
  std::string sweep;
  std::string description;
  std::string dataset;
  bool synthetic = false;
  std::vector<Partition> partitions = {{}};
  int folds = 0;  ///< of each partition
  int seeds = 0;
  HeldOutDecode decode;
  int actors = 0;  ///< of the labelled clips; 0: not known
  int clips = 0;   ///< labelled, of the folds of one partition; 0: not known
  SweepStanding standing = SweepStanding::kFinished;
  std::string search;  ///< as ReportFrame says
  int rounds = 0;
  std::vector<FailureReason> failures;
  std::map<std::string, int> arithmetics;  ///< number of results of each, over all configs
  RankedBy ranked_by = RankedBy::kHeldOutScore;
  /// The ranking and the comparisons are by held-out Scores, else by paper-style ones.
  bool ranks_held_out() const { return ranked_by == RankedBy::kHeldOutScore; }
  std::vector<ConfigReport> configs;
  std::string declared_reference;             ///< id of the config that the sweep file names; "" none
  std::map<std::string, std::string> labels;  ///< as ReportFrame says
  std::vector<AxisReport> axes;
  std::vector<FamilyReport> families;
  std::vector<HarmfulAdaptation> harmful_adaptations;  ///< in the order of the ranking; empty for a search

  /// What the others are compared with: the config that the sweep file names, else the first of the ranking. That one
  /// was picked for its Score on the same data. nullptr without configs.
  const ConfigReport* reference() const;
};

/// The Score of a config that its report ranks by; none where it has no number.
std::optional<double> ranked_score(const Report& report, const ConfigReport& config);
/// The rank, from 1, of the config at `index` of the report; none for one without the Score that it ranks by.
std::optional<std::size_t> rank_at(const Report& report, std::size_t index);

/// What an interval of Scores, or of a difference, is about and how it is made: by actors for held-out Scores where
/// they are known, else by folds, of several partitions where `repeats` is above 1.
std::string uncertainty_text(bool held_out, int actors, std::size_t repeats = 1);

/// Says that the results of a table are of several arithmetics, with their numbers, the most frequent first; "" where
/// they are of one.
std::string arithmetics_note(const std::map<std::string, int>& arithmetics);

/// What the sweep says of a config, without any number.
ConfigReport unmeasured(const ReportConfig& config, const ReportFrame& frame);

/// The numbers of one config but for `against_reference`, from its finished trials, diverged ones too. Pure; the same
/// for the same trials in any order. Throws Error for a trial of another config, outside partitions x folds x seeds, or
/// given twice.
ConfigReport measure_config(const ReportConfig& config, const std::vector<const TrialScores*>& trials,
                            const ReportFrame& frame);

/// Ranks and compares what measure_config() gave of each config of the sweep. Pure.
Report make_report(const ReportFrame& frame, std::vector<ConfigReport> measured);

/// Both at once. Throws Error also for a trial of an unknown config and for a config given twice.
Report make_report(const ReportInput& input);

enum class ReportFormat { kText, kMarkdown, kLatex, kCsv };
enum class Detail {
  kFit,   ///< what people read first; text keeps to its width where it can, leaving out columns with a note
  kWide,  ///< everything
};
struct RenderOptions {
  ReportFormat format = ReportFormat::kText;
  /// Configs that are listed in text, Markdown and LaTeX, 0 for all. None: all, or ten draws of a random search.
  std::optional<int> top = std::nullopt;
  Detail detail = Detail::kFit;
  std::size_t width = kTextWidth;        ///< characters of a line of text
  bool ids = false;                      ///< beside the names of configs
  bool explain = false;                  ///< every note below its table, in place of one line
  std::vector<std::string> select = {};  ///< columns in this order: those of columns.h, axes; empty: the usual ones
  double paper_mm = 0;                   ///< width of a LaTeX table in a paper; 0: as wide as it is
};

/// The finding, the leaderboard, axes and planned comparisons. CSV has the configs only, with full precision. Ends with
/// a newline. Throws Error for an unknown column; the message names the nearest.
std::string render(const Report& report, const RenderOptions& options = {});
/// The families only, in every format; "" in text, Markdown and LaTeX when there are none.
std::string render_planned_comparisons(const Report& report, const RenderOptions& options = {});
/// The tables of axes only; in CSV one row a value, with full precision.
std::string render_axes(const Report& report, const RenderOptions& options = {});
/// Two axes against each other. Throws Error for an axis that the sweep does not vary; the message names the nearest.
std::string render_pivot(const Report& report, const std::string& row_axis, const std::string& column_axis,
                         const RenderOptions& options = {});

/// As papers print a share: .279, 1.000, -.012; "-" for NaN.
std::string share_text(double share);

}  // namespace medley::sweep
