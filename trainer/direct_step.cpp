#include "trainer/direct_step.h"

#include <algorithm>
#include <cmath>

#include "trainer/kernels/activations.h"
#include "trainer/kernels/gemm.h"
#include "trainer/kernels/head_terms.h"
#include "trainer/kernels/layer_norm.h"
#include "trainer/kernels/row_kernels.h"
#include "trainer/model/label_sets.h"

namespace medley::trainer {
namespace {

using sweep::Config;
using torch::Tensor;
using Kind = Term::Kind;

std::size_t unsigned_of(std::int64_t index) { return static_cast<std::size_t>(index); }

/// Rows of a batch of one encoder that have a gradient, among those of all encoders.
struct LiveRows {
  int first = 0, end = 0;  ///< in the list of all live rows
  int count() const { return end - first; }
};

/// Of a model of numbers T. Buffers have the rows of the batch; those of all encoders are [encoder, row, width].
template <class T>
class UsualStep final : public DirectStep {
 public:
  UsualStep(const TrialState& trial, const ModelInputs& inputs, const FusedModel& model, const Objective& objective)
      : trial_(trial),
        config_(trial.spec.config),
        features_(inputs.features),
        dataset_encoders_(inputs.encoders),
        encoders_(static_cast<int>(inputs.encoders.size())),
        rows_(config_.batch_size),
        all_(encoders_ * rows_),
        projects_(sweep::is_projecting(config_)),
        gated_(sweep::is_gated(config_)),
        scored_(sweep::is_scored(config_)),
        weighs_(gated_ && config_.weights != sweep::Weights::kUniform),
        cut_(weighs_ && !config_.renormalise) {
    for (const Term& term : objective.terms()) terms_.push_back({term.kind, static_cast<T>(term.weights.front())});
    const Layout& layout = model.layout();
    const auto offset = [&](const std::string& name) { return layout.at(name).offset; };
    for (const EncoderShape& shape : layout.encoders) {
      Encoder e;
      e.key = name_key(shape.name);
      e.dim = shape.dim;
      const std::string prefix = "projection." + shape.name + ".";
      e.weight = offset(prefix + "weight");
      if (projects_) {
        e.bias = offset(prefix + "bias");
        e.norm_weight = offset(prefix + "norm.weight");
        e.norm_bias = offset(prefix + "norm.bias");
      }
      e.x = buffer(rows_ * std::int64_t{e.dim});
      widest_ = std::max(widest_, e.dim);
      own_.push_back(e);
    }
    width_ = static_cast<int>(layout.parameters.front().shape[1]);
    if (projects_) {
      fused_ = config_.fusion_dim;
      fusion_weight_ = offset("fusion.weight");
      fusion_bias_ = offset("fusion.bias");
      make_projection_buffers();
    } else {
      fused_ = width_;
      fusion_bias_ = offset("hidden.bias");
    }
    has_head_ = projects_ || config_.hidden > 0;
    if (has_head_) {
      head_weight_ = offset("head.weight");
      head_bias_ = offset("head.bias");
    }
    if (scored_ && config_.gate == sweep::Gate::kScorer) {
      hidden_ = offset("gate.hidden.weight");
      side_ = offset("gate.hidden.embedding_weight");
      out_ = offset("gate.out.weight");
      embedding_ = offset("gate.embedding." + layout.encoders.front().name);
    } else if (scored_) {
      key_ = offset("gate.key.weight");
      query_ = offset("gate.query");
    }
    make_shared_buffers();
  }

  std::vector<double> forward(const FusedModel& model, const Batch& batch, const std::vector<int>& order,
                              long index) override {
    p_ = model.parameters.template data_ptr<T>();
    step_ = batch.draws.steps.front();
    read_features(batch);
    read_targets(batch, order, index);
    if (projects_) {
      project();
      weigh();
      pool(weights_, kept_, h_, encoders_, rows_, width_, pooled_);
      multiply(pooled_, p_ + fusion_weight_, rows_, width_, fused_, z_fused_);
    } else {
      concatenate();
    }
    add_bias(z_fused_, p_ + fusion_bias_, rows_, fused_);
    if (has_head_) {
      activate();
      multiply(y_fused_, p_ + head_weight_, rows_, fused_, outputs_, logits_);
      add_bias(logits_, p_ + head_bias_, rows_, outputs_);
    }
    return losses();
  }

  void backward(FusedModel& model, Update* update, Move& move) override {
    p_ = model.parameters.template data_ptr<T>();
    g_ = model.gradients.template data_ptr<T>();
    T* d = d_logits_;
    if (has_head_) {
      multiply_transposed(y_fused_, d_logits_, rows_, fused_, outputs_, 0, fused_, g_ + head_weight_);
      sum_rows(d_logits_, rows_, outputs_, g_ + head_bias_);
      multiply_by_transpose(d_logits_, p_ + head_weight_, rows_, fused_, outputs_, d_fused_);
      d = d_fused_;
      drop_fused(d);
      if (projects_) {
        gelu_backward(z_fused_, std::int64_t{rows_} * fused_, d);
      } else {
        for (int i = 0; i < rows_ * fused_; ++i) d[i] = z_fused_[i] > 0 ? d[i] : T(0);
      }
    }
    sum_rows(d, rows_, fused_, g_ + fusion_bias_);
    if (!projects_) {
      for (int e = 0; e < encoders_; ++e) weight_gradient(model, update, move, e, own_[unsigned_of(e)].x, d, rows_);
      return;
    }
    multiply_transposed(pooled_, d, rows_, width_, fused_, 0, width_, g_ + fusion_weight_);
    multiply_by_transpose(d, p_ + fusion_weight_, rows_, width_, fused_, d_pooled_);
    find_live_rows();
    pool_gradient();
    if (weighs_) gate_gradient();
    for (int e = 0; e < encoders_; ++e) projection_gradient(model, update, move, e);
  }

 private:
  /// One encoder: its parameters' offsets, and its rows of the batch.
  struct Encoder {
    std::uint32_t key = 0;
    int dim = 0;
    std::int64_t weight = 0, bias = 0, norm_weight = 0, norm_bias = 0;
    T* x = nullptr;  ///< [row, dim]
    LiveRows live = {};
  };
  struct WeightedTerm {
    Kind kind;
    T weight;
  };

  /// Of zeros, for the life of the step.
  T* buffer(std::int64_t numbers) {
    buffers_.push_back(torch::zeros({numbers}, c10::CppTypeToScalarType<T>::value));
    return buffers_.back().template data_ptr<T>();
  }
  bool* flags(std::int64_t count) {
    buffers_.push_back(torch::zeros({count}, torch::kBool));
    return buffers_.back().template data_ptr<bool>();
  }

  void make_projection_buffers() {
    const std::int64_t all = std::int64_t{all_} * width_;
    normalised_ = buffer(all);
    affine_ = buffer(all);
    h_ = buffer(all);
    d_h_ = buffer(all);
    rstd_ = buffer(all_);
    scores_ = buffer(all_);
    weights_ = buffer(all_);
    over_weights_ = buffer(all_);
    d_weights_ = buffer(all_);
    d_scores_ = buffer(all_);
    kept_ = flags(all_);
    over_ = flags(all_);
    live_.reserve(unsigned_of(all_));
    pooled_ = buffer(std::int64_t{rows_} * width_);
    d_pooled_ = buffer(std::int64_t{rows_} * width_);
    bits_.resize(unsigned_of(all));
    // Rows of one encoder, or of all, without those that are not live.
    rows_of_x_ = buffer(std::int64_t{rows_} * widest_);
    rows_of_z_ = buffer(std::int64_t{rows_} * width_);
    rows_of_rstd_ = buffer(rows_);
    if (!scored_) return;
    rows_of_h_ = buffer(all);
    part_of_d_h_ = buffer(all);
    rows_of_d_scores_ = buffer(all_);
    if (config_.gate == sweep::Gate::kScorer) {
      const std::int64_t hidden = std::int64_t{all_} * config_.gate_dim;
      activation_ = buffer(hidden);
      rows_of_activation_ = buffer(hidden);
      d_activation_ = buffer(hidden);
      offsets_ = buffer(std::int64_t{encoders_} * config_.gate_dim);
    } else {
      direction_ = buffer(width_);
      d_direction_ = buffer(width_);
    }
  }

  void make_shared_buffers() {
    outputs_ = trial_.head.outputs();
    const std::int64_t fused = std::int64_t{rows_} * fused_, logits = std::int64_t{rows_} * outputs_;
    z_fused_ = buffer(fused);
    if (has_head_) {
      y_fused_ = buffer(fused);
      d_fused_ = buffer(fused);
      logits_ = buffer(logits);
      fused_bits_.resize(unsigned_of(fused));
    } else {
      logits_ = z_fused_;
    }
    d_logits_ = buffer(logits);
    presence_ = buffer(std::int64_t{rows_} * trial_.head.presence);
    salience_ = buffer(std::int64_t{rows_} * trial_.head.salience);
    unmixed_.resize(unsigned_of(std::int64_t{rows_} * widest_));
  }

  bool drops() const { return config_.dropout > 0; }
  void drop_rows(T* x, const std::uint32_t* bits, std::int64_t count) const {
    drop(x, bits, drop_threshold(config_.dropout), static_cast<T>(1 / (1 - config_.dropout)), count);
  }
  Stream stream(Purpose purpose, std::uint32_t name) const { return {trial_.spec.seed, purpose, step_, name}; }

  /// Row i becomes share * row i + (1 - share) * row partner[i].
  void mix(const Mix& mix, T* x, int width) {
    if (mix.partner.empty()) return;
    std::copy_n(x, mix.partner.size() * unsigned_of(width), unmixed_.data());
    const T share = static_cast<T>(mix.share), rest = static_cast<T>(1 - mix.share);
    for (std::size_t i = 0; i < mix.partner.size(); ++i, x += width) {
      const T* partner = unmixed_.data() + mix.partner[i] * std::ptrdiff_t{width};
      for (int j = 0; j < width; ++j) x[j] = share * x[j] + rest * partner[j];
    }
  }

  void read_features(const Batch& batch) {
    for (int e = 0; e < encoders_; ++e) {
      const Encoder& own = own_[unsigned_of(e)];
      gather_scaled(features_, dataset_encoders_[unsigned_of(e)], batch.clips.front(), trial_.scaling, own.x);
      mix(batch.mixes.front(), own.x, own.dim);
    }
  }

  void read_targets(const Batch& batch, const std::vector<int>& order, long index) {
    const HeadShape& head = trial_.head;
    const std::size_t first = unsigned_of(index) * unsigned_of(rows_);
    real_ = static_cast<int>(std::min(unsigned_of(rows_), order.size() - first));
    const Mix& mix = batch.mixes.front();
    const auto read = [&](const std::vector<double>& from, int width, T* to) {
      const auto row = [&](int i) { return from.data() + std::ptrdiff_t{order[first + unsigned_of(i)]} * width; };
      for (int i = 0; i < real_; ++i) {
        const double* own = row(i);
        const double* partner = mix.partner.empty() ? own : row(mix.partner[unsigned_of(i)]);
        for (int j = 0; j < width; ++j) *to++ = static_cast<T>(mix.share * own[j] + (1 - mix.share) * partner[j]);
      }
    };
    read(trial_.presence_targets, head.presence, presence_);
    read(trial_.salience_targets, head.salience, salience_);
  }

  void project() {
    const std::int64_t block = std::int64_t{rows_} * width_;
    for (int e = 0; e < encoders_; ++e) {
      const Encoder& own = own_[unsigned_of(e)];
      T* z = normalised_ + e * block;
      multiply(own.x, p_ + own.weight, rows_, own.dim, width_, z);
      layer_norm_forward(z, p_ + own.bias, p_ + own.norm_weight, p_ + own.norm_bias, rows_, width_,
                         rstd_ + std::ptrdiff_t{e} * rows_, affine_ + e * block);
      gelu(affine_ + e * block, block, h_ + e * block);
      if (!drops()) continue;
      std::uint32_t* bits = bits_.data() + e * block;
      stream(Purpose::kProjectionDropout, own.key).fill(bits, unsigned_of(block));
      drop_rows(h_ + e * block, bits, block);
    }
  }

  void concatenate() {
    multiply(own_.front().x, p_ + own_.front().weight, rows_, own_.front().dim, width_, z_fused_);
    for (int e = 1; e < encoders_; ++e) {
      multiply_add(own_[unsigned_of(e)].x, p_ + own_[unsigned_of(e)].weight, rows_, own_[unsigned_of(e)].dim, width_,
                   z_fused_);
    }
  }

  /// Which encoders each row keeps, and their weights.
  void weigh() {
    std::fill(over_, over_ + all_, true);
    if (scored_) {
      config_.gate == sweep::Gate::kScorer ? score_by_scorer() : score_by_query();
      if (config_.gate_noise > 0) add_noise();
    }
    if (!gated_ || config_.selection == sweep::Selection::kAll) {
      std::fill(kept_, kept_ + all_, true);
    } else {
      const bool given = config_.selection != sweep::Selection::kLearned;
      if (given) rank_as_given();
      keep_best(given ? over_weights_ : scores_, over_, config_.top_n, encoders_, rows_, kept_);
    }
    if (!weighs_) {
      for (int r = 0; r < rows_; ++r) {
        T count = 0;
        for (int i = r; i < all_; i += rows_) count += static_cast<T>(kept_[i]);
        for (int i = r; i < all_; i += rows_) weights_[i] = kept_[i] ? T(1) / count : T(0);
      }
      return;
    }
    if (!cut_) std::copy(kept_, kept_ + all_, over_);
    kept_softmax(scores_, over_, static_cast<T>(config_.temperature), encoders_, rows_, over_weights_);
    for (int i = 0; i < all_; ++i) weights_[i] = kept_[i] ? over_weights_[i] : T(0);
  }

  void score_by_scorer() {
    const int hidden = config_.gate_dim;
    multiply(h_, p_ + hidden_, all_, width_, hidden, activation_);
    multiply(p_ + embedding_, p_ + side_, encoders_, Layout::kEmbedding, hidden, offsets_);
    for (int e = 0; e < encoders_; ++e) {
      add_bias(activation_ + std::int64_t{e} * rows_ * hidden, offsets_ + std::ptrdiff_t{e} * hidden, rows_, hidden);
    }
    hyperbolic_tangent(activation_, std::int64_t{all_} * hidden);
    row_dots(activation_, p_ + out_, all_, hidden, scores_);
  }

  void score_by_query() {
    // q . (W_k h) = (q W_k) . h
    multiply(p_ + query_, p_ + key_, 1, width_, width_, direction_);
    row_dots(h_, direction_, all_, width_, scores_);
    for (int i = 0; i < all_; ++i) scores_[i] /= root_of_width();
  }
  T root_of_width() const { return static_cast<T>(std::sqrt(static_cast<double>(width_))); }

  void add_noise() {
    bits_of_rows_.resize(2 * unsigned_of(rows_));
    normal_.resize(unsigned_of(rows_));
    for (int e = 0; e < encoders_; ++e) {
      stream(Purpose::kGateNoise, own_[unsigned_of(e)].key).fill(bits_of_rows_.data(), bits_of_rows_.size());
      normals(bits_of_rows_.data(), normal_.size(), normal_.data());
      for (int r = 0; r < rows_; ++r)
        scores_[e * rows_ + r] += static_cast<T>(config_.gate_noise * normal_[unsigned_of(r)]);
    }
  }

  /// What random and fixed selection order the encoders by, to `over_weights_`.
  void rank_as_given() {
    bits_of_rows_.resize(unsigned_of(rows_));
    for (int e = 0; e < encoders_; ++e) {
      T* row = over_weights_ + std::ptrdiff_t{e} * rows_;
      if (config_.selection == sweep::Selection::kFixed) {
        std::fill(row, row + rows_, static_cast<T>(trial_.strength[unsigned_of(e)]));
        continue;
      }
      stream(Purpose::kRandomSelection, own_[unsigned_of(e)].key).fill(bits_of_rows_.data(), unsigned_of(rows_));
      for (int r = 0; r < rows_; ++r) row[r] = static_cast<T>(unit(bits_of_rows_[unsigned_of(r)]));
    }
  }

  void activate() {
    const std::int64_t count = std::int64_t{rows_} * fused_;
    if (projects_) {
      gelu(z_fused_, count, y_fused_);
    } else {
      for (std::int64_t i = 0; i < count; ++i) y_fused_[i] = z_fused_[i] < 0 ? T(0) : z_fused_[i];
    }
    if (drops()) stream(Purpose::kFusionDropout, 0).fill(fused_bits_.data(), unsigned_of(count));
    drop_fused(y_fused_);
  }
  void drop_fused(T* x) const {
    if (drops()) drop_rows(x, fused_bits_.data(), std::int64_t{rows_} * fused_);
  }

  /// The terms' losses, and the gradients of the total by the logits.
  std::vector<double> losses() {
    std::fill(d_logits_, d_logits_ + std::int64_t{rows_} * outputs_, T(0));
    T presence = 0, salience = 0;
    head_losses(presence, salience);
    T total = 0;
    bool first = true;
    std::vector<double> numbers{0};
    for (const WeightedTerm& term : terms_) {
      const T value = term.kind == Kind::kPresence ? presence : term.kind == Kind::kBalance ? balance() : salience;
      const T weighted = value * term.weight;
      total = first ? weighted : total + weighted;
      first = false;
      numbers.push_back(static_cast<double>(value));
    }
    numbers.front() = static_cast<double>(total);
    return numbers;
  }
  T weight_of(Kind kind) const {
    for (const WeightedTerm& term : terms_) {
      if (term.kind == kind) return term.weight;
    }
    return 0;
  }

  void head_losses(T& presence, T& salience) {
    const int first = trial_.head.presence, second = trial_.head.salience;
    const T rows = static_cast<T>(real_);
    const bool sets = config_.head == sweep::Head::kSetRatio;
    for (int i = 0; i < real_; ++i) {
      const T *u = logits_ + std::ptrdiff_t{i} * outputs_, *y = presence_ + std::ptrdiff_t{i} * first,
              *t = salience_ + std::ptrdiff_t{i} * second;
      T* d = d_logits_ + std::ptrdiff_t{i} * outputs_;
      if (sets) {
        add_divergence(u, y, first, rows, presence, d);
      } else {
        if (first > 0) add_cross_entropy(u, y, first, rows, presence, d);
        add_divergence(u + first, t, second, rows, salience, d + first);
      }
    }
    presence /= config_.head == sweep::Head::kDecoupled ? static_cast<T>(first) * rows : rows;
    sets ? ratio_loss(salience) : void(salience /= rows);
    const T by_presence = weight_of(Kind::kPresence),
            by_salience = weight_of(config_.head == sweep::Head::kLabel ? Kind::kLabel : Kind::kSalience);
    for (int i = 0; i < real_; ++i) {
      T* d = d_logits_ + std::ptrdiff_t{i} * outputs_;
      for (int c = 0; c < first; ++c) d[c] *= by_presence;
      for (int c = first; c < outputs_; ++c) d[c] *= by_salience;
    }
  }

  /// Mean over the blends of KL(target || softmax(logits of their pair)); 0 where the batch has none.
  void ratio_loss(T& loss) {
    constexpr int kRatios = LabelSets::kRatios;
    const int first = trial_.head.presence, second = trial_.head.salience;
    T blends = 0;
    for (int i = 0; i < real_ * second; ++i) blends += salience_[i];
    if (!(blends > 0)) return;
    const T count = std::max(blends, static_cast<T>(1e-6));
    for (int i = 0; i < real_; ++i) {
      for (int c = 0; c < second; c += kRatios) {
        const T* t = salience_ + std::ptrdiff_t{i} * second + c;
        const std::ptrdiff_t place = std::ptrdiff_t{i} * outputs_ + first + c;
        add_divergence(logits_ + place, t, kRatios, count, loss, d_logits_ + place);
        T mass = 0;
        for (int ratio = 0; ratio < kRatios; ++ratio) mass += t[ratio];
        if (mass > 0) loss -= mass * std::log(mass);
      }
    }
    loss /= count;
  }

  /// Squared coefficient of variation of the encoders' mean weights. Its gradient by the weight of encoder e on a real
  /// row, times the term's weight, is d_load_[e].
  T balance() {
    const T encoders = static_cast<T>(encoders_), rows = static_cast<T>(real_);
    d_load_.assign(unsigned_of(encoders_), 0);
    T mean = 0, squares = 0;
    for (int e = 0; e < encoders_; ++e) {
      for (int r = 0; r < real_; ++r) d_load_[unsigned_of(e)] += weights_[e * rows_ + r];
      d_load_[unsigned_of(e)] /= rows;
      mean += d_load_[unsigned_of(e)];
    }
    mean /= encoders;
    for (T& load : d_load_) {
      load -= mean;
      squares += load * load;
    }
    const T least = static_cast<T>(1e-12), square = std::max(mean * mean, least);
    const T variance = squares / encoders;
    // Of the deviations the mean falls out, as they sum to 0. It is left in the denominator.
    const T by_mean = mean * mean > least ? -2 * variance / (square * mean) / encoders : T(0);
    for (T& load : d_load_) load = weight_of(Kind::kBalance) * (2 * load / (encoders * square) + by_mean) / rows;
    return variance / square;
  }

  void find_live_rows() {
    live_.clear();
    for (int e = 0; e < encoders_; ++e) {
      own_[unsigned_of(e)].live.first = static_cast<int>(live_.size());
      for (int i = e * rows_; i < e * rows_ + real_; ++i) {
        if (kept_[i] || cut_) live_.push_back(i);
      }
      own_[unsigned_of(e)].live.end = static_cast<int>(live_.size());
    }
  }
  int live() const { return static_cast<int>(live_.size()); }

  /// The live rows first .. end - 1 of `from` [encoder, row, width] side by side, in `to`.
  void copy_live(const T* from, int first, int end, int width, T* to) const {
    for (int l = first; l < end; ++l, to += width)
      std::copy_n(from + std::int64_t{live_[unsigned_of(l)]} * width, width, to);
  }

  /// From d_pooled_: d_h_ [live row, width], and the gradients of the weights.
  void pool_gradient() {
    if (weighs_) std::fill(d_weights_, d_weights_ + all_, T(0));
    T ignored;
    for (int l = 0; l < live(); ++l) {
      const int i = live_[unsigned_of(l)];
      const std::int64_t row = std::int64_t{i % rows_} * width_;
      pool_backward(weights_ + i, kept_ + i, h_ + std::int64_t{i} * width_, d_pooled_ + row, 1, 1, width_,
                    d_h_ + std::int64_t{l} * width_, weighs_ ? d_weights_ + i : &ignored);
    }
  }

  /// Adds to d_h_ what reaches it by the gate, and writes the gate's gradients.
  void gate_gradient() {
    if (!d_load_.empty()) {
      for (int e = 0; e < encoders_; ++e) {
        for (int i = e * rows_; i < e * rows_ + real_; ++i) d_weights_[i] += kept_[i] ? d_load_[unsigned_of(e)] : T(0);
      }
    }
    kept_softmax_backward(over_weights_, over_, d_weights_, static_cast<T>(config_.temperature), encoders_, rows_,
                          d_scores_);
    copy_live(d_scores_, 0, live(), 1, rows_of_d_scores_);
    copy_live(h_, 0, live(), width_, rows_of_h_);
    config_.gate == sweep::Gate::kScorer ? scorer_gradient() : query_gradient();
    add_bias(d_h_, part_of_d_h_, 1, live() * width_);
  }

  void scorer_gradient() {
    const int hidden = config_.gate_dim;
    copy_live(activation_, 0, live(), hidden, rows_of_activation_);
    scorer_backward(rows_of_activation_, p_ + out_, rows_of_d_scores_, live(), hidden, d_activation_, g_ + out_);
    multiply_transposed(rows_of_h_, d_activation_, live(), width_, hidden, 0, width_, g_ + hidden_);
    for (int e = 0; e < encoders_; ++e) {
      const LiveRows& rows = own_[unsigned_of(e)].live;
      sum_rows(d_activation_ + std::int64_t{rows.first} * hidden, rows.count(), hidden,
               offsets_ + std::ptrdiff_t{e} * hidden);
    }
    multiply_by_transpose(offsets_, p_ + side_, encoders_, Layout::kEmbedding, hidden, g_ + embedding_);
    multiply_transposed(p_ + embedding_, offsets_, encoders_, Layout::kEmbedding, hidden, 0, Layout::kEmbedding,
                        g_ + side_);
    multiply_by_transpose(d_activation_, p_ + hidden_, live(), width_, hidden, part_of_d_h_);
  }

  void query_gradient() {
    for (int l = 0; l < live(); ++l) rows_of_d_scores_[l] /= root_of_width();
    multiply_transposed(rows_of_d_scores_, rows_of_h_, live(), 1, width_, 0, 1, d_direction_);
    multiply_by_transpose(d_direction_, p_ + key_, 1, width_, width_, g_ + query_);
    multiply_transposed(p_ + query_, d_direction_, 1, width_, width_, 0, width_, g_ + key_);
    multiply(rows_of_d_scores_, direction_, live(), 1, width_, part_of_d_h_);
  }

  void projection_gradient(FusedModel& model, Update* update, Move& move, int e) {
    const Encoder& own = own_[unsigned_of(e)];
    const int first = own.live.first, end = own.live.end, count = own.live.count();
    T* d = d_h_ + std::int64_t{first} * width_;
    for (int l = first; l < end; ++l) {
      const std::int64_t place = std::int64_t{live_[unsigned_of(l)]} * width_;
      T* row = d_h_ + std::int64_t{l} * width_;
      if (drops()) drop_rows(row, bits_.data() + place, width_);
      gelu_backward(affine_ + place, width_, row);
    }
    const T *z = normalised_ + std::int64_t{e} * rows_ * width_, *rstd = rstd_ + std::ptrdiff_t{e} * rows_, *x = own.x;
    if (count < rows_) {
      copy_live(normalised_, first, end, width_, rows_of_z_);
      copy_live(rstd_, first, end, 1, rows_of_rstd_);
      for (int l = first; l < end; ++l) {
        const std::int64_t row = live_[unsigned_of(l)] - e * rows_;
        std::copy_n(own.x + row * own.dim, own.dim, rows_of_x_ + std::int64_t{l - first} * own.dim);
      }
      z = rows_of_z_;
      rstd = rows_of_rstd_;
      x = rows_of_x_;
    }
    layer_norm_backward(z, rstd, p_ + own.norm_weight, count, width_, d, g_ + own.bias, g_ + own.norm_weight,
                        g_ + own.norm_bias);
    weight_gradient(model, update, move, e, x, d, count);
  }

  void weight_gradient(FusedModel& model, Update* update, Move& move, int e, const T* x, const T* d, int rows) {
    const Encoder& own = own_[unsigned_of(e)];
    if (update) {
      update->step_projection(model, 0, e, x, d, rows, move);
    } else {
      multiply_transposed(x, d, rows, own.dim, width_, 0, own.dim, g_ + own.weight);
    }
  }

  const TrialState& trial_;
  const Config& config_;
  const Features& features_;
  std::vector<int> dataset_encoders_;
  int encoders_, rows_, all_;  ///< all_: rows of all encoders
  bool projects_, gated_, scored_;
  bool weighs_;  ///< by the scores
  bool cut_;     ///< weights of all encoders, cut to those kept
  bool has_head_ = false;
  int width_ = 0, fused_ = 0, outputs_ = 0, widest_ = 0;
  std::vector<WeightedTerm> terms_;
  std::vector<Encoder> own_;
  std::int64_t fusion_weight_ = 0, fusion_bias_ = 0, head_weight_ = 0, head_bias_ = 0, hidden_ = 0, side_ = 0, out_ = 0,
               embedding_ = 0, key_ = 0, query_ = 0;  ///< offsets

  // Of the step at hand.
  const T* p_ = nullptr;
  T* g_ = nullptr;
  std::uint32_t step_ = 0;
  int real_ = 0;           ///< rows that are not padding
  std::vector<int> live_;  ///< of all encoders' rows, ascending
  std::vector<T> d_load_;

  std::vector<Tensor> buffers_;
  T *presence_ = nullptr, *salience_ = nullptr, *normalised_ = nullptr, *affine_ = nullptr, *h_ = nullptr,
    *rstd_ = nullptr, *activation_ = nullptr, *offsets_ = nullptr, *direction_ = nullptr, *scores_ = nullptr,
    *weights_ = nullptr, *over_weights_ = nullptr, *pooled_ = nullptr, *z_fused_ = nullptr, *y_fused_ = nullptr,
    *logits_ = nullptr;
  T *d_logits_ = nullptr, *d_fused_ = nullptr, *d_pooled_ = nullptr, *d_weights_ = nullptr, *d_scores_ = nullptr,
    *d_activation_ = nullptr, *d_direction_ = nullptr, *d_h_ = nullptr, *part_of_d_h_ = nullptr;
  T *rows_of_x_ = nullptr, *rows_of_z_ = nullptr, *rows_of_rstd_ = nullptr, *rows_of_h_ = nullptr,
    *rows_of_activation_ = nullptr, *rows_of_d_scores_ = nullptr;
  bool *kept_ = nullptr, *over_ = nullptr;  ///< over_: what the weights sum to 1 over
  std::vector<std::uint32_t> bits_, fused_bits_, bits_of_rows_;
  std::vector<double> normal_;
  std::vector<T> unmixed_;
};

}  // namespace

bool DirectStep::takes(const Config& config) {
  const bool plain_loss = !sweep::has_adaptation_loss(config) && !config.alignment && config.focal_gamma == 0 &&
                          config.rdrop_weight == 0 && config.precision != sweep::Precision::kBfloat16;
  if (!plain_loss || !sweep::is_projecting(config)) return plain_loss;
  if (config.fusion != sweep::Fusion::kSum && config.fusion != sweep::Fusion::kMean) return false;
  return config.gate != sweep::Gate::kContext && config.selection != sweep::Selection::kThreshold &&
         (config.weights == sweep::Weights::kSoftmax || config.weights == sweep::Weights::kUniform);
}

std::unique_ptr<DirectStep> DirectStep::make(const std::vector<TrialState*>& trials, const ModelInputs& inputs,
                                             const FusedModel& model, const Objective& objective) {
  if (trials.size() != 1 || !model.by_pairs() || !takes(trials.front()->spec.config)) return nullptr;
  const auto knows = [](const Term& term) {
    return term.kind == Kind::kPresence || term.kind == Kind::kSalience || term.kind == Kind::kLabel ||
           term.kind == Kind::kBalance;
  };
  if (!std::all_of(objective.terms().begin(), objective.terms().end(), knows)) return nullptr;
  if (model.dtype() == torch::kFloat64) {
    return std::make_unique<UsualStep<double>>(*trials.front(), inputs, model, objective);
  }
  return std::make_unique<UsualStep<float>>(*trials.front(), inputs, model, objective);
}

}  // namespace medley::trainer
