// medley evaluate and check-submission: the official numbers and the faults of anybody's predictions.
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "coordinator/actions/evaluate.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/terminal.h"
#include "sweep/class_names.h"
#include "sweep/report/report.h"
#include "trainer/data/submission_check.h"

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
                 {"labelled_clips", evaluation.labelled},
                 {"labelled_clips_without_prediction", evaluation.labelled - evaluation.tally.clips},
                 {"unlabelled_clips", evaluation.unlabelled},
                 {"in_sample_clips", evaluation.in_sample},
                 {"out_of_fold_clips", evaluation.out_of_fold},
                 {"notes", evaluation.notes},
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
  say("clips         {} ({} blends){}\n", tally.clips, tally.blends, synthetic ? ", synthetic data" : "");
  const int missing = evaluation.labelled - tally.clips;
  if (missing > 0) {
    say("not predicted {} of {} labelled clips have no prediction, and are not scored\n", missing, evaluation.labelled);
  }
  if (evaluation.unlabelled > 0) {
    say("not labelled  {} predicted clips have no label, and are not scored\n", evaluation.unlabelled);
  }
  if (evaluation.out_of_fold > 0) {
    say("out-of-fold   {} of {} clips were predicted by models that did not train on them\n", evaluation.out_of_fold,
        tally.clips);
  }
  if (evaluation.in_sample > 0) {
    say("in-sample     {} of {} clips were predicted by models that trained on them: optimistic\n",
        evaluation.in_sample, tally.clips);
  }
  if (evaluation.thresholds) {
    say("thresholds    alpha {:.4f}, beta {:.4f}{}\n", evaluation.thresholds->alpha, evaluation.thresholds->beta,
        evaluation.searched ? ", tuned on these clips: the numbers are paper-style (optimistic)" : "");
  }
  say("ACC_presence  {}  ({} of {})\nACC_salience  {}  ({} of {})\nScore         {}\n",
      sweep::share_text(accuracy.presence), tally.presence_hits, tally.clips, sweep::share_text(accuracy.salience),
      tally.salience_hits, tally.blends, sweep::share_text(accuracy.score()));
  for (const std::string& note : evaluation.notes) say("note: {}\n", note);
}

struct EvaluateOptions {
  fs::path file, data;
  std::string member = data::kSubmissionMember;
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
  const Evaluation evaluation = evaluate_file(options.file, dataset, fixed, options.member);
  if (options.as_json) {
    std::cout << to_json(evaluation, dataset.synthetic).dump(2) << "\n";
  } else {
    print(evaluation, dataset.synthetic);
  }
}

struct CheckOptions {
  fs::path file, data;
  std::string clips = "test", member = data::kSubmissionMember;
  bool as_json = false;
};

/// The clips of a dataset folder that a submission must name.
data::ClipList clip_list(const data::Dataset& dataset, const std::string& clips) {
  data::ClipList list;
  for (const data::Clip& clip : dataset.clips) {
    const bool wanted = clips == "all" || (clips == "test") == (clip.fold < 0);
    (wanted ? list.expected : list.others).push_back(clip.filename);
  }
  if (list.expected.empty()) {
    throw UsageError(dataset.folder.string() + ": has no " + clips + " clips; --clips names others");
  }
  return list;
}

void check(const CheckOptions& options) {
  if (!fs::exists(options.file)) throw UsageError(options.file.string() + ": there is no such file");
  if (options.data.empty() && options.clips != "test") throw UsageError("--clips needs --data, the dataset folder");
  sweep::Classes classes = sweep::Classes::blemore();
  std::optional<data::ClipList> list;
  if (!options.data.empty()) {
    const data::Dataset dataset = data::load_dataset(options.data);
    classes = sweep::challenge_classes(dataset.classes).value_or(dataset.classes);
    list = clip_list(dataset, options.clips);
  }
  data::Findings findings;
  std::vector<data::SubmissionClip> predictions;
  if (const auto text = data::read_submission(options.file, options.member, findings)) {
    predictions = data::parse_submission(*text, findings);
    data::check_labels(predictions, classes, findings);
    // Without a prediction, every clip is missing: the reason is said already.
    if (!predictions.empty()) data::check_clips(predictions, list, findings);
  }
  const auto blends = std::count_if(predictions.begin(), predictions.end(),
                                    [](const data::SubmissionClip& clip) { return clip.entries.size() == 2; });
  if (options.as_json) {
    json all = json::array();
    for (const auto& finding : findings.all()) {
      all.push_back({{"kind", finding.kind},
                     {"weight", name_of(finding.weight)},
                     {"scored", finding.scored},
                     {"clips", finding.clips},
                     {"first", finding.shown},
                     {"what", finding.what},
                     {"remedy", finding.remedy}});
    }
    std::cout << json{{"file", options.file.string()},
                      {"valid", findings.errors() == 0},
                      {"errors", findings.errors()},
                      {"clips", predictions.size()},
                      {"blends", blends},
                      {"clips_expected", list ? json(list->expected.size()) : json()},
                      {"findings", all}}
                     .dump(2)
              << "\n";
  } else {
    say("{}: {} clips, {} blends\n", options.file.string(), predictions.size(), blends);
    if (!findings.all().empty()) say("{}\n", findings.text());
    if (!list) say("the list of clips was not checked: give --data, the dataset folder\n");
    if (findings.errors() == 0) say("no errors found\n");
  }
  if (findings.errors() > 0) {
    throw std::runtime_error(fmt::format("{}: {} kind{} of errors", options.file.string(), findings.errors(),
                                         findings.errors() == 1 ? "" : "s"));
  }
}

}  // namespace

void add_evaluate_command(CLI::App& app, Globals&) {
  auto options = std::make_shared<EvaluateOptions>();
  auto* command = app.add_subcommand("evaluate", "The official numbers of any predictions for labelled clips");
  command
      ->add_option("FILE", options->file,
                   "predictions: .json or .zip in the challenge's format, .npz with P and filenames, or .csv with the "
                   "metadata's label columns")
      ->required();
  command->add_option("--data", options->data, "dataset folder with the labels")->required();
  command->add_option("--alpha", options->alpha, "presence threshold, instead of the grid search (.npz)")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--beta", options->beta, "salience threshold, instead of the grid search (.npz)")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--member", options->member, "the archive's file (.zip)")->capture_default_str();
  command->add_flag("--json", options->as_json, "as JSON");
  command->footer(
      "Labels count as the organisers' scorer counts them. Clips without a prediction or a label are counted apart.\n"
      "Probabilities are decoded by the official grid search over these same clips (optimistic), or by fixed "
      "thresholds.\n"
      "Examples:\n  medley evaluate predictions.npz --data features/\n"
      "  medley evaluate predictions.npz --data features/ --alpha 0.15 --beta 0.1 --json\n"
      "  medley evaluate submission.zip --data features/");
  command->callback([options] { run(*options); });
}

void add_check_submission_command(CLI::App& app, Globals&) {
  auto options = std::make_shared<CheckOptions>();
  auto* command =
      app.add_subcommand("check-submission", "Everything that the organisers would refuse or count as wrong");
  command->add_option("FILE", options->file, "submission: .zip, or the .json within")->required();
  command->add_option("--data", options->data, "dataset folder with the list of clips");
  command->add_option("--clips", options->clips, "which of its clips the file must name")
      ->check(CLI::IsMember({"test", "labelled", "all"}))
      ->capture_default_str();
  command->add_option("--member", options->member, "the archive's file")->capture_default_str();
  command->add_flag("--json", options->as_json, "as JSON");
  command->footer(
      "An error stops the organisers' scorer or costs Score whatever the labels are. A note does neither.\n"
      "Exit codes: 0 no error, 1 errors, 2 usage.\n"
      "Examples:\n  medley check-submission submission.zip --data features/\n"
      "  medley check-submission predictions.json --json\n"
      "  medley check-submission rehearsal.zip --data features/ --clips labelled");
  command->callback([options] { check(*options); });
}

}  // namespace medley::coordinator
