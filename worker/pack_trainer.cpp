#include "worker/pack_trainer.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "trainer/arithmetic.h"
#include "trainer/data/image.h"
#include "trainer/pack_size.h"
#include "trainer/trainer.h"
#include "worker/gang_trainer.h"
#include "worker/gpu_gang.h"
#include "worker/spool.h"

namespace medley::worker {
namespace {

constexpr std::chrono::minutes kLongestLoad{60};

constexpr const char* kRemedy =
    "\nput the files back and `medley resume` the sweep, or submit its file again for a sweep of the data as it is now";

void check_print(const std::string& what, const std::string& folder, const std::string& found,
                 const std::string& promised) {
  if (promised.empty() || found == promised) return;
  throw Error(what + " in " + folder + (found.empty() ? " are not there" : " has fingerprint " + found.substr(0, 12)) +
              " on this host, the sweep was made for " + promised.substr(0, 12) +
              ": it has changed since, or this host sees other files");
}

data::Dataset load_checked(const std::string& folder, const std::string& fingerprint,
                           const std::string& test_fingerprint) {
  data::Dataset loaded = data::load_dataset(folder);
  check_print("the dataset", folder, loaded.fingerprint, fingerprint);
  check_print("the set of test clips", folder, loaded.test_fingerprint, test_fingerprint);
  return loaded;
}

}  // namespace

data::Dataset load_in_gang(const std::string& folder, const std::string& fingerprint,
                           const std::string& test_fingerprint, MpiGang& gang) {
  std::optional<data::Dataset> read;
  std::string error;
  if (gang.node_rank() == 0) {
    try {
      read = load_checked(folder, fingerprint, test_fingerprint);
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

std::string arithmetic_of(const sweep::Device& device, MpiGang* gang) {
  const bool shares_gpus = gang && gang->size() > 1 && device.is_gpu();
  const std::string own = trainer::arithmetic(sweep::to_string(shares_gpus ? join_gpus(*gang).device : device));
  return gang ? agree_on_arithmetic(*gang, own) : own;
}

std::vector<sweep::TrialResult> PackTrainer::operator()(const Pack& pack) {
  const data::Dataset& dataset = load(pack);
  for (const sweep::TrialSpec& trial : pack.trials) {
    // The id promises config, fold, seed, data and arithmetic; a result under another's id would poison the store.
    const std::string id = sweep::trial_id(trial.config, trial.fold, trial.seed, dataset.fingerprint,
                                           dataset.test_fingerprint, trial.partition);
    if (id != trial.id) {
      throw Error("trial " + trial.id + " is not what its id says (" + id +
                  " here): coordinator and worker are of different releases");
    }
  }
  trainer::TrainOptions options;
  options.device = sweep::to_string(device_);
  options.arithmetic = arithmetic_;
  options.checkpoints = options.resume = pack.checkpoints;
  const bool speaks = !gang_ || gang_->rank() == 0;
  if (speaks) options.note = [](const std::string& note) { spdlog::info("{}", note); };
  options.stop = [this, &pack] {
    const Stop stop = pack.stop();
    // What others would resume must not have been trained on something else.
    if (stop == Stop::kSave && !files_.change().empty()) return trainer::Stop::kAbandon;
    return stop == Stop::kNo     ? trainer::Stop::kNo
           : stop == Stop::kSave ? trainer::Stop::kSave
                                 : trainer::Stop::kAbandon;
  };
  GpuRank gpu;
  if (gang_) options.collective = &gang_->collective();
  if (gang_ && gang_->size() > 1 && device_.is_gpu()) {
    gpu = join_gpus(*gang_);
    options.device = sweep::to_string(gpu.device);
    options.collective = gpu.collective.get();
  }
  std::size_t part = pack.trials.size();
  if (sizes_) {
    const int best = best_size(dataset, pack.trials.front());
    pack.best_size(best);
    part = std::min(part, static_cast<std::size_t>(best));
  }
  std::vector<sweep::TrialResult> results;
  for (std::size_t first = 0; first < pack.trials.size(); first += part) {
    const auto from = pack.trials.begin() + static_cast<std::ptrdiff_t>(first);
    const auto count = static_cast<std::ptrdiff_t>(std::min(part, pack.trials.size() - first));
    const auto parts = static_cast<int>((pack.trials.size() + part - 1) / part), done = static_cast<int>(first / part);
    options.progress = [&pack, parts, done](const trainer::Progress& p) {
      pack.progress(done * p.epochs + p.epoch, parts * p.epochs);
    };
    options.epoch_ended = [&pack, first](std::size_t place, const sweep::EpochMetrics& metrics) {
      if (pack.epoch_ended) pack.epoch_ended(first + place, metrics);
    };
    for (auto& result : trainer::train_pack(dataset, {from, from + count}, options)) {
      results.push_back(std::move(result));
    }
  }
  const std::string changed = change();
  if (!changed.empty()) {
    dataset_.reset();
    throw DatasetChanged(sweep::Blame::kNobody, "the dataset changed while it was trained on: " + changed);
  }
  return results;
}

int PackTrainer::best_size(const data::Dataset& dataset, const sweep::TrialSpec& trial) {
  if (sweep::is_fitted(trial.config)) return 1;  // fits gain nothing by a pack
  const std::string device = sweep::to_string(device_);
  const std::string key = device + " " + dataset.fingerprint + " " + sweep::fusibility_key(trial.config);
  if (const auto known = sizes_->find(key)) return std::min(*known, capacity_);
  const int best = trainer::best_pack_size(capacity_, [&](int size) {
    const auto speed = trainer::measure_pack(dataset, trial, device, size);
    spdlog::info("packs of {}: {}", size, speed ? fmt::format("{:.0f} trial-steps/s", *speed) : "do not fit");
    return speed;
  });
  sizes_->remember(key, best);
  return best;
}

const data::Dataset& PackTrainer::load(const Pack& pack) {
  const bool same_test =
      pack.test_fingerprint.empty() || (dataset_ && dataset_->test_fingerprint == pack.test_fingerprint);
  if (dataset_ && dataset_->fingerprint == pack.dataset_fingerprint && same_test) {
    const std::string changed = change();
    if (changed.empty()) return *dataset_;
    spdlog::warn("reads the dataset in {} again: {}", pack.dataset_folder, changed);
  }
  dataset_.reset();  // not two at once in memory
  const std::string &folder = pack.dataset_folder, &print = pack.dataset_fingerprint, &test = pack.test_fingerprint;
  try {
    files_ = data::FileStates::of(folder);
  } catch (const std::exception&) {  // the loading says it, on every rank
  }
  try {
    return dataset_.emplace(gang_ ? load_in_gang(folder, print, test, *gang_) : load_checked(folder, print, test));
  } catch (const std::exception& e) {
    throw DatasetChanged(sweep::Blame::kDataset, e.what() + std::string(kRemedy));
  }
}

std::string PackTrainer::change() {
  const std::string changed = files_.change();
  if (!gang_) return changed;
  try {
    gang_->agree(changed, "", kLongestLoad);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace medley::worker
