#include "coordinator/actions/export.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "coordinator/actions/sweep_results.h"
#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "sweep/class_names.h"
#include "sweep/digest.h"
#include "sweep/version.h"
#include "trainer/data/error.h"
#include "trainer/data/submission_check.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Weighted mean of the members' test probabilities, [test clip, class].
std::vector<double> test_probabilities(storage::Reader& reader, const storage::EnsembleRecord& ensemble,
                                       std::size_t clips, std::size_t classes) {
  std::map<std::string, double> weights;
  double total = 0;
  std::vector<std::string> trials;
  for (const storage::MemberRecord& member : ensemble.members) {
    if (weights.try_emplace(member.trial, member.weight).second) trials.push_back(member.trial);
    total += member.weight;
  }
  if (!(total > 0))
    throw storage::Error("ensemble '" + ensemble.request.name + "' has no member with a weight above 0");
  const auto parts = reader.predictions(trials, ensemble.request.protocol, storage::Split::kTest);
  std::vector<double> mixed(clips * classes);
  std::set<std::string> found;
  for (const storage::TrialPredictions& part : parts) {
    if (part.fused.size() != mixed.size()) {
      throw storage::Error("trial " + part.trial + " has test predictions of " + std::to_string(part.clips) +
                           " clips, not of the dataset's " + std::to_string(clips));
    }
    found.insert(part.trial);
    const double weight = weights.at(part.trial) / total;
    for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] += weight * static_cast<double>(part.fused[i]);
  }
  for (const std::string& trial : trials) {
    if (!found.count(trial)) throw storage::Error("member trial " + trial + " has no result in this store any more");
  }
  return mixed;
}

json member_json(storage::Reader& reader, const storage::MemberRecord& member, json& configs) {
  const auto detail = reader.find_trial(member.trial);
  if (!detail) throw storage::Error("member trial " + member.trial + " is not in this store");
  const std::string config = sweep::config_id(detail->spec.config);
  configs[config] = sweep::to_json(detail->spec.config);
  return {{"trial", member.trial},
          {"weight", member.weight},
          {"config", config},
          {"fold", detail->spec.fold},
          {"seed", detail->spec.seed}};
}

/// The dataset's classes under the challenge's names. Throws data::Error naming a class that has none.
sweep::Classes named_as_the_challenge_does(const sweep::Classes& classes, const fs::path& out) {
  if (const auto named = sweep::challenge_classes(classes)) return *named;
  const std::vector<std::string> valid = sweep::Classes::blemore().names;
  for (const std::string& name : classes.names) {
    if (sweep::challenge_class(name)) continue;
    throw data::Error(out.string() + ": class '" + name + "' has no name in the challenge (" +
                      fmt::format("{}", fmt::join(valid, ", ")) +
                      "), and its scorer would count it as wrong; name the classes so in dataset.yaml");
  }
  throw data::Error(out.string() + ": two classes of the dataset are one class of the challenge: " +
                    fmt::format("{}", fmt::join(classes.names, ", ")));
}

/// Throws data::Error with the errors of a submission.
void refuse(const fs::path& out, const data::Findings& findings) {
  if (findings.errors() > 0) throw data::Error(out.string() + ": breaks the challenge's format:\n" + findings.text());
}

/// What the archive at `out` holds, read and checked again.
data::Findings check_archive(const fs::path& out, const std::string& member, const sweep::Classes& classes,
                             const data::ClipList& clips) {
  data::Findings findings;
  const auto text = data::read_submission(out, member, findings);
  refuse(out, findings);
  return data::check_submission(*text, classes, clips);
}

}  // namespace

fs::path manifest_path(const fs::path& out) { return fs::path(out).replace_extension(".manifest.json"); }

Exported export_ensemble(storage::Reader& reader, storage::Writer& writer, const storage::EnsembleRecord& ensemble,
                         const fs::path& out, const std::string& member, storage::TimeMs now) {
  const storage::DatasetRecord dataset = dataset_of(reader, ensemble.dataset);
  std::vector<std::string> filenames;
  for (const storage::ClipRecord& clip : dataset.clips) {
    if (clip.fold < 0) filenames.push_back(clip.filename);
  }
  if (filenames.empty()) throw storage::Error("dataset " + dataset.name + " has no test clips: nothing to submit");
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  const sweep::Classes named = named_as_the_challenge_does(dataset.classes, out);
  const auto p = test_probabilities(reader, ensemble, filenames.size(), classes);

  Exported exported;
  for (std::size_t c = 0; c < classes; ++c) {
    if (dataset.classes.names[c] != named.names[c]) {
      exported.renamed.push_back(dataset.classes.names[c] + " -> " + named.names[c]);
    }
  }
  std::vector<data::Prediction> predictions;
  for (std::size_t i = 0; i < filenames.size(); ++i) {
    predictions.push_back({filenames[i], sweep::decode(&p[i * classes], dataset.classes, ensemble.thresholds)});
    exported.blends += predictions.back().label.is_blend();
  }
  exported.clips = static_cast<int>(filenames.size());
  const std::string text = data::format_submission(predictions, named);
  const data::ClipList clips{filenames, {}};
  refuse(out, data::check_submission(text, named, clips));
  data::write_submission(out, text, member);
  refuse(out, check_archive(out, member, named, clips));

  exported.archive = out;
  exported.sha256 = sweep::sha256_hex(files::rethrow_as<data::Error>([&] { return files::read(out); }));
  exported.manifest = manifest_path(out);
  json members = json::array();
  json configs = json::object();
  for (const storage::MemberRecord& one : ensemble.members) members.push_back(member_json(reader, one, configs));
  const json manifest = {
      {"medley", sweep::version()},
      {"archive", out.filename().string()},
      {"member", member},
      {"sha256", exported.sha256},
      {"clips", exported.clips},
      {"predicted_blends", exported.blends},
      {"renamed_classes", exported.renamed},
      {"dataset", {{"name", dataset.name}, {"fingerprint", dataset.fingerprint}, {"synthetic", dataset.synthetic}}},
      {"decode", "thresholds"},
      {"alpha", ensemble.thresholds.alpha},
      {"beta", ensemble.thresholds.beta},
      {"ensemble",
       {{"id", ensemble.id},
        {"name", ensemble.request.name},
        {"method", name_of(ensemble.request.options.method)},
        {"settings", storage::settings_json(ensemble)},
        {"scores", storage::scores_json(ensemble)}}},
      {"members", std::move(members)},
      {"configs", std::move(configs)},
      {"created_ms", now}};
  files::rethrow_as<data::Error>(
      [&] { files::write(exported.manifest, manifest.dump(2) + "\n", files::Durability::kDurable); });

  storage::Writer::Group group(writer);
  writer.save_export({0, ensemble.id, fs::absolute(out).string(), exported.sha256, now, manifest});
  writer.log_event("export", "", "ensemble '" + ensemble.request.name + "' to " + fs::absolute(out).string(), now);
  group.commit();
  return exported;
}

}  // namespace medley::coordinator
