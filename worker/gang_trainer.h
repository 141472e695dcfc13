#pragma once

#include <string>
#include <utility>
#include <vector>

#include "worker/link.h"
#include "worker/mpi_gang.h"

namespace medley::worker {

/// How a rank computes.
struct RankArithmetic {
  std::string host;
  std::string arithmetic;  ///< trainer/arithmetic.h
};
/// Why ranks of these arithmetics cannot be one gang, naming the hosts of each; "" when all have the same.
std::string mixed_arithmetic(const std::vector<RankArithmetic>& ranks);

/// The arithmetic of the gang, of which every rank tells its `own`. It is that of the ranks, with their number where
/// there are several, because their number decides the order of sums. Throws Error with mixed_arithmetic() on every
/// rank.
std::string agree_on_arithmetic(MpiGang& gang, const std::string& own);

/// Has all ranks of a gang train every pack that the first is given.
class GangTrainer {
 public:
  /// `train` is called on every rank with the same pack. Its stop() and progress() do nothing but on the first. What it
  /// gives must be the same on all ranks but for times.
  GangTrainer(MpiGang& gang, TrainPack train) : gang_(gang), train_(std::move(train)) {}

  /// On the first rank: what all ranks agree on. Throws Error when a rank failed, or they differ.
  std::vector<sweep::TrialResult> operator()(const Pack& pack);
  /// On the others: trains along until the first says end().
  void follow();
  void end();

 private:
  std::vector<sweep::TrialResult> train(const Pack& pack);

  MpiGang& gang_;
  TrainPack train_;
};

}  // namespace medley::worker
