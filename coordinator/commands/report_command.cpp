// medley report, medley show.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "coordinator/actions/sweep_results.h"
#include "coordinator/commands/command.h"
#include "sweep/report/importance_figures.h"
#include "sweep/report/table.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using sweep::Table;

struct ReportOptions {
  std::string sweep;
  bool as_json = false, as_csv = false, as_markdown = false, as_latex = false;
  int top = 0;
  std::string decode = "thresholds";
  bool wide = false;
  bool planned = false;
  bool importance = false;
  std::string config;
  std::string figures;
};

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  if (!(out << text) || !out.flush()) throw std::runtime_error("cannot write " + path.string());
}

/// One CSV and one SVG a figure.
void write_figures(const sweep::ImportanceReport& report, const fs::path& folder) {
  const sweep::Figures made = sweep::make_figures(report);
  fs::create_directories(folder);
  for (const sweep::Figure& figure : made.figures) {
    write_file(folder / (figure.name + ".csv"), sweep::csv_table(figure.data));
    write_file(folder / (figure.name + ".svg"), figure.svg);
    fmt::print("{}\n", (folder / (figure.name + ".svg")).string());
  }
  for (const std::string& missing : made.missing) fmt::print("not written: {}\n", missing);
}

void report(const ReportOptions& options, const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto sweep = choose_sweep(reader, options.sweep);
  const auto decode = options.decode == "optimal" ? sweep::HeldOutDecode::kOptimal : sweep::HeldOutDecode::kThresholds;
  const auto format = options.as_json       ? sweep::ReportFormat::kJson
                      : options.as_csv      ? sweep::ReportFormat::kCsv
                      : options.as_markdown ? sweep::ReportFormat::kMarkdown
                      : options.as_latex    ? sweep::ReportFormat::kLatex
                                            : sweep::ReportFormat::kText;
  if (options.importance || !options.figures.empty()) {
    const sweep::ImportanceReport importance = importance_report(reader, sweep, options.config);
    if (!options.figures.empty()) write_figures(importance, options.figures);
    if (options.importance) std::cout << sweep::render(importance, format);
    return;
  }
  const auto detail = options.wide ? sweep::Detail::kWide : sweep::Detail::kFit;
  const sweep::Report report = read_report(reader, sweep, decode);
  if (!options.planned) {
    std::cout << sweep::render(report, format, options.top, detail);
    return;
  }
  if (report.families.empty()) {
    throw UsageError(
        "the sweep file of '" + sweep.name +
        "' compares nothing; add, say, `compare: {axis: selection, baseline: learned}` and submit it again");
  }
  std::cout << sweep::render_planned_comparisons(report, format, detail);
}

json number(double value) { return std::isfinite(value) ? json(value) : json(); }

json accuracy_json(const sweep::Accuracy& accuracy) {
  return {{"acc_presence", accuracy.presence}, {"acc_salience", accuracy.salience}, {"score", accuracy.score()}};
}

json best_json(const sweep::Snapshot& snapshot) {
  if (snapshot.epoch == 0) return nullptr;
  const auto best = snapshot.surface.best();
  json object = accuracy_json(best.accuracy);
  object["epoch"] = snapshot.epoch;
  object["alpha"] = best.thresholds.alpha;
  object["beta"] = best.thresholds.beta;
  object["clips"] = snapshot.surface.clips;
  object["blends"] = snapshot.surface.blends;
  return object;
}

json epochs_json(const std::vector<sweep::EpochMetrics>& epochs) {
  json rows = json::array();
  for (const sweep::EpochMetrics& epoch : epochs) {
    json row = accuracy_json(epoch.validation);
    row["epoch"] = epoch.epoch;
    row["learning_rate"] = number(epoch.learning_rate);
    row["loss"] = number(epoch.loss);
    row["terms"] = json::object();
    for (const sweep::LossTerm& term : epoch.terms) row["terms"][term.name] = number(term.value);
    row["validation_loss"] = number(epoch.validation_loss);
    row["alpha"] = epoch.thresholds.alpha;
    row["beta"] = epoch.thresholds.beta;
    rows.push_back(std::move(row));
  }
  return rows;
}

json importance_json(const sweep::Importance& importance) {
  json rows = json::array();
  for (const sweep::EncoderImportance& encoder : importance.encoders) {
    rows.push_back({{"encoder", encoder.encoder},
                    {"mean", number(encoder.mean)},
                    {"sd", number(encoder.sd)},
                    {"selection_frequency", number(encoder.selection_frequency)},
                    {"quantiles", encoder.quantiles},
                    {"histogram", encoder.histogram},
                    {"ranks", encoder.ranks}});
  }
  return rows;
}

json trial_json(const storage::TrialDetail& trial) {
  json attempts = json::array();
  for (const storage::AttemptRow& attempt : trial.attempts) {
    attempts.push_back({{"number", attempt.number},
                        {"worker", attempt.worker_name.empty() ? attempt.worker : attempt.worker_name},
                        {"pack", attempt.pack},
                        {"state", sweep::name_of(attempt.state)},
                        {"reason", attempt.reason},
                        {"started_ms", attempt.started},
                        {"ended_ms", attempt.ended}});
  }
  json sweeps = json::array();
  for (const auto& one : trial.sweeps) sweeps.push_back({{"id", one.id}, {"name", one.name}});
  json object = {{"trial", trial.spec.id},
                 {"config", sweep::config_id(trial.spec.config)},
                 {"settings", sweep::to_json(trial.spec.config)},
                 {"transductive", sweep::is_transductive(trial.spec.config)},
                 {"fold", trial.spec.fold},
                 {"seed", trial.spec.seed},
                 {"dataset", trial.dataset},
                 {"state", sweep::name_of(trial.state)},
                 {"reason", trial.reason},
                 {"sweeps", std::move(sweeps)},
                 {"attempts", std::move(attempts)},
                 {"result", nullptr}};
  if (!trial.result) return object;
  const sweep::TrialResult& result = *trial.result;
  object["result"] = {{"outcome", sweep::name_of(result.outcome)},
                      {"reason", result.reason},
                      {"paper", best_json(result.paper)},
                      {"held_out_epoch", result.held_out.epoch},
                      {"epochs", epochs_json(result.epochs)},
                      {"importance", importance_json(result.importance)},
                      {"cka", result.importance.cka},
                      {"seconds", number(result.seconds)},
                      {"samples_per_second", number(result.samples_per_second)},
                      {"peak_memory_bytes", result.peak_memory_bytes},
                      {"pack_size", result.pack_size}};
  return object;
}

std::string loss_text(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "-"; }

Table epochs_table(const sweep::TrialResult& result) {
  Table table;
  table.title = "epochs";
  for (const char* head :
       {"epoch", "loss", "validation loss", "alpha", "beta", "ACC_P paper", "ACC_S paper", "Score paper"}) {
    table.columns.push_back({head, Table::Align::kRight});
  }
  // At most about a dozen, evenly spaced, with the first, the last and the reported ones.
  const std::size_t step = result.epochs.size() / 12 + 1;
  for (std::size_t i = 0; i < result.epochs.size(); ++i) {
    const sweep::EpochMetrics& epoch = result.epochs[i];
    const bool reported = epoch.epoch == result.paper.epoch || epoch.epoch == result.held_out.epoch;
    if (i % step != 0 && i + 1 != result.epochs.size() && !reported) continue;
    std::string name = std::to_string(epoch.epoch);
    if (epoch.epoch == result.paper.epoch) name = "paper " + name;
    if (epoch.epoch == result.held_out.epoch) name = "held-out " + name;
    table.rows.push_back({name, loss_text(epoch.loss), loss_text(epoch.validation_loss),
                          sweep::share_text(epoch.thresholds.alpha), sweep::share_text(epoch.thresholds.beta),
                          sweep::share_text(epoch.validation.presence), sweep::share_text(epoch.validation.salience),
                          sweep::share_text(epoch.validation.score())});
  }
  table.notes.push_back("paper-style: thresholds tuned on the reported fold at every epoch (optimistic)");
  return table;
}

Table importance_table(const sweep::Importance& importance) {
  Table table;
  table.title = "importance of encoders (gate weight over the validation clips)";
  table.columns = {{"encoder", Table::Align::kLeft},
                   {"weight", Table::Align::kRight},
                   {"kept for", Table::Align::kRight},
                   {"ranked first for", Table::Align::kRight}};
  for (const sweep::EncoderImportance& encoder : importance.encoders) {
    table.rows.push_back({encoder.encoder, sweep::share_text(encoder.mean) + " ± " + sweep::share_text(encoder.sd),
                          fmt::format("{:.1f} %", 100 * encoder.selection_frequency),
                          encoder.ranks.empty() ? "-" : fmt::format("{:.1f} %", 100 * encoder.ranks.front())});
  }
  return table;
}

void print_trial(const storage::TrialDetail& trial) {
  fmt::print("trial    {}\nconfig   {}  fold {}  seed {}\nstate    {}{}\n", trial.spec.id,
             sweep::config_id(trial.spec.config), trial.spec.fold, trial.spec.seed, sweep::name_of(trial.state),
             trial.reason.empty() ? "" : ": " + trial.reason);
  for (const storage::AttemptRow& attempt : trial.attempts) {
    fmt::print("attempt  {} on {}: {}{}\n", attempt.number,
               attempt.worker_name.empty() ? attempt.worker : attempt.worker_name, sweep::name_of(attempt.state),
               attempt.reason.empty() ? "" : ", " + attempt.reason);
  }
  if (trial.result) {
    const sweep::TrialResult& result = *trial.result;
    fmt::print("outcome  {}{}\n", sweep::name_of(result.outcome), result.reason.empty() ? "" : ": " + result.reason);
    if (result.paper.epoch > 0) {
      const auto best = result.paper.surface.best();
      fmt::print(
          "paper    Score {} (ACC_P {}, ACC_S {}) at epoch {}, alpha {}, beta {}; {} clips, {} blends (optimistic)\n",
          sweep::share_text(best.accuracy.score()), sweep::share_text(best.accuracy.presence),
          sweep::share_text(best.accuracy.salience), result.paper.epoch, sweep::share_text(best.thresholds.alpha),
          sweep::share_text(best.thresholds.beta), result.paper.surface.clips, result.paper.surface.blends);
    }
    fmt::print("held-out    {}\n",
               result.held_out.epoch > 0
                   ? fmt::format("epoch {}; its Score needs the other folds: `medley report`", result.held_out.epoch)
                   : std::string("-: the reported fold chose the epoch"));
    if (sweep::is_transductive(trial.spec.config)) {
      fmt::print("         transductive: training read unlabelled features of clips that it is scored on\n");
    }
    fmt::print("took     {:.1f} s in a pack of {}, {:.0f} samples/s, {:.0f} MiB\n", result.seconds, result.pack_size,
               result.samples_per_second, static_cast<double>(result.peak_memory_bytes) / (1 << 20));
  }
  fmt::print("\nsettings\n");
  const json settings = sweep::to_json(trial.spec.config);
  for (const sweep::Setting& setting : sweep::settings()) {
    if (settings.contains(setting.name))
      fmt::print("  {:<18} {}\n", setting.name, sweep::value_text(settings[setting.name]));
  }
  if (!trial.result) return;
  if (!trial.result->epochs.empty()) fmt::print("\n{}", sweep::text_table(epochs_table(*trial.result)));
  if (!trial.result->importance.encoders.empty()) {
    fmt::print("\n{}", sweep::text_table(importance_table(trial.result->importance)));
  }
}

void show(const std::string& id, bool as_json, const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto trial = reader.find_trial(id);
  if (!trial) throw UsageError("no trial '" + id + "'; give an id, or its first 4 digits or more");
  if (as_json) {
    std::cout << trial_json(*trial).dump(2) << "\n";
  } else {
    print_trial(*trial);
  }
}

}  // namespace

void add_report_commands(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<ReportOptions>();
  auto* command = app.add_subcommand("report", "Ablation tables of a sweep: every config, and every axis");
  command->add_option("SWEEP", options->sweep, "id or name of the sweep; the newest if not given");
  auto* formats = command->add_option_group("format", "instead of aligned text");
  formats->add_flag("--json", options->as_json, "everything, with full precision");
  formats->add_flag("--csv", options->as_csv, "the configs, with full precision");
  formats->add_flag("--markdown", options->as_markdown, "tables in Markdown");
  formats->add_flag("--latex", options->as_latex, "tables in LaTeX (booktabs)");
  formats->require_option(0, 1);
  command->add_option("--top", options->top, "number of configs to list; 0: all")->check(CLI::NonNegativeNumber);
  command->add_flag("--wide", options->wide, "every column (text else keeps to 120 characters where it can)");
  command->add_flag("--planned", options->planned, "only the planned comparisons, with verdicts");
  auto* importance =
      command->add_flag("--importance", options->importance, "instead: importance of the encoders by gate and Scores");
  auto* figures =
      command->add_option("--figures", options->figures,
                          "instead: write the data of each figure as CSV and a picture as SVG to this folder");
  command
      ->add_option("--config", options->config,
                   "with --importance or --figures: config id, or its first digits; else the best with a gate")
      ->check([importance, figures](const std::string&) {
        return importance->count() + figures->count() > 0 ? "" : "goes with --importance or --figures";
      });
  command
      ->add_option("--decode", options->decode,
                   "how the held-out numbers decode: official thresholds, or score-optimal")
      ->check(CLI::IsMember({"thresholds", "optimal"}))
      ->capture_default_str();
  command->footer(
      "Paper-style numbers tune epoch and thresholds on the fold they report; held-out ones do not.\n"
      "Examples:\n  medley report\n  medley report topn --top 10\n  medley report topn --latex > table.tex\n"
      "  medley report topn --csv | column -s, -t\n  medley report topn --planned\n"
      "  medley report topn --importance\n  medley report topn --figures figures");
  command->callback([options, &globals] { report(*options, globals); });

  struct ShowOptions {
    std::string trial;
    bool as_json = false;
  };
  auto shown = std::make_shared<ShowOptions>();
  auto* show_command = app.add_subcommand("show", "One trial: settings, attempts, curves, importance");
  show_command->add_option("TRIAL", shown->trial, "trial id, or its first digits")->required();
  show_command->add_flag("--json", shown->as_json, "as JSON");
  show_command->footer("Examples:\n  medley show 3f2a9c\n  medley show 3f2a9c --json");
  show_command->callback([shown, &globals] { show(shown->trial, shown->as_json, globals); });
}

}  // namespace medley::coordinator
