#include "coordinator/actions/predict.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/actions/sweep_results.h"
#include "coordinator/error.h"
#include "storage/files/write.h"
#include "trainer/data/clip_names.h"
#include "trainer/data/npz.h"
#include "trainer/data/npz_write.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Runs a program in the foreground. Throws when it cannot be started or does not exit with 0.
void run_program(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ);
  if (error != 0) throw Error(arguments[0] + " cannot be started: " + std::strerror(error));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw Error("waiting for " + arguments[0] + ": " + std::strerror(errno));
  }
  if (WIFSIGNALED(status)) throw Error(fmt::format("{} was killed by signal {}", arguments[0], WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0)
    throw Error(fmt::format("{} failed with exit code {}", arguments[0], WEXITSTATUS(status)));
}

/// A checkpoint keeps the held-out epoch where there is one.
void check_epochs(const std::vector<storage::TrialPredictions>& trials, const storage::EnsembleRecord& ensemble) {
  if (ensemble.request.protocol != sweep::Protocol::kPaper) return;
  for (const storage::TrialPredictions& trial : trials) {
    if (trial.held_out_epoch == 0 || trial.held_out_epoch == trial.paper_epoch) continue;
    throw storage::Error(fmt::format(
        "ensemble '{}' takes epoch {} of trial {}, which the reported fold chose, and the checkpoint keeps epoch {}: "
        "fit an ensemble of held-out epochs (medley ensemble --protocol held-out)",
        ensemble.request.name, trial.paper_epoch, trial.trial, trial.held_out_epoch));
  }
}

json members_json(const std::vector<storage::TrialPredictions>& trials,
                  const std::vector<storage::MemberRecord>& members, const storage::EnsembleRecord& ensemble,
                  const fs::path& checkpoints) {
  json all = json::array();
  std::vector<std::string> missing;
  for (const storage::MemberRecord& member : members) {
    const fs::path checkpoint = fs::absolute(checkpoints / (member.trial + ".npz"));
    if (!fs::exists(checkpoint)) missing.push_back(member.trial);
    int fold = -1;
    for (const storage::TrialPredictions& trial : trials) {
      if (trial.trial == member.trial) fold = trial.fold;
    }
    all.push_back({{"checkpoint", checkpoint.string()}, {"weight", member.weight}, {"fold", fold}});
  }
  if (!missing.empty()) {
    throw storage::Error(fmt::format("{} of the {} members of '{}' have no checkpoint in {}: {}", missing.size(),
                                     ensemble.members.size(), ensemble.request.name, checkpoints.string(),
                                     fmt::join(missing, ", ")));
  }
  return all;
}

}  // namespace

StoredTests sum_stored_tests(storage::Reader& reader, const storage::EnsembleRecord& ensemble,
                             const storage::DatasetRecord& dataset) {
  StoredTests stored;
  std::map<std::string, double> weights;
  std::vector<std::string> trials;
  for (const storage::MemberRecord& member : ensemble.members) {
    if (weights.try_emplace(member.trial, member.weight).second) trials.push_back(member.trial);
    stored.weight += member.weight;
  }
  if (!(stored.weight > 0))
    throw storage::Error("ensemble '" + ensemble.request.name + "' has no member with a weight above 0");
  const auto clips = std::count_if(dataset.clips.begin(), dataset.clips.end(),
                                   [](const storage::ClipRecord& clip) { return clip.fold < 0; });
  const int classes = dataset.classes.count();
  stored.sums.resize(static_cast<std::size_t>(clips) * static_cast<std::size_t>(classes));
  std::set<std::string> trained, found;
  for (const auto& part : reader.predictions(trials, ensemble.request.protocol, storage::Split::kTest)) {
    trained.insert(part.trial);
    if (part.test_fingerprint != dataset.test_fingerprint || part.fused.size() != stored.sums.size()) continue;
    found.insert(part.trial);
    const double weight = weights.at(part.trial);
    const auto fused = sweep::fuse_heads(part, classes, ensemble.head_fusion);
    for (std::size_t i = 0; i < stored.sums.size(); ++i) {
      stored.sums[i] += weight * sweep::mix_term(ensemble.request.options.mix, fused[i]);
    }
  }
  for (const storage::MemberRecord& member : ensemble.members) {
    if (found.count(member.trial) != 0) continue;
    if (trained.count(member.trial) == 0) {
      throw storage::Error("member trial " + member.trial + " has no result in this store any more");
    }
    stored.others.push_back(member);
  }
  return stored;
}

Predicted predict_members(storage::Reader& reader, const fs::path& folder, const storage::EnsembleRecord& ensemble,
                          const std::vector<storage::MemberRecord>& members, const PredictOptions& options,
                          const WorkerProgram& worker) {
  const storage::DatasetRecord dataset = sweep::partitioned(dataset_of(reader, ensemble.dataset), ensemble.partition);
  std::vector<std::string> ids;
  for (const storage::MemberRecord& member : members) ids.push_back(member.trial);
  const auto trials = reader.predictions(ids, ensemble.request.protocol, storage::Split::kValidation);
  check_epochs(trials, ensemble);
  json trained_on = json::object();
  for (const storage::ClipRecord& clip : dataset.clips) {
    if (clip.fold >= 0) trained_on[data::stem_of(clip.filename)] = clip.fold;
  }
  const fs::path checkpoints = storage::StoreLayout(folder.string()).checkpoints();
  const json request = {{"data", fs::absolute(options.data).string()},
                        {"members", members_json(trials, members, ensemble, checkpoints)},
                        {"mix", name_of(ensemble.request.options.mix)},
                        {"head_fusion", name_of(ensemble.head_fusion)},
                        {"clips", options.all ? "all" : "test"},
                        {"in_sample", options.in_sample},
                        {"trained_on", trained_on},
                        {"classes", dataset.classes.names},
                        {"exclusive", dataset.classes.exclusive}};
  // Never committed: of no use afterwards.
  const fs::path base = fs::temp_directory_path() / fmt::format("medley-predict-{}", ::getpid());
  files::PartialFile asked(base.string() + ".json"), answer(base.string() + ".npz");
  asked.append(request.dump());
  run_program({worker().string(), "predict", "--request", asked.path().string(), "--out", answer.path().string()});
  const data::NpzFile npz = data::NpzFile::open(answer.path());
  return {npz.read_strings("filenames"), npz.read_float64("P"), npz.read_strings("models")};
}

void write_predicted(const Predicted& predicted, const sweep::Classes& classes, const sweep::Thresholds& thresholds,
                     const fs::path& out) {
  const std::size_t clips = predicted.filenames.size(), count = classes.names.size();
  data::write_npz(out, {{"P", {clips, count}, predicted.p},
                        {"filenames", {clips}, predicted.filenames},
                        {"classes", {count}, classes.names},
                        {"models", {clips}, predicted.models},
                        {"alpha", {1}, std::vector<double>{thresholds.alpha}},
                        {"beta", {1}, std::vector<double>{thresholds.beta}}});
}

}  // namespace medley::coordinator
