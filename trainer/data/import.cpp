#include "trainer/data/import.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "sweep/nearest.h"
#include "trainer/data/csv.h"
#include "trainer/data/dataset.h"
#include "trainer/data/description.h"
#include "trainer/data/error.h"
#include "trainer/data/metadata.h"
#include "trainer/data/npz_write.h"
#include "trainer/data/series.h"
#include "trainer/data/text.h"

namespace medley::data {
namespace {

namespace fs = std::filesystem;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// One encoder's features in the order of the clips: [clip, layer, dim]. Rows of clips without features are NaN.
struct Matrix {
  std::size_t layers = 1, dim = 0;
  std::vector<float> values;
  std::size_t items() const { return layers * dim; }
};

/// What the file of a clip holds.
struct Shape {
  std::size_t steps = 0, dim = 0;
  std::set<int> faces;
};

/// A folder beside the one to be written, removed unless it took its place.
class Draft {
 public:
  explicit Draft(const fs::path& out) : out_(out) {
    fs::path parent = fs::absolute(out).lexically_normal();
    if (!parent.has_filename()) parent = parent.parent_path();
    parent = parent.parent_path();
    for (fs::path missing = parent; !fs::exists(missing); missing = missing.parent_path()) made_.push_back(missing);
    files::make_folders(parent);
    std::string pattern = (parent / ".medley-import-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw Error(parent.string() + ": a folder cannot be made here");
    path_ = pattern;
    fs::permissions(path_,
                    fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read | fs::perms::others_exec,
                    fs::perm_options::add);
  }
  ~Draft() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    if (taken_) return;
    for (const fs::path& made : made_) fs::remove(made, ignored);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  const fs::path& path() const { return path_; }
  /// Moves the files to `out`, over those of the same name.
  void take_place() {
    files::make_folders(out_);
    for (const auto& entry : fs::directory_iterator(path_)) fs::rename(entry.path(), out_ / entry.path().filename());
    files::sync_folder(out_);
    taken_ = true;
  }

 private:
  fs::path out_, path_;
  std::vector<fs::path> made_;  ///< folders above `out` that were not there, innermost first
  bool taken_ = false;
};

class Importer {
 public:
  Importer(const fs::path& source, const fs::path& out, const ImportOptions& options,
           const std::function<void(const ImportProgress&)>& progress)
      : source_(source), out_(out), options_(options), progress_(progress) {}

  std::vector<std::string> run() {
    if (!fs::is_directory(source_)) throw Error(source_.string() + ": not a folder");
    if (fs::exists(out_) && !fs::is_directory(out_)) throw Error(out_.string() + ": not a folder");
    if (fs::exists(out_) && options_.existing == Existing::kRefuse && !fs::is_empty(out_)) refuse_full_folder(out_);
    read_metadata();
    find_encoders();
    Draft draft(out_);
    draft_ = draft.path();
    for (const std::string& name : order_) import_encoder(name);
    write_metadata();
    write_description();
    check();
    draft.take_place();
    return notes_;
  }

 private:
  void read_metadata() {
    if (!fs::exists(source_ / "train_metadata.csv")) throw Error(source_.string() + ": train_metadata.csv is missing");
    if (fs::exists(source_ / "dataset.yaml")) description_ = read_description(source_ / "dataset.yaml");
    sweep::Classes classes = description_.classes.value_or(sweep::Classes::blemore());
    const NeutralRule rule = description_.classes ? NeutralRule::kAsDeclared : NeutralRule::kFromLabels;
    Problems problems;
    std::vector<std::string> told_again;  // by the check of the written dataset
    const MetadataContext context{rule, description_.columns, classes, problems, told_again};
    read_train_metadata(source_ / "train_metadata.csv", context, clips_);
    if (fs::exists(source_ / "test_metadata.csv")) read_test_metadata(source_ / "test_metadata.csv", context, clips_);
    if (!problems.empty()) throw Error(problems.text());
    for (const Clip& clip : clips_) stems_.push_back(clip.stem);
    drop_.assign(clips_.size(), false);
  }

  void find_encoders() {
    for (FeatureFile& file : find_feature_files(source_, notes_)) {
      order_.push_back(file.name);
      files_.emplace(file.name, std::move(file));
    }
    for (ClipFolder& folder : find_clip_folders(source_, notes_)) {
      if (files_.count(folder.name) > 0) {
        throw Error(folder.folders[0].string() + ": encoder '" + folder.name + "' has also a file, " +
                    files_.at(folder.name).where());
      }
      order_.push_back(folder.name);
      folders_.emplace(folder.name, std::move(folder));
    }
    std::sort(order_.begin(), order_.end());
    if (description_.encoders.empty()) {
      if (order_.empty())
        throw Error(source_.string() + ": no encoder: no folder <encoder>/<clip>.npy, no feature file");
      return;
    }
    const std::vector<std::string> present = order_;
    order_.clear();
    for (const Description::EncoderEntry& entry : description_.encoders) {
      if (std::find(present.begin(), present.end(), entry.name) == present.end()) {
        throw Error((source_ / "dataset.yaml").string() + ": encoder '" + entry.name + "' has no folder " +
                    (source_ / entry.name).string() + sweep::suggestion(entry.name, present));
      }
      order_.push_back(entry.name);
    }
  }

  void import_encoder(const std::string& name) {
    const auto folder = folders_.find(name);
    Matrix matrix;
    if (folder != folders_.end()) {
      matrix = read_series(name, *open_clip_folder(folder->second, options_.face));
    } else if (is_archive_of_series(files_.at(name), is_clip())) {
      matrix = read_series(name, *open_archive_of_series(files_.at(name)));
    } else {
      matrix = read_table(name, files_.at(name));
    }
    fill_missing(name, matrix);
    std::vector<std::string> names;
    std::vector<float> values;
    for (std::size_t clip = 0; clip < clips_.size(); ++clip) {
      if (drop_[clip]) continue;
      names.push_back(stems_[clip]);
      const auto row = matrix.values.begin() + static_cast<std::ptrdiff_t>(clip * matrix.items());
      values.insert(values.end(), row, row + static_cast<std::ptrdiff_t>(matrix.items()));
    }
    std::vector<std::size_t> shape = {names.size(), matrix.dim};
    if (matrix.layers > 1) shape.insert(shape.begin() + 1, matrix.layers);
    write_npz(draft_ / (name + "_static_features.npz"),
              {{"X", shape, std::move(values)}, {"filenames", {names.size()}, names}});
  }

  /// Under the rules of `--match`. Where no name is a clip's, every one may be.
  IsClip is_clip() const {
    std::set<std::string> keys;
    for (const std::string& stem : stems_) keys.insert(name_key(stem, options_.match));
    return [keys = std::move(keys), this](const std::string& name) {
      return keys.count(name_key(name, options_.match)) > 0;
    };
  }

  NameMatch match(const std::vector<std::string>& names, const std::string& where) const {
    Problems problems;
    NameMatch match =
        match_names(names, stems_, options_.match, options_.missing != Missing::kError, where, command(), problems);
    if (!problems.empty()) throw Error(problems.text());
    return match;
  }

  Matrix read_table(const std::string& name, const FeatureFile& file) {
    const FeatureTable table = read_feature_table(file, options_.axes, command(), is_clip(), notes_);
    const NameMatch rows = match(table.names, file.message_start());
    Matrix matrix;
    matrix.layers = table.layers;
    matrix.dim = table.dim;
    matrix.values.assign(clips_.size() * matrix.items(), kNan);
    for (std::size_t clip = 0; clip < clips_.size(); ++clip) {
      if (rows.row_of_clip[clip] < 0) continue;
      const auto row = table.values.begin() + rows.row_of_clip[clip] * static_cast<std::ptrdiff_t>(table.items());
      std::copy(row, row + static_cast<std::ptrdiff_t>(table.items()),
                matrix.values.begin() + static_cast<std::ptrdiff_t>(clip * matrix.items()));
    }
    progress_({name, clips_.size(), clips_.size()});
    return options_.axes == Axes::kClipsTimeDim && matrix.layers > 1 ? reduced_steps(name, matrix) : matrix;
  }

  /// Statistics over the second axis.
  Matrix reduced_steps(const std::string& name, const Matrix& steps) {
    Matrix matrix;
    matrix.dim = steps.dim * options_.statistics.size();
    std::size_t padded = 0;
    for (std::size_t clip = 0; clip < clips_.size(); ++clip) {
      const auto row = steps.values.begin() + static_cast<std::ptrdiff_t>(clip * steps.items());
      const std::vector<float> series(row, row + static_cast<std::ptrdiff_t>(steps.items()));
      padded += std::all_of(series.end() - static_cast<std::ptrdiff_t>(steps.dim), series.end(),
                            [](float x) { return x == 0; });
      const std::vector<float> one = static_features(series, steps.layers, steps.dim, options_.statistics);
      matrix.values.insert(matrix.values.end(), one.begin(), one.end());
    }
    if (padded > 0) {
      notes_.push_back("encoder '" + name + "': " + plural(padded, "clip") +
                       " end in a step of zeros, which looks like padding and went into the statistics");
    }
    description_.prepared.push_back("encoder " + name + ": statistics over " + std::to_string(steps.layers) +
                                    " steps, the second axis of its array");
    return matrix;
  }

  Matrix read_series(const std::string& name, const SeriesSource& source) {
    const NameMatch rows = match(source.names(), (source_ / name).string() + ": encoder '" + name + "': ");
    std::vector<std::size_t> present;
    for (std::size_t clip = 0; clip < clips_.size(); ++clip) {
      if (rows.row_of_clip[clip] >= 0) present.push_back(clip);
    }
    if (present.empty()) throw Error((source_ / name).string() + ": no clip has a file here");
    std::vector<std::vector<float>> one_step(clips_.size()), reduced(clips_.size());
    std::atomic<std::size_t> next{0};
    std::vector<Shape> shapes(clips_.size());
    std::size_t done = 0;
    bool all_one_step = true;
    SeriesRemarks remarks;
    std::mutex mutex;  // guards all of the above but what belongs to one clip, and the calls of progress
    std::exception_ptr failure;
    const auto row_of = [&](std::size_t clip) { return static_cast<std::size_t>(rows.row_of_clip[clip]); };
    const auto work = [&] {
      for (std::size_t i = next++; i < present.size(); i = next++) {
        const std::size_t clip = present[i];
        try {
          SeriesRemarks own;
          Series series = source.read(row_of(clip), own);
          if (series.steps == 0) series.dim = 0;
          if (options_.missing == Missing::kError) check_finite(series, source.where(row_of(clip)));
          if (series.steps > 0) {
            reduced[clip] = static_features(series.values, series.steps, series.dim, options_.statistics);
          }
          const std::lock_guard lock(mutex);
          shapes[clip] = {series.steps, series.dim, std::move(own.faces)};
          all_one_step = all_one_step && series.steps <= 1;
          if (all_one_step) one_step[clip] = std::move(series.values);
          if (!own.row_columns.empty()) remarks.row_columns = own.row_columns;
          remarks.failed_steps += own.failed_steps;
          remarks.bfloat16_arrays += own.bfloat16_arrays;
          progress_({name, ++done, present.size()});
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!failure) failure = std::current_exception();
          next = present.size();
        }
      }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
    if (failure) std::rethrow_exception(failure);
    const auto where = [&](std::size_t clip) { return source.where(row_of(clip)); };
    check_faces(name, present, shapes, where);
    check_steps(name, present, shapes, where);
    check_dims(present, shapes, where);
    note_series(name, remarks, all_one_step);
    const auto& kept = all_one_step ? one_step : reduced;
    Matrix matrix;
    matrix.dim = kept[first_with_steps(present, shapes)].size();
    matrix.values.assign(clips_.size() * matrix.dim, kNan);
    for (const std::size_t clip : present) {
      if (kept[clip].empty()) continue;
      std::copy(kept[clip].begin(), kept[clip].end(),
                matrix.values.begin() + static_cast<std::ptrdiff_t>(clip * matrix.dim));
    }
    return matrix;
  }

  using Where = std::function<std::string(std::size_t)>;

  /// "3 of 224 clips".
  static std::string share(const std::vector<std::size_t>& some, const std::vector<std::size_t>& all) {
    return std::to_string(some.size()) + " of " + plural(all.size(), "clip");
  }
  static std::size_t first_with_steps(const std::vector<std::size_t>& present, const std::vector<Shape>& shapes) {
    return *std::find_if(present.begin(), present.end(), [&](std::size_t clip) { return shapes[clip].steps > 0; });
  }

  /// Throws Error where a clip has rows of several faces: statistics over them are those of nobody.
  void check_faces(const std::string& name, const std::vector<std::size_t>& present, const std::vector<Shape>& shapes,
                   const Where& where) const {
    std::vector<std::size_t> several;
    std::set<int> faces;
    for (const std::size_t clip : present) {
      if (shapes[clip].faces.size() < 2) continue;
      several.push_back(clip);
      faces.insert(shapes[clip].faces.begin(), shapes[clip].faces.end());
    }
    if (several.empty()) return;
    std::string list;
    for (const int face : faces) list += (list.empty() ? "" : ", ") + std::to_string(face);
    throw Error(where(several[0]) + ": encoder '" + name + "': " + share(several, present) +
                " with rows of several faces (face_id " + list + "); keep one face with: " + command() + " --face " +
                std::to_string(*faces.begin()));
  }

  /// Throws Error for clips without a step, unless `--missing` says what becomes of them.
  void check_steps(const std::string& name, const std::vector<std::size_t>& present, const std::vector<Shape>& shapes,
                   const Where& where) const {
    std::vector<std::size_t> empty;
    for (const std::size_t clip : present) {
      if (shapes[clip].steps == 0) empty.push_back(clip);
    }
    if (empty.empty() || (options_.missing != Missing::kError && empty.size() < present.size())) return;
    const std::string start = where(empty[0]) + ": encoder '" + name + "': ";
    if (empty.size() == present.size())
      throw Error(start + "none of " + plural(present.size(), "clip") + " has a step");
    throw Error(start + share(empty, present) + " without a step; say what to do with: " + command() +
                " --missing drop-clip (or zero, fold-mean)");
  }

  /// Throws Error for clips of another dim than the first. Lengths of clips are many, kinds of features are two.
  void check_dims(const std::vector<std::size_t>& present, const std::vector<Shape>& shapes, const Where& where) const {
    const std::size_t first = first_with_steps(present, shapes);
    std::vector<std::size_t> others;
    std::set<std::size_t> dims;
    bool same_steps = true;
    for (const std::size_t clip : present) {
      if (shapes[clip].steps == 0) continue;
      dims.insert(shapes[clip].dim);
      if (shapes[clip].dim != shapes[first].dim) others.push_back(clip);
      same_steps = same_steps && shapes[clip].steps == shapes[first].steps;
    }
    if (others.empty()) return;
    const bool turned = same_steps && shapes[first].steps > 1 && dims.size() > 2;
    throw Error(where(others[0]) + ": dim " + std::to_string(shapes[others[0]].dim) +
                ", but the encoder's first clip '" + stems_[first] + "' has " + std::to_string(shapes[first].dim) +
                "; " + share(others, present) + " differ from it" +
                (turned ? "; all have " + plural(shapes[first].steps, "step") +
                              ", so the arrays seem to be [dim, steps]; save their transpose"
                        : "; extract all clips alike, or remove the files of one kind and use: " + command() +
                              " --missing drop-clip"));
  }

  void check_finite(const Series& series, const std::string& where) const {
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      if (std::isfinite(series.values[i])) continue;
      throw Error(where + ": step " + std::to_string(i / series.dim) + ", column " + std::to_string(i % series.dim) +
                  " is " + (std::isnan(series.values[i]) ? "NaN" : "infinite as float32") +
                  "; say what to do with: " + command() + " --missing drop-clip (or zero, fold-mean)");
    }
  }

  void note_series(const std::string& name, const SeriesRemarks& remarks, bool one_step) {
    const std::string encoder = "encoder '" + name + "': ";
    if (one_step) notes_.push_back(encoder + "each clip has one step, kept as it is, without statistics");
    if (!remarks.row_columns.empty()) {
      notes_.push_back(encoder + "columns " + remarks.row_columns + " are no features and were left out");
    }
    if (remarks.failed_steps > 0) {
      notes_.push_back(encoder + plural(remarks.failed_steps, "step") +
                       " with success 0 went into the statistics like all others");
    }
    if (remarks.bfloat16_arrays > 0) {
      notes_.push_back(encoder + plural(remarks.bfloat16_arrays, "array") +
                       " of two raw bytes a number, read as bfloat16");
    }
  }

  void fill_missing(const std::string& name, Matrix& matrix) {
    const std::size_t items = matrix.items();
    std::vector<std::size_t> bad;  // clips
    std::size_t numbers = 0;
    for (std::size_t clip = 0; clip < clips_.size(); ++clip) {
      const auto row = matrix.values.begin() + static_cast<std::ptrdiff_t>(clip * items);
      const auto count =
          std::count_if(row, row + static_cast<std::ptrdiff_t>(items), [](float x) { return !std::isfinite(x); });
      if (count > 0) bad.push_back(clip);
      numbers += static_cast<std::size_t>(count);
    }
    if (bad.empty()) return;
    std::string done =
        "encoder " + name + ": " + plural(numbers, "missing number") + " of " + plural(bad.size(), "clip");
    if (options_.missing == Missing::kError) {
      const std::size_t clip = bad[0];
      std::size_t item = 0;
      while (std::isfinite(matrix.values[clip * items + item])) ++item;
      throw Error("encoder '" + name + "': column " + std::to_string(item % matrix.dim) + " of clip '" + stems_[clip] +
                  "' is NaN or infinite, as are " + plural(numbers, "number") + " of " + plural(bad.size(), "clip") +
                  " in all; say what to do with: " + command() + " --missing drop-clip (or zero, fold-mean)");
    }
    if (options_.missing == Missing::kDropClip) {
      for (const std::size_t clip : bad) drop_[clip] = true;
      if (std::find(drop_.begin(), drop_.end(), false) == drop_.end()) throw Error(done + ", so no clip is left");
      done += ", which were dropped";
    } else {
      fill(bad, matrix);
      done += options_.missing == Missing::kZero ? ", set to 0" : ", set to the mean of the clip's fold";
    }
    description_.prepared.push_back(done);
  }

  /// 0, or the mean of the column's finite numbers in the clip's fold.
  void fill(const std::vector<std::size_t>& bad, Matrix& matrix) const {
    const std::size_t items = matrix.items();
    std::map<int, std::vector<float>> means;
    for (const std::size_t clip : bad) {
      std::vector<float>& mean = means[clips_[clip].fold];
      if (!mean.empty()) continue;
      mean.assign(items, 0);
      if (options_.missing == Missing::kZero) continue;
      std::vector<double> sum(items, 0), count(items, 0);
      for (std::size_t other = 0; other < clips_.size(); ++other) {
        if (clips_[other].fold != clips_[clip].fold) continue;
        for (std::size_t i = 0; i < items; ++i) {
          const float value = matrix.values[other * items + i];
          if (!std::isfinite(value)) continue;
          sum[i] += value;
          count[i] += 1;
        }
      }
      for (std::size_t i = 0; i < items; ++i) mean[i] = count[i] > 0 ? static_cast<float>(sum[i] / count[i]) : 0;
    }
    for (const std::size_t clip : bad) {
      const std::vector<float>& mean = means.at(clips_[clip].fold);
      for (std::size_t i = 0; i < items; ++i) {
        float& value = matrix.values[clip * items + i];
        if (!std::isfinite(value)) value = mean[i];
      }
    }
  }

  void write_metadata() {
    std::set<std::string> dropped;
    for (std::size_t clip = 0; clip < clips_.size(); ++clip) {
      if (drop_[clip]) dropped.insert(stems_[clip]);
    }
    for (const char* name : {"train_metadata.csv", "test_metadata.csv"}) {
      const auto text = files::read_if_there(source_ / name);
      if (!text) continue;
      if (dropped.empty()) {
        files::write(draft_ / name, *text, files::Durability::kDurable);
        continue;
      }
      Csv csv = read_csv(source_ / name);
      Problems problems;
      const auto column = static_cast<std::size_t>(find_column(csv, "filename", description_.columns, problems));
      csv.rows.erase(std::remove_if(csv.rows.begin(), csv.rows.end(),
                                    [&](const Csv::Row& row) {
                                      NameRules rules;
                                      rules.folders = true;
                                      return dropped.count(name_key(row.fields[column], rules)) > 0;
                                    }),
                     csv.rows.end());
      files::write(draft_ / name, csv_text(csv), files::Durability::kDurable);
    }
  }

  void write_description() {
    const auto text = files::read_if_there(source_ / "dataset.yaml");
    const std::size_t before = text ? read_description(source_ / "dataset.yaml").prepared.size() : 0;
    if (description_.prepared.size() > before) {
      files::write(draft_ / "dataset.yaml", description_text(description_), files::Durability::kDurable);
    } else if (text) {
      files::write(draft_ / "dataset.yaml", *text, files::Durability::kDurable);
    }
  }

  /// Reads back what was written. Messages name the folder that is to be.
  void check() const {
    try {
      load_dataset(draft_);
    } catch (const Error& error) {
      std::string text = error.what();
      for (std::size_t at = 0; (at = text.find(draft_.string(), at)) != std::string::npos;) {
        text.replace(at, draft_.string().size(), out_.string());
        at += out_.string().size();
      }
      throw Error(text);
    }
  }

  std::string command() const {
    return "medley data import " + shell_word(source_) + " --out " + shell_word(out_) +
           (options_.face ? " --face " + std::to_string(*options_.face) : "");
  }

  const fs::path& source_;
  const fs::path& out_;
  const ImportOptions& options_;
  const std::function<void(const ImportProgress&)>& progress_;
  fs::path draft_;
  Description description_;
  std::vector<Clip> clips_;
  std::vector<std::string> stems_;  ///< [clip]
  std::vector<bool> drop_;          ///< [clip]
  std::vector<std::string> order_;  ///< names of the encoders
  std::map<std::string, FeatureFile> files_;
  std::map<std::string, ClipFolder> folders_;
  std::vector<std::string> notes_;
};

}  // namespace

Statistic Statistic::parse(const std::string& word) {
  if (word == "mean") return {Kind::kMean, 0};
  if (word == "std") return {Kind::kStd, 0};
  if (word == "min") return {Kind::kPercentile, 0};
  if (word == "median") return {Kind::kPercentile, 50};
  if (word == "max") return {Kind::kPercentile, 100};
  const std::string digits = word.empty() ? "" : word.substr(1);
  const bool number =
      !digits.empty() && digits.size() <= 3 && digits.find_first_not_of("0123456789") == std::string::npos;
  if (!number || word[0] != 'p' || std::stoi(digits) > 100) {
    throw Error("--statistics: '" + word + "'; valid: mean, std, min, median, max, p0 to p100");
  }
  return {Kind::kPercentile, static_cast<double>(std::stoi(digits))};
}

const std::vector<Statistic>& official_statistics() {
  static const std::vector<Statistic> kOfficial = [] {
    std::vector<Statistic> statistics;
    for (const char* word : {"mean", "std", "p10", "p25", "p50", "p75", "p90"}) {
      statistics.push_back(Statistic::parse(word));
    }
    return statistics;
  }();
  return kOfficial;
}

std::vector<float> static_features(const std::vector<float>& values, std::size_t steps, std::size_t dim,
                                   const std::vector<Statistic>& statistics) {
  std::vector<float> out(statistics.size() * dim);
  std::vector<float> column(steps);
  for (std::size_t d = 0; d < dim; ++d) {
    double sum = 0;
    for (std::size_t t = 0; t < steps; ++t) sum += column[t] = values[t * dim + d];
    const double mean = sum / static_cast<double>(steps);
    if (!std::isfinite(mean)) {
      for (std::size_t k = 0; k < statistics.size(); ++k) out[k * dim + d] = kNan;
      continue;
    }
    double squares = 0;
    for (const float value : column) squares += (value - mean) * (value - mean);
    std::sort(column.begin(), column.end());
    for (std::size_t k = 0; k < statistics.size(); ++k) {
      float& result = out[k * dim + d];
      if (statistics[k].kind == Statistic::Kind::kMean) {
        result = static_cast<float>(mean);
      } else if (statistics[k].kind == Statistic::Kind::kStd) {
        result = static_cast<float>(std::sqrt(squares / static_cast<double>(steps)));
      } else {
        const double at = statistics[k].percent / 100 * static_cast<double>(steps - 1);
        const auto low = static_cast<std::size_t>(at);
        const std::size_t high = std::min(low + 1, steps - 1);
        const double a = column[low], b = column[high];
        result = static_cast<float>(a + (b - a) * (at - static_cast<double>(low)));
      }
    }
  }
  return out;
}

std::vector<std::string> import_dataset(const std::filesystem::path& source, const std::filesystem::path& out,
                                        const ImportOptions& options,
                                        const std::function<void(const ImportProgress&)>& progress) {
  return files::rethrow_as<Error>([&] { return Importer(source, out, options, progress).run(); });
}

}  // namespace medley::data
