#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/named_enum.h"
#include "sweep/surface.h"

namespace medley::sweep {

/// How a trial ended. A divergence is a result, not a failure: it is recorded and not retried.
#define MEDLEY_OUTCOME(X) X(kFinished, "finished") X(kDiverged, "diverged")
MEDLEY_NAMED_ENUM(Outcome, MEDLEY_OUTCOME)

/// One term of the training loss.
struct LossTerm {
  std::string name;  ///< in words, for tables and pages
  double value = 0;  ///< unweighted
};

struct EpochMetrics {
  int epoch = 0;  ///< from 1
  double learning_rate = 0;
  double loss = 0;  ///< mean over the epoch's steps of the total, as the terms
  double validation_loss = 0;
  std::vector<LossTerm> terms;  ///< of the total, each name once
  Thresholds thresholds;        ///< best on the reported fold
  Accuracy validation;          ///< at these thresholds: paper-style
};

/// Probabilities of one set of clips, row-major [clip, class], in the dataset's order of those clips. Each is a number
/// of IEEE half precision (sweep/half.h): 16 bits of it are sent and stored.
struct Predictions {
  int clips = 0;
  std::vector<float> presence;  ///< empty for a softmax head
  std::vector<float> salience;  ///< empty for a softmax head
  std::vector<float> fused;     ///< what is decoded; sums to 1, but for its rounding
};

/// What a model of one epoch says.
struct Snapshot {
  int epoch = 0;
  Predictions validation;    ///< clips of the reported fold
  Predictions test;          ///< test clips; clips == 0 when the dataset has none that this config can predict
  ThresholdSurface surface;  ///< of validation.fused
};

/// One encoder's share in a trial, over the validation clips at the reported epoch.
struct EncoderImportance {
  std::string encoder;
  double mean = 0;  ///< of the gate weight
  double sd = 0;
  std::vector<double> quantiles;        ///< of the weight at 5, 25, 50, 75, 95 %
  std::vector<std::int64_t> histogram;  ///< 20 bins over [0, 1]
  double selection_frequency = 0;       ///< share of clips that keep it
  std::vector<double> ranks;            ///< [rank] share of clips that rank it so, rank 0 first
};

struct Importance {
  std::vector<EncoderImportance> encoders;  ///< the trial's encoders, in dataset order; empty without a gate
  std::vector<std::uint16_t> weights;       ///< IEEE half, [validation clip, encoder]
  std::vector<float> cka;                   ///< linear CKA of projected encoders, [encoder, encoder]
};

/// Everything a trial records.
struct TrialResult {
  std::string trial_id;
  std::string test_fingerprint;  ///< of the test clips that were predicted; "" without
  std::string arithmetic;        ///< of the worker (trainer/arithmetic.h); "" where it was not asked for
  Outcome outcome = Outcome::kFinished;
  std::string reason;  ///< why it diverged: step and term; "" when finished
  std::vector<EpochMetrics> epochs;
  Snapshot paper;  ///< epoch of the best Score on the reported fold: optimistic
  /// Held-out: the last epoch, or with `inner_fold` the epoch that the inner fold chose. `epoch` is 0 when there is
  /// none: `patience` without `inner_fold` lets the reported fold choose when to stop.
  Snapshot held_out;
  /// With `inner_fold` only: the inner fold's surface at held_out.epoch, to choose thresholds on.
  ThresholdSurface inner;
  Importance importance;
  double seconds = 0;  ///< of the pack, divided by its size
  double samples_per_second = 0;
  std::int64_t peak_memory_bytes = 0;
  int pack_size = 1;
};

/// A flat record of little-endian numbers, as workers send it and the spool keeps it. It begins with "MDLR" and the
/// number of its format, the parts follow in the order of TrialResult (sweep/result_parts.h), and each list has its
/// length before it. The store keeps its SHA-256. decode_result() throws Error on malformed bytes and on more than a
/// sane trial, and never trusts a length. What it takes, encode_result() gives back byte by byte.
std::vector<std::uint8_t> encode_result(const TrialResult& result);
TrialResult decode_result(const std::vector<std::uint8_t>& bytes);

/// SHA-256 of what results say, without times and memory.
std::string digest_of(const std::vector<TrialResult>& results);

}  // namespace medley::sweep
