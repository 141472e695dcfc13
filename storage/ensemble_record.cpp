#include "storage/ensemble_record.h"

#include <limits>

#include "storage/error.h"
#include "sweep/digest.h"
#include "sweep/error.h"
#include "sweep/report/report_json.h"

namespace medley::storage {
namespace {

using nlohmann::json;

// ---- Writing --------------------------------------------------------------------------------------------------

/// The only decode that an ensemble has.
constexpr const char* kDecode = "thresholds";

json to_json(const sweep::Interval& interval) { return {interval.low, interval.high}; }

json to_json(const std::vector<CandidateWeight>& candidates) {
  json rows = json::array();
  for (const CandidateWeight& candidate : candidates) rows.push_back(storage::to_json(candidate));
  return rows;
}

json to_json(const std::vector<sweep::WeightShare>& shares, const char* name) {
  json rows = json::array();
  for (const sweep::WeightShare& share : shares) {
    rows.push_back({{name, share.name}, {"share", share.share}, {"range", to_json(share.range)}});
  }
  return rows;
}

// ---- Reading --------------------------------------------------------------------------------------------------

/// A value of a stored column and where it stands, such as scores.folds[1].alpha, which every Error names.
class Stored {
 public:
  Stored(const json& value, std::string place) : value_(value), place_(std::move(place)) {}

  Stored operator[](const char* key) const {
    if (!value_.is_object()) wrong("must be an object");
    const auto found = value_.find(key);
    if (found == value_.end()) throw Error(place_ + "." + key + " is missing");
    return {*found, place_ + "." + key};
  }
  std::vector<Stored> items() const {
    if (!value_.is_array()) wrong("must be a list");
    std::vector<Stored> all;
    for (const json& item : value_) all.emplace_back(item, place_ + "[" + std::to_string(all.size()) + "]");
    return all;
  }
  const json& value() const { return value_; }

  double number() const {
    if (!value_.is_number()) wrong("must be a number");
    return value_.get<double>();
  }
  std::uint64_t seed() const {
    if (!value_.is_number_unsigned()) wrong("must be a whole number from 0");
    return value_.get<std::uint64_t>();
  }
  int count() const {
    constexpr auto kMost = std::numeric_limits<int>::max();
    if (!value_.is_number_unsigned() || value_ > kMost)
      wrong("must be a whole number from 0 to " + std::to_string(kMost));
    return value_.get<int>();
  }
  bool flag() const {
    if (!value_.is_boolean()) wrong("must be true or false");
    return value_.get<bool>();
  }
  std::string text() const {
    if (!value_.is_string()) wrong("must be text");
    return value_.get<std::string>();
  }
  [[noreturn]] void wrong(const std::string& what) const { throw Error(place_ + " " + what); }

 private:
  const json& value_;
  std::string place_;
};

sweep::Thresholds thresholds_of(const Stored& row) { return {row["alpha"].number(), row["beta"].number()}; }

/// The score is their mean.
sweep::Accuracy accuracy_of(const Stored& row) { return {row["acc_presence"].number(), row["acc_salience"].number()}; }

sweep::Interval interval_of(const Stored& ends) {
  const auto both = ends.items();
  if (both.size() != 2) ends.wrong("must be two numbers");
  return {both[0].number(), both[1].number()};
}

std::vector<CandidateWeight> weights_of(const Stored& rows) {
  std::vector<CandidateWeight> weights;
  for (const Stored& row : rows.items()) {
    CandidateWeight& candidate = weights.emplace_back();
    candidate.config = row["config"].text();
    for (const Stored& seed : row["seeds"].items()) candidate.seeds.push_back(seed.seed());
    candidate.weight = row["weight"].number();
  }
  return weights;
}

std::vector<sweep::WeightShare> shares_of(const Stored& rows, const char* name) {
  std::vector<sweep::WeightShare> shares;
  for (const Stored& row : rows.items()) {
    shares.push_back({row[name].text(), row["share"].number(), interval_of(row["range"])});
  }
  return shares;
}

sweep::HeadFusion fusion_of(const Stored& row) {
  const auto fusion = sweep::find_named<sweep::HeadFusion>(row["heads_fused_as"].text());
  if (!fusion) row["heads_fused_as"].wrong("must be a fusion of heads");
  return *fusion;
}

sweep::EnsembleRequest request_of(const std::string& name, const std::string& method, const Stored& settings) {
  json object = {{"method", method}};
  for (const sweep::EnsembleSetting& setting : sweep::ensemble_settings()) {
    const std::string key = setting.name;
    if (key != "name" && key != "method") object[key] = settings[setting.name].value();
  }
  sweep::EnsembleRequest request = sweep::ensemble_request_from_json(object);
  request.name = name;
  return request;
}

void read_settings(const std::string& method, const Stored& settings, EnsembleRecord& ensemble) {
  ensemble.request = request_of(ensemble.request.name, method, settings);
  ensemble.sweep = settings["sweep"].text();
  if (settings["decode"].text() != kDecode) settings["decode"].wrong(std::string("must be ") + kDecode);
  try {
    ensemble.partition = sweep::partition_of(settings["partition"].text());
  } catch (const sweep::Error&) {
    settings["partition"].wrong("must be a partition");
  }
  ensemble.head_fusion = fusion_of(settings);
  ensemble.thresholds = thresholds_of(settings);
  for (const Stored& row : settings["fold_thresholds"].items()) {
    ensemble.fold_thresholds.emplace_back(row["fold"].count(), thresholds_of(row));
  }
}

void read_scores(const Stored& scores, EnsembleRecord& ensemble) {
  ensemble.optimistic = accuracy_of(scores["optimistic"]);
  ensemble.nested = accuracy_of(scores["nested"]);
  ensemble.best_single_nested = accuracy_of(scores["best_single_nested"]);
  const Stored interval = scores["nested_interval"];
  ensemble.request.options.level = interval["level"].number();
  const auto clusters = sweep::find_named<sweep::Clusters>(interval["by"].text());
  if (!clusters) interval["by"].wrong("must be actors or folds");
  ensemble.clusters = *clusters;
  ensemble.nested_interval = {interval_of(interval["acc_presence"]), interval_of(interval["acc_salience"]),
                              interval_of(interval["score"])};
  for (const Stored& row : scores["folds"].items()) {
    ensemble.folds.push_back(
        {row["fold"].count(), weights_of(row["weights"]), fusion_of(row), thresholds_of(row), accuracy_of(row)});
  }
  ensemble.weights = weights_of(scores["weights"]);
  ensemble.shares.encoders = shares_of(scores["shares"]["encoders"], "encoder");
  for (const Stored& groups : scores["shares"]["groups"].items()) {
    ensemble.shares.groups.push_back({groups["by"].text(), shares_of(groups["shares"], "group")});
  }
  ensemble.actors = scores["actors"].count();
  ensemble.candidates = scores["candidates"].count();
  ensemble.left_out = scores["left_out"].count();
  ensemble.transductive = scores["transductive"].flag();
  ensemble.read_test_clips = scores["read_test_clips"].flag();
  ensemble.sweep_trials = scores["sweep_trials"].count();
  ensemble.sweep_results = scores["sweep_results"].count();
  ensemble.synthetic = scores["synthetic"].flag();
}

void check_fold_thresholds(const EnsembleRecord& ensemble) {
  std::vector<int> own, folds;
  for (const auto& [fold, thresholds] : ensemble.fold_thresholds) own.push_back(fold);
  for (const EnsembleFoldRecord& fold : ensemble.folds) folds.push_back(fold.fold);
  if (!own.empty() && own != folds) throw Error("settings.fold_thresholds must have the folds of scores.folds");
}

json parse(const std::string& text, const char* column) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) throw Error(std::string(column) + " are not JSON");
  return value;
}

}  // namespace

std::string clusters_text(const EnsembleRecord& ensemble) {
  if (ensemble.clusters == sweep::Clusters::kActors) return "by " + std::to_string(ensemble.actors) + " actors";
  return "by " + std::to_string(ensemble.folds.size()) + " folds, as fewer than two actors are known";
}

std::string unfinished_text(const EnsembleRecord& ensemble) {
  if (ensemble.sweep_results >= ensemble.sweep_trials) return "";
  return std::to_string(ensemble.sweep_results) + " of " + std::to_string(ensemble.sweep_trials) +
         " trials of the sweep had a result when the ensemble was fitted";
}

json to_json(const CandidateWeight& candidate) {
  return {{"config", candidate.config}, {"seeds", candidate.seeds}, {"weight", candidate.weight}};
}

json settings_json(const EnsembleRecord& ensemble) {
  json settings = sweep::to_json(ensemble.request);
  // Columns of their own.
  settings.erase("name");
  settings.erase("method");
  settings["sweep"] = ensemble.sweep;
  settings["partition"] = sweep::partition_text(ensemble.partition);
  settings["decode"] = kDecode;
  settings["heads_fused_as"] = name_of(ensemble.head_fusion);
  settings["alpha"] = ensemble.thresholds.alpha;
  settings["beta"] = ensemble.thresholds.beta;
  json& rows = settings["fold_thresholds"] = json::array();
  for (const auto& [fold, thresholds] : ensemble.fold_thresholds) {
    rows.push_back({{"fold", fold}, {"alpha", thresholds.alpha}, {"beta", thresholds.beta}});
  }
  return settings;
}

json scores_json(const EnsembleRecord& ensemble) {
  json folds = json::array();
  for (const EnsembleFoldRecord& fold : ensemble.folds) {
    json row = sweep::accuracy_json(fold.accuracy);
    row["fold"] = fold.fold;
    row["heads_fused_as"] = name_of(fold.head_fusion);
    row["alpha"] = fold.thresholds.alpha;
    row["beta"] = fold.thresholds.beta;
    row["weights"] = to_json(fold.weights);
    folds.push_back(std::move(row));
  }
  json groups = json::array();
  for (const sweep::GroupShares& one : ensemble.shares.groups) {
    groups.push_back({{"by", one.by}, {"shares", to_json(one.shares, "group")}});
  }
  const json interval = {{"level", ensemble.request.options.level},
                         {"by", name_of(ensemble.clusters)},
                         {"acc_presence", to_json(ensemble.nested_interval.presence)},
                         {"acc_salience", to_json(ensemble.nested_interval.salience)},
                         {"score", to_json(ensemble.nested_interval.score)}};
  return {{"optimistic", sweep::accuracy_json(ensemble.optimistic)},
          {"nested", sweep::accuracy_json(ensemble.nested)},
          {"best_single_nested", sweep::accuracy_json(ensemble.best_single_nested)},
          {"nested_interval", interval},
          {"folds", std::move(folds)},
          {"weights", to_json(ensemble.weights)},
          {"shares", {{"encoders", to_json(ensemble.shares.encoders, "encoder")}, {"groups", std::move(groups)}}},
          {"actors", ensemble.actors},
          {"candidates", ensemble.candidates},
          {"left_out", ensemble.left_out},
          {"transductive", ensemble.transductive},
          {"read_test_clips", ensemble.read_test_clips},
          {"sweep_trials", ensemble.sweep_trials},
          {"sweep_results", ensemble.sweep_results},
          {"synthetic", ensemble.synthetic}};
}

std::string ensemble_digest(const std::string& name, const std::string& method, const std::string& settings,
                            const std::string& scores, const std::vector<MemberRecord>& members) {
  sweep::Sha256 sha;
  const auto add = [&sha](const std::string& text) { sha.add(std::to_string(text.size()) + ":" + text); };
  for (const std::string& text : {name, method, settings, scores}) add(text);
  for (const MemberRecord& member : members) {
    add(member.trial);
    sha.add(&member.weight, sizeof(member.weight));
  }
  return sha.hex();
}

void read_ensemble_json(const std::string& method, const std::string& settings, const std::string& scores,
                        EnsembleRecord& ensemble) {
  try {
    const json settings_value = parse(settings, "settings");
    const json scores_value = parse(scores, "scores");
    read_settings(method, {settings_value, "settings"}, ensemble);
    read_scores({scores_value, "scores"}, ensemble);
    check_fold_thresholds(ensemble);
  } catch (const std::runtime_error& e) {  // of this file, or of the request's own reader
    throw Error("the store is damaged: ensemble " + std::to_string(ensemble.id) + " '" + ensemble.request.name +
                "': " + e.what());
  }
}

}  // namespace medley::storage
