#pragma once

#include <memory>
#include <vector>

#include "sweep/result.h"
#include "trainer/features.h"
#include "trainer/model/model.h"

namespace medley::trainer {

/// How one trial sees the features: by which normalisation, with which statistics.
struct Scaling {
  sweep::Normalize normalize = sweep::Normalize::kEncoder;
  std::vector<std::shared_ptr<const Standardization>> encoders;  ///< [dataset encoder]; null where masked

  /// Where sweep::adapts_input(): what the model reads of the target's clips instead. Empty elsewhere.
  std::vector<int> adapted_row;                                    ///< [dataset clip] row of `adapted`, or -1
  std::vector<std::shared_ptr<const std::vector<float>>> adapted;  ///< [dataset encoder] of [row, dim], as `encoders`

  /// `target` are clips of a dataset of `clips`; their features lie in this order.
  void set_adapted_clips(std::size_t clips, const std::vector<int>& target);
  bool is_adapted(int clip) const {
    return clip >= 0 && !adapted_row.empty() && adapted_row[static_cast<std::size_t>(clip)] >= 0;
  }
};

/// z-scored and adapted features of dataset encoder `encoder`, [clip, dim]; clip -1 gives zeros.
template <class T>
void gather_scaled(const Features& features, int encoder, const std::vector<int>& clips, const Scaling& scaling,
                   T* out);

class GpuFeatures;

/// The encoders of a model, in the dataset.
struct ModelInputs {
  const Features& features;
  std::vector<int> encoders;                 ///< [layout encoder] index into Dataset::encoders
  std::shared_ptr<GpuFeatures> on_gpu = {};  ///< where the features lie on the model's device; null: on the host

  /// Features as the model reads them, z-scored and adapted, [layout encoder] of [trial, row, dim] on the model's
  /// device. `clips` [trial][row], equally long; -1 and masked encoders are zeros.
  std::vector<torch::Tensor> gather(const FusedModel& model, const std::vector<const Scaling*>& scalings,
                                    const std::vector<std::vector<int>>& clips) const;
  /// The keys of these clips, by their names; 0 for -1.
  FusedModel::ClipKeys keys(const std::vector<std::vector<int>>& clips) const;
};

/// What a model says about clips, without dropout.
struct Evaluation {
  int clips = 0;
  std::vector<double> logits;  ///< [clip, column of the head]
  std::vector<float> scores;   ///< [clip, encoder]; empty without a gate, as the next two
  std::vector<float> weights;
  std::vector<bool> kept;
};

/// `clips` [trial] may differ in length.
std::vector<Evaluation> evaluate(FusedModel& model, const ModelInputs& inputs,
                                 const std::vector<const Scaling*>& scalings,
                                 const std::vector<std::vector<int>>& clips);

/// Probabilities of logits, rounded to half precision, so that Scores follow from exactly what a result holds. A
/// decoupled head gives presence and salience, and their product of these rounded numbers, normalised
/// (HeadFusion::kProduct). A softmax head gives its own probabilities. Set-ratio and label heads give presence
/// P(class in the label's set) and salience, the expected share of each class, which is also decoded.
sweep::Predictions predictions(const sweep::Config& config, const Evaluation& evaluation,
                               const sweep::Classes& classes);

/// The weighted terms of the head, of logits, without smoothing of labels or ratios; all other terms are left out.
double evaluation_loss(const sweep::Config& config, const Evaluation& evaluation,
                       const std::vector<sweep::Label>& truth, const sweep::Classes& classes);

/// Linear CKA ||Y'X||_F^2 / (||X'X||_F ||Y'Y||_F) of every pair of encoders, columns centred, over the projected
/// features of `clips`; row-major [encoder, encoder]. 0 where an encoder does not vary. `model` has one trial.
std::vector<float> projected_cka(FusedModel& model, const ModelInputs& inputs, const Scaling& scaling,
                                 const std::vector<int>& clips);

/// A label as probabilities: saliences over 100.
void soft_label(const sweep::Label& label, int classes, double* out);

}  // namespace medley::trainer
