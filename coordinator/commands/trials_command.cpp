// medley trials, medley predictions.
#include <cmath>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "coordinator/actions/predictions.h"
#include "coordinator/actions/sweep_results.h"
#include "coordinator/actions/trials.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/terminal.h"
#include "sweep/config.h"
#include "sweep/report/table.h"
#include "web/json.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;
using sweep::Table;

struct TrialsOptions {
  std::string sweep;
  std::vector<std::string> conditions;
  bool failed = false;
  std::string sort;
  std::vector<std::string> columns;
  int top = 0;
  bool as_csv = false, as_json = false;
};

/// Ids, then what the sweep varies, then what people read first, or everything.
std::vector<std::string> shown_columns(const TrialList& list, bool all) {
  std::vector<std::string> ids;
  for (const TrialColumn& column : trial_columns()) {
    if (column.shown || all) ids.emplace_back(column.id);
  }
  const auto behind_ids = all ? 2 : 1;  // trial, config
  ids.insert(ids.begin() + behind_ids, list.axes().begin(), list.axes().end());
  return ids;
}

std::string text_of(const TrialList& list, const TrialLine& line, const std::string& name) {
  const json value = list.value(line, name);
  if (value.is_null()) return "-";
  if (name == "seconds") return fmt::format("{:.1f}", value.get<double>());
  if (value.is_number_float()) {
    const bool share = name.find("score") != std::string::npos || name.find("acc_") != std::string::npos ||
                       name == "alpha" || name == "beta";
    if (share) return sweep::share_text(value.get<double>());
  }
  return list.text(line, name);
}

/// What text leaves out first where there is no room.
int expendable(const std::string& name) {
  if (name == "worker") return 1;
  if (name == "seconds") return 2;
  if (name.find("acc_") != std::string::npos) return 3;
  if (name == "paper_score") return 4;
  if (name == "trial") return 5;
  return 0;
}

Table table_of(const TrialList& list, const std::vector<std::string>& names, std::size_t lines, bool exact) {
  Table table;
  for (const std::string& name : names) {
    Table::Column column{name, Table::Align::kRight};
    if (!exact) column.expendable = expendable(name);
    table.columns.push_back(std::move(column));
  }
  for (std::size_t i = 0; i < lines; ++i) {
    std::vector<std::string> row;
    for (const std::string& name : names) {
      if (!exact) {
        row.push_back(text_of(list, list.lines()[i], name));
        continue;
      }
      const json value = list.value(list.lines()[i], name);
      row.push_back(value.is_null() ? "" : sweep::value_text(value));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

void trials(const TrialsOptions& options, const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto sweep = choose_sweep(reader, options.sweep);
  TrialList list(reader, sweep);
  for (const std::string& condition : options.conditions) list.select(condition);
  if (options.failed) list.select("state=failed");
  if (!options.sort.empty()) list.sort(options.sort);
  std::vector<std::string> names;
  for (const std::string& name : options.columns) names.push_back(list.resolved(name));
  const bool everything = options.as_csv || options.as_json || text_width() == 0;
  if (names.empty()) names = shown_columns(list, everything);
  const std::size_t all = list.lines().size();
  const std::size_t lines = options.top > 0 ? std::min(all, static_cast<std::size_t>(options.top)) : all;
  if (options.as_json) {
    json rows = json::array();
    for (std::size_t i = 0; i < lines; ++i) {
      json row = json::object();
      for (const std::string& name : names) row[name] = list.value(list.lines()[i], name);
      rows.push_back(std::move(row));
    }
    std::cout << web::text_of({{"sweep", sweep.id}, {"sweep_name", sweep.name}, {"trials", std::move(rows)}}, 2);
    return;
  }
  Table table = table_of(list, names, lines, options.as_csv);
  if (options.as_csv) {
    std::cout << sweep::csv_table(table);
    return;
  }
  table.title = fmt::format("{} on {}{}: {} of {} trials", sweep.name, sweep.dataset_name,
                            sweep.synthetic ? " (synthetic data)" : "", lines, sweep.trials);
  table.notes.push_back(
      "held_out: of the fold's clips, at thresholds (and a fusion of heads) chosen on the config's other folds; "
      "paper: epoch and thresholds tuned on the fold itself (optimistic)");
  if (!list.unmatched().empty()) table.notes = {list.unmatched()};
  std::cout << sweep::text_table(table, text_width());
}

std::string columns_text() {
  std::string text;
  for (const TrialColumn& column : trial_columns()) {
    text += fmt::format("  {:<24}{}\n", column.id, column.meaning);
  }
  return text;
}

struct PredictionsOptions {
  std::string what;
  std::string protocol = name_of(sweep::Protocol::kHeldOut);
  int repeat = 1;
  std::filesystem::path out;
};

void predictions(const PredictionsOptions& options, const Globals& globals) {
  if (options.out.extension() != ".npz") {
    throw UsageError("--out " + options.out.string() + ": predictions are NPZ arrays, and its name must end in .npz");
  }
  storage::Reader reader(globals.store);
  const auto protocol = sweep::find_named<sweep::Protocol>(options.protocol);
  const WrittenPredictions written =
      write_predictions(reader, options.what, protocol.value(), options.repeat, options.out);
  say("{}: {}, {} clips{}\n", options.out.string(), written.of, written.clips,
      written.test_clips > 0 ? fmt::format(", {} test clips", written.test_clips) : "");
  for (const std::string& array : written.arrays) say("  {}\n", array);
  if (written.left_out > 0) {
    say("left out: {} of config and seed without predictions in every fold\n",
        sweep::counted(written.left_out, "pair"));
  }
  if (written.untested > 0) {
    say("left out: test clips, as {} members were trained before they came; medley predict predicts them\n",
        written.untested);
  }
}

}  // namespace

void add_predictions_command(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<PredictionsOptions>();
  auto* command =
      app.add_subcommand("predictions", "Out-of-fold and test predictions as an NPZ file, for your own code");
  command->add_option("WHAT", options->what, "sweep, config (first digits) or ensemble; the newest sweep if not given");
  command->add_option("--out", options->out, "file to write")->required()->type_name("FILE.npz");
  command->add_option("--protocol", options->protocol, "epoch of sweeps and configs: held-out, or paper (optimistic)")
      ->check(CLI::IsMember(sweep::all_names<sweep::Protocol>()));
  command->add_option("--repeat", options->repeat, "repeat of made folds (an ensemble is of one)")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  medley predictions topn --out topn.npz          every config and seed whose folds are all done\n"
      "  medley predictions 3f9a --out config.npz        one config\n"
      "  medley predictions best --out ensemble.npz      an ensemble: each fold by the fit that did not see it\n\n"
      "  python3 -c \"import numpy; p = numpy.load('topn.npz'); print(p['fused'].shape, p['clips'][:3])\"");
  command->callback([options, &globals] { predictions(*options, globals); });
}

void add_trials_command(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<TrialsOptions>();
  auto* command = app.add_subcommand("trials", "Trials of a sweep, one a line, with their Scores");
  command->add_option("SWEEP", options->sweep, "id or name of the sweep; the newest if not given");
  command
      ->add_option("--where", options->conditions,
                   "only those with NAME=VALUE (or !=, <, <=, >, >=); NAME is a column or a setting; may be repeated")
      ->type_name("CONDITION")
      ->expected(1)
      ->take_all();
  command->add_flag("--failed", options->failed, "only those that failed, as --where state=failed");
  command->add_option("--sort", options->sort, "by a column or a setting, the largest first (text: in its order)")
      ->type_name("NAME");
  command->add_option("--columns", options->columns, "these, in this order, separated by commas")
      ->type_name("NAME,...")
      ->delimiter(',');
  command->add_option("--top", options->top, "number of trials to list; 0: all")->check(CLI::NonNegativeNumber);
  auto* formats = command->add_option_group("format", "instead of aligned text");
  formats->add_flag("--csv", options->as_csv, "every column, with full precision");
  formats->add_flag("--json", options->as_json, "every column, with full precision");
  formats->require_option(0, 1);
  command->footer("Columns, beside all settings of a config:\n" + columns_text() +
                  "\nExamples:\n"
                  "  medley trials                                 every trial of the newest sweep\n"
                  "  medley trials topn --failed                   what failed, and why: add --columns trial,reason\n"
                  "  medley trials topn --where selection=learned --where top_n=2 --sort score\n"
                  "  medley trials topn --columns learning_rate,fold,seed,score --csv > trials.csv");
  command->callback([options, &globals] { trials(*options, globals); });
}

}  // namespace medley::coordinator
