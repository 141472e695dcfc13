#include <cstdio>
#include <memory>
#include <optional>

#include <fmt/core.h>
#include <unistd.h>

#include "storage/files/write.h"
#include "sweep/report/table.h"
#include "trainer/trainer.h"
#include "worker/command.h"
#include "worker/gang_trainer.h"
#include "worker/pack_trainer.h"
#include "worker/settings_file.h"

namespace medley::worker {
namespace {

struct TrainArguments {
  std::filesystem::path config, data, out, checkpoints;
  std::string partition = "official";
  std::optional<int> fold;
  std::uint64_t seed = 1;
  sweep::Device device;
  bool json = false;
};

nlohmann::json to_json(const sweep::Predictions& said) {
  return {{"clips", said.clips}, {"presence", said.presence}, {"salience", said.salience}, {"fused", said.fused}};
}

nlohmann::json to_json(const sweep::Snapshot& snapshot) {
  return {{"epoch", snapshot.epoch},
          {"validation", to_json(snapshot.validation)},
          {"test", to_json(snapshot.test)},
          {"presence_hits", snapshot.surface.presence_hits},
          {"salience_hits", snapshot.surface.salience_hits}};
}

/// For programs: matrices are row-major lists of numbers.
nlohmann::json to_json(const sweep::TrialResult& result) {
  nlohmann::json epochs = nlohmann::json::array(), encoders = nlohmann::json::array();
  for (const sweep::EpochMetrics& e : result.epochs) {
    nlohmann::json terms = nlohmann::json::object();
    for (const sweep::LossTerm& term : e.terms) terms[term.name] = term.value;
    epochs.push_back({{"epoch", e.epoch},
                      {"learning_rate", e.learning_rate},
                      {"loss", e.loss},
                      {"terms", std::move(terms)},
                      {"validation_loss", e.validation_loss},
                      {"alpha", e.thresholds.alpha},
                      {"beta", e.thresholds.beta},
                      {"acc_presence", e.validation.presence},
                      {"acc_salience", e.validation.salience}});
  }
  for (const sweep::EncoderImportance& e : result.importance.encoders) {
    encoders.push_back(
        {{"encoder", e.encoder}, {"mean", e.mean}, {"sd", e.sd}, {"selection_frequency", e.selection_frequency}});
  }
  return {{"outcome", sweep::name_of(result.outcome)},
          {"reason", result.reason},
          {"arithmetic", result.arithmetic},
          {"epochs", std::move(epochs)},
          {"paper", to_json(result.paper)},
          {"held_out", to_json(result.held_out)},
          {"importance", std::move(encoders)},
          {"seconds", result.seconds},
          {"samples_per_second", result.samples_per_second},
          {"peak_memory_bytes", result.peak_memory_bytes}};
}

void print_result(const sweep::TrialSpec& trial, const sweep::TrialResult& result) {
  using Align = sweep::Table::Align;
  sweep::Table table;
  for (const char* head : {"epoch", "loss", "validation loss"}) table.columns.push_back({head, Align::kRight});
  if (!result.epochs.empty()) {
    for (const auto& term : result.epochs.front().terms)
      table.columns.push_back({term.name, Align::kRight, "loss terms"});
  }
  for (const char* head : {"alpha", "beta", "ACC_P", "ACC_S", "Score"}) {
    table.columns.push_back({head, Align::kRight, "paper-style"});
  }
  for (const sweep::EpochMetrics& e : result.epochs) {
    std::vector<std::string> row{std::to_string(e.epoch), fmt::format("{:.4f}", e.loss),
                                 fmt::format("{:.4f}", e.validation_loss)};
    for (const auto& term : e.terms) row.push_back(fmt::format("{:.4f}", term.value));
    for (const double threshold : {e.thresholds.alpha, e.thresholds.beta}) {
      row.push_back(fmt::format("{:.3f}", threshold));
    }
    for (const double accuracy : {e.validation.presence, e.validation.salience, e.validation.score()}) {
      row.push_back(fmt::format("{:.4f}", accuracy));
    }
    table.rows.push_back(std::move(row));
  }
  const bool transductive = sweep::is_transductive(trial.config);
  if (result.outcome == sweep::Outcome::kDiverged) {
    table.notes.push_back("diverged: " + result.reason);
  } else {
    const auto line = [&](const char* protocol, const sweep::Snapshot& s, const sweep::Accuracy& a) {
      table.notes.push_back(fmt::format("{}{}: epoch {}, ACC_P {:.4f}, ACC_S {:.4f}, Score {:.4f}", protocol,
                                        transductive ? ", transductive" : "", s.epoch, a.presence, a.salience,
                                        a.score()));
    };
    line("paper-style (epoch and thresholds tuned on this fold: optimistic)", result.paper,
         result.paper.surface.best().accuracy);
    if (result.held_out.epoch > 0 && trial.config.inner_fold) {
      const auto best = result.inner.best();
      line("held-out (epoch and thresholds chosen on the inner fold)", result.held_out,
           result.held_out.surface.at(best.alpha_index, best.beta_index));
    } else if (result.held_out.epoch > 0) {
      line("last epoch (thresholds tuned on this fold)", result.held_out, result.held_out.surface.best().accuracy);
    }
  }
  for (const auto& e : result.importance.encoders) {
    table.notes.push_back(fmt::format("gate {}: mean {:.3f}, SD {:.3f}, kept on {:.1f} % of clips", e.encoder, e.mean,
                                      e.sd, 100 * e.selection_frequency));
  }
  std::fputs(sweep::text_table(table).c_str(), stdout);
}

void train(const TrainArguments& arguments) {
  std::optional<MpiGang> gang;
  if (MpiGang::launched()) gang.emplace(GangDeadlines());
  const bool speaks = !gang || gang->rank() == 0;
  const data::Dataset dataset =
      gang ? load_in_gang(arguments.data.string(), "", "", *gang) : data::load_dataset(arguments.data);
  sweep::TrialSpec trial;
  trial.config = read_settings(arguments.config, dataset.encoder_names());
  trial.partition = sweep::partition_of(arguments.partition);
  trial.fold = arguments.fold.value_or(trial.partition.official() ? dataset.folds.front() : 0);
  trial.seed = arguments.seed;
  trial.id = sweep::trial_id(trial.config, trial.fold, trial.seed, dataset.fingerprint, dataset.test_fingerprint,
                             trial.partition);
  trainer::TrainOptions options;
  options.device = sweep::to_string(arguments.device);
  options.arithmetic = arithmetic_of(arguments.device, gang ? &*gang : nullptr);
  if (gang) options.collective = &gang->collective();
  options.checkpoints = arguments.checkpoints;
  if (!options.checkpoints.empty()) files::make_folders(options.checkpoints);
  const bool terminal = isatty(STDERR_FILENO) != 0;
  options.progress = [&](const trainer::Progress& p) {
    if (!speaks) return;
    fmt::print(stderr, "{}epoch {}/{}{}", terminal ? "\r" : "", p.epoch, p.epochs,
               terminal && p.epoch < p.epochs && p.active > 0 ? "" : "\n");
  };
  const sweep::TrialResult result = trainer::train_pack(dataset, {trial}, options).front();
  if (gang) gang->agree("", sweep::digest_of({result}));
  if (!speaks) return;
  const nlohmann::json record = {{"trial", sweep::to_json(trial)}, {"result", to_json(result)}};
  if (!arguments.out.empty()) {
    files::write(arguments.out, record.dump() + "\n", files::Durability::kDurable);
  }
  if (arguments.json) {
    fmt::print("{}\n", record.dump());
  } else {
    print_result(trial, result);
  }
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Train one trial, without a coordinator");
  command->add_option("config", arguments->config, "settings: a flat YAML or JSON map")->required();
  command->add_option("--data", arguments->data, "dataset folder")->required()->check(CLI::ExistingDirectory);
  command
      ->add_option(
          "--partition", arguments->partition,
          "that the fold is of, as `medley show` names it: \"10 by actor, stratified by label, seed 1, repeat 1\"")
      ->capture_default_str();
  command->add_option("--fold", arguments->fold, "fold to report on (default: the first)");
  command->add_option("--seed", arguments->seed, "seed of the trial")->capture_default_str();
  command->add_option("--out", arguments->out, "write trial and result as JSON to this file");
  command->add_option("--checkpoints", arguments->checkpoints, "write <trial id>.npz to this folder");
  add_device_option(*command, arguments->device);
  command->add_flag("--json", arguments->json, "print trial and result as JSON");
  command->footer(
      "Examples:\n  medley-worker train settings.yaml --data demo-data --fold 0 --seed 1\n"
      "  mpirun -n 4 medley-worker train settings.yaml --data demo-data   # four ranks share each batch");
  command->callback([arguments] { train(*arguments); });
}

}  // namespace medley::worker
