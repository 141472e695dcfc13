#include "coordinator/actions/traps.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "sweep/report/report.h"
#include "sweep/score/statistics.h"

namespace medley::coordinator {
namespace {

/// A shift below this is no more than two groups of actors have anyway.
constexpr double kNoShift = 2;

void add_untrained_gates(const SweepFile& file, std::vector<std::string>& traps) {
  const auto& configs = file.expansion.configs;
  const auto count = std::count_if(configs.begin(), configs.end(), [](const sweep::ExpandedConfig& expanded) {
    const sweep::Config& c = expanded.config;
    return sweep::is_gated(c) && c.selection == sweep::Selection::kLearned && c.top_n == 1 && c.renormalise;
  });
  if (count == 0) return;
  traps.push_back(
      fmt::format("{} of {} configs keep one encoder of each clip with renormalise: true: its weight is 1 whatever the "
                  "gate says, so the gate learns nothing; renormalise: false lets it",
                  count, configs.size()));
}

/// A report judges an adaptation beside the same config without one.
void add_unjudged_adaptations(const SweepFile& file, std::vector<std::string>& traps) {
  const auto& configs = file.expansion.configs;
  std::set<std::string> ids;
  for (const sweep::ExpandedConfig& expanded : configs) ids.insert(expanded.id);
  const auto count = std::count_if(configs.begin(), configs.end(), [&](const sweep::ExpandedConfig& expanded) {
    sweep::Config without = expanded.config;
    without.adaptation = sweep::Adaptation::kNone;
    return ids.count(sweep::config_id(without)) == 0;
  });
  if (count == 0) return;
  traps.push_back(
      fmt::format("{} of {} configs adapt, and the sweep lacks the same without: a report cannot say "
                  "whether it hurts; add adaptation: none",
                  count, configs.size()));
}

void add_narrow_margins(const Forecast& forecast, std::vector<std::string>& traps) {
  if (!forecast.settling) return;
  for (const auto& margin : forecast.settling->margins) {
    if (margin.reached || margin.within > 0) continue;
    std::string way = "one seed does not tell what more would do";
    if (forecast.settling->seeds_seen) {
      way = fmt::format("{} seeds {}", margin.seeds.value_or(kMostSeeds),
                        margin.seeds ? "would reach it" : "would not either");
    }
    traps.push_back(
        fmt::format("compare {}: a margin of {} is less than the median half width of the forecast ({}): expect "
                    "inconclusive rather "
                    "than equivalent; {}",
                    margin.axis, difference_text(margin.margin), difference_text(margin.half_width), way));
  }
}

/// Features of every clip, the mean over layers.
std::vector<float> rows_of(const data::Encoder& encoder, int clips) {
  const auto dim = static_cast<std::size_t>(encoder.dim());
  const auto layers = static_cast<std::size_t>(encoder.layers());
  const auto count = static_cast<std::size_t>(clips);
  std::vector<int> every(count);
  std::iota(every.begin(), every.end(), 0);
  std::vector<float> all(count * layers * dim);
  encoder.gather(every, all.data());
  if (layers == 1) return all;
  std::vector<float> mean(count * dim);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t layer = 0; layer < layers; ++layer) {
      for (std::size_t d = 0; d < dim; ++d) {
        mean[i * dim + d] += all[(i * layers + layer) * dim + d] / static_cast<float>(layers);
      }
    }
  }
  return mean;
}

/// What configs adapt to: clips of which folds (-1: the test clips), and with which encoders.
struct Adapted {
  std::string what;
  std::vector<int> folds;
  std::set<std::string> encoders = {};
  std::vector<double> shifts = {};
};

void add_needless_adaptation(const SweepFile& file, const std::vector<data::Clip>& clips,
                             std::vector<std::string>& traps) {
  Adapted test{"test", {-1}};
  Adapted validation{"validation", file.expansion.folds};
  for (const sweep::ExpandedConfig& expanded : file.expansion.configs) {
    const sweep::Config& c = expanded.config;
    if (c.adaptation == sweep::Adaptation::kNone) continue;
    auto& encoders = (c.adaptation_target == sweep::AdaptationTarget::kTest ? test : validation).encoders;
    encoders.insert(c.encoders.begin(), c.encoders.end());
  }
  for (const auto& encoder : file.dataset.encoders) {
    if (test.encoders.count(encoder->name()) + validation.encoders.count(encoder->name()) == 0) continue;
    const std::vector<float> rows = rows_of(*encoder, static_cast<int>(clips.size()));
    for (Adapted* adapted : {&test, &validation}) {
      if (adapted->encoders.count(encoder->name()) == 0) continue;
      std::vector<std::string> actors;  // no test clip is a source of validation
      for (const data::Clip& clip : clips) actors.push_back(clip.fold < 0 && adapted != &test ? "" : clip.actor);
      for (const int fold : adapted->folds) {
        std::vector<bool> is_target;
        for (const data::Clip& clip : clips) is_target.push_back(clip.fold == fold);
        const double shift = shift_between(rows, encoder->dim(), actors, is_target);
        if (std::isfinite(shift)) adapted->shifts.push_back(shift);
      }
    }
  }
  for (const Adapted& adapted : {test, validation}) {
    if (adapted.shifts.empty() || sweep::mean(adapted.shifts) >= kNoShift) continue;
    traps.push_back(fmt::format(
        "adaptation to {} clips: their features lie no farther from the training clips than those of other actors do "
        "(shift {:.1f}; about 1 is none), so there may be nothing to adapt to",
        adapted.what, sweep::mean(adapted.shifts)));
  }
}

}  // namespace

double shift_between(const std::vector<float>& rows, int dim, const std::vector<std::string>& actor,
                     const std::vector<bool>& target) {
  const auto width = static_cast<std::size_t>(dim);
  struct Sum {
    std::vector<double> features;
    double clips = 0;
  };
  std::map<std::pair<bool, std::string>, Sum> by_actor;
  for (std::size_t i = 0; i < actor.size(); ++i) {
    if (actor[i].empty()) continue;
    Sum& sum = by_actor[{target[i], actor[i]}];
    sum.features.resize(width);
    for (std::size_t d = 0; d < width; ++d) sum.features[d] += double{rows[i * width + d]};
    ++sum.clips;
  }
  double actors[2] = {0, 0};
  for (const auto& [key, sum] : by_actor) ++actors[key.first];
  if (actors[0] < 2 || actors[1] < 2) return std::numeric_limits<double>::quiet_NaN();
  double total = 0;
  double columns = 0;
  for (std::size_t d = 0; d < width; ++d) {
    double mean[2] = {0, 0};
    for (const auto& [key, sum] : by_actor) mean[key.first] += sum.features[d] / sum.clips / actors[key.first];
    double squares = 0;
    for (const auto& [key, sum] : by_actor) {
      const double off = sum.features[d] / sum.clips - mean[key.first];
      squares += off * off;
    }
    const double variance = squares / (actors[0] + actors[1] - 2);
    if (variance <= 0) continue;
    total += (mean[1] - mean[0]) * (mean[1] - mean[0]) / (variance * (1 / actors[0] + 1 / actors[1]));
    ++columns;
  }
  return columns > 0 ? total / columns : std::numeric_limits<double>::quiet_NaN();
}

std::vector<std::string> find_traps(const SweepFile& file, const Forecast& forecast) {
  std::vector<std::string> traps;
  add_untrained_gates(file, traps);
  if (!file.expansion.search) add_unjudged_adaptations(file, traps);
  std::vector<data::Clip> clips = file.dataset.clips;
  sweep::put_in_folds(clips, file.expansion.partitions.front());
  add_narrow_margins(forecast, traps);
  add_needless_adaptation(file, clips, traps);
  return traps;
}

}  // namespace medley::coordinator
