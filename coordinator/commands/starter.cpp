#include "coordinator/commands/starter.h"

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

}  // namespace

std::string starter_sweep(const std::string& dataset) {
  return R"(# A sweep: every config below is trained on every fold with every seed.
# `medley settings` lists what can be set or varied; `medley plan sweep.yaml` shows what would be trained.
name: first-sweep
dataset: )" +
         quoted(dataset) + R"(   # a folder; relative to this file

folds: all      # or a list: [0, 1]
seeds: 2        # how many, or a list: [1, 2, 3]

base:           # what every config shares; anything not named has its default
  epochs: 20
  learning_rate: 1e-3

axes:           # what is varied: all combinations
  selection: [learned, all]
  top_n: [1, 2, 3]

when:           # an axis is varied only where this holds
  top_n: {selection: learned}
)";
}

}  // namespace medley::coordinator
