// medley evaluate: the official numbers of anybody's predictions.
#include <iostream>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "coordinator/actions/evaluate.h"
#include "coordinator/commands/command.h"
#include "sweep/report/report.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

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
      "Probabilities are decoded by the official grid search over these same clips (optimistic), or by fixed "
      "thresholds.\n"
      "Examples:\n  medley evaluate predictions.npz --data features/\n"
      "  medley evaluate predictions.npz --data features/ --alpha 0.15 --beta 0.1 --json\n"
      "  medley evaluate submission.json --data features/");
  command->callback([options] { run(*options); });
}

}  // namespace medley::coordinator
