#include "sweep/score/ensemble_request.h"

#include <algorithm>

#include "sweep/error.h"
#include "sweep/nearest.h"
#include "sweep/partition.h"

namespace medley::sweep {
namespace {

using nlohmann::json;
using Kind = EnsembleSetting::Kind;

constexpr int kLongestName = 200;
constexpr int kMaxCandidates = 10'000;
/// A fit takes rounds x bags steps.
constexpr int kMaxSteps = 1'000;

template <int EnsembleOptions::*Member>
EnsembleSetting count(const char* name, int most, const char* meaning) {
  return {name,
          Kind::kCount,
          {},
          most,
          meaning,
          [](const EnsembleRequest& r) { return json(r.options.*Member); },
          [](EnsembleRequest& r, const json& v) { r.options.*Member = v.get<int>(); }};
}

std::vector<EnsembleSetting> make_settings() {
  using R = EnsembleRequest;
  using O = EnsembleOptions;
  return {
      {"method", Kind::kChoice, all_names<EnsembleMethod>(), 0,
       "mean of the best k, fitted simplex weights, or greedy selection",
       [](const R& r) { return json(name_of(r.options.method)); },
       [](R& r, const json& v) { r.options.method = ensemble_method(v.get<std::string>()); }},
      {"mix", Kind::kChoice, all_names<Mix>(), 0, "arithmetic: weighted mean; geometric: weighted geometric mean",
       [](const R& r) { return json(name_of(r.options.mix)); },
       [](R& r, const json& v) { r.options.mix = *find_named<Mix>(v.get<std::string>()); }},
      {"per_subset",
       Kind::kFlag,
       {},
       0,
       "late fusion: a candidate an encoder subset, its best config with all seeds averaged",
       [](const R& r) { return json(r.per_subset); },
       [](R& r, const json& v) { r.per_subset = v.get<bool>(); }},
      count<&O::k>("k", kMaxCandidates, "mean: number of candidates"),
      count<&O::most_candidates>("candidates", kMaxCandidates, "simplex, caruana: number of best candidates"),
      count<&O::rounds>("rounds", kMaxSteps, "caruana: candidates added in a bag"),
      count<&O::bags>("bags", kMaxSteps, "caruana: random halves of the candidates"),
      {"thresholds", Kind::kChoice, all_names<EnsembleThresholds>(), 0,
       "one pair over all folds, or each fold's own (and their mean on other clips)",
       [](const R& r) { return json(name_of(r.options.thresholds)); },
       [](R& r, const json& v) { r.options.thresholds = ensemble_thresholds(v.get<std::string>()); }},
      {"head_fusion", Kind::kChoice, head_fusion_choices(), 0,
       "how members fuse presence and salience; fitted: chosen with weights and thresholds",
       [](const R& r) { return json(head_fusion_text(r.options.head_fusion)); },
       [](R& r, const json& v) { r.options.head_fusion = head_fusion_of(v.get<std::string>()); }},
      {"protocol",
       Kind::kChoice,
       {name_of(Protocol::kHeldOut), name_of(Protocol::kPaper)},
       0,
       "epoch of the members: held-out, or paper-style (optimistic)",
       [](const R& r) { return json(name_of(r.protocol)); },
       [](R& r, const json& v) { r.protocol = *find_named<Protocol>(v.get<std::string>()); }},
      {"repeat",
       Kind::kCount,
       {},
       kMostRepeats,
       "repeat of made folds that all members are of",
       [](const R& r) { return json(r.repeat); },
       [](R& r, const json& v) { r.repeat = v.get<int>(); }},
      {"name",
       Kind::kText,
       {},
       kLongestName,
       "name to store it by; SWEEP-METHOD if not given",
       [](const R& r) { return json(r.name); },
       [](R& r, const json& v) { r.name = v.get<std::string>(); }},
  };
}

}  // namespace

const std::vector<EnsembleSetting>& ensemble_settings() {
  static const std::vector<EnsembleSetting> all = make_settings();
  return all;
}

std::string check_value(const EnsembleSetting& setting, const json& value) {
  switch (setting.kind) {
    case Kind::kText:
      if (!value.is_string()) return "must be text";
      return value.get_ref<const std::string&>().size() <= static_cast<std::size_t>(setting.most)
                 ? ""
                 : "may have at most " + std::to_string(setting.most) + " bytes";
    case Kind::kChoice: {
      std::string known;
      for (const std::string& choice : setting.choices) {
        if (value == choice) return "";
        known += (known.empty() ? "" : ", ") + choice;
      }
      return "must be one of " + known;
    }
    case Kind::kCount:
      return value.is_number_integer() && value >= 1 && value <= setting.most
                 ? ""
                 : "must be a whole number from 1 to " + std::to_string(setting.most);
    case Kind::kFlag:
      return value.is_boolean() ? "" : "must be true or false";
  }
  return "";
}

json to_json(const EnsembleRequest& request) {
  json object = json::object();
  for (const EnsembleSetting& setting : ensemble_settings()) object[setting.name] = setting.get(request);
  return object;
}

EnsembleRequest ensemble_request_from_json(const json& object) {
  EnsembleRequest request;
  for (const auto& [key, value] : object.items()) {
    const auto& all = ensemble_settings();
    const auto setting = std::find_if(all.begin(), all.end(), [&name = key](const auto& s) { return name == s.name; });
    if (setting == all.end()) {
      std::vector<std::string> names;
      for (const EnsembleSetting& known : all) names.emplace_back(known.name);
      throw Error("an ensemble has no '" + key + "'" + suggestion(key, names));
    }
    const std::string wrong = check_value(*setting, value);
    if (!wrong.empty()) throw Error(key + " " + wrong);
    setting->set(request, value);
  }
  return request;
}

}  // namespace medley::sweep
