#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/report/referee.h"
#include "sweep/result.h"
#include "sweep/score/statistics.h"

namespace medley::sweep {

/// What a report needs of one finished trial.
struct TrialScores {
  std::string trial_id;
  std::string config_id;
  int fold = 0;
  std::uint64_t seed = 0;
  Outcome outcome = Outcome::kFinished;
  int paper_epoch = 0;
  Thresholds paper_thresholds;
  Accuracy paper;       ///< paper-style: epoch and thresholds tuned on the reported fold
  int clean_epoch = 0;  ///< 0: the reported fold chose the epoch, so there is no clean number
  ThresholdSurface paper_surface;
  ThresholdSurface clean_surface;
  ThresholdSurface inner_surface;  ///< clips == 0 without inner_fold
  /// Hits on this fold by the score-optimal decode, fitted on the other folds of the same config and seed at the clean
  /// epoch. Only for CleanDecode::kOptimal.
  std::optional<Tally> optimal;
};

struct ReportConfig {
  std::string id;
  nlohmann::json settings = nlohmann::json::object();
  nlohmann::json axis_values = nlohmann::json::object();
  bool transductive = false;  ///< is_transductive()
};

/// How the clean numbers decode; the paper-style ones always use the official thresholds.
enum class CleanDecode {
  kThresholds,  ///< the official decode, thresholds from the other folds (or from the inner fold)
  kOptimal,     ///< the score-optimal decode, fitted on the other folds
};

/// What a report is about.
struct ReportFrame {
  std::string sweep;    ///< name
  std::string dataset;  ///< name
  bool synthetic = false;
  std::vector<int> folds;
  std::vector<std::uint64_t> seeds;
  CleanDecode decode = CleanDecode::kThresholds;
  std::vector<Family> families;  ///< what the sweep file compares
};

struct ReportInput : ReportFrame {
  std::vector<ReportConfig> configs;
  std::vector<TrialScores> trials;  ///< finished ones, diverged ones too; any order
};

/// Scores of one cell: what comparisons pair.
struct CellScore {
  std::uint64_t seed = 0;
  int fold = 0;
  double paper = 0;
  double clean = 0;  ///< NaN where there is none
};

/// Mean and sample SD (NaN below two) of `count` values.
struct ScoreSpread {
  int count = 0;
  double mean = 0;
  double sd = 0;
};

/// One config, measured.
struct ConfigReport {
  std::string id;
  nlohmann::json settings;
  nlohmann::json axis_values;
  bool transductive = false;
  int expected = 0;  ///< cells: folds x seeds
  int done = 0;      ///< cells with a result, diverged ones included
  int diverged = 0;
  /// Every cell has a number. A mean over anything less is marked and ranked after those of whole blocks.
  bool whole() const { return done == expected && diverged == 0; }

  ScoreSpread paper_presence, paper_salience, paper_score;  ///< over the cells with a number
  int pooled_seeds = 0;                                     ///< seeds whose folds all have a number
  Accuracy pooled;            ///< paper-style epoch; one pair of thresholds over all folds of a seed; mean of seeds
  int clean_seeds = 0;        ///< seeds that have a clean number; 0: `clean` says nothing
  Accuracy clean;             ///< hits pooled over folds, mean of seeds
  double clean_score_sd = 0;  ///< over seeds
  Interval paper_interval;    ///< 95 % of the mean Score of cells (BlockedComparison); NaN below two folds
  Interval clean_interval;    ///< the same width about `clean`, which pools hits instead
  std::string no_clean;       ///< why there is no clean number; "" when there is, or nothing has finished
  std::optional<double> gap() const;  ///< optimism: mean paper-style Score minus clean Score
  std::vector<CellScore> cells;       ///< those with a number, by seed, then fold

  /// Against the first config of the report (BlockedComparison); none for itself and below two shared folds.
  std::optional<PairedComparison> against_best;
};

/// Marginal means of one value of an axis, over every config that has it.
struct AxisValueReport {
  nlohmann::json value;  ///< null: configs in which the axis plays no part
  int configs = 0;
  int trials = 0;               ///< with a number
  bool whole = true;            ///< every one of the configs is
  bool transductive = false;    ///< any of them is
  ScoreSpread paper_score;      ///< over trials
  ScoreSpread clean_score;      ///< over configs with a clean number
  std::string best_config;      ///< the first of them in the ranking; "" when none has a number
  double best_paper_score = 0;  ///< its mean
};
struct AxisReport {
  std::string axis;
  std::vector<AxisValueReport> values;  ///< numbers ascending, then text, then null
};

enum class RankedBy { kCleanScore, kPaperScore };

/// An ablation report. Configs are ranked: whole blocks first, then partial ones, then those without a number; within
/// each by clean Score, or by mean paper-style Score unless all configs with a number have a clean one; ties by id.
struct Report {
  std::string sweep;
  std::string dataset;
  bool synthetic = false;
  int folds = 0;
  int seeds = 0;
  CleanDecode decode = CleanDecode::kThresholds;
  RankedBy ranked_by = RankedBy::kCleanScore;
  bool compared_clean = true;  ///< what against_best compares: clean Scores of cells, else paper-style ones
  std::vector<ConfigReport> configs;
  std::vector<AxisReport> axes;
  std::vector<FamilyReport> families;
};

/// The numbers of one config but for `against_best`, from its finished trials, diverged ones too. Pure; the same for
/// the same trials in any order. Throws Error for a trial of another config, outside folds x seeds, or given twice.
ConfigReport measure_config(const ReportConfig& config, const std::vector<const TrialScores*>& trials,
                            const ReportFrame& frame);

/// Ranks and compares what measure_config() gave of each config of the sweep. Pure.
Report make_report(const ReportFrame& frame, std::vector<ConfigReport> measured);

/// Both at once. Throws Error also for a trial of an unknown config and for a config given twice.
Report make_report(const ReportInput& input);

enum class ReportFormat { kText, kMarkdown, kLatex, kCsv, kJson };
enum class Detail {
  kFit,   ///< what people read first; text keeps to 120 columns where it can, leaving out columns with a note
  kWide,  ///< everything
};
/// `top`: how many configs are listed (0: all) in text, Markdown and LaTeX. CSV has the configs only, JSON everything;
/// both with full precision. Ends with a newline.
std::string render(const Report& report, ReportFormat format, int top = 0, Detail detail = Detail::kFit);
/// The families only, in every format; "" in text, Markdown and LaTeX when there are none.
std::string render_referee(const Report& report, ReportFormat format, Detail detail = Detail::kFit);

/// As papers print a share: .279, 1.000, -.012; "-" for NaN.
std::string share_text(double share);

}  // namespace medley::sweep
