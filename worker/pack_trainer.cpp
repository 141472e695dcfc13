#include "worker/pack_trainer.h"

#include <chrono>

#include <spdlog/spdlog.h>

#include "trainer/data/image.h"
#include "trainer/trainer.h"
#include "worker/gpu_gang.h"
#include "worker/spool.h"

namespace medley::worker {
namespace {

constexpr std::chrono::minutes kLongestLoad{60};

data::Dataset load_checked(const std::string& folder, const std::string& fingerprint) {
  data::Dataset loaded = data::load_dataset(folder);
  if (!fingerprint.empty() && loaded.fingerprint != fingerprint) {
    throw Error("the dataset in " + folder + " has fingerprint " + loaded.fingerprint.substr(0, 12) +
                " on this host, the sweep was made for " + fingerprint.substr(0, 12) +
                ": it has changed since, or this host sees other files");
  }
  return loaded;
}

}  // namespace

data::Dataset load_in_gang(const std::string& folder, const std::string& fingerprint, MpiGang& gang) {
  std::optional<data::Dataset> read;
  std::string error;
  if (gang.node_rank() == 0) {
    try {
      read = load_checked(folder, fingerprint);
    } catch (const std::exception& e) {
      error = e.what();
    }
  }
  gang.agree(error, "", kLongestLoad);
  if (gang.node_size() == 1) return std::move(*read);
  std::optional<data::ImageWriter> image;
  if (read) image.emplace(*read);
  const MpiGang::Shared shared = gang.share(image ? image->size() : 0);
  if (image) image->write(shared.bytes.get());
  gang.meet_on_node(shared);
  return data::read_image(shared.bytes.get(), shared.size, shared.bytes);
}

std::vector<sweep::TrialResult> PackTrainer::operator()(const Pack& pack) {
  const data::Dataset& dataset = load(pack);
  for (const sweep::TrialSpec& trial : pack.trials) {
    // The id promises config, fold, seed, data and arithmetic; a result under another's id would poison the store.
    const std::string id = sweep::trial_id(trial.config, trial.fold, trial.seed, dataset.fingerprint);
    if (id != trial.id) {
      throw Error("trial " + trial.id + " is not what its id says (" + id +
                  " here): coordinator and worker are of different releases");
    }
  }
  trainer::TrainOptions options;
  options.device = device_;
  options.checkpoints = options.resume = pack.checkpoints;
  const bool speaks = !gang_ || gang_->rank() == 0;
  if (speaks) options.note = [](const std::string& note) { spdlog::info("{}", note); };
  options.stop = [&pack] {
    const Stop stop = pack.stop();
    return stop == Stop::kNo     ? trainer::Stop::kNo
           : stop == Stop::kSave ? trainer::Stop::kSave
                                 : trainer::Stop::kAbandon;
  };
  options.progress = [&pack](const trainer::Progress& p) { pack.progress(p.epoch, p.epochs); };
  GpuRank gpu;
  if (gang_) options.collective = &gang_->collective();
  if (gang_ && gang_->size() > 1 && device_.rfind("cuda", 0) == 0) {
    gpu = join_gpus(*gang_);
    options.device = gpu.device;
    options.collective = gpu.collective.get();
  }
  return trainer::train_pack(dataset, pack.trials, options);
}

const data::Dataset& PackTrainer::load(const Pack& pack) {
  if (dataset_ && dataset_->fingerprint == pack.dataset_fingerprint) return *dataset_;
  dataset_.reset();  // not two at once in memory
  const std::string &folder = pack.dataset_folder, &fingerprint = pack.dataset_fingerprint;
  return dataset_.emplace(gang_ ? load_in_gang(folder, fingerprint, *gang_) : load_checked(folder, fingerprint));
}

}  // namespace medley::worker
