#include "trainer/data/feature_files.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "trainer/data/clip_names.h"
#include "trainer/data/error.h"
#include "trainer/data/field_words.h"
#include "trainer/data/file_kind.h"

namespace medley::data {
namespace {

namespace fs = std::filesystem;

/// Endings of a feature file's name before .npz and .csv. The first that a folder has is the one that counts.
constexpr std::array<std::string_view, 3> kEndings = {"_static_features", "_features", ""};

constexpr char kNotRead[] = " is not read; save it with np.savez(path, X=..., filenames=...)";

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool is_hidden(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.empty() || name[0] == '.' || name == "__MACOSX" || name == "__pycache__";
}

std::vector<fs::path> sorted_entries(const fs::path& folder, bool folders) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory() == folders) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// A name as base and part, where it ends in _train, -test and the like: wavlm_train is {wavlm, train}.
std::pair<std::string, std::string> parted(const std::string& name) {
  const std::size_t mark = name.find_last_of("_-.");
  if (mark == std::string::npos || mark == 0 || !is_split_word(name.substr(mark + 1))) return {name, ""};
  return {name.substr(0, mark), name.substr(mark + 1)};
}

bool is_clip_file(const fs::path& path) {
  const std::string extension = extension_of(path);
  return extension == ".npy" || extension == ".npz" || extension == ".csv";
}

/// True for formats that other programs write features in.
bool is_other_form(const fs::path& path) {
  static const std::set<std::string> kOthers = {".npy", ".h5",  ".hdf5",    ".pkl",  ".pickle", ".pt",
                                                ".pth", ".mat", ".parquet", ".arff", ".zip",    ".gz"};
  return kOthers.count(extension_of(path)) > 0;
}

/// True for a file that has the name of a feature file and is none that is read: clip_static_features.npy.
bool is_unread_encoder(const fs::path& path, std::string_view ending) {
  if (ending.empty()) return is_other_form(path) && extension_of(path) != ".zip";  // a submission may lie there
  return path.filename().string().find("_features.") != std::string::npos;
}

void collect(const fs::path& folder, std::vector<fs::path>& files) {
  for (const fs::path& path : sorted_entries(folder, false)) {
    if (!is_hidden(path) && is_clip_file(path)) files.push_back(path);
  }
  for (const fs::path& inner : sorted_entries(folder, true)) {
    if (!is_hidden(inner)) collect(inner, files);
  }
}

}  // namespace

std::string FeatureFile::where() const {
  return paths.at(0).string() + (paths.size() > 1 ? " (and " + std::to_string(paths.size() - 1) + " more)" : "");
}

std::string FeatureFile::message_start() const { return where() + ": encoder '" + name + "': "; }

std::vector<FeatureFile> find_feature_files(const fs::path& folder, std::vector<std::string>& notes) {
  std::array<std::map<std::string, fs::path>, kEndings.size()> by_ending;
  std::vector<fs::path> others;
  for (const fs::path& path : sorted_entries(folder, false)) {
    const std::string extension = extension_of(path), stem = path.stem().string();
    if (is_hidden(path)) continue;
    if (extension != ".npz" && extension != ".csv") {
      others.push_back(path);
      continue;
    }
    for (std::size_t i = 0; i < kEndings.size(); ++i) {
      if (!ends_with(stem, kEndings[i])) continue;
      if (kEndings[i].empty() && extension == ".csv") break;  // metadata, folds, ratings, ...
      const std::string name = stem.substr(0, stem.size() - kEndings[i].size());
      const auto [it, added] = by_ending[i].emplace(name, path);
      if (!added) throw Error(path.string() + ": encoder '" + name + "' has another file, " + it->second.string());
      break;
    }
  }
  std::size_t used = 0;
  while (used + 1 < kEndings.size() && by_ending[used].empty()) ++used;
  for (std::size_t i = used + 1; i < kEndings.size(); ++i) {
    for (const auto& [name, path] : by_ending[i]) {
      notes.push_back(path.string() + ": not read, because feature files here end in " + std::string(kEndings[used]));
    }
  }
  for (const fs::path& path : others) {
    const bool alone = by_ending[used].empty();  // then it is the error that other_features() completes
    if (!alone && is_unread_encoder(path, kEndings[used])) notes.push_back(path.string() + kNotRead);
  }
  std::map<std::string, std::set<std::string>> parts;
  for (const auto& [name, path] : by_ending[used]) {
    if (const auto [base, part] = parted(name); !part.empty()) parts[base].insert(name);
  }
  std::map<std::string, FeatureFile> files;
  for (const auto& [name, path] : by_ending[used]) {
    const std::string base = parted(name).first;
    const bool joined = base != name && parts[base].size() > 1 && by_ending[used].count(base) == 0;
    FeatureFile& file = files[joined ? base : name];
    file.name = joined ? base : name;
    file.paths.push_back(path);
  }
  std::vector<FeatureFile> list;
  for (auto& [name, file] : files) {
    if (file.paths.size() > 1) {
      std::string text;
      for (const fs::path& path : file.paths) text += (text.empty() ? "" : ", ") + path.filename().string();
      notes.push_back((folder / "").string() + ": encoder '" + name + "' is read from " + text);
    }
    list.push_back(std::move(file));
  }
  return list;
}

std::vector<ClipFolder> find_clip_folders(const fs::path& folder, std::vector<std::string>& notes) {
  std::vector<fs::path> candidates;
  for (const fs::path& path : sorted_entries(folder, true)) {
    if (is_hidden(path)) {
      notes.push_back(path.string() + ": a hidden folder, ignored");
    } else if (fs::exists(path / "train_metadata.csv")) {
      notes.push_back(path.string() + ": a dataset of its own, ignored");
    } else if (const auto inner = sorted_entries(path, true);
               is_split_word(path.filename().string()) && !inner.empty()) {
      for (const fs::path& encoder : inner) {
        if (!is_hidden(encoder)) candidates.push_back(encoder);
      }
    } else {
      candidates.push_back(path);
    }
  }
  std::map<std::string, ClipFolder> by_name;
  for (const fs::path& path : candidates) {
    std::vector<fs::path> files;
    collect(path, files);
    if (files.empty()) {
      notes.push_back(path.string() + ": it has no file of a clip (.npy, .npz, .csv), ignored");
      continue;
    }
    ClipFolder& clip_folder = by_name[path.filename().string()];
    clip_folder.name = path.filename().string();
    clip_folder.folders.push_back(path);
  }
  std::vector<ClipFolder> list;
  for (auto& [name, clip_folder] : by_name) {
    const std::string_view end = name.size() > 4 ? std::string_view(name).substr(name.size() - 4) : "";
    if (end == "-UTT" || end == "-FRA") {
      const std::string base = name.substr(0, name.size() - 4);
      if (by_name.count(base) + by_name.count(base + (end == "-UTT" ? "-FRA" : "-UTT")) == 0) {
        clip_folder.name = base;
        notes.push_back(clip_folder.folders[0].string() + ": the encoder is named '" + base + "'");
      }
    }
    list.push_back(std::move(clip_folder));
  }
  return list;
}

std::vector<fs::path> find_clip_files(const ClipFolder& folder) {
  std::vector<fs::path> all;
  for (const fs::path& path : folder.folders) collect(path, all);
  std::map<std::string, fs::path> by_stem;
  std::vector<fs::path> files;
  for (const fs::path& path : all) {
    const auto [it, added] = by_stem.emplace(stem_of(path.filename().string()), path);
    if (added) {
      files.push_back(path);
    } else if (it->second.parent_path() != path.parent_path() || extension_of(it->second) == extension_of(path)) {
      throw Error(path.string() + ": the clip has another file, " + it->second.string());
    } else {
      throw Error(path.string() + ": the clip has two files, also " + it->second.filename().string() +
                  "; keep one kind of file in a folder");
    }
  }
  return files;
}

std::string other_features(const fs::path& folder) {
  std::vector<std::string> ignored;
  const std::vector<ClipFolder> clips = find_clip_folders(folder, ignored);
  if (!clips.empty()) {
    return "; it has folders of clips (" + clips[0].name + (clips.size() > 1 ? ", ..." : "") +
           "); make a dataset of them with: medley data import " + shell_word(folder) + " --out NEW";
  }
  for (const fs::path& path : sorted_entries(folder, false)) {
    if (is_other_form(path)) return "; " + path.filename().string() + kNotRead;
  }
  return "";
}

}  // namespace medley::data
