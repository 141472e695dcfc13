#include "coordinator/actions/export.h"

#include <fmt/format.h>

#include "coordinator/actions/sweep_file.h"
#include "coordinator/actions/sweep_results.h"
#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "sweep/class_names.h"
#include "sweep/digest.h"
#include "sweep/version.h"
#include "trainer/data/dataset.h"
#include "trainer/data/error.h"
#include "trainer/data/submission_check.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The dataset with the test clips that its folder has now.
storage::DatasetRecord with_present_clips(storage::DatasetRecord known, const fs::path& given, Exported& exported) {
  const fs::path folder = given.empty() ? fs::path(known.folder) : given;
  data::Dataset present;
  try {
    present = data::load_dataset(folder);
    if (present.fingerprint != known.fingerprint) {
      throw data::Error(folder.string() + ": its labelled clips are not those that the ensemble was trained on");
    }
  } catch (const data::Error& error) {
    if (!given.empty()) throw;
    const std::string text = error.what();
    exported.notes.push_back(text.substr(0, text.find('\n')) + "; the test clips are those of the store");
    return known;
  }
  storage::DatasetRecord record = record_of(present);
  if (record.test_fingerprint != known.test_fingerprint) exported.dataset = record;
  return record;
}

/// The mix of the members' test probabilities, [test clip, class].
std::vector<double> test_probabilities(storage::Reader& reader, const storage::EnsembleRecord& ensemble,
                                       const storage::DatasetRecord& dataset, const ExportOptions& options,
                                       Exported& exported) {
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  const sweep::Mix mix = ensemble.request.options.mix;
  StoredTests stored = sum_stored_tests(reader, ensemble, dataset);
  std::vector<double>& mixed = stored.sums;
  double others_total = 0;
  for (const storage::MemberRecord& member : stored.others) others_total += member.weight;
  if (others_total > 0) {
    const fs::path folder = options.data.empty() ? fs::path(dataset.folder) : options.data;
    const Predicted now =
        predict_members(reader, options.store, ensemble, stored.others, {folder, false, false}, options.worker);
    if (now.p.size() != mixed.size()) throw storage::Error(folder.string() + " has changed while it was read");
    for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] += others_total * sweep::mix_term(mix, now.p[i]);
    exported.predicted_now = static_cast<int>(stored.others.size());
  }
  for (std::size_t i = 0; i < mixed.size(); i += classes) sweep::mix_sums(mix, &mixed[i], classes, stored.weight);
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

/// Throws data::Error with the errors of a submission.
void refuse(const fs::path& out, const data::Findings& findings) {
  if (findings.errors() > 0) throw data::Error(out.string() + ": breaks the challenge's format:\n" + findings.text());
}

/// What `archive`, which is to be `out`, holds, read and checked again.
data::Findings check_archive(const fs::path& archive, const fs::path& out, const std::string& member,
                             const sweep::Classes& classes, const data::ClipList& clips) {
  data::Findings findings;
  const auto text = data::read_submission(archive, member, findings);
  refuse(out, findings);
  return data::check_submission(*text, classes, clips);
}

}  // namespace

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

fs::path manifest_path(const fs::path& out) { return fs::path(out).replace_extension(".manifest.json"); }

Exported export_ensemble(storage::Reader& reader, const storage::EnsembleRecord& ensemble, const ExportOptions& options,
                         storage::TimeMs now) try {
  Exported exported;
  const fs::path& out = options.out;
  const storage::DatasetRecord dataset =
      with_present_clips(dataset_of(reader, ensemble.dataset), options.data, exported);
  std::vector<std::string> filenames;
  for (const storage::ClipRecord& clip : dataset.clips) {
    if (clip.fold < 0) filenames.push_back(clip.filename);
  }
  if (filenames.empty()) throw storage::Error("dataset " + dataset.name + " has no test clips: nothing to submit");
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  const sweep::Classes named = named_as_the_challenge_does(dataset.classes, out);
  const auto p = test_probabilities(reader, ensemble, dataset, options, exported);

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
  exported.archive = out;
  exported.manifest = manifest_path(out);
  // Neither file takes its place before both are written.
  files::PartialFile archive(exported.archive), manifest(exported.manifest);
  data::write_submission(archive, text, options.member);
  refuse(out, check_archive(archive.path(), out, options.member, named, clips));
  exported.sha256 = sweep::sha256_hex(files::read(archive.path()));
  json members = json::array();
  json configs = json::object();
  for (const storage::MemberRecord& one : ensemble.members) members.push_back(member_json(reader, one, configs));
  exported.content = {{"medley", sweep::version()},
                      {"archive", out.filename().string()},
                      {"member", options.member},
                      {"sha256", exported.sha256},
                      {"clips", exported.clips},
                      {"predicted_blends", exported.blends},
                      {"renamed_classes", exported.renamed},
                      {"dataset",
                       {{"name", dataset.name},
                        {"fingerprint", dataset.fingerprint},
                        {"test_fingerprint", dataset.test_fingerprint},
                        {"synthetic", dataset.synthetic}}},
                      {"members_predicted_from_checkpoints", exported.predicted_now},
                      {"partition", sweep::partition_text(ensemble.partition)},
                      {"decode", "thresholds"},
                      {"heads_fused_as", name_of(ensemble.head_fusion)},
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
  manifest.append(exported.content.dump(2) + "\n");
  // The manifest first: where the process ends in between, it says that the archive is not the one it describes.
  manifest.commit(files::Durability::kDurable);
  archive.commit(files::Durability::kDurable);
  return exported;
} catch (const files::Error& error) {
  throw data::Error(error.what());
}

void record_export(storage::Writer& writer, const storage::EnsembleRecord& ensemble, const Exported& exported,
                   storage::TimeMs now) {
  const std::string archive = fs::absolute(exported.archive).string();
  storage::Writer::Group group(writer);
  if (exported.dataset) writer.register_dataset(*exported.dataset, now);
  writer.save_export({0, ensemble.id, archive, exported.sha256, now, exported.content});
  writer.log_event("export", "", "ensemble '" + ensemble.request.name + "' to " + archive, now);
  group.commit();
}

}  // namespace medley::coordinator
