#include "sweep/head_fusion.h"

#include <cmath>
#include <iterator>
#include <optional>

#include "sweep/error.h"
#include "sweep/half.h"
#include "sweep/nearest.h"

namespace medley::sweep {
namespace {

/// u^G for a product. Squares and roots alone: they are rounded alike everywhere, unlike std::pow().
double factor(HeadFusion fusion, double u) {
  switch (fusion) {
    case HeadFusion::kProductQuarter:
      return std::sqrt(std::sqrt(u));
    case HeadFusion::kProductHalf:
      return std::sqrt(u);
    case HeadFusion::kProductSquared:
      return u * u;
    default:
      return u;
  }
}

/// W of a mixture; none for a product.
std::optional<double> share_of_presence(HeadFusion fusion) {
  switch (fusion) {
    case HeadFusion::kSalience:
      return 0;
    case HeadFusion::kMixtureQuarter:
      return 0.25;
    case HeadFusion::kMixtureHalf:
      return 0.5;
    case HeadFusion::kPresence:
      return 1;
    default:
      return std::nullopt;
  }
}

constexpr const char* kFitted = "fitted";

}  // namespace

std::string head_fusion_text(std::optional<HeadFusion> fusion) { return fusion ? name_of(*fusion) : kFitted; }

std::optional<HeadFusion> head_fusion_of(const std::string& text) {
  if (text == kFitted) return std::nullopt;
  if (const auto found = find_named<HeadFusion>(text)) return found;
  throw Error("unknown head fusion '" + text + "'" + suggestion(text, head_fusion_choices()));
}

std::vector<std::string> head_fusion_choices() {
  std::vector<std::string> choices = all_names<HeadFusion>();
  choices.insert(choices.begin(), kFitted);
  return choices;
}

std::vector<HeadFusion> all_head_fusions() {
  std::vector<HeadFusion> all;
  for (std::size_t i = 0; i < std::size(names_of(HeadFusion())); ++i) all.push_back(static_cast<HeadFusion>(i));
  return all;
}

std::vector<double> fuse_heads(const Predictions& said, int classes, HeadFusion fusion) {
  if (fusion == HeadFusion::kOwn || said.presence.empty()) return {said.fused.begin(), said.fused.end()};
  const std::optional<double> share = share_of_presence(fusion);
  const auto width = static_cast<std::size_t>(classes);
  std::vector<double> fused(said.salience.begin(), said.salience.end());
  std::vector<double> mixed(width);
  for (std::size_t row = 0; row < fused.size(); row += width) {
    double present = 0;
    for (std::size_t i = row; i < row + width; ++i) present += static_cast<double>(said.presence[i]);
    if (present <= 0) continue;
    double sum = 0;
    for (std::size_t c = 0; c < width; ++c) {
      const auto u = static_cast<double>(said.presence[row + c]);
      mixed[c] = share ? (1 - *share) * fused[row + c] + *share * (u / present) : fused[row + c] * factor(fusion, u);
      sum += mixed[c];
    }
    for (std::size_t c = 0; c < width && sum > 0; ++c) fused[row + c] = mixed[c] / sum;
  }
  return fused;
}

std::vector<float> product_of_heads(const Predictions& said, int classes) {
  std::vector<float> product;
  product.reserve(said.salience.size());
  for (const double p : fuse_heads(said, classes, HeadFusion::kProduct)) product.push_back(rounded_to_half(p));
  return product;
}

}  // namespace medley::sweep
