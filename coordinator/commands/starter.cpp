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

/// One encoder leaves nothing to select: the official baselines instead.
std::string baselines() {
  return R"(
base:           # what every config shares; anything not named has its default
  fusion: concat
  head: softmax
  epochs: 20
  learning_rate: 1e-3

axes:           # what is varied: all combinations
  hidden: [0, 256, 512]   # 0 is linear

reference: {hidden: 0}    # what tables compare with

compare: {axis: hidden, baseline: 0, margin: 0.01}   # planned comparisons, with verdicts
)";
}

/// The best n of the encoders beside all of them; n up to `most`.
std::string selection(int most) {
  std::string numbers;
  for (int n = 1; n <= most; ++n) numbers += (n > 1 ? ", " : "") + std::to_string(n);
  return R"(
base:           # what every config shares; anything not named has its default
  epochs: 20
  learning_rate: 1e-3
  renormalise: false      # else a gate that keeps one encoder never learns which

axes:           # what is varied: all combinations
  selection: [learned, all]
  top_n: [)" +
         numbers + R"(]

when:           # an axis is varied only where this holds
  top_n: {selection: learned}
)";
}

}  // namespace

std::string starter_sweep(const std::string& dataset) { return head(dataset, "2") + selection(3); }

std::string starter_sweep(const std::string& dataset, const sweep::DatasetShape& shape) {
  constexpr int kMostEncoders = 4;
  const int encoders = static_cast<int>(shape.encoders.size());
  std::string text = head(dataset, "3");
  text += "\n# " + std::to_string(shape.folds.size()) + " folds; encoders:";
  for (const std::string& name : shape.encoders) text += " " + name;
  text += "\n";
  if (encoders < 2) return text + baselines();
  return text + selection(std::min(kMostEncoders, encoders - 1)) + R"(
reference: {selection: all}   # what tables compare with

compare: {axis: selection, baseline: all, margin: 0.01}   # planned comparisons, with verdicts
)";
}

}  // namespace medley::coordinator
