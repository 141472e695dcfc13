// medley store check: whether the store still holds what was written.
#include <iostream>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "coordinator/commands/command.h"
#include "storage/check.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

void check(bool as_json, const Globals& globals) {
  const storage::StoreCheck all = storage::check_store(globals.store);
  if (as_json) {
    json faults = json::array();
    for (const storage::Fault& fault : all.faults) faults.push_back({{"where", fault.where}, {"what", fault.what}});
    std::cout << json{{"results", all.results}, {"exports", all.exports}, {"faults", faults}}.dump(2) << "\n";
  } else {
    for (const storage::Fault& fault : all.faults) fmt::print("{}: {}\n", fault.where, fault.what);
    fmt::print("{} results and {} exports were read{}\n", all.results, all.exports,
               all.faults.empty() ? ": no fault found" : "");
  }
  if (!all.faults.empty()) {
    throw std::runtime_error(
        fmt::format("{}: {} fault{}", globals.store.string(), all.faults.size(), all.faults.size() == 1 ? "" : "s"));
  }
}

}  // namespace

void add_store_command(CLI::App& app, Globals& globals) {
  auto* store = app.add_subcommand("store", "The store itself: whether it still holds what was written");
  store->require_subcommand(1);
  auto as_json = std::make_shared<bool>(false);
  auto* command = store->add_subcommand("check", "Reads all of the store, and lists what cannot be as it was written");
  command->add_flag("--json", *as_json, "as JSON");
  command->footer(
      "SQLite checks its pages and references. Every result must have its SHA-256, be one that training can give, and\n"
      "have the numbers of the leaderboard. Exported archives must be unchanged. Exit code 1 where anything is not "
      "so.\n"
      "Examples:\n  medley store check\n  medley --store old-store store check --json");
  command->callback([as_json, &globals] { check(*as_json, globals); });
}

}  // namespace medley::coordinator
