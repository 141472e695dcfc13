// medley replay.
#include <cmath>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "coordinator/actions/replay.h"
#include "coordinator/actions/sweep_results.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/error.h"
#include "sweep/report/config_names.h"
#include "sweep/report/table.h"
#include "web/json.h"

namespace medley::coordinator {
namespace {

using sweep::share_text;
using sweep::Table;

struct ReplayOptions {
  std::string sweep;
  std::string search = name_of(sweep::StrategyKind::kRace);
  double margin = sweep::Family().margin;
  int configs = 0;
  int batch = 8;
  int orders = 100;
  bool ids = false;
  bool as_json = false;
};

Table decisions_table(const ReplayedSearch& replayed, const sweep::ConfigNames& names, bool ids) {
  Table table;
  table.title = "decisions in the order of the sweep file";
  table.columns = {{"config"},
                   {"why it got no more runs"},
                   {"runs", Table::Align::kRight},
                   {"against", Table::Align::kLeft, "", 1},
                   {"difference", Table::Align::kRight},
                   {"interval", Table::Align::kRight}};
  if (ids) table.columns.push_back({"id"});
  for (const auto& [config, made, against] : replayed.decisions) {
    const bool known = std::isfinite(made.difference);
    table.rows.push_back(
        {names(config), name_of(made.kind), std::to_string(made.runs), against.empty() ? "-" : names(against),
         known ? share_text(made.difference) : "-",
         known ? fmt::format("[{}, {}]", share_text(made.interval.low), share_text(made.interval.high)) : "-"});
    if (ids) table.rows.back().push_back(config);
  }
  return table;
}

void print_replay(storage::Reader& reader, const ReplayedSearch& replayed, const storage::SweepSummary& sweep,
                  bool ids) {
  const sweep::SearchSettings& search = replayed.settings;
  const bool chooses = sweep::makes_configs(search.kind);
  say("{} on {}{}: {}, {}, in {} {}\n", sweep.name, sweep.dataset_name, sweep.synthetic ? " (synthetic data)" : "",
      name_of(search.kind),
      chooses ? fmt::format("{} configs in rounds of {}", search.configs, search.batch)
              : "margin " + share_text(search.margin),
      replayed.orders, chooses ? "replays, each with draws of its own" : "orders of folds and seeds");
  say("asks for     {:.0f} of {} trials ({} to {}): {:.1f} times less work\n", replayed.asked, replayed.trials,
      replayed.least_asked, replayed.most_asked, replayed.trials / replayed.asked);
  say("best config  the same in {:.0f} % of orders; its Score is {} lower on average, {} at most\n",
      100 * replayed.same_winner, share_text(replayed.regret), share_text(replayed.largest_regret));
  say("tied lost    {:.1f} % of the {} configs that all trials do not tell from the best\n\n", 100 * replayed.tied_lost,
      replayed.tied);
  if (replayed.decisions.empty()) return;
  const sweep::ConfigNames names(read_report(reader, sweep));
  std::cout << sweep::text_table(decisions_table(replayed, names, ids), text_width());
}

void replay(const ReplayOptions& options, const Globals& globals) {
  storage::Reader reader(globals.store);
  const auto sweep = choose_sweep(reader, options.sweep);
  const auto kind = sweep::find_named<sweep::StrategyKind>(options.search).value();
  if (kind == sweep::StrategyKind::kExternal || kind == sweep::StrategyKind::kHalving) {
    throw UsageError(options.search + " cannot be replayed: a finished sweep lacks " +
                     (kind == sweep::StrategyKind::kHalving ? "held-out Scores at rungs" : "what others would send"));
  }
  sweep::SearchSettings settings;
  settings.kind = kind;
  settings.margin = options.margin;
  settings.configs = options.configs;
  settings.batch = options.batch;
  const ReplayedSearch replayed = replay_search(reader, sweep, settings, options.orders);
  if (options.as_json) {
    std::cout << web::text_of(to_json(replayed), 2);
  } else {
    print_replay(reader, replayed, sweep, options.ids);
  }
}

}  // namespace

void add_replay_command(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<ReplayOptions>();
  auto* command =
      app.add_subcommand("replay", "What a search would have saved, and lost, on a finished sweep; trains nothing");
  command->add_option("SWEEP", options->sweep, "id or name of the sweep; the newest if not given");
  command->add_option("--search", options->search, "strategy")
      ->check(CLI::IsMember(sweep::all_names<sweep::StrategyKind>()))
      ->capture_default_str();
  command->add_option("--margin", options->margin, "differences of Scores up to this do not matter")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--configs", options->configs, "of tpe: how many it trains; a quarter of the sweep's if not given")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--batch", options->batch, "of tpe: configs of a round")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--orders", options->orders, "orders of folds and seeds; the first is the file's")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  auto* ids = command->add_flag("--ids", options->ids, "ids of configs, beside their names");
  command->add_flag("--json", options->as_json, "as JSON, with full precision")->excludes(ids);
  command->footer(
      "Examples:\n"
      "  medley replay topn                                   would a race have found the same?\n"
      "  medley replay topn --search until-settled --margin 0.02\n"
      "  medley replay topn --search tpe --configs 30         how near would 30 of its configs have come?");
  command->callback([options, &globals] { replay(*options, globals); });
}

}  // namespace medley::coordinator
