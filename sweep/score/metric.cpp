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
    // Alphas [0, both) keep both classes. The grid ascends, and counting it has no branches.
    std::size_t both = 0;
    if (second >= 0 && row[second] > 0) {
      for (const double alpha : grid) both += row[second] >= alpha;
    }
    if (label.same_set(decision.together)) {
      ++presence_steps[0];
      --presence_steps[both];
    }
    if (label.same_set(decision.single)) ++presence_steps[both];
    if (!decision.blends || !label.same_set(decision.together)) continue;
    // Betas [even, end) say 50/50.
    std::size_t even = 0;
    const double apart = std::fabs(row[first] - row[second]);
    for (const double beta : grid) even += !(apart <= beta);
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

}  // namespace medley::sweep
