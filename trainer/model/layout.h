#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sweep/config.h"
#include "sweep/label.h"

namespace medley::trainer {

/// An encoder as the model sees it.
struct EncoderShape {
  std::string name;
  int dim = 0;
  std::string modality = {};  ///< "" where the dataset names none
};

/// One parameter tensor of one trial: a range of the trial's flat buffer.
struct Parameter {
  enum class Init { kUniform, kOnes, kZeros };

  std::string name;                 ///< e.g. projection.clip.weight
  std::vector<std::int64_t> shape;  ///< without the trial dimension
  std::int64_t offset = 0;          ///< in numbers, a multiple of kAlignment
  std::int64_t size = 0;
  int encoder = -1;    ///< index into Layout::encoders of the encoder that it belongs to; -1: the whole trial
  bool decays = true;  ///< false for biases and norms
  Init init = Init::kUniform;
  int fan_in = 0;  ///< kUniform: within +-1/sqrt(fan_in); 0: the sum of the dims of the trial's encoders
};

/// Where every parameter of a trial lies in its flat buffer: the encoders' blocks first, then the rest.
struct Layout {
  static constexpr std::int64_t kAlignment = 16;
  /// Width of the gate's learned embedding of an encoder.
  static constexpr int kEmbedding = 16;
  /// Hidden width of the domain discriminator (DANN, CDAN).
  static constexpr int kDomainHidden = 128;

  std::vector<EncoderShape> encoders;
  std::vector<Parameter> parameters;
  std::int64_t shared_offset = 0;  ///< where the encoders' projections end and the rest begins
  std::int64_t size = 0;           ///< numbers of a trial, padding included

  /// The parameter called `name`; it must exist.
  const Parameter& at(const std::string& name) const;
  /// Modalities of the encoders, in the order of their first.
  std::vector<std::string> modalities() const;
};

/// Columns of the head's output: first those of its presence term, then those of its salience term.
struct HeadShape {
  int presence = 0;  ///< a class each; of a set-ratio head: a set each; none of a softmax or label head
  int salience = 0;  ///< a class each; of a set-ratio head: kRatios for each pair; of a label head: a label each
  int outputs() const { return presence + salience; }
};
HeadShape head_shape(const sweep::Config& config, const sweep::Classes& classes);

/// `encoders` in dataset order. Reads per-pack settings only.
Layout make_layout(const sweep::Config& config, const std::vector<EncoderShape>& encoders,
                   const sweep::Classes& classes);

/// Initial values of trial `seed` written to its flat buffer [layout.size]. `active` [encoder] tells which encoders
/// the trial uses; the others' parameters become zero. Keyed by parameter name: an encoder's initial weights do
/// not depend on which others there are.
template <class T>
void initialise(const Layout& layout, const std::vector<bool>& active, std::uint64_t seed, T* flat);

}  // namespace medley::trainer
