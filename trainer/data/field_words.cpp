#include "trainer/data/field_words.h"

#include <algorithm>
#include <cctype>

#include "sweep/nearest.h"
#include "trainer/data/error.h"
#include "trainer/data/text.h"

namespace medley::data {
namespace {

struct Words {
  const char* name;                 ///< ours
  std::vector<const char*> others;  ///< as plain() gives them
};

const std::vector<Words>& column_words() {
  static const std::vector<Words> kWords = {
      {"filename",
       {"file", "filenames", "clip", "clipid", "clipname", "videofile", "audiofile", "wavfile", "uttid", "segmentid",
        "sampleid"}},
      {"video_id",
       {"actor", "actorid", "speaker", "speakerid", "subject", "subjectid", "subj", "spkr", "spkrid", "spk", "spkid",
        "participant", "participantid", "person", "personid", "performer", "performerid"}},
      {"mix", {"ismix", "mixed", "ismixed", "blend", "isblend", "blended"}},
      {"emotion_1", {"emotion", "emo1", "emotiona", "primaryemotion", "firstemotion"}},
      {"emotion_2", {"emo2", "emotionb", "secondaryemotion", "secondemotion"}},
      {"emotion_1_salience", {"salience1", "emo1salience", "salienceemotion1", "saliencea"}},
      {"emotion_2_salience", {"salience2", "emo2salience", "salienceemotion2", "salienceb"}},
      {"fold", {"foldid", "foldnumber", "cvfold", "folds"}}};
  return kWords;
}

const std::vector<const char*> kFeatureArrays = {"x",          "features",  "feature", "feats",  "feat",    "data",
                                                 "embeddings", "embedding", "emb",     "values", "vectors", "arr0"};
const std::vector<const char*> kNameArrays = {"filenames", "filename",  "files",   "file", "names",      "name",
                                              "clips",     "clipnames", "clipids", "ids",  "utterances", "uttids",
                                              "keys",      "paths",     "stems",   "arr1"};
const std::vector<const char*> kProbabilityArrays = {"p",      "prob",   "probs", "probabilities", "predictions",
                                                     "preds",  "ypred",  "yprob", "yproba",        "pred",
                                                     "scores", "logits", "fused"};
const std::vector<const char*> kClassArrays = {"classes", "classnames", "emotions", "class"};

/// Lower case, letters and digits only.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) != 0) out += static_cast<char>(std::tolower(byte));
  }
  return out;
}

bool contains(const std::vector<const char*>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// The arrays whose name is among `words`; the first word, which is ours, goes before all others.
std::vector<std::string> arrays_called(const NpzFile& npz, const std::vector<const char*>& words) {
  std::vector<std::string> found;
  for (const char* word : words) {
    for (const std::string& array : npz.names()) {
      if (plain(array.substr(array.rfind('/') + 1)) != word) continue;
      if (word == std::string(words[0])) return {array};
      found.push_back(array);
    }
  }
  return found;
}

std::string several_arrays(const NpzFile& npz, const std::vector<std::string>& found, const std::string& what) {
  return npz.path().string() + ": arrays '" + found[0] + "' and '" + found[1] + "' could both be the " + what +
         "; save one of them as its name in quotes";
}

/// The names of `list` that `word` is among, or nullptr.
const Words* words_with(const std::vector<Words>& list, const std::string& word) {
  for (const Words& words : list) {
    if (plain(words.name) == word || contains(words.others, word)) return &words;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> metadata_columns() {
  std::vector<std::string> names;
  for (const Words& words : column_words()) names.emplace_back(words.name);
  return names;
}

int find_column(const Csv& csv, const std::string& name, const ColumnNames& named, Problems& problems) {
  if (const auto it = named.find(name); it != named.end()) {
    if (const int column = csv.column(it->second); column >= 0) return column;
  }
  int found = csv.column(name);
  for (std::size_t i = 0; i < csv.columns.size(); ++i) {
    const Words* words = words_with(column_words(), plain(csv.columns[i]));
    if (words == nullptr || words->name != name || static_cast<int>(i) == found) continue;
    const auto differ = [&](const Csv::Row& row) {
      return row.fields[i] != row.fields[static_cast<std::size_t>(found)];
    };
    if (found < 0) {
      found = static_cast<int>(i);
    } else if (std::any_of(csv.rows.begin(), csv.rows.end(), differ)) {
      const std::string& other = csv.columns[static_cast<std::size_t>(found)];
      problems.add(csv.path.string() + ": columns '" + other + "' and '" + csv.columns[i] + "' could both be '" + name +
                   "'; say which in dataset.yaml, as in 'columns: {" + name + ": " + other + "}'");
      return -1;
    }
  }
  return found;
}

bool is_row_column(const std::string& column) {
  static const std::vector<const char*> kWords = {"frame",     "faceid",     "timestamp", "confidence", "success",
                                                  "frametime", "frameindex", "time",      "start",      "end"};
  return contains(kWords, plain(column));
}

bool is_face_column(const std::string& column) { return plain(column) == "faceid"; }

std::vector<std::string> accepted_columns(const std::string& name) {
  std::vector<std::string> all = {name};
  if (const Words* words = words_with(column_words(), plain(name))) {
    all.insert(all.end(), words->others.begin(), words->others.end());
  }
  return all;
}

bool is_feature_array(const std::string& name) {
  return contains(kFeatureArrays, plain(name.substr(name.rfind('/') + 1)));
}

FeatureArrays feature_arrays(const NpzFile& npz, bool names_required) {
  const std::vector<std::string> all = npz.names();
  const std::string where = npz.path().string() + ": ";
  const std::vector<std::string> x = arrays_called(npz, kFeatureArrays), names = arrays_called(npz, kNameArrays);
  const bool one_a_clip = names.empty() && all.size() > x.size() + 1;
  if (all.empty()) throw Error(where + "it has no array");
  if (one_a_clip) return {};
  if (!names_required && x.size() == 1 && names.empty()) return {x[0], ""};
  for (const auto& [found, what] : {std::pair(x, "features ('X')"), std::pair(names, "clip names ('filenames')")}) {
    if (found.size() > 1) throw Error(several_arrays(npz, found, what));
    if (!found.empty()) continue;
    std::string list;
    for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 5); ++i) list += (i ? ", " : "") + all[i];
    throw Error(where + "it has no array of " + what + "; its arrays are " + list + (all.size() > 5 ? ", ..." : "") +
                "; save them with np.savez(path, X=..., filenames=...)");
  }
  return {x[0], names[0]};
}

PredictionArrays prediction_arrays(const NpzFile& npz) {
  const auto find = [&](const std::vector<const char*>& words, const std::string& usual) {
    const std::vector<std::string> found = arrays_called(npz, words);
    if (found.size() > 1) throw Error(several_arrays(npz, found, "array '" + usual + "'"));
    if (found.empty() && usual != "classes") {
      throw Error(npz.path().string() + ": has no array '" + usual + "'" + sweep::suggestion(usual, npz.names()));
    }
    return found.empty() ? std::string() : found[0];
  };
  return {find(kProbabilityArrays, "P"), find(kNameArrays, "filenames"), find(kClassArrays, "classes")};
}

bool is_split_word(const std::string& text) {
  static const std::vector<const char*> kWords = {"train", "training",   "test", "testing",     "val",
                                                  "valid", "validation", "dev",  "development", "eval"};
  return contains(kWords, plain(text));
}

std::string shell_word(const std::filesystem::path& path) {
  const std::string text = path.string();
  const bool bare = std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string("/._-+,:@%").find(c) != std::string::npos;
  });
  return bare && !text.empty() ? text : "'" + text + "'";
}

}  // namespace medley::data
