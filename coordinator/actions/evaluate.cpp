#include "coordinator/actions/evaluate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "coordinator/error.h"
#include "sweep/class_names.h"
#include "sweep/nearest.h"
#include "sweep/score/metric.h"
#include "trainer/data/clip_names.h"
#include "trainer/data/csv.h"
#include "trainer/data/error.h"
#include "trainer/data/field_words.h"
#include "trainer/data/file_kind.h"
#include "trainer/data/metadata.h"
#include "trainer/data/npz.h"
#include "trainer/data/submission_check.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;

std::string joined(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

/// Labels by stem, and a message for names that are no clips.
class LabelsByStem {
 public:
  explicit LabelsByStem(const data::Dataset& dataset) {
    for (const data::Clip& clip : dataset.clips) labels_[clip.stem] = clip.label;
  }

  /// The clip's label; nullopt for a clip without one. Throws data::Error beginning `where` for a clip that is unknown
  /// or was asked for before.
  std::optional<sweep::Label> take(const std::string& filename, const std::string& where) {
    const std::string name = data::without_folders(filename), stem = data::stem_of(name);
    folders_ += name != filename;
    const auto label = labels_.find(stem);
    if (label == labels_.end()) throw data::Error(where + "'" + filename + "' is no clip of the dataset");
    if (!taken_.insert(stem).second) throw data::Error(where + "'" + filename + "' is given twice");
    return label->second;
  }

  int folders() const { return folders_; }  ///< names that had folders

 private:
  std::map<std::string, std::optional<sweep::Label>> labels_;
  std::set<std::string> taken_;
  int folders_ = 0;
};

void note_folders(const LabelsByStem& labels, Evaluation& evaluation) {
  if (labels.folders() == 0) return;
  evaluation.notes.push_back(
      fmt::format("{} clip names have folders, which were left out. The organisers' scorer knows names without folders",
                  labels.folders()));
}

/// Counts a prediction as the organisers' scorer does: the sets of emotions, and of a true blend two saliences rounded
/// to whole numbers, halves to even.
void count(const data::SubmissionClip& clip, const sweep::Label& truth, const std::vector<int>& classes,
           sweep::Tally& tally) {
  std::map<int, double> said;
  for (std::size_t i = 0; i < classes.size(); ++i) said[classes[i]] = std::nearbyint(clip.entries[i].salience);
  std::map<int, double> told = {{truth.first, truth.salience}};
  if (truth.is_blend()) told[truth.second] = 100 - truth.salience;
  const bool same_set = said.size() == told.size() && std::equal(said.begin(), said.end(), told.begin(),
                                                                 [](auto& a, auto& b) { return a.first == b.first; });
  ++tally.clips;
  tally.presence_hits += same_set;
  tally.blends += truth.is_blend();
  tally.salience_hits += truth.is_blend() && classes.size() == 2 && said == told;
}

Evaluation score_labels(const fs::path& file, const std::vector<data::SubmissionClip>& predictions,
                        data::Findings findings, const data::Dataset& dataset) {
  // The dataset's own names, or those under which `export` writes them. Others match no label, as the scorer has it.
  const sweep::Classes challenge = sweep::challenge_classes(dataset.classes).value_or(dataset.classes);
  bool own = false;
  for (const data::SubmissionClip& clip : predictions) {
    for (const auto& entry : clip.entries) {
      own = own || (dataset.classes.index_of(entry.emotion) >= 0 && challenge.index_of(entry.emotion) < 0);
    }
  }
  data::check_labels(predictions, own ? dataset.classes : challenge, findings);
  if (!findings.scored()) throw data::Error(file.string() + ":\n" + findings.text(true));
  LabelsByStem labels(dataset);
  Evaluation evaluation;
  for (const data::SubmissionClip& clip : predictions) {
    const auto truth = labels.take(clip.filename, file.string() + ": ");
    if (!truth) {
      ++evaluation.unlabelled;
      continue;
    }
    std::vector<int> classes;
    int unknown = -1;
    for (const auto& entry : clip.entries) {
      const int index = (own ? dataset.classes : challenge).index_of(entry.emotion);
      classes.push_back(index >= 0 ? index : unknown--);
    }
    count(clip, *truth, classes, evaluation.tally);
  }
  for (const auto& finding : findings.all()) {
    if (finding.weight == data::Weight::kError) evaluation.notes.push_back(data::Findings::text(finding));
  }
  note_folders(labels, evaluation);
  return evaluation;
}

Evaluation evaluate_submission(const fs::path& file, const data::Dataset& dataset, const std::string& member) {
  data::Findings findings;
  const auto text = data::read_submission(file, member, findings);
  const auto predictions = text ? data::parse_submission(*text, findings) : std::vector<data::SubmissionClip>();
  return score_labels(file, predictions, findings, dataset);
}

/// The message for a table without the column `name`.
std::string missing_column(const data::Csv& csv, const std::string& name, const sweep::Classes& classes) {
  const auto of_class = [&](const std::string& column) { return sweep::class_index(classes, column) >= 0; };
  if (std::count_if(csv.columns.begin(), csv.columns.end(), of_class) >= classes.count()) {
    return csv.path.string() +
           ": it has a column for each class; save probabilities with np.savez(path, P=..., filenames=..., "
           "classes=...)";
  }
  return fmt::format("{}: it has no column '{}'; its columns are {}; the column may be named {}", csv.path.string(),
                     name, joined(csv.columns), joined(data::accepted_columns(name)));
}

/// A table with the label columns of the metadata, under any of their names.
Evaluation evaluate_csv(const fs::path& file, const data::Dataset& dataset) {
  const data::Csv csv = data::read_csv(file);
  data::Problems problems;
  const auto find = [&](const char* name) { return data::find_column(csv, name, {}, problems); };
  const int filename = find("filename");
  const std::array<int, 2> emotion = {find("emotion_1"), find("emotion_2")};
  const std::array<int, 2> salience = {find("emotion_1_salience"), find("emotion_2_salience")};
  if (!problems.empty()) throw data::Error(problems.text());
  for (const auto& [column, name] : {std::pair(filename, "filename"), std::pair(emotion[0], "emotion_1")}) {
    if (column >= 0) continue;
    throw data::Error(missing_column(csv, name, dataset.classes));
  }
  const auto cell = [&](const data::Csv::Row& row, int column) {
    const std::string text = column < 0 ? "" : row.fields[static_cast<std::size_t>(column)];
    return data::is_missing(text) ? std::string() : text;
  };
  const auto number = [&](const data::Csv::Row& row, int column) {
    return csv.number(cell(row, column)).value_or(std::numeric_limits<double>::quiet_NaN());
  };
  data::Findings findings;
  std::vector<data::SubmissionClip> predictions;
  for (const data::Csv::Row& row : csv.rows) {
    data::SubmissionClip clip{cell(row, filename), {}};
    const std::string first = cell(row, emotion[0]), second = cell(row, emotion[1]);
    const bool blend = !second.empty();
    if (!first.empty()) clip.entries.push_back({first, blend ? number(row, salience[0]) : 100});
    if (blend) clip.entries.push_back({second, number(row, salience[1])});
    for (const auto& entry : clip.entries) {
      if (!std::isfinite(entry.salience)) findings.add("not-finite", clip.filename);
    }
    predictions.push_back(std::move(clip));
  }
  return score_labels(file, predictions, findings, dataset);
}

/// [column of the file] -> class of the dataset.
std::vector<std::size_t> column_classes(const data::NpzFile& archive, const std::string& array,
                                        const sweep::Classes& classes, Evaluation& evaluation) {
  std::vector<std::size_t> order(static_cast<std::size_t>(classes.count()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (array.empty()) {
    evaluation.notes.push_back("the file has no array 'classes', so its columns are read in the dataset's order: " +
                               joined(classes.names));
    return order;
  }
  const auto names = archive.read_strings(array);
  std::set<int> used;
  for (std::size_t i = 0; i < names.size() && i < order.size(); ++i) {
    const int index = sweep::class_index(classes, names[i]);
    if (index >= 0 && used.insert(index).second) order[i] = static_cast<std::size_t>(index);
  }
  if (names.size() != order.size() || used.size() != order.size()) {
    throw data::Error(archive.path().string() + ": its classes are " + joined(names) + "; the dataset's are " +
                      joined(classes.names));
  }
  return order;
}

/// Throws data::Error for values that are no probabilities, naming what they seem to be and the remedy.
void check_probabilities(const std::string& file, const std::vector<double>& p, const std::vector<std::string>& clips,
                         std::size_t classes, Evaluation& evaluation) {
  constexpr double kRounding = 1e-6;  // of float32 arithmetic
  double least = 0, most = 1, lowest_sum = 1, highest_sum = 1, highest = -1;
  double percent_off = 0, log_off = 0;
  std::size_t outside = 0, at = 0, uneven = 0;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    double sum = 0, exponentials = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      const double value = p[i * classes + c];
      if (!std::isfinite(value)) {
        throw data::Error(
            fmt::format("{}: row {} ({}), column {}: {} is not a probability", file, i, clips[i], c, value));
      }
      if ((value < -kRounding || value > 1 + kRounding) && outside++ == 0) at = i * classes + c;
      least = std::min(least, value);
      most = std::max(most, value);
      highest = i + c == 0 ? value : std::max(highest, value);
      sum += value;
      exponentials += std::exp(std::min(value, 1.0));
    }
    lowest_sum = std::min(lowest_sum, sum);
    highest_sum = std::max(highest_sum, sum);
    uneven += std::fabs(sum - 1) > 1e-3;
    percent_off = std::max(percent_off, std::fabs(sum - 100));
    log_off = std::max(log_off, std::fabs(exponentials - 1));
  }
  if (outside > 0) {
    std::string kind = "They seem to be logits. Write their softmax";
    if (least >= -kRounding && percent_off < 2) kind = "They seem to be percents. Divide them by 100";
    if (highest <= kRounding && log_off < 0.02)
      kind = "They seem to be logarithms of probabilities. Write their exponential";
    throw data::Error(fmt::format(
        "{}: {} of {} values are no probabilities, the first in row {} ({}), column {}: {:g}. "
        "Values lie from {:g} to {:g}. {}",
        file, outside, p.size(), at / classes, clips[at / classes], at % classes, p[at], least, most, kind));
  }
  if (uneven > 0) {
    evaluation.notes.push_back(
        fmt::format("{} of {} rows do not sum to 1 (sums from {:.3f} to {:.3f}), and are decoded as they stand", uneven,
                    clips.size(), lowest_sum, highest_sum));
  }
}

Evaluation evaluate_npz(const fs::path& file, const data::Dataset& dataset, std::optional<sweep::Thresholds> fixed) {
  Evaluation evaluation;
  const auto archive = data::NpzFile::open(file);
  const data::PredictionArrays arrays = data::prediction_arrays(archive);
  for (const auto& [name, usual] : {std::pair(arrays.probabilities, "P"), std::pair(arrays.filenames, "filenames")}) {
    if (name != usual) evaluation.notes.push_back(fmt::format("array '{}' is read as '{}'", name, usual));
  }
  const auto filenames = archive.read_strings(arrays.filenames);
  auto header = archive.header(arrays.probabilities);
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  // As `medley predictions` writes them, [model, clip, class].
  if (header.shape.size() == 3 && header.shape[1] == filenames.size() && header.shape[2] == classes) {
    if (header.shape[0] != 1) {
      throw data::Error(
          fmt::format("{}: {} holds predictions of {} models, and one is evaluated: write those of one "
                      "ensemble, or of a config with one seed",
                      file.string(), arrays.probabilities, header.shape[0]));
    }
    header.shape.erase(header.shape.begin());
  }
  if (header.shape != std::vector<std::size_t>{filenames.size(), classes}) {
    const bool turned = header.shape == std::vector<std::size_t>{classes, filenames.size()};
    throw data::Error(file.string() + ": " + arrays.probabilities + " has shape " + header.shape_text() + ", not (" +
                      std::to_string(filenames.size()) + ", " + std::to_string(classes) +
                      "): one row a filename, one column a class" + (turned ? "; write its transpose" : ""));
  }
  const auto order = column_classes(archive, arrays.classes, dataset.classes, evaluation);
  const auto p = archive.read_float64(arrays.probabilities);
  check_probabilities(file.string(), p, filenames, classes, evaluation);
  std::vector<std::string> models;
  if (archive.contains("models")) models = archive.read_strings("models");
  LabelsByStem labels(dataset);
  std::vector<sweep::Label> truth;
  std::vector<double> rows;
  for (std::size_t i = 0; i < filenames.size(); ++i) {
    const auto label = labels.take(filenames[i], file.string() + ": row " + std::to_string(i) + ": ");
    if (!label) {
      ++evaluation.unlabelled;
      continue;
    }
    truth.push_back(*label);
    rows.resize(rows.size() + classes);
    for (std::size_t c = 0; c < classes; ++c) rows[rows.size() - classes + order[c]] = p[i * classes + c];
    evaluation.in_sample += i < models.size() && models[i] == "in-sample";
    evaluation.out_of_fold += i < models.size() && models[i] == "out-of-fold";
  }
  note_folders(labels, evaluation);
  const sweep::ProbabilityView view{rows.data(), static_cast<int>(truth.size()), dataset.classes.count()};
  if (fixed) {
    evaluation.thresholds = fixed;
    for (int clip = 0; clip < view.clips; ++clip) {
      evaluation.tally.add(sweep::decode(view.row(clip), dataset.classes, *fixed),
                           truth[static_cast<std::size_t>(clip)]);
    }
    return evaluation;
  }
  const auto surface = sweep::threshold_surface(view, truth, dataset.classes);
  const auto best = surface.best();
  evaluation.searched = true;
  evaluation.thresholds = best.thresholds;
  evaluation.tally = sweep::tally_at(surface, best.alpha_index, best.beta_index);
  evaluation.presence_only = best.presence_only;
  evaluation.salience_only = best.salience_only;
  return evaluation;
}

}  // namespace

Evaluation evaluate_file(const fs::path& file, const data::Dataset& dataset, std::optional<sweep::Thresholds> fixed,
                         const std::string& member) {
  const std::string extension = data::extension_of(file);
  const bool probabilities = extension == ".npz";
  const bool submission = extension == ".json" || extension == ".zip";
  if (!probabilities && !submission && extension != ".csv") {
    throw UsageError(
        file.string() +
        ": must be .json or .zip (the challenge's format), .npz (P and filenames) or .csv (label columns)");
  }
  if (!fs::exists(file)) throw UsageError(file.string() + ": there is no such file");
  if (!probabilities && fixed) {
    throw UsageError("--alpha and --beta do not apply to " + file.string() + ": it holds decoded predictions");
  }
  Evaluation evaluation = probabilities ? evaluate_npz(file, dataset, fixed)
                          : submission  ? evaluate_submission(file, dataset, member)
                                        : evaluate_csv(file, dataset);
  for (const data::Clip& clip : dataset.clips) evaluation.labelled += clip.label.has_value();
  if (evaluation.tally.clips == 0 && evaluation.unlabelled > 0) {
    throw data::Error(fmt::format("{}: none of the {} predicted clips has a label in the dataset", file.string(),
                                  evaluation.unlabelled));
  }
  if (evaluation.tally.clips == 0) throw data::Error(file.string() + ": holds no predictions");
  return evaluation;
}

}  // namespace medley::coordinator
