#include "sweep/score/weight_share.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

/// [group]: sum of weights x parts of the encoders in it.
std::vector<double> shares_of(const std::vector<double>& weights, const std::vector<EncoderParts>& parts,
                              const std::vector<std::size_t>& group_of, std::size_t groups) {
  std::vector<double> shares(groups);
  for (std::size_t m = 0; m < weights.size(); ++m) {
    for (std::size_t e = 0; e < group_of.size(); ++e) shares[group_of[e]] += weights[m] * parts[m][e];
  }
  return shares;
}

std::vector<WeightShare> shares_and_ranges(const Ensemble& ensemble, const std::vector<EncoderParts>& parts,
                                           const std::vector<std::size_t>& group_of,
                                           const std::vector<std::string>& names) {
  std::vector<WeightShare> made;
  const auto fitted = shares_of(ensemble.fitted.weights, parts, group_of, names.size());
  for (std::size_t g = 0; g < names.size(); ++g) made.push_back({names[g], fitted[g], {1, 0}});
  for (const Ensemble::Fold& fold : ensemble.folds) {
    const auto here = shares_of(fold.fitted.weights, parts, group_of, names.size());
    for (std::size_t g = 0; g < names.size(); ++g) {
      made[g].range = {std::min(made[g].range.low, here[g]), std::max(made[g].range.high, here[g])};
    }
  }
  return made;
}

void check(const Ensemble& ensemble, const std::vector<EncoderParts>& parts, std::size_t encoders) {
  if (parts.size() != ensemble.fitted.weights.size()) {
    throw Error(std::to_string(parts.size()) + " candidates have encoders, not " +
                std::to_string(ensemble.fitted.weights.size()));
  }
  for (std::size_t m = 0; m < parts.size(); ++m) {
    const double sum = std::accumulate(parts[m].begin(), parts[m].end(), 0.0);
    const bool negative = std::any_of(parts[m].begin(), parts[m].end(), [](double part) { return part < 0; });
    if (parts[m].size() != encoders || negative || !(std::abs(sum - 1) < 1e-9)) {
      throw Error("candidate " + std::to_string(m) + " does not split its weight over " + std::to_string(encoders) +
                  " encoders: its " + std::to_string(parts[m].size()) + " parts sum to " + std::to_string(sum));
    }
  }
}

}  // namespace

WeightShares weight_shares(const Ensemble& ensemble, const std::vector<EncoderParts>& parts,
                           const std::vector<EncoderOfEnsemble>& encoders) {
  check(ensemble, parts, encoders.size());
  const auto grouped = [&](const auto& group_of) {
    std::vector<std::string> groups;
    std::vector<std::size_t> place;  // [encoder]: of its group
    for (const EncoderOfEnsemble& encoder : encoders) {
      const std::string group = group_of(encoder);
      const auto known = std::find(groups.begin(), groups.end(), group);
      place.push_back(static_cast<std::size_t>(known - groups.begin()));
      if (known == groups.end()) groups.push_back(group);
    }
    return shares_and_ranges(ensemble, parts, place, groups);
  };
  std::set<std::string> labels;
  for (const EncoderOfEnsemble& encoder : encoders) {
    for (const auto& [label, word] : encoder.labels) labels.insert(label);
  }
  WeightShares shares{grouped([](const EncoderOfEnsemble& encoder) { return encoder.name; }), {}};
  for (const std::string& label : labels) {
    shares.groups.push_back({label, grouped([&](const EncoderOfEnsemble& encoder) {
                               return word_of(encoder.labels, label, kOtherGroup);
                             })});
  }
  return shares;
}

}  // namespace medley::sweep
