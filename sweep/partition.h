#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "sweep/label.h"
#include "sweep/named_enum.h"

namespace medley::sweep {

/// Limits of made folds: what is larger is refused with a message, never tried.
inline constexpr int kMostMadeFolds = 1000;
inline constexpr int kMostRepeats = 100;

/// What a made partition keeps together: all clips of an actor, or each clip by itself.
#define MEDLEY_PARTITION_BY(X) X(kActor, "actor") X(kClip, "clip")
MEDLEY_NAMED_ENUM(PartitionBy, MEDLEY_PARTITION_BY)

/// What a made partition balances between folds beside the number of clips.
#define MEDLEY_STRATIFY(X) X(kLabel, "label") X(kNone, "none")
MEDLEY_NAMED_ENUM(Stratify, MEDLEY_STRATIFY)

/// Who is in which fold: the official folds of the dataset, or folds that deal_folds() makes.
struct Partition {
  int folds = 0;  ///< 0: the official ones, and nothing below is read
  PartitionBy by = PartitionBy::kActor;
  Stratify stratify = Stratify::kLabel;
  std::uint64_t seed = 1;
  int repeat = 1;  ///< from 1

  bool official() const { return folds == 0; }
  auto tied() const { return std::tie(folds, by, stratify, seed, repeat); }
  bool operator==(const Partition& other) const { return tied() == other.tied(); }
  bool operator!=(const Partition& other) const { return !(*this == other); }
  bool operator<(const Partition& other) const { return tied() < other.tied(); }
};

/// "official", or as "10 by actor, stratified by label, seed 1, repeat 2". Ids, the store, messages and tables have
/// it.
std::string partition_text(const Partition& partition);
/// Throws Error for a text that partition_text() does not write.
Partition partition_of(const std::string& text);
std::vector<std::string> partition_texts(const std::vector<Partition>& partitions);
/// The repeats of one scheme: "10 by actor, stratified by label, seed 1, 2 repeats"; of a single one its text.
std::string partitions_text(const std::vector<Partition>& repeats);

/// A fold for each clip, from 0. Clips of one group share a fold. Groups are dealt in rounds of `folds`, the largest
/// first, one to each fold. So folds differ by at most one group in number, and by at most the clips of the largest
/// group. Within a round the order of groups is random. Each takes, of the free folds, the one with the fewest clips of
/// its strata: the least sum over strata of its clips times the fold's, over all clips of the stratum (ties: the lowest
/// fold). Random numbers are Philox of (position of the group by name, repeat) under `seed`, and all else is
/// arithmetic of whole numbers. The folds are thus the same for any order of clips and on every machine. `groups` and
/// `strata` (any numbers) are [clip]. Throws Error for fewer groups than folds, or fewer than two folds.
std::vector<int> deal_folds(const std::vector<std::string>& groups, const std::vector<int>& strata, int folds,
                            std::uint64_t seed, int repeat);

/// Another number for another label.
int stratum_of(const Label& label);
/// The group that `partition` keeps a clip in. Throws Error for a clip without the actor that it goes by.
std::string group_of(const Partition& partition, const std::string& actor, const std::string& filename);

/// Puts those of `clips` that have a fold (>= 0) in the folds of `partition`. Clips have filename, actor, fold and
/// label. Throws Error for fewer groups than folds, and for clips without the actor that the partition goes by.
template <class Clips>
void put_in_folds(Clips& clips, const Partition& partition) {
  if (partition.official()) return;
  std::vector<std::string> groups;
  std::vector<int> strata;
  for (const auto& clip : clips) {
    if (clip.fold < 0) continue;
    groups.push_back(group_of(partition, clip.actor, clip.filename));
    strata.push_back(partition.stratify == Stratify::kLabel && clip.label ? stratum_of(*clip.label) : 0);
  }
  if (groups.empty()) return;
  const std::vector<int> folds = deal_folds(groups, strata, partition.folds, partition.seed, partition.repeat);
  auto fold = folds.begin();
  for (auto& clip : clips) {
    if (clip.fold >= 0) clip.fold = *fold++;
  }
}

/// A number for `fold` that no fold of another repeat has: (repeat - 1) folds + fold.
inline int numbered_on(const Partition& partition, int fold) { return (partition.repeat - 1) * partition.folds + fold; }

/// 0, 1, ..., folds - 1.
std::vector<int> made_folds(const Partition& partition);

/// `dataset` (with clips and folds) as `partition` divides it.
template <class Dataset>
Dataset partitioned(Dataset dataset, const Partition& partition) {
  if (partition.official()) return dataset;
  put_in_folds(dataset.clips, partition);
  dataset.folds = made_folds(partition);
  return dataset;
}

}  // namespace medley::sweep
