// medley store: whether the store still holds what was written, its backups, and its upkeep.
#include <iostream>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "coordinator/actions/backup.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/terminal.h"
#include "storage/check.h"
#include "storage/merge.h"
#include "storage/upkeep.h"
#include "sweep/report/report_text.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

std::string bytes_text(std::uintmax_t bytes) {
  const auto count = static_cast<double>(bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", count / 1e3);
  return bytes < 1'000'000'000 ? fmt::format("{:.1f} MB", count / 1e6) : fmt::format("{:.2f} GB", count / 1e9);
}

json faults_json(const std::vector<storage::Fault>& faults) {
  json rows = json::array();
  for (const storage::Fault& fault : faults) rows.push_back({{"where", fault.where}, {"what", fault.what}});
  return rows;
}

void print_faults(const std::vector<storage::Fault>& faults) {
  for (const storage::Fault& fault : faults) say("{}: {}\n", fault.where, fault.what);
}

void check(bool as_json, const Globals& globals) {
  const storage::StoreCheck all = storage::check_store(globals.store);
  if (as_json) {
    std::cout << json{{"results", all.results}, {"exports", all.exports}, {"faults", faults_json(all.faults)}}.dump(2)
              << "\n";
  } else {
    print_faults(all.faults);
    say("{} and {} were read{}\n", sweep::counted(all.results, "result"), sweep::counted(all.exports, "export"),
        all.faults.empty() ? ": no fault found" : "");
  }
  if (!all.faults.empty()) {
    throw std::runtime_error(fmt::format("{}: {}", globals.store.string(), sweep::counted(all.faults.size(), "fault")));
  }
}

void print_backup(const Backup& backup, const std::string& made, bool as_json) {
  if (as_json) {
    std::cout << json{{"file_bytes", backup.bytes},
                      {"results", backup.results},
                      {"checkpoints", backup.checkpoints},
                      {"exports", backup.exports},
                      {"notes", backup.notes}}
                     .dump(2)
              << "\n";
    return;
  }
  for (const std::string& note : backup.notes) say("note: {}\n", note);
  say("{}: {}, {} and {}, read again without a fault\n", made, sweep::counted(backup.results, "result"),
      sweep::counted(backup.checkpoints, "checkpoint"), sweep::counted(backup.exports, "export"));
}

void merge(const std::string& other, bool as_json, const Globals& globals) {
  const storage::Merged merged = storage::merge_store(globals.store, other, storage::now_ms());
  if (as_json) {
    std::cout << json{{"datasets", merged.datasets},
                      {"sweeps", merged.sweeps},
                      {"trials", merged.trials},
                      {"results", merged.results},
                      {"checkpoints", merged.checkpoints},
                      {"marks", merged.marks},
                      {"ensembles", merged.ensembles},
                      {"equal", merged.equal},
                      {"differing", faults_json(merged.differing)},
                      {"left_out", faults_json(merged.left_out)},
                      {"notes", merged.notes}}
                     .dump(2)
              << "\n";
  } else {
    print_faults(merged.differing);
    print_faults(merged.left_out);
    for (const std::string& note : merged.notes) say("note: {}\n", note);
    say("added {}, {}, {}, {}, {}, {} and {}; {} were in both stores\n", sweep::counted(merged.datasets, "dataset"),
        sweep::counted(merged.sweeps, "sweep"), sweep::counted(merged.trials, "trial"),
        sweep::counted(merged.results, "result"), sweep::counted(merged.checkpoints, "checkpoint"),
        sweep::counted(merged.marks, "mark"), sweep::counted(merged.ensembles, "ensemble"),
        sweep::counted(merged.equal, "equal result"));
  }
  if (merged.differing.empty() && merged.left_out.empty()) return;
  throw std::runtime_error(fmt::format("{}: not all is merged: {}, {}", other,
                                       sweep::counted(merged.differing.size(), "unequal result"),
                                       sweep::counted(merged.left_out.size(), "unsound part")));
}

void collect(bool dry_run, bool as_json, const Globals& globals) {
  const storage::Garbage garbage =
      storage::collect_garbage(globals.store, dry_run ? storage::Collecting::kListOnly : storage::Collecting::kRemove);
  std::uintmax_t bytes = 0;
  for (const storage::UnneededFile& file : garbage.files) bytes += file.bytes;
  if (as_json) {
    json files = json::array();
    for (const storage::UnneededFile& file : garbage.files) {
      files.push_back({{"file", file.path.string()}, {"bytes", file.bytes}, {"why", file.why}});
    }
    std::cout << json{{"dry_run", dry_run},         {"files", files},
                      {"file_bytes", bytes},        {"trials", garbage.trials},
                      {"configs", garbage.configs}, {"datasets", garbage.datasets}}
                     .dump(2)
              << "\n";
    return;
  }
  for (const storage::UnneededFile& file : garbage.files) {
    say("{}: {}, {}\n", file.path.string(), bytes_text(file.bytes), file.why);
  }
  for (const std::string& trial : garbage.trials) say("trial {}: of no sweep, without a result\n", trial);
  say("{} {} ({}), {}, {} and {}\n", dry_run ? "would remove" : "removed", sweep::counted(garbage.files.size(), "file"),
      bytes_text(bytes), sweep::counted(garbage.trials.size(), "trial"), sweep::counted(garbage.configs, "config"),
      sweep::counted(garbage.datasets, "dataset"));
}

void compact(bool as_json, const Globals& globals) {
  const storage::Compacted compacted = storage::compact(globals.store);
  if (as_json) {
    std::cout << json{{"before_bytes", compacted.before}, {"after_bytes", compacted.after}}.dump(2) << "\n";
  } else {
    say("the database took {} and takes {}\n", bytes_text(compacted.before), bytes_text(compacted.after));
  }
}

struct StoreArguments {
  std::string file;  ///< of a backup, or the folder of another store
  bool force = false;
  bool dry_run = false;
  bool as_json = false;
};

}  // namespace

void add_store_command(CLI::App& app, Globals& globals) {
  auto* store = app.add_subcommand("store", "The store itself: check, back up, restore, merge, tidy");
  store->require_subcommand(1);
  const auto arguments = std::make_shared<StoreArguments>();
  const auto add = [&](const char* name, const char* what) {
    auto* command = store->add_subcommand(name, what);
    command->add_flag("--json", arguments->as_json, "as JSON");
    return command;
  };

  auto* check_command = add("check", "Reads all of the store, and lists what cannot be as it was written");
  check_command->footer(
      "SQLite checks its pages and references. Every dataset, result and ensemble must have its SHA-256, and a result\n"
      "be one that training can give. Exported archives must be unchanged. Exit code 1 where anything is not so.\n"
      "Examples:\n  medley store check\n  medley --store old-store store check --json");
  check_command->callback([arguments, &globals] { check(arguments->as_json, globals); });

  auto* backup_command = add("backup", "Writes all that the store is into one file, and reads it again");
  backup_command->add_option("FILE", arguments->file, "backup to write")->required();
  backup_command->add_flag("--force", arguments->force, "replace a file that is there");
  backup_command->footer(
      "A coordinator may run meanwhile. A copy of medley.db alone is no backup: its newest results are in\n"
      "medley.db-wal, and checkpoints lie beside it. The file is a ZIP archive with the database, checkpoints and the\n"
      "archives of exports in the store. It has no logs, save files, spools or tokens.\n"
      "Examples:\n  medley store backup backup.zip\n  medley --store s store backup /archive/s.zip --force --json");
  backup_command->callback([arguments, &globals] {
    const Backup backup = back_up(globals.store, arguments->file,
                                  arguments->force ? OldBackup::kReplace : OldBackup::kKeep, storage::now_ms());
    print_backup(backup, fmt::format("{}, {}", arguments->file, bytes_text(backup.bytes)), arguments->as_json);
  });

  auto* restore_command = add("restore", "Makes a store of a backup");
  restore_command->add_option("FILE", arguments->file, "backup to read")->required();
  restore_command->footer(
      "The store is the folder that --store names, which must be absent or empty. A backup that is cut short or "
      "altered\n"
      "is refused, and nothing is left.\n"
      "Examples:\n  medley store restore backup.zip\n  medley --store restored store restore backup.zip --json");
  restore_command->callback([arguments, &globals] {
    const Backup backup = restore(arguments->file, globals.store);
    print_backup(backup, globals.store.string(), arguments->as_json);
  });

  auto* merge_command = add("merge", "Adds what another store has and this one lacks");
  merge_command->add_option("OTHER", arguments->file, "folder of the other store")->required();
  merge_command->footer(
      "Merged are datasets, sweeps, trials, results, checkpoints, ensembles, and marks of configs without one. A "
      "result\n"
      "must pass the tests of `medley store check`. Two results of one trial must be equal in what training decides;\n"
      "others are listed and left as they are. Exit code 1 where anything was left out. Exports are not merged.\n"
      "Examples:\n  medley store merge other-store\n  medley --store all store merge laptop-store --json");
  merge_command->callback([arguments, &globals] { merge(arguments->file, arguments->as_json, globals); });

  auto* gc_command = add("gc", "Removes what nothing in the store refers to");
  gc_command->add_flag("--dry-run", arguments->dry_run, "list only");
  gc_command->footer(
      "Removed are checkpoints of no trial, save files of trials that need no more training, and files left half\n"
      "written a day ago. So are trials of no sweep that have no result, and then configs and datasets without any.\n"
      "Results, logs, exports and spools stay.\n"
      "Examples:\n  medley store gc --dry-run\n  medley store gc --json");
  gc_command->callback([arguments, &globals] { collect(arguments->dry_run, arguments->as_json, globals); });

  auto* compact_command = add("compact", "Rewrites the database without its free space");
  compact_command->footer(
      "Needs free disk space of twice the database's size.\n"
      "Examples:\n  medley store compact\n  medley --store old-store store compact --json");
  compact_command->callback([arguments, &globals] { compact(arguments->as_json, globals); });
}

}  // namespace medley::coordinator
