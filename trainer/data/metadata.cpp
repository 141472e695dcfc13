#include "trainer/data/metadata.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "sweep/class_names.h"
#include "sweep/nearest.h"
#include "trainer/data/csv.h"
#include "trainer/data/error.h"
#include "trainer/data/text.h"

namespace medley::data {
namespace {

constexpr int kMaxFold = 9999;
constexpr std::size_t kMaxName = 512;

std::string quote(const std::string& text) { return "'" + text + "'"; }

/// The command that makes folds for the dataset of `metadata`.
std::string folds_command(const std::filesystem::path& metadata) {
  return "medley data folds " + shell_word(metadata.has_parent_path() ? metadata.parent_path() : ".");
}

/// Reads rows of one metadata file into clips.
class MetadataReader {
 public:
  MetadataReader(const std::filesystem::path& path, const MetadataContext& context)
      : csv_(read_csv(path)), context_(context) {
    context_.notes.insert(context_.notes.end(), csv_.notes.begin(), csv_.notes.end());
    const auto find = [&](const char* name) { return find_column(csv_, name, context_.columns, context_.problems); };
    filename_ = find("filename");
    mix_ = find("mix");
    emotion_[0] = find("emotion_1");
    emotion_[1] = find("emotion_2");
    salience_[0] = find("emotion_1_salience");
    salience_[1] = find("emotion_2_salience");
    fold_ = find("fold");
    actor_ = find("video_id");
  }

  /// Notes what was counted, and the errors that occurred in several rows.
  void finish() {
    for (const RowError& error : errors_) {
      context_.problems.add(csv_.path.string() + ":" + std::to_string(error.line) + ": column '" +
                            column_name(error.column) + "': " + error.what +
                            (error.count > 1 ? "; so in " + plural(error.count - 1, "more row") : ""));
    }
    const auto note = [&](std::size_t count, const std::string& noun, const std::string& what) {
      if (count > 0) context_.notes.push_back(csv_.path.string() + ": " + plural(count, noun) + what);
    };
    note(repeated_, "row", " repeated in every field, ignored");
    note(with_folder_, "clip name", " with a folder, which is dropped");
    note(unnamed_actors_, "clip",
         " with a word for a missing value as actor, as 'NA'; write such an actor's name otherwise");
    note(fractions_, "blend", " with saliences as shares of 1, read as percent");
    for (const auto& [spelling, meant] : spellings_) {
      context_.notes.push_back(csv_.path.string() + ": class " + quote(spelling) + " is read as " + quote(meant));
    }
  }

  /// An error for each column that dataset.yaml names and the file lacks.
  void check_named() {
    for (const auto& [name, theirs] : context_.columns) {
      if (csv_.column(theirs) >= 0) continue;
      context_.problems.add(csv_.path.string() + ": dataset.yaml names column '" + theirs + "' for '" + name +
                            "', which is not there" + sweep::suggestion(theirs, csv_.columns));
    }
  }

  bool has_labels() const { return emotion_[0] >= 0; }

  /// False, and the errors noted, when a column is missing.
  bool has_all(const std::vector<std::string>& columns) {
    bool all = true;
    for (const std::string& column : columns) {
      if (index_of(column) >= 0) continue;
      all = false;
      std::vector<std::string> present;
      for (std::size_t i = 0; i < csv_.columns.size(); ++i) {
        if (!csv_.columns[i].empty() && !is_read(static_cast<int>(i))) present.push_back(csv_.columns[i]);
      }
      const std::string near = sweep::nearest_name(column, present);
      std::string text = csv_.path.string() + ": column '" + column + "' is missing";
      if (!near.empty()) text += "; the nearest present is '" + near + "'";
      if (column == "fold") text += "; make folds that share no actor with: " + folds_command(csv_.path);
      context_.problems.add(text);
    }
    return all;
  }

  const Csv& csv() const { return csv_; }

  /// True for a row that says once more what an earlier one said.
  bool is_repeated(const Csv::Row& row) {
    const auto it = row_of_stem_.find(stem(row));
    const bool same = it != row_of_stem_.end() && it->second->fields == row.fields;
    repeated_ += same ? 1 : 0;
    return same;
  }

  Clip clip(const Csv::Row& row) {
    Clip clip;
    clip.filename = file_name(row);
    clip.stem = stem_of(clip.filename);
    clip.actor = actor(row);
    unnamed_actors_ += clip.actor.empty() && !raw(row, actor_).empty() ? 1 : 0;
    if (clip.filename.empty()) error(row, filename_, "it is empty");
    if (clip.filename.size() > kMaxName) error(row, filename_, "a name longer than " + std::to_string(kMaxName));
    with_folder_ += clip.filename != raw(row, filename_) ? 1 : 0;
    const auto [it, added] = row_of_stem_.emplace(clip.stem, &row);
    if (!added) {
      error(row, filename_, "clip " + quote(clip.stem) + " was already in line " + std::to_string(it->second->line));
    }
    return clip;
  }

  /// Decides what the fold column holds. To be called before fold().
  void read_folds() {
    std::set<std::string> names;
    for (const Csv::Row& row : csv_.rows) {
      const std::string text = field(row, fold_);
      if (!text.empty()) names.insert(text);
    }
    const bool words = !names.empty() && std::all_of(names.begin(), names.end(), [](const std::string& name) {
      return std::isalpha(static_cast<unsigned char>(name[0])) != 0;
    });
    if (!words) return;
    folds_are_split_ = std::all_of(names.begin(), names.end(), is_split_word);
    if (folds_are_split_) return;
    // fold_1, fold_2 keep their numbers; other names are numbered in order.
    std::set<std::string> stems;
    std::set<int> numbers;
    for (const std::string& name : names) {
      const std::size_t digits = name.find_last_not_of("0123456789") + 1;
      stems.insert(name.substr(0, digits));
      numbers.insert(integer(csv_, name.substr(digits)).value_or(-1));
    }
    const bool numbered = stems.size() == 1 && numbers.size() == names.size() && *numbers.begin() >= 0;
    std::string text;
    for (const std::string& name : names) {
      const int number =
          numbered ? *integer(csv_, name.substr(stems.begin()->size())) : static_cast<int>(fold_of_name_.size());
      fold_of_name_.emplace(name, number);
      if (fold_of_name_.size() <= 10) text += (text.empty() ? "" : ", ") + name + " is " + std::to_string(number);
    }
    context_.notes.push_back(csv_.path.string() + ": folds have names: " + text);
  }

  /// The clip's fold; errors where it is not one, or where the actor was in another.
  int fold(const Csv::Row& row, const Clip& clip) {
    const std::string text = field(row, fold_);
    if (folds_are_split_) {
      error(row, fold_,
            quote(text) + " is a part of the data, not a fold; make folds that share no actor with: " +
                folds_command(csv_.path) + " --force");
      return 0;
    }
    std::optional<int> fold = integer(csv_, text);
    if (const auto it = fold_of_name_.find(text); it != fold_of_name_.end()) fold = it->second;
    if (!fold || *fold < 0 || *fold > kMaxFold) {
      error(row, fold_,
            text.empty() ? "it is empty; make folds with: " + folds_command(csv_.path) + " --force"
                         : quote(text) + " is not a whole number from 0 to " + std::to_string(kMaxFold));
      return 0;
    }
    if (!clip.actor.empty()) {
      const auto [it, added] =
          fold_of_actor_.emplace(actor_key(clip.actor), FoldOfActor{*fold, row.line, clip.actor, false});
      FoldOfActor& first = it->second;
      if (!added && first.fold != *fold && !first.told) {
        first.told = true;
        ++actors_in_two_;
        if (actors_in_two_ == 1) {
          shared_actor_ = csv_.where(row, fold_) + "actor " + quote(clip.actor) + " is in fold " +
                          std::to_string(*fold) + " and, in line " + std::to_string(first.line) + ", in fold " +
                          std::to_string(first.fold) + (first.actor == clip.actor ? "" : " as " + quote(first.actor));
        }
      }
    }
    return *fold;
  }

  /// Says once how many actors are in several folds.
  void check_actors() {
    if (actors_in_two_ == 0) return;
    context_.problems.add(shared_actor_ +
                          (actors_in_two_ > 1 ? "; " + std::to_string(actors_in_two_) + " of " +
                                                    plural(fold_of_actor_.size(), "actor") + " are in several folds"
                                              : "; folds must not share an actor") +
                          "; make folds with: " + folds_command(csv_.path) + " --force");
  }

  bool is_labelled(const Csv::Row& row) const { return !field(row, emotion_[0]).empty(); }

  std::optional<sweep::Label> label(const Csv::Row& row) {
    const std::string mix = field(row, mix_);
    std::optional<int> is_mix = integer(csv_, mix);
    for (const char* word : {"True", "TRUE", "true", "T", "yes"}) {
      if (mix == word) is_mix = 1;
    }
    for (const char* word : {"False", "FALSE", "false", "F", "no"}) {
      if (mix == word) is_mix = 0;
    }
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
    std::string actor;
    bool told;
  };
  struct RowError {
    int column;
    std::string what;
    int line;
    std::size_t count;
  };

  static std::optional<int> integer(const Csv& csv, const std::string& text) {
    const std::optional<double> value = text.empty() ? std::nullopt : csv.number(text);
    if (!value || !(std::abs(*value) < 1e9) || *value != std::floor(*value)) return std::nullopt;
    return static_cast<int>(*value);
  }

  /// Percent, also from a share of 1; 0 where it is no number.
  double salience(const Csv::Row& row, int column, bool& share) const {
    std::string text = field(row, column);
    if (!text.empty() && text.back() == '%') text.pop_back();
    const double value = text.empty() ? 0 : csv_.number(text).value_or(-1);
    share = value > 0 && value <= 1;
    const double percent = share ? 100 * value : value;
    return std::abs(percent - std::round(percent)) < 1e-3 ? std::round(percent) : percent;
  }

  std::optional<sweep::Label> single(const Csv::Row& row) {
    const int emotion = emotion_class(row, emotion_[0]);
    bool valid = emotion >= 0;
    bool share = false;
    for (const int column : {emotion_[1], salience_[0], salience_[1]}) {
      const std::string text = field(row, column);
      if (text.empty()) continue;
      if (column == salience_[0] && salience(row, column, share) == 100) continue;
      if (column == salience_[1] && salience(row, column, share) == 0) continue;
      error(row, column, quote(text) + ", but mix is 0: it must be empty for a single emotion");
      valid = false;
    }
    if (!valid) return std::nullopt;
    return sweep::Label{emotion, -1, 100};
  }

  std::optional<sweep::Label> blend(const Csv::Row& row) {
    const int first = emotion_class(row, emotion_[0]), second = emotion_class(row, emotion_[1]);
    int salience[2] = {0, 0};
    bool valid = first >= 0 && second >= 0, shares[2] = {false, false};
    for (int i : {0, 1}) {
      const double percent = this->salience(row, salience_[i], shares[i]);
      if (percent == 30 || percent == 50 || percent == 70) {
        salience[i] = static_cast<int>(percent);
        continue;
      }
      error(row, salience_[i], quote(field(row, salience_[i])) + " is not a salience; valid: 30, 50, 70");
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
    fractions_ += shares[0] && shares[1] ? 1 : 0;
    sweep::Classes& classes = context_.classes;
    for (const int emotion : {first, second}) {
      const auto i = static_cast<std::size_t>(emotion);
      if (!classes.exclusive[i]) continue;
      if (context_.rule == NeutralRule::kFromLabels) {
        classes.exclusive[i] = false;
      } else {
        error(row, emotion_[emotion == first ? 0 : 1],
              quote(classes.names[i]) +
                  " is exclusive and must not be part of a blend; dataset.yaml says which classes are, as in "
                  "'exclusive: []'");
        return std::nullopt;
      }
    }
    return sweep::make_blend(first, second, salience[0]);
  }

  int emotion_class(const Csv::Row& row, int column) {
    const std::string name = field(row, column);
    const sweep::Classes& classes = context_.classes;
    const int index = sweep::class_index(classes, name);
    if (index < 0) error(row, column, quote(name) + " is not an emotion" + sweep::suggestion(name, classes.names));
    if (index >= 0 && classes.names[static_cast<std::size_t>(index)] != name) {
      spellings_.emplace(name, classes.names[static_cast<std::size_t>(index)]);
    }
    return index;
  }

  /// True for a column that is one of ours, under whatever name.
  bool is_read(int column) const {
    const int ours[] = {filename_, actor_, mix_, emotion_[0], emotion_[1], salience_[0], salience_[1], fold_};
    return std::find(std::begin(ours), std::end(ours), column) != std::end(ours);
  }
  int index_of(const std::string& name) const {
    const std::map<std::string, int> columns = {{"filename", filename_},
                                                {"video_id", actor_},
                                                {"mix", mix_},
                                                {"emotion_1", emotion_[0]},
                                                {"emotion_2", emotion_[1]},
                                                {"emotion_1_salience", salience_[0]},
                                                {"emotion_2_salience", salience_[1]},
                                                {"fold", fold_}};
    return columns.at(name);
  }
  const std::string& column_name(int column) const { return csv_.columns.at(static_cast<std::size_t>(column)); }

  std::string raw(const Csv::Row& row, int column) const {
    return column < 0 ? std::string() : row.fields[static_cast<std::size_t>(column)];
  }
  /// "" where the value is missing, whatever word says so.
  std::string field(const Csv::Row& row, int column) const {
    const std::string text = raw(row, column);
    return is_missing(text) ? "" : text;
  }
  std::string file_name(const Csv::Row& row) const { return without_folders(raw(row, filename_)); }
  std::string stem(const Csv::Row& row) const { return stem_of(file_name(row)); }
  /// pandas writes whole numbers of a column with gaps as 101.0.
  std::string actor(const Csv::Row& row) const {
    const std::string text = field(row, actor_);
    const std::size_t point = text.find('.');
    if (point == std::string::npos || point == 0 || text.find_first_not_of("0123456789") != point) return text;
    return text.find_first_not_of('0', point + 1) == std::string::npos ? text.substr(0, point) : text;
  }
  void error(const Csv::Row& row, int column, const std::string& what) {
    for (RowError& error : errors_) {
      if (error.column != column || error.what != what) continue;
      ++error.count;
      return;
    }
    errors_.push_back({column, what, row.line, 1});
  }

  Csv csv_;
  const MetadataContext& context_;
  int filename_, mix_, emotion_[2], salience_[2], fold_, actor_;
  std::unordered_map<std::string, const Csv::Row*> row_of_stem_;
  std::map<std::string, int> fold_of_name_;
  bool folds_are_split_ = false;
  std::map<std::string, FoldOfActor> fold_of_actor_;
  std::size_t actors_in_two_ = 0;
  std::string shared_actor_;
  std::vector<RowError> errors_;
  std::map<std::string, std::string> spellings_;  ///< of classes, and what each means
  std::size_t repeated_ = 0, with_folder_ = 0, unnamed_actors_ = 0, fractions_ = 0;
};

const std::vector<std::string> kLabelColumns = {
    "filename", "mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"};

}  // namespace

std::string actor_key(const std::string& actor) {
  std::string key = folded(actor);
  const bool number = !key.empty() && key.find_first_not_of("0123456789") == std::string::npos;
  if (number) key.erase(0, std::min(key.find_first_not_of('0'), key.size() - 1));
  return key;
}

void read_train_metadata(const std::filesystem::path& path, const MetadataContext& context, std::vector<Clip>& clips) {
  MetadataReader reader(path, context);
  reader.check_named();
  std::vector<std::string> needed = kLabelColumns;
  needed.emplace_back("fold");
  if (!reader.has_all(needed)) return reader.finish();
  if (reader.csv().rows.empty()) context.problems.add(path.string() + ": it has no clips");
  reader.read_folds();
  for (const Csv::Row& row : reader.csv().rows) {
    if (reader.is_repeated(row)) continue;
    Clip clip = reader.clip(row);
    clip.fold = reader.fold(row, clip);
    clip.label = reader.label(row);
    clips.push_back(std::move(clip));
  }
  reader.check_actors();
  reader.finish();
}

void read_test_metadata(const std::filesystem::path& path, const MetadataContext& given, std::vector<Clip>& clips) {
  const MetadataContext context{NeutralRule::kAsDeclared, given.columns, given.classes, given.problems, given.notes};
  MetadataReader reader(path, context);
  if (!reader.has_all(reader.has_labels() ? kLabelColumns : std::vector<std::string>{"filename"})) {
    return reader.finish();
  }
  for (const Csv::Row& row : reader.csv().rows) {
    if (reader.is_repeated(row)) continue;
    Clip clip = reader.clip(row);
    if (reader.is_labelled(row)) clip.label = reader.label(row);
    clips.push_back(std::move(clip));
  }
  reader.finish();
}

}  // namespace medley::data
