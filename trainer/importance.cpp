#include "trainer/importance.h"

#include <algorithm>
#include <cmath>

#include "sweep/half.h"

namespace medley::trainer {
namespace {

constexpr int kBins = 20;
constexpr double kQuantiles[] = {0.05, 0.25, 0.50, 0.75, 0.95};

double quantile(const std::vector<float>& sorted, double p) {
  const double position = p * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  const double below = sorted[low], above = sorted[high];
  return below + (above - below) * (position - static_cast<double>(low));
}

}  // namespace

sweep::Importance gate_importance(const std::vector<std::string>& encoders, const std::vector<float>& scores,
                                  const std::vector<float>& weights, const std::vector<bool>& kept, int clips) {
  const std::size_t width = encoders.size();
  const auto rows = static_cast<std::size_t>(clips);
  sweep::Importance importance;
  importance.weights.reserve(weights.size());
  for (const float weight : weights) importance.weights.push_back(sweep::half_bits(weight));
  for (std::size_t e = 0; e < width; ++e) {
    sweep::EncoderImportance one;
    one.encoder = encoders[e];
    one.histogram.assign(kBins, 0);
    one.ranks.assign(width, 0);
    std::vector<float> column;
    for (std::size_t i = 0; i < rows; ++i) {
      const float weight = weights[i * width + e], score = scores[i * width + e];
      column.push_back(weight);
      one.mean += weight;
      const int bin = std::clamp(static_cast<int>(weight * kBins), 0, kBins - 1);
      ++one.histogram[static_cast<std::size_t>(bin)];
      one.selection_frequency += kept[i * width + e];
      std::size_t rank = 0;
      for (std::size_t other = 0; other < width; ++other) {
        const float theirs = scores[i * width + other];
        rank += theirs > score || (theirs == score && other < e);
      }
      ++one.ranks[rank];
    }
    const auto count = static_cast<double>(rows);
    one.mean /= count;
    double squares = 0;
    for (const float weight : column) squares += (weight - one.mean) * (weight - one.mean);
    one.sd = std::sqrt(squares / count);
    one.selection_frequency /= count;
    for (double& share : one.ranks) share /= count;
    std::sort(column.begin(), column.end());
    for (const double p : kQuantiles) one.quantiles.push_back(quantile(column, p));
    importance.encoders.push_back(std::move(one));
  }
  return importance;
}

}  // namespace medley::trainer
