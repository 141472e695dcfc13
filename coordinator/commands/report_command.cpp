// medley report, medley show.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "cluster/process.h"
#include "coordinator/actions/sweep_results.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/show_config.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/error.h"
#include "storage/files/write.h"
#include "sweep/report/importance_figures.h"
#include "sweep/report/methods.h"
#include "sweep/report/report_figures.h"
#include "sweep/report/table.h"
#include "web/ablation.h"
#include "web/json.h"
#include "web/leaderboard.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using sweep::Table;

struct ReportOptions {
  std::string sweep;
  bool as_json = false, as_csv = false, as_markdown = false, as_latex = false;
  std::optional<int> top;
  bool ids = false;
  bool explain = false;
  std::vector<std::string> select;
  std::vector<std::string> pivot;
  double paper_mm = 0;
  bool methods = false;
  std::string head_fusion;
  bool planned = false;
  bool axes = false;
  bool importance = false;
  std::string config;
  std::string by = sweep::kModality;
  std::string figures;
};

/// By rsvg-convert, the program of the library that draws SVG; false where it is not installed.
bool write_pdf(const fs::path& svg, const fs::path& pdf) {
  std::optional<cluster::Exit> exit;
  try {
    auto converter =
        cluster::Process::start({{"rsvg-convert", "--format", "pdf", "--output", pdf.string(), svg.string()}, {}, {}});
    while (!(exit = converter.poll())) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  } catch (const cluster::Error&) {
    return false;
  }
  if (exit->code != 0 || exit->signal != 0)
    throw Error("rsvg-convert cannot write " + pdf.string() + ": " + exit->text());
  return true;
}

/// One CSV and one SVG a figure; in papers one PDF too.
void write_figures(const sweep::Figures& made, const fs::path& folder, bool paper) {
  files::make_folders(folder);
  bool pdf = paper;
  for (const sweep::Figure& figure : made.figures) {
    const fs::path svg = folder / (figure.name + ".svg");
    files::write(folder / (figure.name + ".csv"), sweep::csv_table(figure.data), files::Durability::kDurable);
    files::write(svg, figure.svg, files::Durability::kDurable);
    say("{}\n", svg.string());
    const fs::path printed = folder / (figure.name + ".pdf");
    if (pdf) pdf = write_pdf(svg, printed);
    if (pdf) say("{}\n", printed.string());
  }
  if (paper && !pdf) say("no PDF: rsvg-convert is not installed (Debian: librsvg2-bin)\n");
  for (const std::string& missing : made.missing) say("not written: {}\n", missing);
}

/// Epochs of the configs that learning curves show.
std::vector<sweep::TrialCurve> read_curves(storage::Reader& reader, const sweep::Report& report) {
  std::vector<sweep::TrialCurve> curves;
  for (const std::string& id : sweep::configs_with_curves(report)) {
    for (const sweep::ConfigReport& config : report.configs) {
      if (config.id != id) continue;
      for (const sweep::RunScore& run : config.runs) {
        const auto trial = reader.find_trial(run.trial);
        if (trial && trial->result) curves.push_back({id, trial->result->epochs});
      }
    }
  }
  return curves;
}

/// A probe takes seconds, the first time.
void say_probe(std::size_t subsets) { remark("training a ridge probe on {} subsets of the encoders, once\n", subsets); }

/// Of Scores, and of the gate where a config has one.
sweep::Figures all_figures(storage::Reader& reader, const storage::SweepSummary& sweep, const sweep::Report& report,
                           const ReportOptions& options) {
  sweep::Figures made = sweep::make_figures(report, read_curves(reader, report), options.paper_mm);
  if (options.config.empty() && sweep::config_for_importance(report).empty()) {
    made.missing.push_back("figures of encoders: no config has a gate and a result");
    return made;
  }
  const sweep::ImportanceReport importance =
      importance_report(reader, sweep, report, options.config, options.by, say_probe);
  sweep::Figures more = sweep::make_figures(sweep::in_words(importance, report), options.paper_mm);
  std::move(more.figures.begin(), more.figures.end(), std::back_inserter(made.figures));
  std::move(more.missing.begin(), more.missing.end(), std::back_inserter(made.missing));
  return made;
}

/// "8cm", "80mm", "80": millimetres. Throws UsageError.
double millimetres(const std::string& text) {
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  const std::string unit = text.substr(used);
  if (unit == "cm") value *= 10;
  if (used == 0 || (unit != "cm" && unit != "mm" && !unit.empty()) || !(value >= 40 && value <= 400)) {
    throw UsageError("--paper: '" + text + "' must be a width of 40 to 400 mm, such as 8cm or 170mm");
  }
  return value;
}

void print_json(const json& body) { std::cout << web::text_of(body, 2); }

/// What would change nothing is an error.
void check(const ReportOptions& options) {
  if (options.paper_mm > 0 && !options.as_latex && options.figures.empty()) {
    throw UsageError("--paper goes with --latex or --figures");
  }
  const bool leaderboard =
      !options.planned && !options.axes && !options.importance && !options.methods && options.pivot.empty();
  if (!options.select.empty() && (options.as_json || !leaderboard)) {
    throw UsageError("--select chooses columns of the leaderboard, in text, Markdown, LaTeX and CSV");
  }
  if ((options.as_json || options.as_csv || options.as_markdown || options.as_latex) && options.methods) {
    throw UsageError("--methods is text");
  }
  if (options.as_json && !options.pivot.empty()) throw UsageError("--pivot has no JSON: the API has /cross");
}

void report(const ReportOptions& options, const Globals& globals) {
  check(options);
  storage::Reader reader(globals.store);
  auto sweep = choose_sweep(reader, options.sweep);
  if (!options.head_fusion.empty()) sweep.decode.head_fusion = sweep::head_fusion_of(options.head_fusion);
  const auto format = options.as_csv        ? sweep::ReportFormat::kCsv
                      : options.as_markdown ? sweep::ReportFormat::kMarkdown
                      : options.as_latex    ? sweep::ReportFormat::kLatex
                                            : sweep::ReportFormat::kText;
  if (options.importance || !options.figures.empty()) {
    const sweep::Report report = read_report(reader, sweep);
    if (!options.figures.empty()) {
      write_figures(all_figures(reader, sweep, report, options), options.figures, options.paper_mm > 0);
    }
    if (!options.importance) return;
    const sweep::ImportanceReport importance =
        importance_report(reader, sweep, report, options.config, options.by, say_probe);
    if (options.as_json) {
      print_json(web::importance_json(importance, web::board_of(sweep, report, reader.config_progress(sweep.id))));
    } else {
      const bool is_data = format == sweep::ReportFormat::kCsv;
      std::cout << sweep::render(is_data ? importance : sweep::in_words(importance, report), format, text_width());
    }
    return;
  }
  const sweep::RenderOptions rendering{
      format,         options.top,     text_width() == 0 ? sweep::Detail::kWide : sweep::Detail::kFit,
      text_width(),   options.ids,     options.explain,
      options.select, options.paper_mm};
  const sweep::Report report = read_report(reader, sweep);
  if (options.planned && report.families.empty()) {
    throw UsageError(
        "the sweep file of '" + sweep.name +
        "' compares nothing; add, say, `compare: {axis: selection, baseline: learned}` and submit it again");
  }
  if (options.as_json) {
    const web::Board board = web::board_of(sweep, report, reader.config_progress(sweep.id));
    print_json(options.planned ? web::planned_comparisons_json(board)
               : options.axes  ? web::axes_json(board)
                               : web::ranking_json(reader, board, options.top.value_or(0)));
    return;
  }
  if (options.methods) {
    say_text(sweep::methods_text(report));
    return;
  }
  try {
    std::cout << (options.planned          ? sweep::render_planned_comparisons(report, rendering)
                  : options.axes           ? sweep::render_axes(report, rendering)
                  : !options.pivot.empty() ? sweep::render_pivot(report, sweep::setting_name(options.pivot[0]),
                                                                 sweep::setting_name(options.pivot[1]), rendering)
                                           : sweep::render(report, rendering));
  } catch (const sweep::Error& e) {  // a name of a column or an axis
    throw UsageError(e.what());
  }
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
  say("trial    {}\nconfig   {}  fold {}{}  seed {}\nstate    {}{}\n", trial.spec.id,
      sweep::config_id(trial.spec.config), trial.spec.fold,
      trial.spec.partition.official() ? "" : " of " + sweep::partition_text(trial.spec.partition), trial.spec.seed,
      sweep::name_of(trial.state), trial.reason.empty() ? "" : ": " + trial.reason);
  for (const storage::AttemptRow& attempt : trial.attempts) {
    say("attempt  {} on {}: {}{}\n", attempt.number, attempt.worker_name.empty() ? attempt.worker : attempt.worker_name,
        sweep::name_of(attempt.state), attempt.reason.empty() ? "" : ", " + attempt.reason);
  }
  if (trial.result) {
    const sweep::TrialResult& result = *trial.result;
    say("outcome  {}{}\n", sweep::name_of(result.outcome), result.reason.empty() ? "" : ": " + result.reason);
    if (result.paper.epoch > 0) {
      const auto best = result.paper.surface.best();
      say("paper    Score {} (ACC_P {}, ACC_S {}) at epoch {}, alpha {}, beta {}; {} clips, {} blends (optimistic)\n",
          sweep::share_text(best.accuracy.score()), sweep::share_text(best.accuracy.presence),
          sweep::share_text(best.accuracy.salience), result.paper.epoch, sweep::share_text(best.thresholds.alpha),
          sweep::share_text(best.thresholds.beta), result.paper.surface.clips, result.paper.surface.blends);
    }
    say("held-out {}\n",
        result.held_out.epoch > 0
            ? fmt::format("epoch {}; its Score needs the other folds: `medley trials`", result.held_out.epoch)
            : std::string("-: the reported fold chose the epoch"));
    if (sweep::is_transductive(trial.spec.config)) {
      say("         transductive: training read unlabelled features of clips that it is scored on\n");
    }
    say("took     {:.1f} s in a pack of {}, {:.0f} samples/s, {:.0f} MiB\n", result.seconds, result.pack_size,
        result.samples_per_second, static_cast<double>(result.peak_memory_bytes) / (1 << 20));
    say("sent by  {}\n", trial.delivered_by);
    if (!result.arithmetic.empty()) say("by       arithmetic {}\n", result.arithmetic);
  }
  say("\nsettings\n");
  const json settings = sweep::to_json(trial.spec.config);
  for (const sweep::Setting& setting : sweep::settings()) {
    if (settings.contains(setting.name)) say("  {:<18} {}\n", setting.name, sweep::value_text(settings[setting.name]));
  }
  if (!trial.result) return;
  if (!trial.result->epochs.empty()) say("\n{}", sweep::text_table(epochs_table(*trial.result), text_width()));
  if (!trial.result->importance.encoders.empty()) {
    say("\n{}", sweep::text_table(importance_table(trial.result->importance), text_width()));
  }
}

void show(const std::string& id, const std::string& sweep, bool as_json, const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto trial = choose_trial(reader, id, sweep);
  if (!trial) {
    const ChosenConfig config = choose_config(reader, sweep, id);
    return as_json ? print_json(config_json(reader, config)) : print_config(reader, config);
  }
  if (as_json) {
    const auto dataset = reader.find_dataset(trial->dataset);
    print_json(web::trial_json(*trial, dataset ? &*dataset : nullptr));
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
  formats->add_flag("--json", options->as_json, "as the API answers it, with full precision");
  formats->add_flag("--csv", options->as_csv, "the configs, with full precision");
  formats->add_flag("--markdown", options->as_markdown, "tables in Markdown");
  formats->add_flag("--latex", options->as_latex, "tables in LaTeX (booktabs)");
  formats->require_option(0, 1);
  command->add_option_function<std::string>(
      "--paper", [options](const std::string& width) { options->paper_mm = millimetres(width); },
      "with --latex or --figures: width of a column of the paper, such as 8cm or 17cm");
  command
      ->add_option("--top", options->top,
                   "number of configs to list; 0: all, the default but for draws of a random search")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--ids", options->ids, "ids of configs, beside their names");
  command->add_flag("--explain", options->explain, "how each number is taken, below its table");
  command->add_option("--select", options->select, "columns in this order, separated by commas; also axes and id")
      ->delimiter(',');
  auto* planned = command->add_flag("--planned", options->planned, "only the planned comparisons, with verdicts");
  auto* axes = command->add_flag("--axes", options->axes, "only the marginal means of each axis")->excludes(planned);
  command->add_option("--pivot", options->pivot, "instead: the mean Score by two axes, ROWS,COLUMNS")
      ->delimiter(',')
      ->expected(2)
      ->excludes(planned)
      ->excludes(axes);
  command->add_flag("--methods", options->methods, "instead: the paragraph on methods of a paper, with references");
  auto* importance =
      command->add_flag("--importance", options->importance, "instead: importance of the encoders by gate and Scores");
  auto* figures =
      command->add_option("--figures", options->figures,
                          "instead: write the data of each figure as CSV and a picture as SVG to this folder");
  const auto of_importance = [importance, figures](const std::string&) {
    return importance->count() + figures->count() > 0 ? "" : "goes with --importance or --figures";
  };
  command
      ->add_option("--config", options->config,
                   "with --importance or --figures: config id, or its first digits; else the best with a gate")
      ->check(of_importance);
  command
      ->add_option("--by", options->by,
                   "with --importance or --figures: label of dataset.yaml by which encoders are grouped")
      ->capture_default_str()
      ->check(of_importance);
  command
      ->add_option("--head-fusion", options->head_fusion,
                   "how held-out numbers fuse presence and salience, instead of as the sweep file says")
      ->check(CLI::IsMember(sweep::head_fusion_choices()));
  command->footer(
      "Paper-style numbers tune epoch and thresholds on the fold they report; held-out ones do not.\n"
      "Examples:\n  medley report\n  medley report topn --top 10\n  medley report topn --latex > table.tex\n"
      "  medley report topn --select held_out_score,difference\n  medley report topn --pivot selection,top_n\n"
      "  medley report topn --csv | column -s, -t\n  medley report topn --planned\n  medley report topn --axes --json\n"
      "  medley report topn --importance --by modality\n  medley report topn --figures figures\n"
      "  medley report topn --latex --paper 8cm > table.tex\n  medley report topn --figures figures --paper 17cm\n"
      "  medley report topn --methods");
  command->callback([options, &globals] { report(*options, globals); });

  struct ShowOptions {
    std::string id, sweep;
    bool as_json = false;
  };
  auto shown = std::make_shared<ShowOptions>();
  auto* show_command = app.add_subcommand("show", "One trial or config: Scores, settings, curves, importance");
  show_command->add_option("ID", shown->id, "id of a trial or config, or its first digits; CONFIG/FOLD/SEED")
      ->required();
  show_command->add_option("--sweep", shown->sweep, "of which the config is; the newest that has it if not given");
  show_command->add_flag("--json", shown->as_json, "as JSON");
  show_command->footer("Examples:\n  medley show 3f2a9c\n  medley show 3f2a9c --json\n  medley show d8ef65a9015c/2/1");
  show_command->callback([shown, &globals] { show(shown->id, shown->sweep, shown->as_json, globals); });
}

}  // namespace medley::coordinator
