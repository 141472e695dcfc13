#include "coordinator/commands/starter.h"

#include <algorithm>

namespace medley::coordinator {
namespace {

/// As a YAML double-quoted scalar.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string head(const std::string& dataset, const std::string& seeds) {
  return R"(# A sweep: every config below is trained on every fold with every seed.
# `medley settings` lists what can be set or varied; `medley plan sweep.yaml` shows what would be trained.
name: first-sweep
dataset: )" +
         quoted(dataset) + R"(   # a folder; relative to this file

folds: all      # or a list: [0, 1]
seeds: )" +
         seeds + R"(        # how many, or a list: [1, 2, 3]
)";
}

/// The baseline, the recommended start, and the best n of several encoders beside all of them; n up to `most`. The
/// dataset has this number of folds.
std::string variants(int most, bool several, std::size_t folds) {
  // Its weight decay is chosen by two training folds at least.
  const std::string linear = std::string("{fusion: concat, hidden: 0, head: label, optimizer: lbfgs") +
                             (folds < 3 ? ", tune_decay: false}" : "}");
  std::string text = R"(
variants:       # one config each, by name; settings that are not named have their defaults (`medley settings`)
  linear:        )" + linear +
                     R"(  # what every system has to beat
  mlp set-ratio: {fusion: concat, hidden: 512, head: set-ratio}     # a good start (docs/method.md)
)";
  if (several)
    text += "  all:           {selection: all}                                   # a gate weighs all encoders\n";
  for (int n = 1; n <= most; ++n) {
    // A gate that keeps one encoder learns which only where weights are cut.
    text += "  top " + std::to_string(n) + ":         {selection: learned, top_n: " + std::to_string(n) +
            (n == 1 ? ", renormalise: false}" : "}") + "\n";
  }
  return text + R"(
reference: {variant: linear}                                 # what tables compare with

compare: {axis: variant, baseline: linear, margin: 0.01}     # planned comparisons, with verdicts
)";
}

}  // namespace

std::string starter_sweep(const std::string& dataset) { return head(dataset, "2") + variants(3, true, 3); }

std::string starter_sweep(const std::string& dataset, const sweep::DatasetShape& shape) {
  constexpr int kMostEncoders = 4;
  const int encoders = static_cast<int>(shape.encoders.size());
  std::string text = head(dataset, "3");
  text += "\n# " + std::to_string(shape.folds.size()) + " folds; encoders:";
  for (const std::string& name : shape.encoders) text += " " + name;
  return text + "\n" + variants(std::min(kMostEncoders, encoders - 1), encoders > 1, shape.folds.size());
}

}  // namespace medley::coordinator
