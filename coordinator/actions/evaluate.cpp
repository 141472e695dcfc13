#include "coordinator/actions/evaluate.h"

#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "coordinator/error.h"
#include "storage/files/error.h"
#include "storage/files/read.h"
#include "sweep/nearest.h"
#include "sweep/score/metric.h"
#include "trainer/data/error.h"
#include "trainer/data/metadata.h"
#include "trainer/data/npz.h"
#include "trainer/data/submission.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;

/// Labels by stem, and a message for names that have none.
class LabelsByStem {
 public:
  explicit LabelsByStem(const data::Dataset& dataset) {
    for (const data::Clip& clip : dataset.clips) labels_[clip.stem] = clip.label;
  }

  /// Throws data::Error beginning `where` for a clip that is unknown, unlabelled, or was asked for before.
  sweep::Label take(const std::string& filename, const std::string& where) {
    const std::string stem = data::stem_of(filename);
    const auto label = labels_.find(stem);
    if (label == labels_.end()) throw data::Error(where + "'" + filename + "' is no clip of the dataset");
    if (!label->second) throw data::Error(where + "'" + filename + "' has no label in the dataset");
    if (!taken_.insert(stem).second) throw data::Error(where + "'" + filename + "' is given twice");
    return *label->second;
  }

 private:
  std::map<std::string, std::optional<sweep::Label>> labels_;
  std::set<std::string> taken_;
};

Evaluation evaluate_json(const fs::path& file, const data::Dataset& dataset) {
  data::Problems problems;
  const std::string text = files::rethrow_as<UsageError>([&] { return files::read(file); });
  const auto predictions = data::parse_submission(text, dataset.classes, problems);
  if (!problems.empty()) throw data::Error(file.string() + ":\n" + problems.text());
  LabelsByStem labels(dataset);
  Evaluation evaluation;
  for (const data::Prediction& prediction : predictions) {
    evaluation.tally.add(prediction.label, labels.take(prediction.filename, file.string() + ": "));
  }
  return evaluation;
}

Evaluation evaluate_npz(const fs::path& file, const data::Dataset& dataset, std::optional<sweep::Thresholds> fixed) {
  const auto archive = data::NpzFile::open(file);
  for (const char* name : {"P", "filenames"}) {
    if (!archive.contains(name)) {
      throw data::Error(file.string() + ": has no array '" + name + "'" + sweep::suggestion(name, archive.names()));
    }
  }
  const auto filenames = archive.read_strings("filenames");
  const auto header = archive.header("P");
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  if (header.shape != std::vector<std::size_t>{filenames.size(), classes}) {
    throw data::Error(file.string() + ": P has shape " + header.shape_text() + ", not (" +
                      std::to_string(filenames.size()) + ", " + std::to_string(classes) +
                      "): one row a filename, one column a class");
  }
  if (archive.contains("classes") && archive.read_strings("classes") != dataset.classes.names) {
    throw data::Error(file.string() + ": its classes are not the dataset's, in the dataset's order");
  }
  const auto p = archive.read_float64("P");
  LabelsByStem labels(dataset);
  std::vector<sweep::Label> truth;
  for (std::size_t i = 0; i < filenames.size(); ++i) {
    truth.push_back(labels.take(filenames[i], file.string() + ": row " + std::to_string(i) + ": "));
    for (std::size_t c = 0; c < classes; ++c) {
      if (std::isfinite(p[i * classes + c])) continue;
      throw data::Error(fmt::format("{}: row {} ({}), column {}: {} is not a probability", file.string(), i,
                                    filenames[i], c, p[i * classes + c]));
    }
  }
  const sweep::ProbabilityView view{p.data(), static_cast<int>(truth.size()), dataset.classes.count()};
  Evaluation evaluation;
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

Evaluation evaluate_file(const fs::path& file, const data::Dataset& dataset, std::optional<sweep::Thresholds> fixed) {
  const bool probabilities = file.extension() == ".npz";
  if (!probabilities && file.extension() != ".json") {
    throw UsageError(file.string() + ": must be .json (the challenge's format) or .npz (P and filenames)");
  }
  if (!probabilities && fixed) {
    throw UsageError("--alpha and --beta do not apply to " + file.string() + ": it holds decoded predictions");
  }
  const Evaluation evaluation = probabilities ? evaluate_npz(file, dataset, fixed) : evaluate_json(file, dataset);
  if (evaluation.tally.clips == 0) throw data::Error(file.string() + ": holds no predictions");
  return evaluation;
}

}  // namespace medley::coordinator
