#include "sweep/score/metric.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

/// The two largest of a row, ties to the lower index. A NaN is never larger than anything.
struct TopTwo {
  int first = 0;
  int second = -1;  ///< -1: the row has one class
};

TopTwo top_two(const double* row, int count) {
  TopTwo top;
  for (int c = 1; c < count; ++c) {
    if (row[c] > row[top.first]) {
      top.second = top.first;
      top.first = c;
    } else if (top.second < 0 || row[c] > row[top.second]) {
      top.second = c;
    }
  }
  return top;
}

/// The decodes of one row for every alpha and beta. It is `single` wherever the second class is absent, else
/// `together`, or with `blends` a blend whose saliences depend on beta.
struct Decision {
  TopTwo top;
  Label single;    ///< the largest alone
  Label together;  ///< when both are present; of a blend, the label beyond beta (70/30)
  bool blends = false;
};

Decision decide(const double* row, const Classes& classes) {
  Decision decision;
  decision.top = top_two(row, classes.count());
  const auto [first, second] = decision.top;
  decision.single = {first, -1, 100};
  decision.together = decision.single;
  if (second < 0) return decision;
  const bool first_exclusive = classes.exclusive[static_cast<std::size_t>(first)];
  const bool second_exclusive = classes.exclusive[static_cast<std::size_t>(second)];
  if (first_exclusive || second_exclusive) {
    // An emotion wins a tie with an exclusive class.
    const bool emotion_second = first_exclusive && !second_exclusive && row[first] == row[second];
    if (emotion_second) decision.together = {second, -1, 100};
    return decision;
  }
  decision.blends = true;
  const int low = std::min(first, second);
  const int high = std::max(first, second);
  // As the official code: 70 only where the first in class order is strictly larger.
  decision.together = {low, high, row[low] > row[high] ? 70 : 30};
  return decision;
}

bool present(double probability, double alpha) { return probability >= alpha && probability > 0; }

Label blend_label(const Decision& decision, bool even) {
  Label label = decision.together;
  if (even) label.salience = 50;
  return label;
}

void check_sizes(ProbabilityView probabilities, const std::vector<Label>& truth, const Classes& classes) {
  if (static_cast<std::size_t>(probabilities.clips) != truth.size()) {
    throw Error("probabilities of " + std::to_string(probabilities.clips) + " clips, but " +
                std::to_string(truth.size()) + " labels");
  }
  if (probabilities.classes != classes.count()) {
    throw Error("probabilities of " + std::to_string(probabilities.classes) + " classes, but the dataset has " +
                std::to_string(classes.count()));
  }
}

double ratio(int hits, int of) { return of == 0 ? 0.0 : static_cast<double>(hits) / of; }

constexpr int kSaliences[] = {30, 50, 70};

std::vector<Label> valid_labels(const Classes& classes) {
  std::vector<Label> labels;
  for (int c = 0; c < classes.count(); ++c) labels.push_back({c, -1, 100});
  for (int a = 0; a < classes.count(); ++a) {
    for (int b = a + 1; b < classes.count(); ++b) {
      const bool exclusive =
          classes.exclusive[static_cast<std::size_t>(a)] || classes.exclusive[static_cast<std::size_t>(b)];
      if (exclusive) continue;
      for (const int salience : kSaliences) labels.push_back({a, b, salience});
    }
  }
  return labels;
}

void divergences(const double* row, const std::vector<Label>& labels, double* out) {
  double logs[kMaxClasses];
  int count = 0;
  for (const Label& label : labels) count = std::max(count, label.first + 1);
  // A probability of zero is a small number here: the likelihood stays finite.
  for (int c = 0; c < count; ++c) logs[c] = std::log(std::max(row[c], 1e-12));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const Label& label = labels[i];
    if (!label.is_blend()) {
      out[i] = -logs[label.first];
      continue;
    }
    const double share = label.salience / 100.0;
    out[i] = share * (std::log(share) - logs[label.first]) + (1 - share) * (std::log1p(-share) - logs[label.second]);
  }
}

/// In place: divergences to P(y|x) proportional to exp(-sharpness KL).
void to_posterior(std::vector<double>& values, double sharpness) {
  const double least = *std::min_element(values.begin(), values.end());
  double total = 0;
  for (double& value : values) total += value = std::exp(-sharpness * (value - least));
  for (double& value : values) value /= total;
}

}  // namespace

Label decode(const double* probabilities, const Classes& classes, Thresholds thresholds) {
  const Decision decision = decide(probabilities, classes);
  const auto [first, second] = decision.top;
  if (second < 0 || !present(probabilities[second], thresholds.alpha)) return decision.single;
  if (!decision.blends) return decision.together;
  return blend_label(decision, std::fabs(probabilities[first] - probabilities[second]) <= thresholds.beta);
}

ThresholdSurface threshold_surface(ProbabilityView probabilities, const std::vector<Label>& truth,
                                   const Classes& classes, const ThresholdGrid& searched) {
  check_sizes(probabilities, truth, classes);
  const auto grid = searched.values();
  // The decode of a clip is constant for alpha up to its second probability and beyond it, and for beta below and
  // from the difference of the two. So each clip adds to few corners of difference arrays, summed up at the end.
  std::array<int, kGridSize + 1> presence_steps{};
  std::array<std::array<int, kGridSize + 1>, kGridSize + 1> salience_steps{};
  ThresholdSurface surface;
  surface.clips = probabilities.clips;
  for (int clip = 0; clip < probabilities.clips; ++clip) {
    const double* row = probabilities.row(clip);
    const Label& label = truth[static_cast<std::size_t>(clip)];
    surface.blends += label.is_blend();
    const Decision decision = decide(row, classes);
    const auto [first, second] = decision.top;
    // Alphas [0, both) keep both classes.
    std::size_t both = 0;
    while (second >= 0 && both < kGridSize && present(row[second], grid[both])) ++both;
    if (label.same_set(decision.together)) {
      ++presence_steps[0];
      --presence_steps[both];
    }
    if (label.same_set(decision.single)) ++presence_steps[both];
    if (!decision.blends || !label.same_set(decision.together)) continue;
    // Betas [even, end) say 50/50.
    std::size_t even = 0;
    while (even < kGridSize && !(std::fabs(row[first] - row[second]) <= grid[even])) ++even;
    const std::size_t from = label.salience == 50 ? even : 0;
    const std::size_t to = label.salience == 50 ? kGridSize : label == decision.together ? even : 0;
    ++salience_steps[0][from];
    --salience_steps[0][to];
    --salience_steps[both][from];
    ++salience_steps[both][to];
  }
  int presence = 0;
  std::array<int, kGridSize> column{};
  for (std::size_t a = 0; a < kGridSize; ++a) {
    presence += presence_steps[a];
    int salience = 0;
    for (std::size_t b = 0; b < kGridSize; ++b) {
      column[b] += salience_steps[a][b];
      salience += column[b];
      surface.presence_hits[a * kGridSize + b] = presence;
      surface.salience_hits[a * kGridSize + b] = salience;
    }
  }
  return surface;
}

Accuracy accuracy(const std::vector<Label>& predicted, const std::vector<Label>& truth) {
  if (predicted.size() != truth.size()) {
    throw Error(std::to_string(predicted.size()) + " predictions for " + std::to_string(truth.size()) + " labels");
  }
  int presence = 0;
  int salience = 0;
  int blends = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    presence += predicted[i].same_set(truth[i]);
    blends += truth[i].is_blend();
    salience += truth[i].is_blend() && predicted[i] == truth[i];
  }
  return {ratio(presence, static_cast<int>(truth.size())), ratio(salience, blends)};
}

Label decode(const double* probabilities, const Classes& classes, const OptimalDecode& optimal) {
  const std::vector<Label> labels = valid_labels(classes);
  std::vector<double> posterior(labels.size());
  divergences(probabilities, labels, posterior.data());
  to_posterior(posterior, optimal.sharpness);
  // clips_per_blend * P(pair) * P(ratio|pair) is clips_per_blend * P(label): the ratio cancels P(pair).
  Label best = labels.front();
  double best_utility = -1;
  const auto singles = static_cast<std::size_t>(classes.count());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    double utility = posterior[i];
    if (i >= singles) {
      const std::size_t pair = singles + (i - singles) / 3 * 3;
      utility = posterior[pair] + posterior[pair + 1] + posterior[pair + 2] + optimal.clips_per_blend * posterior[i];
    }
    if (utility > best_utility) {
      best_utility = utility;
      best = labels[i];
    }
  }
  return best;
}

OptimalDecode fit_optimal_decode(ProbabilityView probabilities, const std::vector<Label>& truth,
                                 const Classes& classes) {
  check_sizes(probabilities, truth, classes);
  if (truth.empty()) throw Error("the score-optimal decode cannot be fitted on no clips");
  const std::vector<Label> labels = valid_labels(classes);
  std::vector<double> all(truth.size() * labels.size());
  std::vector<std::size_t> index_of_truth(truth.size());
  int blends = 0;
  for (std::size_t clip = 0; clip < truth.size(); ++clip) {
    divergences(probabilities.row(static_cast<int>(clip)), labels, &all[clip * labels.size()]);
    const auto found = std::find(labels.begin(), labels.end(), truth[clip]);
    if (found == labels.end()) throw Error("label of clip " + std::to_string(clip) + " is not valid for the classes");
    index_of_truth[clip] = static_cast<std::size_t>(found - labels.begin());
    blends += truth[clip].is_blend();
  }
  OptimalDecode best;
  // ACC_salience is 0 whatever is said when there are no blends, so it weighs nothing.
  best.clips_per_blend = blends == 0 ? 0 : static_cast<double>(truth.size()) / blends;
  double best_likelihood = 0;
  for (int half_octave = -4; half_octave <= 14; ++half_octave) {
    const double sharpness = std::exp2(half_octave / 2.0);
    double likelihood = 0;
    for (std::size_t clip = 0; clip < truth.size(); ++clip) {
      const double* values = &all[clip * labels.size()];
      const double least = *std::min_element(values, values + labels.size());
      double total = 0;
      for (std::size_t i = 0; i < labels.size(); ++i) total += std::exp(-sharpness * (values[i] - least));
      likelihood += -sharpness * (values[index_of_truth[clip]] - least) - std::log(total);
    }
    if (half_octave == -4 || likelihood > best_likelihood) {
      best_likelihood = likelihood;
      best.sharpness = sharpness;
    }
  }
  return best;
}

}  // namespace medley::sweep
