#pragma once

#include <vector>

#include "trainer/features.h"

namespace medley::trainer {

/// The clips whose features `adaptation` changes or compares: the test clips of `dataset`, or those of `fold`. With
/// `normalize: actor` only clips that have an actor.
std::vector<int> target_clips(const data::Dataset& dataset, const sweep::Config& config, int fold);

/// One encoder's features of a trial's target clips, z-scored by the training rows.
struct TargetFeatures {
  std::vector<double> z;  ///< [clip, dim]
  int dim = 0;
  std::vector<std::string> actors;  ///< [clip]; "" where one is not known
};

/// `adaptation: moments`: z-scored features of the target's clips [clip, dim], (z - mean) / sd. The columns then have
/// mean 0 and variance 1, as those of the training rows have. An estimate of n clips is shrunk to a prior, as if that
/// were kPriorClips clips more: it is n / (n + kPriorClips) of itself. The prior of the target's mean and variance is 0
/// and 1. An actor has its own mean, whose prior is the mean of the target. It has the target's variance, as the
/// variance of the training rows is one over actors too.
std::vector<float> match_moments(const TargetFeatures& target);

/// Population covariance of the z-scored training rows `rows`, row-major [dim, dim].
std::vector<double> covariance(const Features& features, int encoder, const std::vector<int>& rows,
                               sweep::Normalize normalize, const Standardization& by_training_rows);

/// `adaptation: coral-input` (CORAL of Sun, Feng & Saenko 2016, with source and target in each other's place): z-scored
/// features of the target's clips, (z - mean) C_t^(-1/2) C_s^(1/2). C_s is 0.9 `source` + 0.1 I, and C_t the same of
/// the target's covariance, shrunk to `source` as if that were kPriorClips + dim clips more. The mean is that of
/// match_moments(). All NaN where a number is not finite.
std::vector<float> match_covariance(const TargetFeatures& target, const std::vector<double>& source);

/// What a model of `config` reads of the clips `target` [clip, dim], where sweep::adapts_input(config). `source` is
/// covariance() of the training rows, where adaptation is coral-input.
std::vector<float> adapted_features(const sweep::Config& config, const Features& features, int encoder,
                                    const std::vector<int>& target, const Standardization& by_training_rows,
                                    const std::vector<double>& source);

}  // namespace medley::trainer
