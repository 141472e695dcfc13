#include "sweep/search/until_settled.h"

#include <algorithm>
#include <cmath>

#include "sweep/search/rounds.h"

namespace medley::sweep {
namespace {

bool lies_within(const Interval& interval, double margin) { return interval.low >= -margin && interval.high <= margin; }

}  // namespace

Step UntilSettled::next(const SearchSpace& space, const History& history) const {
  check_folds(space);
  const auto done = static_cast<std::size_t>(rounds_of(history));
  std::vector<int> in = configs_in(space, history);
  Step step;
  if (done > 0) {
    step.decisions = look(space, history, in);
    for (const Decision& decision : step.decisions) in.erase(std::find(in.begin(), in.end(), decision.config));
    if (in.size() <= 1) in.clear();  // only what the others were compared with
  }
  const auto seed = [&](std::size_t number) {
    std::vector<SearchRun> runs;
    if (number >= space.seeds.size()) return runs;
    for (const int config : in) {
      for (const int fold : space.folds) runs.push_back({config, space.seeds[number], fold});
    }
    return runs;
  };
  step.add = seed(done);
  step.likely = seed(done + 1);
  step.done = step.add.empty();
  return step;
}

std::vector<Decision> UntilSettled::look(const SearchSpace& space, const History& history,
                                         const std::vector<int>& in) const {
  const std::vector<ConfigRuns> runs = runs_by_config(space, history.runs);
  const auto of = [&](int config) -> const ConfigRuns& { return runs[static_cast<std::size_t>(config)]; };
  const int folds = static_cast<int>(space.folds.size()), done = rounds_of(history);
  const std::optional<int> against = space.reference ? space.reference : best_config(runs, in);
  const int others = std::max(1, space.configs - 1);
  const double at_look = level_ / (space.reference ? 1 : others) / (done * (done + 1.0));

  struct Answer {
    Decision decision;
    double p = 1;
    bool narrows = false;  ///< with the remaining seeds
  };
  std::vector<Answer> answers;
  for (const int config : in) {
    if (config == against) continue;
    Answer answer{{config, DecisionKind::kUnsettled, done * folds, against, kNaN, {kNaN, kNaN}}};
    if (against) {
      const Comparison comparison(differences(of(config), of(*against)), folds, 1 - at_look);
      if (std::isfinite(comparison.result().standard_error)) {
        answer.decision.difference = comparison.result().mean;
        answer.decision.interval = comparison.result().interval;
        answer.p = comparison.result().p;
        const double now = comparison.half_width(done, 1 - at_look);
        answer.narrows = comparison.half_width(static_cast<double>(space.seeds.size()), 1 - at_look) < kNarrower * now;
      }
    }
    answers.push_back(answer);
  }

  // Holm's correction, in which configs that ended without a difference still count.
  std::vector<double> p(static_cast<std::size_t>(others), 1);
  for (std::size_t i = 0; i < answers.size(); ++i) p[i] = answers[i].p;
  for (const Step& step : history.steps) {
    for (const Decision& earlier : step.decisions) {
      if (earlier.kind == DecisionKind::kSettled && !lies_within(earlier.interval, margin_)) p.pop_back();
    }
  }
  const std::vector<double> adjusted = holm_adjusted(p);

  std::vector<Decision> decisions;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Decision decision = answers[i].decision;
    if (adjusted[i] < at_look || lies_within(decision.interval, margin_)) {
      decision.kind = DecisionKind::kSettled;
    } else if (answers[i].narrows || done < 2) {
      continue;
    }
    decisions.push_back(decision);
  }
  return decisions;
}

}  // namespace medley::sweep
