// How near tpe comes to the best config of a space, beside even draws. draws_optuna.py has the same spaces for Optuna.
//
// usage: draws [searches=100]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "sweep/search/tpe.h"

namespace {

using namespace medley::sweep;

constexpr double kNoise = .0036;  ///< SD of a config's mean Score over 5 folds, as on the real datasets

/// A space with the true Score of each point.
struct World {
  const char* name;
  ParameterSpace space;
  double best;
  std::function<double(const SpacePoint&)> truth;
};

ParameterSpace::Parameter range(const std::string& setting) { return {setting, {}, 0, .9, false, {}}; }

std::vector<World> worlds() {
  ParameterSpace conditional, wide, subsets;
  for (ParameterSpace* space : {&conditional, &wide, &subsets})
    space->starts.push_back({"", {}, {"top_n", "adaptation_weight"}});
  conditional.parameters = {{"selection", {"learned", "all"}, 0, 0, false, {}}, range("dropout")};
  conditional.parameters.push_back({"label_smoothing", {}, 0, .9, false, {{"selection", {"learned"}}}});
  // Settings only lend their names.
  for (const char* setting : {"dropout", "label_smoothing", "mixup", "gate_noise", "weight_decay"}) {
    wide.parameters.push_back(range(setting));
  }
  for (int mask = 1; mask < 64; ++mask) {
    nlohmann::json names = nlohmann::json::array();
    for (int encoder = 0; encoder < 6; ++encoder) {
      if (mask >> encoder & 1) names.push_back(std::string(1, static_cast<char>('a' + encoder)));
    }
    if (subsets.parameters.empty()) subsets.parameters.push_back({"encoders", {}, 0, 0, false, {}});
    subsets.parameters[0].values.push_back(names);
  }
  const auto square = [](double x) { return x * x; };
  return {{"two choices, one or two ranges", conditional, .4,
           [=](const SpacePoint& p) {
             return *p[1] == 1 ? .385 - .3 * square(*p[2] - .4)
                               : .4 - .3 * square(*p[2] - .4) - .15 * square(*p[3] - 1. / 3);
           }},
          {"five ranges", wide, .4,
           [=](const SpacePoint& p) {
             double score = .4;
             for (std::size_t k = 1; k < p.size(); ++k)
               score -= .2 / static_cast<double>(k) * square(*p[k] - .15 * static_cast<double>(k));
             return score;
           }},
          {"63 subsets of 6 encoders", subsets, .40, [](const SpacePoint& p) {
             const int mask = static_cast<int>(*p[1]) + 1;
             const double worth[] = {.06, .04, .025, .01, -.005, -.01};  // the best has the first four
             double score = .265;
             for (int encoder = 0; encoder < 6; ++encoder) score += mask >> encoder & 1 ? worth[encoder] : 0;
             return score;
           }}};
}

/// The true Score of the config that measures best, less the best one there is.
double regret_of(const World& world, const Strategy& strategy, std::mt19937_64& random) {
  SearchSpace space;
  space.folds = {0, 1};
  space.seeds = {1};
  const auto text = [](const SpacePoint& point) {
    std::string id;
    for (const auto& coordinate : point) id += coordinate ? std::to_string(*coordinate) + " " : "- ";
    return id;
  };
  space.drawing = Drawing{world.space, {}, {}, text};
  std::normal_distribution<> noise(0, kNoise);
  std::vector<double> measured;
  History history;
  for (;;) {
    Step step = strategy.next(space, history);
    for (const SpacePoint& point : step.drawn) {
      space.drawing->points.push_back(point);
      space.drawing->ids.insert(text(point));
      measured.push_back(world.truth(point) + noise(random));
    }
    for (const SearchRun& run : step.add) {
      EndedRun ended;
      static_cast<SearchRun&>(ended) = run;
      ended.score = measured[static_cast<std::size_t>(run.config)];
      history.runs.push_back(ended);
    }
    space.configs = static_cast<int>(measured.size());
    history.steps.push_back(step);
    if (step.done) break;
  }
  const auto chosen = std::max_element(measured.begin(), measured.end()) - measured.begin();
  return world.best - world.truth(space.drawing->points[static_cast<std::size_t>(chosen)]);
}

/// Even draws: a search that never goes beyond its first round has no more than that.
class Even : public Strategy {
 public:
  Even(int configs, std::uint64_t seed) : configs_(configs), seed_(seed) {}
  Step next(const SearchSpace& space, const History& history) const override {
    Step step;
    step.done = !history.steps.empty();
    for (std::uint64_t draw = 0; !step.done && static_cast<int>(step.drawn.size()) < configs_; ++draw) {
      SpacePoint point = draw_point(space.drawing->parameters, seed_, draw);
      const int config = static_cast<int>(step.drawn.size());
      step.drawn.push_back(std::move(point));
      for (const int fold : space.folds) step.add.push_back({config, 1, fold});
    }
    return step;
  }

 private:
  int configs_;
  std::uint64_t seed_;
};

}  // namespace

int main(int argc, char** argv) {
  const int searches = argc > 1 ? std::atoi(argv[1]) : 100;
  if (searches < 1) {
    std::fprintf(stderr, "usage: draws [searches=100]\n");
    return 2;
  }
  std::printf(
      "mean regret over %d searches, rounds of 8\n\n| space | configs | tpe | even draws |\n|---|---|---|---|\n",
      searches);
  for (const World& world : worlds()) {
    for (const int configs : {20, 40, 80}) {
      double tpe = 0, even = 0;
      for (int search = 0; search < searches; ++search) {
        std::mt19937_64 random(static_cast<std::uint64_t>(search));
        const auto seed = static_cast<std::uint64_t>(search);
        tpe += regret_of(world, Tpe(configs, 8, seed), random) / searches;
        even += regret_of(world, Even(configs, seed), random) / searches;
      }
      std::printf("| %s | %d | %.4f | %.4f |\n", world.name, configs, tpe, even);
      std::fflush(stdout);
    }
  }
}
