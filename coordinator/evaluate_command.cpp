// medley evaluate: the official numbers of anybody's predictions.
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "coordinator/command.h"
#include "coordinator/evaluate.h"
#include "sweep/nearest.h"
#include "sweep/report.h"
#include "trainer/data/error.h"
#include "trainer/data/metadata.h"
#include "trainer/data/npz.h"
#include "trainer/data/submission.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) throw UsageError("cannot read " + path.string());
  return text.str();
}

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
  const auto predictions = data::parse_submission(read_text(file), dataset.classes, problems);
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

json to_json(const Evaluation& evaluation, bool synthetic) {
  const auto accuracy = evaluation.tally.accuracy();
  json object = {{"alpha", nullptr},
                 {"beta", nullptr},
                 {"acc_presence", accuracy.presence},
                 {"acc_salience", accuracy.salience},
                 {"score", accuracy.score()},
                 {"clips", evaluation.tally.clips},
                 {"blends", evaluation.tally.blends},
                 {"thresholds_tuned_on_these_clips", evaluation.searched},
                 {"synthetic", synthetic}};
  if (evaluation.thresholds) {
    object["alpha"] = evaluation.thresholds->alpha;
    object["beta"] = evaluation.thresholds->beta;
  }
  if (evaluation.searched) {
    object["presence_only"] = evaluation.presence_only;
    object["salience_only"] = evaluation.salience_only;
  }
  return object;
}

void print(const Evaluation& evaluation, bool synthetic) {
  const auto& tally = evaluation.tally;
  const auto accuracy = tally.accuracy();
  fmt::print("clips         {} ({} blends){}\n", tally.clips, tally.blends, synthetic ? ", synthetic data" : "");
  if (evaluation.thresholds) {
    fmt::print("thresholds    alpha {:.4f}, beta {:.4f}{}\n", evaluation.thresholds->alpha, evaluation.thresholds->beta,
               evaluation.searched ? ", tuned on these clips: the numbers are paper-style (optimistic)" : "");
  }
  fmt::print("ACC_presence  {}  ({} of {})\nACC_salience  {}  ({} of {})\nScore         {}\n",
             sweep::share_text(accuracy.presence), tally.presence_hits, tally.clips,
             sweep::share_text(accuracy.salience), tally.salience_hits, tally.blends,
             sweep::share_text(accuracy.score()));
}

struct EvaluateOptions {
  fs::path file, data;
  std::optional<double> alpha, beta;
  bool as_json = false;
};

void run(const EvaluateOptions& options) {
  if (options.alpha.has_value() != options.beta.has_value()) {
    throw UsageError("--alpha and --beta go together: give both, or none to search the official grid");
  }
  std::optional<sweep::Thresholds> fixed;
  if (options.alpha) fixed = sweep::Thresholds{*options.alpha, *options.beta};
  const data::Dataset dataset = data::load_dataset(options.data);
  const Evaluation evaluation = evaluate_file(options.file, dataset, fixed);
  if (options.as_json) {
    std::cout << to_json(evaluation, dataset.synthetic).dump(2) << "\n";
  } else {
    print(evaluation, dataset.synthetic);
  }
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

void add_evaluate_command(CLI::App& app, Globals&) {
  auto options = std::make_shared<EvaluateOptions>();
  auto* command = app.add_subcommand("evaluate", "The official numbers of any predictions for labelled clips");
  command
      ->add_option("FILE", options->file, "predictions: .json in the challenge's format, or .npz with P and filenames")
      ->required();
  command->add_option("--data", options->data, "dataset folder with the labels")->required();
  command->add_option("--alpha", options->alpha, "presence threshold, instead of the grid search (.npz)")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--beta", options->beta, "salience threshold, instead of the grid search (.npz)")
      ->check(CLI::Range(0.0, 1.0));
  command->add_flag("--json", options->as_json, "as JSON");
  command->footer(
      "Probabilities are decoded by the official grid search over these very clips (optimistic), or by fixed "
      "thresholds.\n"
      "Examples:\n  medley evaluate predictions.npz --data features/\n"
      "  medley evaluate predictions.npz --data features/ --alpha 0.15 --beta 0.1 --json\n"
      "  medley evaluate submission.json --data features/");
  command->callback([options] { run(*options); });
}

}  // namespace medley::coordinator
