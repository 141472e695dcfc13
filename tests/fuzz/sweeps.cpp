// Sweep files.
#include <algorithm>
#include <string>
#include <utility>

#include "sweep/spec/expand.h"
#include "tests/fuzz/diagnostics.h"
#include "tests/fuzz/target.h"

namespace medley::fuzz {
namespace {

/// An upper bound of the trials. A mutation may make a large grid, which takes its time.
double trial_bound(const sweep::SweepSpec& spec) {
  double bound = 5.0 * static_cast<double>(spec.seeds.size());
  if (spec.search == sweep::SweepSpec::Search::kRandom) return bound * spec.draws;
  for (const sweep::Axis& axis : spec.axes) {
    const bool encoders = axis.kind == sweep::Axis::Kind::kEncoders;
    bound *= std::max(static_cast<double>(axis.values.size()), encoders ? 31.0 : 1.0);
  }
  return bound;
}

}  // namespace

void sweeps(const std::string& input) {
  static const sweep::DatasetShape dataset{"f",
                                           {"clip", "hubert", "imagebind", "videomae", "wavlm"},
                                           {"video", "audio", "video", "video", "audio"},
                                           {0, 1, 2, 3, 4},
                                           true};
  try {
    const sweep::SweepSpec spec = sweep::parse_sweep(input, "fuzz.yaml");
    if (trial_bound(spec) > 2'000) return;
    const sweep::Expansion expansion = sweep::expand(spec, dataset);
    require(expansion.trials.size() == expansion.configs.size() * expansion.folds.size() * expansion.seeds.size(),
            "a config without all its trials");
    for (const sweep::ExpandedConfig& config : expansion.configs) {
      require(!sweep::check_config(config.config), "a config that cannot work");
    }
  } catch (const sweep::SpecError& error) {
    require_places(error, input);
  }
}

}  // namespace medley::fuzz
