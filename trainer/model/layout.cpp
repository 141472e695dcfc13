#include "trainer/model/layout.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "trainer/kernels/random.h"
#include "trainer/model/label_sets.h"

namespace medley::trainer {
namespace {

using Init = Parameter::Init;

struct LayoutBuilder {
  Layout layout;

  Parameter& add(std::string name, std::vector<std::int64_t> shape, int encoder, int fan_in) {
    Parameter p;
    p.name = std::move(name);
    p.size = 1;
    for (const std::int64_t extent : shape) p.size *= extent;
    p.shape = std::move(shape);
    p.offset = layout.size;
    p.encoder = encoder;
    p.fan_in = fan_in;
    layout.size += (p.size + Layout::kAlignment - 1) / Layout::kAlignment * Layout::kAlignment;
    layout.parameters.push_back(std::move(p));
    return layout.parameters.back();
  }
  void add_bias(std::string name, std::vector<std::int64_t> shape, int encoder, int fan_in) {
    add(std::move(name), std::move(shape), encoder, fan_in).decays = false;
  }
  void add_norm(std::string name, std::int64_t width, int encoder, Init init) {
    Parameter& p = add(std::move(name), {width}, encoder, 0);
    p.decays = false;
    p.init = init;
  }
};

}  // namespace

const Parameter& Layout::at(const std::string& name) const {
  const auto found =
      std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& p) { return p.name == name; });
  assert(found != parameters.end());
  return *found;
}

std::vector<std::string> Layout::modalities() const {
  std::vector<std::string> names;
  for (const EncoderShape& encoder : encoders) {
    if (std::find(names.begin(), names.end(), encoder.modality) == names.end()) names.push_back(encoder.modality);
  }
  return names;
}

HeadShape head_shape(const sweep::Config& config, const sweep::Classes& classes) {
  if (config.head == sweep::Head::kSetRatio) {
    const LabelSets sets(classes);
    return {sets.count(), LabelSets::kRatios * static_cast<int>(sets.pairs.size())};
  }
  if (config.head == sweep::Head::kLabel) return {0, LabelSets(classes).label_count()};
  return {config.head == sweep::Head::kDecoupled ? classes.count() : 0, classes.count()};
}

Layout make_layout(const sweep::Config& config, const std::vector<EncoderShape>& encoders,
                   const sweep::Classes& classes) {
  LayoutBuilder b;
  b.layout.encoders = encoders;
  const HeadShape head = head_shape(config, classes);
  const int outputs = head.outputs();
  const bool gated = sweep::is_projecting(config);
  const int width = gated ? config.projection_dim : config.hidden > 0 ? config.hidden : outputs;
  for (int e = 0; e < static_cast<int>(encoders.size()); ++e) {
    const EncoderShape& encoder = encoders[static_cast<std::size_t>(e)];
    const std::string prefix = "projection." + encoder.name + ".";
    b.add(prefix + "weight", {encoder.dim, width}, e, gated ? encoder.dim : 0);
    if (gated) {
      b.add_bias(prefix + "bias", {width}, e, encoder.dim);
      b.add_norm(prefix + "norm.weight", width, e, Init::kOnes);
      b.add_norm(prefix + "norm.bias", width, e, Init::kZeros);
    }
  }
  b.layout.shared_offset = b.layout.size;
  if (gated) {
    const int d = config.projection_dim;
    if (!sweep::is_scored(config)) {
      // No parameter decides which encoders count, or how much.
    } else if (config.gate == sweep::Gate::kScorer) {
      const int fan_in = d + Layout::kEmbedding;
      b.add("gate.hidden.weight", {d, config.gate_dim}, -1, fan_in);
      b.add("gate.hidden.embedding_weight", {Layout::kEmbedding, config.gate_dim}, -1, fan_in);
      b.add("gate.out.weight", {config.gate_dim}, -1, config.gate_dim);
      for (int e = 0; e < static_cast<int>(encoders.size()); ++e) {
        b.add("gate.embedding." + encoders[static_cast<std::size_t>(e)].name, {Layout::kEmbedding}, e, 1);
      }
    } else {
      b.add("gate.key.weight", {d, d}, -1, d);
      if (config.gate == sweep::Gate::kQuery) {
        b.add("gate.query", {d}, -1, 1);
      } else {
        b.add("gate.context.weight", {d, d}, -1, d);
      }
    }
    if (config.fusion == sweep::Fusion::kModalityConcat) {
      for (const std::string& modality : b.layout.modalities()) {
        b.add("fusion.weight." + modality, {d, config.fusion_dim}, -1, d);
      }
    } else {
      // Weights of the kept encoders sum to 1, side by side as in a sum: the fan-in is that of one.
      const auto places = config.fusion == sweep::Fusion::kRankConcat ? static_cast<std::int64_t>(encoders.size()) : 1;
      b.add("fusion.weight", {places * d, config.fusion_dim}, -1, d);
    }
    b.add_bias("fusion.bias", {config.fusion_dim}, -1, d);
    b.add("head.weight", {config.fusion_dim, outputs}, -1, config.fusion_dim);
    b.add_bias("head.bias", {outputs}, -1, config.fusion_dim);
  } else {
    b.add_bias("hidden.bias", {width}, -1, 0);
    if (config.hidden > 0) {
      b.add("head.weight", {config.hidden, outputs}, -1, config.hidden);
      b.add_bias("head.bias", {outputs}, -1, config.hidden);
    }
  }
  const bool adversarial =
      config.adaptation == sweep::Adaptation::kDann || config.adaptation == sweep::Adaptation::kCdan;
  if (adversarial) {
    const int fused = gated ? config.fusion_dim : width;
    const int probabilities = config.head == sweep::Head::kSetRatio ? head.presence : head.salience;
    const int in = config.adaptation == sweep::Adaptation::kCdan ? fused * probabilities : fused;
    b.add("domain.hidden.weight", {in, Layout::kDomainHidden}, -1, in);
    b.add_bias("domain.hidden.bias", {Layout::kDomainHidden}, -1, in);
    b.add("domain.out.weight", {Layout::kDomainHidden, 1}, -1, Layout::kDomainHidden);
    b.add_bias("domain.out.bias", {1}, -1, Layout::kDomainHidden);
  }
  return std::move(b.layout);
}

template <class T>
void initialise(const Layout& layout, const std::vector<bool>& active, std::uint64_t seed, T* flat) {
  std::fill(flat, flat + layout.size, T(0));
  int active_dims = 0;
  for (std::size_t e = 0; e < layout.encoders.size(); ++e) {
    if (active[e]) active_dims += layout.encoders[e].dim;
  }
  std::vector<std::uint32_t> bits;
  for (const Parameter& p : layout.parameters) {
    if (p.encoder >= 0 && !active[static_cast<std::size_t>(p.encoder)]) continue;
    T* out = flat + p.offset;
    if (p.init == Init::kZeros) continue;
    if (p.init == Init::kOnes) {
      std::fill(out, out + p.size, T(1));
      continue;
    }
    const double bound = 1 / std::sqrt(static_cast<double>(p.fan_in > 0 ? p.fan_in : active_dims));
    bits.resize(static_cast<std::size_t>(p.size));
    Stream{seed, Purpose::kInit, 0, name_key(p.name)}.fill(bits.data(), bits.size());
    for (std::int64_t i = 0; i < p.size; ++i) {
      out[i] = static_cast<T>((2 * unit(bits[static_cast<std::size_t>(i)]) - 1) * bound);
    }
  }
}

template void initialise<float>(const Layout&, const std::vector<bool>&, std::uint64_t, float*);
template void initialise<double>(const Layout&, const std::vector<bool>&, std::uint64_t, double*);

}  // namespace medley::trainer
