// medley diff, ensembles, logs: what lies in a store.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "coordinator/actions/sweep_results.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/session.h"
#include "coordinator/commands/show_config.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/error.h"
#include "sweep/nearest.h"
#include "sweep/report/report.h"
#include "sweep/report/table.h"
#include "web/json.h"
#include "web/worker_log.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;
using sweep::share_text;
using sweep::Table;

// ---- diff -------------------------------------------------------------------------------------------------------

std::optional<storage::SweepSummary> sweep_called(storage::Reader& reader, const std::string& name) {
  try {
    return choose_sweep(reader, name);
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

/// Settings in which two configs differ: name, value of one, value of the other; "-" where one does not read it.
Table diff_table(const json& one, const json& other, const std::string& first, const std::string& second) {
  Table table;
  table.columns = {{"setting"}, {first}, {second}};
  for (const sweep::Setting& setting : sweep::settings()) {
    const auto text = [&](const json& settings) {
      return settings.contains(setting.name) ? sweep::value_text(settings[setting.name]) : std::string("-");
    };
    if (text(one) != text(other)) table.rows.push_back({setting.name, text(one), text(other)});
  }
  return table;
}

json held_out_of(const json& config) { return config["held_out_score"]; }

void diff_configs(storage::Reader& reader, const std::string& sweep, const std::string& one, const std::string& other,
                  bool as_json) {
  const json first = config_json(reader, choose_config(reader, sweep, one));
  const json second = config_json(reader, choose_config(reader, sweep, other));
  const Table table = diff_table(first["settings"], second["settings"], first["config"], second["config"]);
  if (as_json) {
    json rows = json::array();
    for (const auto& row : table.rows) rows.push_back({{"setting", row[0]}, {"one", row[1]}, {"other", row[2]}});
    std::cout << web::text_of({{"one", first["config"]}, {"other", second["config"]}, {"differences", rows}}, 2);
    return;
  }
  if (table.rows.empty())
    say("{} and {} are one config\n", first["config"].get<std::string>(), second["config"].get<std::string>());
  if (!table.rows.empty()) std::cout << sweep::text_table(table, text_width());
  for (const json* config : {&first, &second}) {
    const json score = held_out_of(*config);
    say("{}  held-out Score {}\n", (*config)["config"].get<std::string>(),
        score.is_null() ? "-" : share_text(score.get<double>()));
  }
  say("A difference needs its interval: `compare` or `reference` in a sweep file gives one.\n");
}

void diff_sweeps(storage::Reader& reader, const storage::SweepSummary& one, const storage::SweepSummary& other,
                 bool as_json) {
  const std::string text = difference_text(reader, one, other);
  const std::set<std::string> first = config_ids(reader, one), second = config_ids(reader, other);
  std::vector<std::string> both;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(both));
  if (as_json) {
    std::cout << web::text_of({{"one", one.id},
                               {"other", other.id},
                               {"difference", text},
                               {"configs_of_one", first.size() - both.size()},
                               {"configs_of_other", second.size() - both.size()},
                               {"configs_of_both", both.size()}},
                              2);
    return;
  }
  say("{} ({}) and {} ({})\n", one.name, one.id, other.name, other.id);
  say("settings  {}\n", text.empty() ? "the same" : text);
  say("configs   {} in both, {} only in {}, {} only in {}\n", both.size(), first.size() - both.size(), one.name,
      second.size() - both.size(), other.name);
}

void diff(const std::string& one, const std::string& other, const std::string& sweep, bool as_json,
          const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto first = sweep_called(reader, one), second = sweep_called(reader, other);
  if (sweep.empty() && first && second) return diff_sweeps(reader, *first, *second, as_json);
  if (sweep.empty() && (first || second)) {
    const auto& config = first ? other : one;
    throw UsageError("'" + (first ? one : other) + "' is a sweep and '" + config +
                     "' is none: give two sweeps, or two configs");
  }
  diff_configs(reader, sweep, one, other, as_json);
}

// ---- ensembles --------------------------------------------------------------------------------------------------

void list_ensembles(bool as_json, const Globals& globals) {
  storage::Reader reader(globals.store);
  const std::vector<storage::EnsembleRecord> ensembles = reader.ensembles();
  std::map<std::string, std::string> sweeps;
  for (const auto& sweep : reader.sweeps()) sweeps[sweep.id] = sweep.name;
  Table table;
  table.columns = {{"ensemble"},
                   {"id", Table::Align::kRight},
                   {"sweep"},
                   {"method"},
                   {"members", Table::Align::kRight},
                   {"Score nested", Table::Align::kRight},
                   {"95 % int.", Table::Align::kRight, "", 1},
                   {"best single", Table::Align::kRight}};
  json rows = json::array();
  for (const storage::EnsembleRecord& one : ensembles) {
    const std::string sweep = sweeps.count(one.sweep) ? sweeps[one.sweep] : one.sweep;
    const std::string method = name_of(one.request.options.method);
    rows.push_back({{"id", one.id},
                    {"name", one.request.name},
                    {"sweep", one.sweep},
                    {"method", method},
                    {"members", one.members.size()},
                    {"nested_score", one.nested.score()},
                    {"nested_low", one.nested_interval.score.low},
                    {"nested_high", one.nested_interval.score.high},
                    {"best_single_nested_score", one.best_single_nested.score()}});
    table.rows.push_back(
        {one.request.name, std::to_string(one.id), sweep, method, std::to_string(one.members.size()),
         share_text(one.nested.score()),
         fmt::format("[{}, {}]", share_text(one.nested_interval.score.low), share_text(one.nested_interval.score.high)),
         share_text(one.best_single_nested.score())});
  }
  if (as_json) {
    std::cout << web::text_of({{"ensembles", rows}}, 2);
  } else if (table.rows.empty()) {
    say("no ensemble yet: `medley ensemble` fits one\n");
  } else {
    table.notes.push_back("nested: the whole fit is repeated without each fold, and measured on it");
    std::cout << sweep::text_table(table, text_width());
  }
}

// ---- logs -------------------------------------------------------------------------------------------------------

struct LogOptions {
  std::string id;
  int lines = 50;
  bool follow = false;
};

/// Id of the worker that is meant: by name or id, or as the one that trained a trial last. Throws UsageError.
std::string worker_of(storage::Reader& reader, const std::string& id) {
  std::vector<std::string> names;
  for (const storage::WorkerRow& row : reader.workers()) {
    if (row.worker.id == id || row.worker.name == id) return row.worker.id;
    names.push_back(row.worker.name);
  }
  const auto trial = choose_trial(reader, id);
  if (!trial) throw UsageError("no worker or trial '" + id + "'" + sweep::suggestion(id, names));
  if (trial->attempts.empty()) throw UsageError("trial " + trial->spec.id + " has not been trained yet: no log has it");
  const auto newest = std::max_element(trial->attempts.begin(), trial->attempts.end(),
                                       [](const auto& a, const auto& b) { return a.number < b.number; });
  return newest->worker;
}

void show_log(const LogOptions& options, const Globals& globals) {
  const std::string folder = storage::StoreLayout(globals.store.string()).logs();
  storage::Reader reader(globals.store);
  const std::string worker = worker_of(reader, options.id);
  auto log = web::find_worker_log(folder, worker);
  if (!log) {
    throw Error("worker " + worker + " has no log in " + folder +
                ": workers of other hosts log where their launch says (medley cluster status)");
  }
  std::cerr << folder << "/" << log->file << "\n";
  const std::size_t most = static_cast<std::size_t>(options.lines);
  std::size_t shown = log->lines.size() > most ? log->lines.size() - most : 0;
  if (options.follow) count_stop_signals();
  for (;;) {
    for (; shown < log->lines.size(); ++shown) say("{}\n", log->lines[shown].text);
    std::cout.flush();
    if (!options.follow || stop_signals() > 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    auto now = web::find_worker_log(folder, worker);
    if (!now) return;
    shown = web::first_new_line(log->lines, now->lines);
    log = std::move(now);
  }
}

}  // namespace

void add_look_commands(CLI::App& app, Globals& globals) {
  {
    struct Options {
      std::string one, other, sweep;
      bool as_json = false;
    };
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand("diff", "What tells two sweeps or two configs apart");
    command->add_option("ONE", options->one, "a sweep, or a config's id or its first digits")->required();
    command->add_option("OTHER", options->other, "another one")->required();
    command->add_option("--sweep", options->sweep, "both are configs of this sweep");
    command->add_flag("--json", options->as_json, "as JSON");
    command->footer("Examples:\n  medley diff topn topn-2\n  medley diff 3f2a9c 518ad3");
    command->callback(
        [options, &globals] { diff(options->one, options->other, options->sweep, options->as_json, globals); });
  }
  {
    auto as_json = std::make_shared<bool>(false);
    auto* command = app.add_subcommand("ensembles", "The ensembles of the store, with their honest Scores");
    command->add_flag("--json", *as_json, "as JSON, with full precision");
    command->footer("Examples:\n  medley ensembles\n  medley ensembles --json");
    command->callback([as_json, &globals] { list_ensembles(*as_json, globals); });
  }
  auto options = std::make_shared<LogOptions>();
  auto* command = app.add_subcommand("logs", "What the worker of a trial, or a worker, logged");
  command->add_option("ID", options->id, "a trial's id, or a worker's name (host:process) or id")->required();
  command->add_option("-n,--lines", options->lines, "the last ones")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_flag("-f,--follow", options->follow, "then what is added, until Ctrl-C");
  command->footer("Examples:\n  medley logs 3f2a9c\n  medley logs node07:4212 -f");
  command->callback([options, &globals] { show_log(*options, globals); });
}

}  // namespace medley::coordinator
