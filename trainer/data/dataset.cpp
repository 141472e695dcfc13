#include "trainer/data/dataset.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <unordered_map>

#include "sweep/digest.h"
#include "sweep/nearest.h"
#include "trainer/data/description.h"
#include "trainer/data/error.h"
#include "trainer/data/features.h"
#include "trainer/data/metadata.h"

namespace medley::data {
namespace {

constexpr char kFeatureSuffix[] = "_static_features.npz";
/// Names stand in sets (clip+wavlm), file names and addresses of pages.
constexpr char kNameCharacters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

/// The feature files of the folder: those that dataset.yaml names, in its order, else all by name.
std::vector<FeatureFile> feature_files(const std::filesystem::path& folder, const Description& description,
                                       Problems& problems) {
  std::vector<std::string> present;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string file = entry.path().filename().string();
    const std::size_t suffix = sizeof kFeatureSuffix - 1;
    if (file.size() > suffix && file.compare(file.size() - suffix, suffix, kFeatureSuffix) == 0 && file[0] != '.') {
      present.push_back(file.substr(0, file.size() - suffix));
    }
  }
  std::sort(present.begin(), present.end());
  std::vector<FeatureFile> files;
  const auto add = [&](const std::string& name, const std::string& modality) {
    if (name.find_first_not_of(kNameCharacters) != std::string::npos) {
      problems.add((folder / (name + kFeatureSuffix)).string() + ": encoder name '" + name +
                   "': valid are letters, digits, '_', '-' and '.'");
    }
    files.push_back({folder / (name + kFeatureSuffix), name, modality});
  };
  if (description.encoders.empty()) {
    for (const std::string& name : present) add(name, "");
  }
  for (const Description::EncoderEntry& entry : description.encoders) {
    if (std::find(present.begin(), present.end(), entry.name) == present.end()) {
      problems.add((folder / "dataset.yaml").string() + ": encoder '" + entry.name + "' has no file " + entry.name +
                   kFeatureSuffix + sweep::suggestion(entry.name, present));
      continue;
    }
    add(entry.name, entry.modality);
  }
  if (files.empty()) problems.add(folder.string() + ": no feature file (<encoder>" + std::string(kFeatureSuffix) + ")");
  return files;
}

std::vector<LoadedEncoder> load_all(const std::vector<FeatureFile>& files, const std::vector<Clip>& clips,
                                    const std::unordered_map<std::string, int>& clip_of_stem) {
  std::vector<LoadedEncoder> loaded(files.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < files.size(); i = next++) loaded[i] = load_features(files[i], clips, clip_of_stem);
  };
  const std::size_t wanted = std::min<std::size_t>(files.size(), std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return loaded;
}

/// Field by field with lengths, so that no two datasets have the same text.
class Fingerprint {
 public:
  void add(const std::string& text) { sha_.add(std::to_string(text.size()) + ":" + text + "\n"); }
  void add(int value) { sha_.add(std::to_string(value) + "\n"); }
  std::string hex() { return sha_.hex(); }

 private:
  sweep::Sha256 sha_;
};

std::string fingerprint_of(const Dataset& dataset, const std::vector<LoadedEncoder>& loaded) {
  Fingerprint print;
  print.add("medley dataset 1");
  print.add(dataset.classes.count());
  for (std::size_t i = 0; i < dataset.classes.names.size(); ++i) {
    print.add(dataset.classes.names[i]);
    print.add(dataset.classes.exclusive[i] ? 1 : 0);
  }
  print.add(static_cast<int>(dataset.clips.size()));
  for (const Clip& clip : dataset.clips) {
    print.add(clip.filename);
    print.add(clip.actor);
    print.add(clip.fold);
    print.add(clip.label ? 1 : 0);
    if (!clip.label) continue;
    print.add(clip.label->first);
    print.add(clip.label->second);
    print.add(clip.label->salience);
  }
  print.add(static_cast<int>(loaded.size()));
  for (const LoadedEncoder& encoder : loaded) {
    print.add(encoder.encoder->name());
    print.add(encoder.digest);
  }
  return print.hex();
}

/// Test clips must not be labelled clips, nor their actors.
void check_apart(const std::filesystem::path& test_csv, const std::vector<Clip>& clips, std::size_t labelled,
                 Problems& problems) {
  std::unordered_map<std::string, int> fold_of_stem, fold_of_actor;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const Clip& clip = clips[i];
    if (i < labelled) {
      fold_of_stem.emplace(clip.stem, clip.fold);
      if (!clip.actor.empty()) fold_of_actor.emplace(clip.actor, clip.fold);
      continue;
    }
    if (const auto it = fold_of_stem.find(clip.stem); it != fold_of_stem.end()) {
      problems.add(test_csv.string() + ": clip '" + clip.stem + "' is also in train_metadata.csv (fold " +
                   std::to_string(it->second) + ")");
    }
    if (const auto it = fold_of_actor.find(clip.actor); it != fold_of_actor.end()) {
      problems.add(test_csv.string() + ": actor '" + clip.actor + "' of clip '" + clip.stem +
                   "' is also in train_metadata.csv (fold " + std::to_string(it->second) + ")");
      fold_of_actor.erase(it);  // once for each actor
    }
  }
}

}  // namespace

std::vector<int> Dataset::clips_of_fold(int fold) const {
  std::vector<int> indices;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    if (clips[i].fold == fold) indices.push_back(static_cast<int>(i));
  }
  return indices;
}

std::vector<std::string> Dataset::encoder_names() const {
  std::vector<std::string> names;
  for (const auto& encoder : encoders) names.push_back(encoder->name());
  return names;
}

Dataset load_dataset(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) throw Error(folder.string() + ": not a folder");
  const std::filesystem::path yaml = folder / "dataset.yaml", train = folder / "train_metadata.csv",
                              test = folder / "test_metadata.csv";
  if (!std::filesystem::exists(train)) {
    throw Error(folder.string() + ": not a dataset: train_metadata.csv is missing");
  }
  Description description;
  if (std::filesystem::exists(yaml)) description = read_description(yaml);

  Dataset dataset;
  dataset.folder = folder;
  dataset.synthetic = description.synthetic;
  dataset.classes = description.classes.value_or(sweep::Classes::blemore());
  const NeutralRule rule = description.classes ? NeutralRule::kAsDeclared : NeutralRule::kFromLabels;
  Problems problems;
  read_train_metadata(train, rule, dataset.classes, dataset.clips, problems);
  const std::size_t labelled = dataset.clips.size();
  if (std::filesystem::exists(test)) read_test_metadata(test, rule, dataset.classes, dataset.clips, problems);
  check_apart(test, dataset.clips, labelled, problems);

  std::set<int> folds;
  std::unordered_map<std::string, int> clip_of_stem;
  for (std::size_t i = 0; i < dataset.clips.size(); ++i) {
    if (i < labelled) folds.insert(dataset.clips[i].fold);
    clip_of_stem.emplace(dataset.clips[i].stem, static_cast<int>(i));
  }
  dataset.folds.assign(folds.begin(), folds.end());

  const std::vector<FeatureFile> files = feature_files(folder, description, problems);
  const std::vector<LoadedEncoder> loaded = load_all(files, dataset.clips, clip_of_stem);
  for (const LoadedEncoder& encoder : loaded) problems.add(encoder.problems);
  if (!problems.empty()) {
    throw Error("dataset " + folder.string() + ": " + std::to_string(problems.count()) +
                (problems.count() == 1 ? " error\n" : " errors\n") + problems.text());
  }
  for (const LoadedEncoder& encoder : loaded) dataset.encoders.push_back(encoder.encoder);
  dataset.fingerprint = fingerprint_of(dataset, loaded);
  return dataset;
}

}  // namespace medley::data
