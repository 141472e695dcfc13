#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweep/named_enum.h"
#include "sweep/result.h"
#include "sweep/threshold_grid.h"

namespace medley::sweep {

/// How what the presence and the salience head say of a clip becomes the probabilities that are decoded. No trial reads
/// it, as each head is trained by its own loss. With salience v, which sums to 1 over the classes, and presence u:
///  - own: as the head itself has it. A decoupled head multiplies, v u; set-ratio and label say expected
///    shares, v.
///  - salience: v
///  - product-G: v u^G, over its sum
///  - mixture-W: (1 - W) v + W u / sum(u)
///  - presence: u / sum(u)
/// Exponents are powers of two, so that square roots and squares give the same bits on every machine.
#define MEDLEY_HEAD_FUSION(X)        \
  X(kOwn, "own")                     \
  X(kSalience, "salience")           \
  X(kProductQuarter, "product-0.25") \
  X(kProductHalf, "product-0.5")     \
  X(kProduct, "product-1")           \
  X(kProductSquared, "product-2")    \
  X(kMixtureQuarter, "mixture-0.25") \
  X(kMixtureHalf, "mixture-0.5")     \
  X(kPresence, "presence")
MEDLEY_NAMED_ENUM(HeadFusion, MEDLEY_HEAD_FUSION)

/// What reports, sweep files and the store call a choice: "fitted" (nullopt: chosen with the thresholds), or its name.
std::string head_fusion_text(std::optional<HeadFusion> fusion);
/// Throws Error that suggests the nearest name.
std::optional<HeadFusion> head_fusion_of(const std::string& text);
std::vector<std::string> head_fusion_choices();

/// How held-out numbers decode: a choice of the report, which no trial reads.
struct HeldOutDecode {
  ThresholdGrid grid;
  /// nullopt: chosen with the thresholds, on the same clips. Configs whose thresholds an inner fold chooses keep the
  /// heads' own and the official grid, and so do paper-style numbers.
  std::optional<HeadFusion> head_fusion;

  bool operator==(const HeldOutDecode& other) const { return grid == other.grid && head_fusion == other.head_fusion; }
};

/// All of them, the heads' own first.
std::vector<HeadFusion> all_head_fusions();

/// Probabilities of `said`, row-major [clip, class]; each row sums to 1. Where no class is present to a number,
/// salience speaks alone. A softmax head has no presence: every fusion is its own.
std::vector<double> fuse_heads(const Predictions& said, int classes, HeadFusion fusion);

/// kProduct, rounded to half precision: what a decoupled head has as its own. It needs no other operations than those
/// that IEEE 754 rounds alike everywhere, so that a result need not say it.
std::vector<float> product_of_heads(const Predictions& said, int classes);

}  // namespace medley::sweep
