// medley ensemble, medley export, medley predict.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "coordinator/actions/ensemble.h"
#include "coordinator/actions/export.h"
#include "coordinator/actions/predict.h"
#include "coordinator/actions/sweep_results.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/remote_ensemble.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/commands/worker_program.h"
#include "coordinator/control_file.h"
#include "coordinator/error.h"
#include "storage/files/write.h"
#include "sweep/report/config_names.h"
#include "sweep/report/table.h"
#include "trainer/data/file_kind.h"
#include "trainer/data/submission.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using sweep::share_text;

using sweep::Table;

struct EnsembleArguments {
  std::string sweep;
  json request = json::object();  ///< as sweep::ensemble_request_from_json() reads it
  bool ids = false;
  bool as_json = false;
};

Table member_table(storage::Reader& reader, const storage::EnsembleRecord& ensemble, const storage::SweepSummary& sweep,
                   bool ids) {
  const sweep::ConfigNames names(read_report(reader, sweep));
  std::map<std::string, bool> transductive;  // config ->
  for (const auto& row : reader.sweep_configs(ensemble.sweep))
    transductive[row.id] = sweep::is_transductive(row.config);
  auto rows = ensemble.weights;
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
  Table table;
  table.columns = {{"config"}, {"seeds"}, {"trials", Table::Align::kRight}, {"weight", Table::Align::kRight}};
  if (ids) table.columns.push_back({"id"});
  for (const storage::CandidateWeight& row : rows) {
    std::string seeds;
    for (const std::uint64_t seed : row.seeds) seeds += (seeds.empty() ? "" : " ") + std::to_string(seed);
    // A candidate has one trial a seed and fold.
    table.rows.push_back({names(row.config) + (transductive[row.config] ? "‡" : ""), seeds,
                          std::to_string(row.seeds.size() * ensemble.folds.size()), share_text(row.weight)});
    if (ids) table.rows.back().push_back(row.config);
  }
  return table;
}

Table share_table(const std::string& what, const std::vector<sweep::WeightShare>& shares) {
  Table table;
  table.title = fmt::format("weight by {}", what);
  table.columns = {{what},
                   {"weight", Table::Align::kRight},
                   {"lowest", Table::Align::kRight, "fits without a fold"},
                   {"highest", Table::Align::kRight, "fits without a fold"}};
  for (const sweep::WeightShare& row : shares) {
    table.rows.push_back({row.name, share_text(row.share), share_text(row.range.low), share_text(row.range.high)});
  }
  return table;
}

/// Thresholds and nested numbers of each fold, with the fold's own thresholds where it has them.
Table fold_table(const storage::EnsembleRecord& ensemble) {
  const auto& own = ensemble.fold_thresholds;
  Table table;
  table.title = "thresholds and nested numbers by fold";
  table.columns = {{"fold", Table::Align::kRight}};
  const auto add = [&](const char* head, const char* group) {
    table.columns.push_back({head, Table::Align::kRight, group});
  };
  if (!own.empty()) {
    for (const char* head : {"alpha", "beta"}) add(head, "on the fold");
  }
  for (const char* head : {"alpha", "beta", "Score", "ACC_P", "ACC_S"}) add(head, "fitted on the other folds");
  for (std::size_t f = 0; f < ensemble.folds.size(); ++f) {
    const storage::EnsembleFoldRecord& fold = ensemble.folds[f];
    auto& cells = table.rows.emplace_back();
    cells.push_back(std::to_string(fold.fold));
    if (!own.empty()) {
      for (const double value : {own[f].second.alpha, own[f].second.beta}) cells.push_back(share_text(value));
    }
    for (const double value : {fold.thresholds.alpha, fold.thresholds.beta, fold.accuracy.score(),
                               fold.accuracy.presence, fold.accuracy.salience}) {
      cells.push_back(share_text(value));
    }
  }
  return table;
}

std::string accuracy_text(const sweep::Accuracy& accuracy) {
  return fmt::format("Score {}  ACC_P {}  ACC_S {}", share_text(accuracy.score()), share_text(accuracy.presence),
                     share_text(accuracy.salience));
}

void print_ensemble(storage::Reader& reader, const storage::EnsembleRecord& ensemble,
                    const storage::SweepSummary& sweep, bool ids) {
  Table members = member_table(reader, ensemble, sweep, ids);
  members.title =
      fmt::format("ensemble {} '{}': {} of {} candidates of {}{}{}", ensemble.id, ensemble.request.name,
                  members.rows.size(), ensemble.candidates, sweep.name, ensemble.transductive ? " (transductive)" : "",
                  sweep.synthetic ? " (synthetic data)" : "");
  if (ensemble.request.options.mix == sweep::Mix::kGeometric) {
    members.above.push_back("geometric mean: weights are exponents of the members' probabilities");
  }
  if (ensemble.request.per_subset) {
    members.above.push_back("late fusion: of each encoder subset the config that ranks first, its seeds averaged");
  }
  say("{}\n", sweep::text_table(members, text_width()));
  say("{}\n", sweep::text_table(share_table("encoder", ensemble.shares.encoders), text_width()));
  for (const sweep::GroupShares& groups : ensemble.shares.groups) {
    if (groups.shares.size() > 1) say("{}\n", sweep::text_table(share_table(groups.by, groups.shares), text_width()));
  }
  say("{}\n", sweep::text_table(fold_table(ensemble), text_width()));
  if (!ensemble.partition.official()) say("partition    {}\n", sweep::partition_text(ensemble.partition));
  say("thresholds   alpha {:.4f}, beta {:.4f}: {}\n", ensemble.thresholds.alpha, ensemble.thresholds.beta,
      ensemble.fold_thresholds.empty() ? "one pair over all folds" : "the mean of the folds' own");
  say("heads        fused as {}{}\n", name_of(ensemble.head_fusion),
      ensemble.request.options.head_fusion ? "" : ", chosen with the weights on all folds");
  say("optimistic   {}  fitted on the rows it is measured on\n", accuracy_text(ensemble.optimistic));
  const sweep::Interval& score = ensemble.nested_interval.score;
  say("nested       {}  fitted on the other folds, 95 % of Score {} to {} {}\n", accuracy_text(ensemble.nested),
      share_text(score.low), share_text(score.high), storage::clusters_text(ensemble));
  say("best single  {}  chosen on the other folds\n", accuracy_text(ensemble.best_single_nested));
  say("nested and its interval are of models of one fold each, on clips of new actors; the export averages the models "
      "of all {} folds and is usually better\n",
      ensemble.folds.size());
  if (ensemble.request.protocol == sweep::Protocol::kPaper) {
    say("members are of the paper-style epoch, which the reported fold chose: all of these numbers are optimistic\n");
  }
  if (ensemble.transductive) {
    say("‡ transductive: training read unlabelled features of clips that it is scored on; so are these numbers\n");
  }
  if (ensemble.read_test_clips) {
    say("training read unlabelled features of the test clips: predictions for them are transductive\n");
  }
  if (const std::string unfinished = storage::unfinished_text(ensemble); !unfinished.empty()) {
    say("unfinished sweep: {}\n", unfinished);
  }
  if (ensemble.left_out > 0) {
    say("left out: {} of config and seed without {} predictions in every fold\n",
        sweep::counted(ensemble.left_out, "pair"), name_of(ensemble.request.protocol));
  }
}

/// Fits and saves it here. Returns its id.
std::int64_t fit_here(storage::Reader& reader, const fs::path& store, const storage::SweepSummary& sweep,
                      const sweep::EnsembleRequest& request) {
  // Before the fit, which takes a while: another writer would be the end of it.
  storage::Writer writer(store);
  const auto record = ensemble_record(fit_ensemble(reader, sweep, request), sweep, request, storage::now_ms());
  storage::Writer::Group group(writer);
  const std::int64_t id = writer.save_ensemble(record);
  group.commit();
  return id;
}

void make_ensemble(const EnsembleArguments& arguments, const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto sweep = choose_sweep(reader, arguments.sweep);
  const auto request = sweep::ensemble_request_from_json(arguments.request);
  const auto control = control_if_held(globals.store);
  const std::int64_t id =
      control ? fit_remotely(*control, sweep.id, request) : fit_here(reader, globals.store, sweep, request);
  // Told from the record, so that it is the same whoever fitted it.
  const auto ensemble = reader.find_ensemble(id);
  if (!ensemble) throw storage::Error("the ensemble is not in the store any more");
  if (!arguments.as_json) {
    print_ensemble(reader, *ensemble, sweep, arguments.ids);
    return;
  }
  json members = json::array();
  for (const auto& member : ensemble->members) members.push_back({{"trial", member.trial}, {"weight", member.weight}});
  std::cout << json{{"id", ensemble->id},
                    {"name", ensemble->request.name},
                    {"method", name_of(ensemble->request.options.method)},
                    {"dataset", ensemble->dataset},
                    {"settings", storage::settings_json(*ensemble)},
                    {"scores", storage::scores_json(*ensemble)},
                    {"members", members}}
                   .dump(2)
            << "\n";
}

struct ExportArguments {
  std::string ensemble;
  fs::path out = "submission.zip";
  std::string member = data::kSubmissionMember;
  fs::path data;
  bool as_json = false;
};

Exported export_here(storage::Reader& reader, const fs::path& store, const storage::EnsembleRecord& ensemble,
                     const ExportArguments& arguments) {
  storage::Writer writer(store);
  const storage::TimeMs now = storage::now_ms();
  Exported exported =
      export_ensemble(reader, ensemble, {arguments.out, arguments.member, store, arguments.data, worker_program}, now);
  record_export(writer, ensemble, exported, now);
  return exported;
}

void run_export(const ExportArguments& arguments, const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto ensemble = choose_ensemble(reader, arguments.ensemble);
  const auto control = control_if_held(globals.store);
  if (control && !arguments.data.empty()) {
    throw UsageError("--data: a run is going on in this store, and its coordinator reads the dataset's own folder");
  }
  const Exported exported = control ? export_remotely(*control, ensemble.id, arguments.out, arguments.member)
                                    : export_here(reader, globals.store, ensemble, arguments);
  if (arguments.as_json) {
    std::cout << json{{"archive", exported.archive.string()},
                      {"manifest", exported.manifest.string()},
                      {"sha256", exported.sha256},
                      {"clips", exported.clips},
                      {"blends", exported.blends},
                      {"renamed_classes", exported.renamed},
                      {"members_predicted_from_checkpoints", exported.predicted_now},
                      {"notes", exported.notes},
                      {"sweep_trials", ensemble.sweep_trials},
                      {"sweep_results", ensemble.sweep_results},
                      {"read_test_clips", ensemble.read_test_clips},
                      {"ensemble", ensemble.id}}
                     .dump(2)
              << "\n";
    return;
  }
  say("{}: {} clips, {} predicted blends; the format check passed\n{}: what it was made from\n",
      exported.archive.string(), exported.clips, exported.blends, exported.manifest.string());
  if (const std::string unfinished = storage::unfinished_text(ensemble); !unfinished.empty()) {
    say("unfinished sweep: {}\n", unfinished);
  }
  if (ensemble.read_test_clips) {
    say("training read unlabelled features of the test clips: these predictions are transductive\n");
  }
  if (exported.predicted_now > 0) {
    say("{} members were trained before these test clips came: their checkpoints predicted them now\n",
        exported.predicted_now);
  }
  for (const std::string& note : exported.notes) say("note: {}\n", note);
  if (!exported.renamed.empty()) {
    say("classes have the challenge's names: {}\n", fmt::join(exported.renamed, ", "));
  }
}

struct PredictArguments {
  std::string ensemble;
  fs::path data, out;
  std::string clips = "test", member = data::kSubmissionMember;
  bool in_sample = false;
};

/// Decoded by the ensemble's thresholds, in the challenge's format.
void write_labels(const Predicted& predicted, const storage::DatasetRecord& dataset,
                  const storage::EnsembleRecord& ensemble, const PredictArguments& arguments) {
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  const sweep::Classes named = named_as_the_challenge_does(dataset.classes, arguments.out);
  std::vector<data::Prediction> predictions;
  for (std::size_t i = 0; i < predicted.filenames.size(); ++i) {
    const double* row = &predicted.p[i * classes];
    predictions.push_back({predicted.filenames[i], sweep::decode(row, dataset.classes, ensemble.thresholds)});
  }
  const std::string text = data::format_submission(predictions, named);
  if (data::extension_of(arguments.out) == ".zip") {
    data::write_submission(arguments.out, text, arguments.member);
  } else {
    files::write(arguments.out, text, files::Durability::kDurable);
  }
}

void predict(const PredictArguments& arguments, const Globals& globals) {
  const std::string form = data::extension_of(arguments.out);
  if (form != ".npz" && form != ".zip" && form != ".json") {
    throw UsageError(arguments.out.string() + ": must end in .npz (probabilities), .zip or .json (a submission)");
  }
  storage::Reader reader(globals.store);
  const auto ensemble = choose_ensemble(reader, arguments.ensemble);
  const auto dataset = dataset_of(reader, ensemble.dataset);
  const Predicted predicted =
      predict_members(reader, globals.store, ensemble, ensemble.members,
                      {arguments.data, arguments.clips == "all", arguments.in_sample}, worker_program);
  if (form == ".npz") {
    write_predicted(predicted, dataset.classes, ensemble.thresholds, arguments.out);
  } else {
    write_labels(predicted, dataset, ensemble, arguments);
  }
  const auto count = [&](const char* models) {
    return std::count(predicted.models.begin(), predicted.models.end(), models);
  };
  say("{}: {} clips\n", arguments.out.string(), predicted.filenames.size());
  if (const auto clips = count("out-of-fold"); clips > 0) {
    say("out-of-fold: {} clips that the ensemble trained on, each by the members that did not\n", clips);
  }
  if (const auto clips = count("in-sample"); clips > 0) {
    say("in-sample: {} clips by members that trained on them; scores of these are optimistic\n", clips);
  }
}

/// `--name` of a setting; what is given is put into `request`, which must outlive the command.
void add_option(CLI::App& command, const sweep::EnsembleSetting& setting, json& request) {
  using Kind = sweep::EnsembleSetting::Kind;
  std::string option = std::string("--") + setting.name;
  std::replace(option.begin(), option.end(), '_', '-');
  const auto put = [name = std::string(setting.name), &request](auto value) { request[name] = value; };
  const json standard = setting.get({});
  switch (setting.kind) {
    case Kind::kFlag:
      command.add_flag_callback(
          option, [put] { put(true); }, setting.meaning);
      return;
    case Kind::kText:
      command.add_option_function<std::string>(option, put, setting.meaning);
      return;
    case Kind::kChoice:
      command.add_option_function<std::string>(option, put, setting.meaning)
          ->check(CLI::IsMember(setting.choices))
          ->default_str(standard.get<std::string>());
      return;
    case Kind::kCount:
      command.add_option_function<int>(option, put, setting.meaning)
          ->check(CLI::Range(1, setting.most))
          ->default_str(standard.dump());
      return;
  }
}

void add_ensemble(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<EnsembleArguments>();
  auto* command = app.add_subcommand("ensemble", "Weights over a sweep's configs, with an honest estimate");
  command->add_option("SWEEP", arguments->sweep, "id or name of the sweep; the newest if not given");
  for (const sweep::EnsembleSetting& setting : sweep::ensemble_settings()) {
    add_option(*command, setting, arguments->request);
  }
  auto* ids = command->add_flag("--ids", arguments->ids, "ids of configs, beside their names");
  command->add_flag("--json", arguments->as_json, "as JSON")->excludes(ids);
  command->footer(
      "A candidate is a config with one seed, over all folds. With --per-subset it is the config that ranks first\n"
      "of each encoder subset, its seeds averaged. The nested estimate fits selection, weights and thresholds on the\n"
      "clips of the other folds. The optimistic estimate fits them on the clips that it is measured on. Shares of\n"
      "weight are of encoders and modalities.\n"
      "Examples:\n  medley ensemble\n  medley ensemble topn --method simplex --name topn-simplex\n"
      "  medley ensemble topn --method mean --k 3 --json\n"
      "  medley ensemble late-fusion --method simplex --per-subset --thresholds per-fold\n"
      "  medley ensemble late-fusion --method simplex --mix geometric");
  command->callback([arguments, &globals] { make_ensemble(*arguments, globals); });
}

void add_export(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<ExportArguments>();
  auto* command = app.add_subcommand("export", "The submission archive of an ensemble, checked, with a manifest");
  command->add_option("ENSEMBLE", arguments->ensemble, "id or name of the ensemble; the newest if not given");
  command->add_option("--out", arguments->out, "archive to write")->capture_default_str();
  command->add_option("--member", arguments->member, "name of the file in the archive")->capture_default_str();
  command->add_option("--data", arguments->data, "the dataset's folder, where it is not where it was last seen");
  command->add_flag("--json", arguments->as_json, "as JSON");
  command->footer(
      "The clips are the test clips that the dataset has now. Members that were trained before they came predict them\n"
      "from their checkpoints.\n"
      "Classes have the challenge's names in the archive: anger becomes ang.\n"
      "Examples:\n  medley export\n  medley export topn-simplex --out submission.zip\n"
      "  medley export best --member predictions.json");
  command->callback([arguments, &globals] { run_export(*arguments, globals); });
}

void add_predict(CLI::App& app, Globals& globals) {
  auto arguments = std::make_shared<PredictArguments>();
  auto* command = app.add_subcommand("predict", "Predictions of an ensemble for the clips of any folder");
  command->add_option("ENSEMBLE", arguments->ensemble, "id or name of the ensemble")->required();
  command
      ->add_option("--data", arguments->data, "dataset folder, or a folder of new clips: feature files alone will do")
      ->required();
  command->add_option("--out", arguments->out, "file to write: .npz (probabilities), .zip or .json (a submission)")
      ->required();
  command->add_option("--clips", arguments->clips, "which clips")
      ->check(CLI::IsMember({"test", "all"}))
      ->capture_default_str();
  command->add_option("--member", arguments->member, "name of the file in the archive (.zip)")->capture_default_str();
  command->add_flag("--in-sample", arguments->in_sample, "all members predict clips that they were trained on");
  command->footer(
      "Runs the members' checkpoints in medley-worker. A clip that the ensemble was trained on is predicted by the\n"
      "members that did not train on it. The array 'models' of the NPZ says so of each clip.\n"
      "Examples:\n  medley predict topn-simplex --data new-clips/ --out predictions.npz\n"
      "  medley predict topn-simplex --data features/ --clips all --out all.npz\n"
      "  medley predict topn-simplex --data new-clips/ --out submission.zip");
  command->callback([arguments, &globals] { predict(*arguments, globals); });
}

}  // namespace

void add_ensemble_commands(CLI::App& app, Globals& globals) {
  add_ensemble(app, globals);
  add_export(app, globals);
  add_predict(app, globals);
}

}  // namespace medley::coordinator
