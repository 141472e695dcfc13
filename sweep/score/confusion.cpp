#include "sweep/score/confusion.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "sweep/error.h"

namespace medley::sweep {

SetConfusion set_confusion(const std::vector<Label>& predicted, const std::vector<Label>& truth) {
  if (predicted.size() != truth.size()) {
    throw Error("a confusion of " + std::to_string(predicted.size()) + " predictions and " +
                std::to_string(truth.size()) + " labels");
  }
  const auto key = [](const Label& label) { return std::make_tuple(label.is_blend(), label.first, label.second); };
  std::map<std::tuple<bool, int, int>, std::size_t> index;
  for (const auto* labels : {&truth, &predicted}) {
    for (const Label& label : *labels) index[key(label)] = 0;
  }
  SetConfusion confusion;
  for (auto& [set, at] : index) {
    at = confusion.sets.size();
    const auto& [blend, first, second] = set;
    confusion.sets.push_back({first, second, blend ? 50 : 100});
  }
  confusion.counts.assign(confusion.sets.size() * confusion.sets.size(), 0);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    ++confusion.counts[index.at(key(truth[i])) * confusion.sets.size() + index.at(key(predicted[i]))];
  }
  return confusion;
}

namespace {

const std::string& name_of(int index, const Classes& classes) {
  return classes.names.at(static_cast<std::size_t>(index));
}

}  // namespace

std::string set_text(const Label& label, const Classes& classes) {
  if (!label.is_blend()) return name_of(label.first, classes);
  return name_of(label.first, classes) + " + " + name_of(label.second, classes);
}

std::string label_text(const Label& label, const Classes& classes) {
  if (!label.is_blend()) return name_of(label.first, classes);
  return name_of(label.first, classes) + " " + std::to_string(label.salience) + " + " + name_of(label.second, classes) +
         " " + std::to_string(100 - label.salience);
}

}  // namespace medley::sweep
