#include "trainer/data/dataset.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <unordered_map>

#include "sweep/digest.h"
#include "sweep/nearest.h"
#include "trainer/data/clip_names.h"
#include "trainer/data/description.h"
#include "trainer/data/error.h"
#include "trainer/data/features.h"
#include "trainer/data/file_kind.h"
#include "trainer/data/metadata.h"
#include "trainer/data/text.h"

namespace medley::data {
namespace {

/// Names stand in sets (clip+wavlm), file names and addresses of pages.
constexpr char kNameCharacters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

/// The feature files of the folder: those that dataset.yaml names, in its order, else all by name.
std::vector<FeatureFile> feature_files(const std::filesystem::path& folder, const Description& description,
                                       std::vector<std::string>& notes, Problems& problems) {
  std::vector<FeatureFile> present = find_feature_files(folder, notes), files;
  std::vector<std::string> names;
  for (const FeatureFile& file : present) names.push_back(file.name);
  if (description.encoders.empty()) files = present;
  for (const Description::EncoderEntry& entry : description.encoders) {
    const auto it = std::find(names.begin(), names.end(), entry.name);
    if (it == names.end()) {
      problems.add((folder / "dataset.yaml").string() + ": encoder '" + entry.name + "' has no file " + entry.name +
                   "_static_features.npz" + sweep::suggestion(entry.name, names));
      continue;
    }
    files.push_back(present[static_cast<std::size_t>(it - names.begin())]);
    files.back().labels = entry.labels;
  }
  for (const FeatureFile& file : files) {
    if (file.name.empty() || file.name.find_first_not_of(kNameCharacters) != std::string::npos) {
      problems.add(file.where() + ": encoder name '" + file.name + "': valid are letters, digits, '_', '-' and '.'");
    }
  }
  if (files.empty()) {
    problems.add(folder.string() + ": no feature file (<encoder>_static_features.npz)" + other_features(folder));
  }
  return files;
}

std::vector<LoadedEncoder> load_all(const std::vector<FeatureFile>& files, const std::vector<Clip>& clips) {
  std::vector<LoadedEncoder> loaded(files.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < files.size(); i = next++) loaded[i] = load_features(files[i], clips);
  };
  const std::size_t wanted = std::min<std::size_t>(files.size(), std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return loaded;
}

/// Spellings of one actor become the first of them.
void join_actors(std::vector<Clip>& clips, std::vector<std::string>& notes) {
  std::map<std::string, std::string> actor_of_key;
  std::map<std::string, std::string> others;
  for (Clip& clip : clips) {
    if (clip.actor.empty()) continue;
    const std::string& first = actor_of_key.emplace(actor_key(clip.actor), clip.actor).first->second;
    if (first == clip.actor) continue;
    others.emplace(clip.actor, first);
    clip.actor = first;
  }
  for (const auto& [other, actor] : others) notes.push_back("actor '" + other + "' is taken for actor '" + actor + "'");
}

/// Two clips whose names differ in letter case only are rarely two.
void note_near_names(const std::vector<Clip>& clips, std::vector<std::string>& notes) {
  std::unordered_map<std::string, const Clip*> first;
  for (const Clip& clip : clips) {
    const auto [it, added] = first.emplace(folded(clip.stem), &clip);
    if (added || it->second->stem == clip.stem) continue;
    notes.push_back("clips '" + it->second->stem + "' and '" + clip.stem + "' differ in letter case only");
    return;
  }
}

/// Adds the errors of all encoders. What is wrong with several in the same way is one error, in the words of the first.
void add_by_cause(const std::vector<FeatureFile>& files, const std::vector<LoadedEncoder>& loaded, Problems& problems) {
  struct Cause {
    std::string message;
    std::vector<std::string> others;  ///< encoders
  };
  std::vector<Cause> causes;
  std::map<std::string, std::size_t> cause_of;  ///< by the message without file, encoder and numbers
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    for (const std::string& message : loaded[i].problems.shown()) {
      std::string key = message;
      for (const std::string& start : {files[i].message_start(), files[i].where()}) {
        if (key.compare(0, start.size(), start) == 0) key.erase(0, start.size());
      }
      key.erase(std::remove_if(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; }), key.end());
      const auto [it, added] = cause_of.emplace(key, causes.size());
      if (added) {
        causes.push_back({message, {}});
      } else {
        causes[it->second].others.push_back(files[i].name);
      }
    }
  }
  for (const Cause& cause : causes) {
    std::string others;
    for (const std::string& name : cause.others) others += (others.empty() ? "'" : ", '") + name + "'";
    problems.add(cause.message + (others.empty() ? "" : "; the same in encoder " + others));
  }
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

/// Over the labelled clips and their features.
std::string fingerprint_of(const Dataset& dataset, const std::vector<LoadedEncoder>& loaded) {
  Fingerprint print;
  print.add("medley dataset 2");
  print.add(dataset.classes.count());
  for (std::size_t i = 0; i < dataset.classes.names.size(); ++i) {
    print.add(dataset.classes.names[i]);
    print.add(dataset.classes.exclusive[i] ? 1 : 0);
  }
  print.add(static_cast<int>(dataset.clips.size() - dataset.clips_of_fold(-1).size()));
  for (const Clip& clip : dataset.clips) {
    if (clip.fold < 0) continue;
    print.add(clip.filename);
    print.add(clip.actor);
    print.add(clip.fold);
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

/// Over the test clips and their features, whatever their labels.
std::string test_fingerprint_of(const Dataset& dataset, const std::vector<LoadedEncoder>& loaded) {
  const std::vector<int> clips = dataset.clips_of_fold(-1);
  if (clips.empty()) return "";
  Fingerprint print;
  print.add("medley test clips 1");
  print.add(static_cast<int>(clips.size()));
  for (const int clip : clips) {
    print.add(dataset.clips[static_cast<std::size_t>(clip)].filename);
    print.add(dataset.clips[static_cast<std::size_t>(clip)].actor);
  }
  print.add(static_cast<int>(loaded.size()));
  for (const LoadedEncoder& encoder : loaded) {
    print.add(encoder.encoder->name());
    print.add(encoder.test_digest);
  }
  return print.hex();
}

/// What lies there instead of train_metadata.csv.
std::string instead_of_train(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / "test_metadata.csv")) {
    return "; it has test clips alone, which `medley predict` reads and nothing trains on";
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string(), extension = extension_of(entry.path());
    if (!entry.is_regular_file() || (extension != ".csv" && extension != ".tsv" && extension != ".txt")) continue;
    return "; if it is " + name + ", rename that";
  }
  return "";
}

void require_folder(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) throw Error(folder.string() + ": not a folder");
}

Description description_of(const std::filesystem::path& folder) {
  const std::filesystem::path yaml = folder / "dataset.yaml";
  return std::filesystem::exists(yaml) ? read_description(yaml) : Description();
}

Dataset described(const std::filesystem::path& folder, const Description& description, const sweep::Classes& classes) {
  Dataset dataset;
  dataset.folder = folder;
  dataset.synthetic = description.synthetic;
  dataset.classes = description.classes.value_or(classes);
  dataset.prepared = description.prepared;
  return dataset;
}

/// Reads the features of the dataset's clips. Throws Error with all `problems` so far and those of the features.
std::vector<LoadedEncoder> load_encoders(Dataset& dataset, const std::vector<FeatureFile>& files, Problems& problems) {
  // Where the metadata has errors, clips without a row would only be their consequence.
  std::vector<LoadedEncoder> loaded =
      dataset.clips.empty() ? std::vector<LoadedEncoder>() : load_all(files, dataset.clips);
  add_by_cause(files, loaded, problems);
  if (!problems.empty()) {
    throw Error("dataset " + dataset.folder.string() + ": " + std::to_string(problems.count()) +
                (problems.count() == 1 ? " error\n" : " errors\n") + problems.text());
  }
  for (const LoadedEncoder& encoder : loaded) {
    dataset.encoders.push_back(encoder.encoder);
    dataset.notes.insert(dataset.notes.end(), encoder.notes.begin(), encoder.notes.end());
    if (encoder.encoder->layers() == 1) continue;
    dataset.notes.push_back("encoder '" + encoder.encoder->name() + "' has three axes, read as " +
                            std::to_string(encoder.encoder->layers()) + " layers of " +
                            std::to_string(encoder.encoder->dim()) +
                            " numbers; a config averages layers, so an axis of time must not stand there");
  }
  return loaded;
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
  require_folder(folder);
  const std::filesystem::path train = folder / "train_metadata.csv", test = folder / "test_metadata.csv";
  if (!std::filesystem::exists(train)) {
    throw Error(folder.string() + ": not a dataset: train_metadata.csv is missing" + instead_of_train(folder));
  }
  const Description description = description_of(folder);
  Dataset dataset = described(folder, description, sweep::Classes::blemore());
  Problems problems;
  const NeutralRule rule = description.classes ? NeutralRule::kAsDeclared : NeutralRule::kFromLabels;
  const MetadataContext context{rule, description.columns, dataset.classes, problems, dataset.notes};
  read_train_metadata(train, context, dataset.clips);
  const std::size_t labelled = dataset.clips.size();
  if (std::filesystem::exists(test)) read_test_metadata(test, context, dataset.clips);
  join_actors(dataset.clips, dataset.notes);
  note_near_names(dataset.clips, dataset.notes);
  check_apart(test, dataset.clips, labelled, problems);

  std::set<int> folds;
  for (std::size_t i = 0; i < labelled; ++i) folds.insert(dataset.clips[i].fold);
  dataset.folds.assign(folds.begin(), folds.end());

  const std::vector<FeatureFile> files = feature_files(folder, description, dataset.notes, problems);
  const std::vector<LoadedEncoder> loaded = load_encoders(dataset, files, problems);
  dataset.fingerprint = fingerprint_of(dataset, loaded);
  dataset.test_fingerprint = test_fingerprint_of(dataset, loaded);
  return dataset;
}

Dataset load_clips(const std::filesystem::path& folder, const sweep::Classes& classes) {
  require_folder(folder);
  if (std::filesystem::exists(folder / "train_metadata.csv")) return load_dataset(folder);
  const Description description = description_of(folder);
  Dataset dataset = described(folder, description, classes);
  Problems problems;
  std::vector<FeatureFile> files = feature_files(folder, description, dataset.notes, problems);
  const std::filesystem::path test = folder / "test_metadata.csv";
  const MetadataContext context{NeutralRule::kAsDeclared, description.columns, dataset.classes, problems,
                                dataset.notes};
  if (std::filesystem::exists(test)) {
    read_test_metadata(test, context, dataset.clips);
    join_actors(dataset.clips, dataset.notes);
  } else if (!files.empty()) {
    for (FeatureFile& file : files) file.numbered = true;
    for (const std::string& name : feature_names(files[0])) dataset.clips.push_back({name, stem_of(name), "", -1, {}});
    dataset.notes.push_back(files[0].where() + ": the clips are those of this file, because there is no metadata");
  }
  note_near_names(dataset.clips, dataset.notes);
  dataset.test_fingerprint = test_fingerprint_of(dataset, load_encoders(dataset, files, problems));
  return dataset;
}

}  // namespace medley::data
