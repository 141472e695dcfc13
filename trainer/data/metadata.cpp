#include "trainer/data/metadata.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>
#include <unordered_map>

#include "sweep/nearest.h"
#include "trainer/data/csv.h"
#include "trainer/data/error.h"

namespace medley::data {
namespace {

constexpr int kMaxFold = 9999;
constexpr std::size_t kMaxName = 512;

/// Whole numbers as people and pandas write them: 30, 30.0.
std::optional<int> integer(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot != std::string_view::npos) {
    const std::string_view fraction = text.substr(dot + 1);
    if (fraction.find_first_not_of('0') != std::string_view::npos) return std::nullopt;
    text = text.substr(0, dot);
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string quote(const std::string& text) { return "'" + text + "'"; }

/// Reads rows of one metadata file into clips.
class MetadataReader {
 public:
  MetadataReader(const std::filesystem::path& path, NeutralRule rule, sweep::Classes& classes, Problems& problems)
      : csv_(read_csv(path)), rule_(rule), classes_(classes), problems_(problems) {
    filename_ = csv_.column("filename");
    mix_ = csv_.column("mix");
    emotion_[0] = csv_.column("emotion_1");
    emotion_[1] = csv_.column("emotion_2");
    salience_[0] = csv_.column("emotion_1_salience");
    salience_[1] = csv_.column("emotion_2_salience");
    fold_ = csv_.column("fold");
    actor_ = csv_.column("video_id");
  }

  /// False, and the errors noted, when a column is missing.
  bool has(const std::vector<std::string>& columns) {
    bool all = true;
    for (const std::string& column : columns) {
      if (csv_.column(column) >= 0) continue;
      all = false;
      std::vector<std::string> present;
      for (const std::string& name : csv_.columns) {
        if (std::find(columns.begin(), columns.end(), name) == columns.end()) present.push_back(name);
      }
      const std::string near = sweep::nearest_name(column, present);
      problems_.add(csv_.path.string() + ": column '" + column + "' is missing" +
                    (near.empty() ? "" : "; the nearest present is '" + near + "'"));
    }
    return all;
  }

  const Csv& csv() const { return csv_; }

  Clip clip(const Csv::Row& row) {
    Clip clip;
    clip.filename = field(row, filename_);
    clip.stem = stem_of(clip.filename);
    clip.actor = field(row, actor_);
    if (clip.filename.empty()) error(row, filename_, "it is empty");
    if (clip.filename.size() > kMaxName || clip.filename.find_first_of("/\\") != std::string::npos) {
      error(row, filename_, quote(clip.filename) + " is not a file name");
    }
    const auto [it, added] = line_of_stem_.emplace(clip.stem, row.line);
    if (!added) {
      error(row, filename_, "clip " + quote(clip.stem) + " was already in line " + std::to_string(it->second));
    }
    return clip;
  }

  /// The clip's fold; errors where it is not one, or where the actor was in another.
  int fold(const Csv::Row& row, const Clip& clip) {
    const std::string text = field(row, fold_);
    const std::optional<int> fold = integer(text);
    if (!fold || *fold < 0 || *fold > kMaxFold) {
      error(row, fold_, quote(text) + " is not a whole number from 0 to " + std::to_string(kMaxFold));
      return 0;
    }
    if (!clip.actor.empty()) {
      const auto [it, added] = fold_of_actor_.emplace(clip.actor, FoldOfActor{*fold, row.line, false});
      if (!added && it->second.fold != *fold && !it->second.told) {
        it->second.told = true;
        error(row, fold_,
              "actor " + quote(clip.actor) + " is in fold " + std::to_string(*fold) + " and, in line " +
                  std::to_string(it->second.line) + ", in fold " + std::to_string(it->second.fold) +
                  "; folds must not share an actor");
      }
    }
    return *fold;
  }

  bool is_labelled(const Csv::Row& row) const { return !field(row, emotion_[0]).empty(); }

  std::optional<sweep::Label> label(const Csv::Row& row) {
    const std::string mix = field(row, mix_);
    const std::optional<int> is_mix = integer(mix);
    if (!is_mix || (*is_mix != 0 && *is_mix != 1)) {
      error(row, mix_, quote(mix) + " is neither 0 (one emotion) nor 1 (a blend)");
      return std::nullopt;
    }
    return *is_mix ? blend(row) : single(row);
  }

 private:
  struct FoldOfActor {
    int fold;
    int line;
    bool told;
  };

  std::optional<sweep::Label> single(const Csv::Row& row) {
    const int emotion = emotion_class(row, emotion_[0]);
    bool valid = emotion >= 0;
    for (const int column : {emotion_[1], salience_[0], salience_[1]}) {
      if (field(row, column).empty()) continue;
      error(row, column, quote(field(row, column)) + ", but mix is 0: it must be empty for a single emotion");
      valid = false;
    }
    if (!valid) return std::nullopt;
    return sweep::Label{emotion, -1, 100};
  }

  std::optional<sweep::Label> blend(const Csv::Row& row) {
    const int first = emotion_class(row, emotion_[0]), second = emotion_class(row, emotion_[1]);
    int salience[2] = {0, 0};
    bool valid = first >= 0 && second >= 0;
    for (int i : {0, 1}) {
      const std::string text = field(row, salience_[i]);
      salience[i] = integer(text).value_or(0);
      if (salience[i] == 30 || salience[i] == 50 || salience[i] == 70) continue;
      error(row, salience_[i], quote(text) + " is not a salience; valid: 30, 50, 70");
      valid = false;
    }
    if (!valid) return std::nullopt;
    if (first == second) {
      error(row, emotion_[1], quote(field(row, emotion_[1])) + " is also emotion_1; a blend has two emotions");
      return std::nullopt;
    }
    if (salience[0] + salience[1] != 100) {
      error(row, salience_[1],
            quote(field(row, salience_[1])) + " and emotion_1_salience " + quote(field(row, salience_[0])) +
                " do not add to 100");
      return std::nullopt;
    }
    for (const int emotion : {first, second}) {
      const auto i = static_cast<std::size_t>(emotion);
      if (!classes_.exclusive[i]) continue;
      if (rule_ == NeutralRule::kFromLabels) {
        classes_.exclusive[i] = false;
      } else {
        error(row, emotion_[emotion == first ? 0 : 1],
              quote(classes_.names[i]) + " is declared exclusive in dataset.yaml and must not be part of a blend");
        return std::nullopt;
      }
    }
    return sweep::make_blend(first, second, salience[0]);
  }

  int emotion_class(const Csv::Row& row, int column) {
    const std::string name = field(row, column);
    const int index = classes_.index_of(name);
    if (index < 0) error(row, column, quote(name) + " is not an emotion" + sweep::suggestion(name, classes_.names));
    return index;
  }

  std::string field(const Csv::Row& row, int column) const {
    return column < 0 ? std::string() : row.fields[static_cast<std::size_t>(column)];
  }
  void error(const Csv::Row& row, int column, const std::string& what) {
    problems_.add(csv_.where(row, column) + what);
  }

  Csv csv_;
  NeutralRule rule_;
  sweep::Classes& classes_;
  Problems& problems_;
  int filename_, mix_, emotion_[2], salience_[2], fold_, actor_;
  std::unordered_map<std::string, int> line_of_stem_;
  std::map<std::string, FoldOfActor> fold_of_actor_;
};

}  // namespace

std::string stem_of(const std::string& filename) {
  const std::size_t dot = filename.rfind('.');
  if (dot == std::string::npos || dot == 0) return filename;
  bool letter = false;
  for (std::size_t i = dot + 1; i < filename.size(); ++i) {
    const auto c = static_cast<unsigned char>(filename[i]);
    if (!std::isalnum(c)) return filename;
    letter |= std::isalpha(c) != 0;
  }
  const std::size_t length = filename.size() - dot - 1;
  return letter && length <= 5 ? filename.substr(0, dot) : filename;
}

void read_train_metadata(const std::filesystem::path& path, NeutralRule rule, sweep::Classes& classes,
                         std::vector<Clip>& clips, Problems& problems) {
  MetadataReader reader(path, rule, classes, problems);
  if (!reader.has({"filename", "mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience", "fold"})) {
    return;
  }
  if (reader.csv().rows.empty()) problems.add(path.string() + ": it has no clips");
  for (const Csv::Row& row : reader.csv().rows) {
    Clip clip = reader.clip(row);
    clip.fold = reader.fold(row, clip);
    clip.label = reader.label(row);
    clips.push_back(std::move(clip));
  }
}

void read_test_metadata(const std::filesystem::path& path, NeutralRule rule, sweep::Classes& classes,
                        std::vector<Clip>& clips, Problems& problems) {
  MetadataReader reader(path, rule, classes, problems);
  std::vector<std::string> needed = {"filename"};
  if (reader.csv().column("emotion_1") >= 0) {
    needed = {"filename", "mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"};
  }
  if (!reader.has(needed)) return;
  for (const Csv::Row& row : reader.csv().rows) {
    Clip clip = reader.clip(row);
    if (reader.is_labelled(row)) clip.label = reader.label(row);
    clips.push_back(std::move(clip));
  }
}

}  // namespace medley::data
