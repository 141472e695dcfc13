#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sweep/encoder_labels.h"
#include "sweep/error.h"
#include "sweep/report/report.h"
#include "sweep/report/shapley_report.h"

namespace medley::sweep {

/// What the gate did in one trial.
struct TrialImportance {
  int fold = 0;  ///< numbered_on()
  std::uint64_t seed = 0;
  Importance importance;
};

struct ImportanceInput {
  std::string config;                              ///< id; one with a gate
  std::map<std::string, EncoderLabels> labels_of;  ///< of the dataset's encoders, by name
  std::string by = kModality;                      ///< the label by which encoders are grouped
  std::vector<TrialImportance> trials;             ///< finished ones of this config
  std::vector<double> probe;                       ///< ridge_probe() of the trials' encoders; empty: none yet
  std::string no_probe;                            ///< why there is none; "": not said
};
/// Of the trials, of which there is one at least.
std::vector<std::string> encoders_of(const ImportanceInput& input);

/// Encoders cannot be grouped by a label that no encoder has. The message names the nearest.
class UnknownLabel : public Error {
 public:
  using Error::Error;
};

/// A Score beside what the gate says: held-out where there is one.
struct MeasuredScore {
  std::string config;
  std::optional<double> held_out;
  double paper = 0;
  Interval interval;  ///< 95 %, of the held-out one, else of the paper-style one
  double value() const { return held_out.value_or(paper); }
};

/// The loss of Score without an encoder: all encoders less all but this one, paired by fold and seed.
struct ScoreLoss {
  std::string config;  ///< without it
  bool held_out = true;
  PairedComparison difference;  ///< of Comparison; positive: the encoder helps
};

struct EncoderSummary {
  std::string encoder;
  std::string group;                 ///< word of the label ImportanceReport::by; without one "other"
  ScoreSpread weight;                ///< mean gate weight of a trial, over trials
  ScoreSpread selected;              ///< share of clips that keep it, over trials
  std::vector<double> ranks;         ///< [rank] share of clips, mean of trials
  double mean_rank = 0;              ///< from 1
  std::vector<double> quantiles;     ///< of the weight at 5, 25, 50, 75, 95 %: mean of trials
  std::vector<double> histogram;     ///< [bin] share of clips, over the bins of [0, 1]: mean of trials
  std::vector<ScoreSpread> by_fold;  ///< [fold] mean gate weight, over seeds
  std::optional<ScoreLoss> loss;
  std::optional<MeasuredScore> alone;  ///< the model of this encoder only
};

/// The encoders with one word of the label ImportanceReport::by.
struct GroupSummary {
  std::string group;
  int encoders = 0;
  ScoreSpread share;              ///< of the gate weight, mean of a trial's clips, over trials
  std::vector<double> quantiles;  ///< 5, 25, 50, 75, 95 % over the clips of all trials; empty without clip weights
};

/// Kendall's W of mean gate weights, each run (fold and seed) a rater. NaN with fewer than two raters.
struct Agreement {
  double runs = 0;   ///< over all runs
  double folds = 0;  ///< between the folds of a seed, mean over seeds
  double seeds = 0;  ///< between the seeds of a fold, mean over folds
};

/// Two encoders whose projections are nearly the same and whose mean gate weights differ a lot: a linear CKA of at
/// least kNearCopyCka, at least twice the weight, and for the heavier one at least an even share of the weight. The
/// gate may then give either of them the weight, and a small weight does not say that the encoder is weak.
struct NearCopies {
  std::string heavier;
  std::string lighter;
  double cka = 0;
  double heavier_weight = 0;
  double lighter_weight = 0;
};
/// Measured at projection_dim 128 and 256. Four fine-tunings of HiCMAE on real clips have .81 to .92. Planted
/// near-copies of 64 dimensions have .64 to .81. Other pairs have at most .54, which are two sets of acoustic features
/// of the same recordings. Planted near-copies of 256 and 512 equally strong dimensions have .38 to .59, since each
/// encoder has a projection of its own, and are missed.
inline constexpr double kNearCopyCka = .6;

/// An encoder that the gate keeps on at least half of the clips for some seeds and not for others.
struct KeptBySeeds {
  std::string encoder;
  int seeds = 0;  ///< that keep it
  int of = 0;     ///< seeds with a finished trial
};

/// One point of the effect of n.
struct EffectPoint {
  int n = 0;  ///< encoders kept
  MeasuredScore score;
};
struct EffectSeries {
  std::string selection;
  bool constant = false;  ///< does not read top_n: the same at each n, told once, with all encoders
  std::vector<EffectPoint> points;
};

/// What the gate of one config thinks of the encoders, over folds and seeds, and what Scores say of them.
struct ImportanceReport {
  std::string sweep;
  std::string dataset;
  bool synthetic = false;
  std::string config;
  nlohmann::json settings;
  bool transductive = false;
  int trials = 0;
  int expected = 0;         ///< runs
  int actors = 0;           ///< Report::actors
  std::size_t repeats = 1;  ///< of the partition
  std::vector<int> folds;
  std::vector<EncoderSummary> encoders;
  std::string by;                    ///< the label by which encoders are grouped
  std::vector<std::string> labels;   ///< all by which they could be, `modality` among them; ascending
  std::vector<GroupSummary> groups;  ///< as they first appear
  double chance = 0;                 ///< share of clips that a random choice of as many would keep
  std::vector<double> cka;           ///< [encoder, encoder], mean of trials; empty without
  std::vector<NearCopies> near_copies;
  Agreement agreement;
  std::vector<KeptBySeeds> seeds_disagree;  ///< in the order of the encoders; empty where all seeds agree
  std::optional<ShapleyReport> shapley;     ///< where enough subsets have a Score
  double gate_and_loss = 0;                 ///< Spearman's rank correlation over encoders; NaN where not known
  double gate_and_alone = 0;
  std::vector<EffectSeries> effect_of_n;
};

/// Pure. `report` holds the config. `others` are configs of other sweeps on the same clips and folds, which may also
/// have Scores of subsets. Throws UnknownLabel, and Error for an unknown config, no trials, or trials that name
/// different encoders.
///
/// The model of a subset is the config whose settings are equal but for encoders and top_n (which cannot exceed the
/// subset). For a single encoder selection may differ too, since there is nothing to select. Of several, the one with
/// the same top_n, else with the largest.
ImportanceReport make_importance_report(const ImportanceInput& input, const Report& report,
                                        const std::vector<const ConfigReport*>& others = {});

/// The default config of a report: of those with a gate and the most encoders the best-ranked one. Where the gate
/// chooses the encoders goes before the controls, whose choice is `fixed` or `random`. "" none.
std::string config_for_importance(const Report& report);

/// ".759 over runs, .512 between folds, .830 between seeds", as far as they are known.
std::string agreement_text(const Agreement& agreement);
/// "voice kept by 1 of 2 seeds, mfcc kept by 1 of 2 seeds"; "" where all seeds agree.
std::string seeds_disagree_text(const ImportanceReport& report);

/// One sentence for each encoder with lighter near-copies: "near-copies of ce50 (weight .509) have less weight: kl50
/// (.118, CKA .900)".
std::vector<std::string> near_copies_texts(const ImportanceReport& report);
/// What to read in place of the weight of near-copies.
inline constexpr char kNearCopiesAdvice[] =
    "the gate may give either of two near-copies the weight; judge them by the loss without each and by the Score "
    "alone";

/// Tables of `report.shapley`, which must be there.
std::vector<Table> shapley_tables(const ImportanceReport& report);
/// All pairs, with full precision.
Table interactions_csv(const ImportanceReport& report);
/// Names encoders that share a Shapley value: those with a CKA of at least kNearCopyCka. "" none.
std::string shared_values_text(const ImportanceReport& report);

/// The same for people: configs and encoders have the names that `of`, the report that it was made with, gives them.
ImportanceReport in_words(ImportanceReport report, const Report& of);

/// Every table in text, Markdown and LaTeX; one row an encoder with full precision in CSV.
std::string render(const ImportanceReport& report, ReportFormat format, std::size_t width = kTextWidth);

}  // namespace medley::sweep
