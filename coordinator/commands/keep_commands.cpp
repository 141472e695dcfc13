// medley rename, note, tag, archive, priority, rm, discard: what a store keeps of its sweeps.
#include <iostream>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "coordinator/actions/discard.h"
#include "coordinator/actions/sweep_results.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/control_file.h"
#include "coordinator/error.h"
#include "storage/writer.h"
#include "sweep/nearest.h"
#include "sweep/report/report_text.h"
#include "sweep/spec/spec.h"
#include "web/client.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

/// Asks whoever coordinates the store, else writes itself.
void mark(const Globals& globals, const storage::SweepSummary& sweep, const storage::SweepMarkChange& change) {
  const std::optional<ControlPoint> point = control_if_held(globals.store);
  if (!point) {
    storage::Writer writer(globals.store);
    storage::Writer::Group group(writer);
    writer.mark_sweep(sweep.id, change);
    group.commit();
    return;
  }
  json body = json::object();
  if (change.name) body["name"] = *change.name;
  if (change.note) body["note"] = *change.note;
  if (change.tags) body["tags"] = *change.tags;
  if (change.archived) body["archived"] = *change.archived;
  if (change.priority) body["priority"] = *change.priority;
  web::done(web::ask(point->url, point->token, "sweeps/" + sweep.id + "/mark", body));
}

storage::SweepSummary sweep_called(const Globals& globals, const std::string& name) {
  storage::Reader reader(globals.store);
  return choose_sweep(reader, name);
}

std::vector<std::string> changed_tags(const std::vector<std::string>& tags, const std::vector<std::string>& more,
                                      const std::vector<std::string>& fewer) {
  constexpr std::size_t kMaxTag = 40;
  std::set<std::string> changed(tags.begin(), tags.end());
  for (const std::string& tag : more) {
    if (tag.empty() || tag.size() > kMaxTag || tag.find_first_of("|,\n") != std::string::npos) {
      throw UsageError("'" + tag + "' is no tag: 1 to 40 bytes without | and commas");
    }
    changed.insert(tag);
  }
  for (const std::string& tag : fewer) {
    if (changed.erase(tag) == 0) throw UsageError("there is no tag '" + tag + "'" + sweep::suggestion(tag, tags));
  }
  return {changed.begin(), changed.end()};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? "no tags" : text;
}

/// A sweep or an ensemble, whichever is called so.
void remove(const Globals& globals, const std::string& name, bool with_results, bool ensemble) {
  if (ensemble) {
    storage::EnsembleRecord record;
    {
      storage::Reader reader(globals.store);
      record = choose_ensemble(reader, name);
    }
    storage::Writer writer(globals.store);
    storage::Writer::Group group(writer);
    writer.remove_ensemble(record.id);
    group.commit();
    say("ensemble {} ({}) is removed; its exports stay\n", record.request.name, record.id);
    return;
  }
  const storage::SweepSummary sweep = sweep_called(globals, name);
  storage::Writer::Removed removed;
  const std::optional<ControlPoint> point = with_results ? std::nullopt : control_if_held(globals.store);
  if (point) {
    web::done(web::ask_to_remove(point->url, point->token, "sweeps/" + sweep.id));
  } else {
    storage::Writer writer(globals.store);
    storage::Writer::Group group(writer);
    removed = writer.remove_sweep(sweep.id, with_results);
    group.commit();
  }
  say("sweep {} ({}) is removed\n", sweep.name, sweep.id);
  if (with_results) {
    say("{} of no other sweep removed; `medley store compact` gives their space back\n",
        sweep::counted(removed.results, "result"));
  } else {
    say("its results stay: a sweep that asks for the same trials has them; --results removes them, too\n");
  }
}

struct DiscardOptions {
  DiscardFilter filter;
  std::string since;
  std::string reason;
  bool dry_run = false;
};

void discard_results(DiscardOptions options, const Globals& globals) {
  if (options.filter.trials.empty() && options.filter.worker.empty() && options.since.empty()) {
    throw UsageError("which results? Give ids of trials, --worker, or --since");
  }
  if (!options.since.empty()) options.filter.since = parse_since(options.since, storage::now_ms());
  std::vector<std::string> trials, members;
  {
    storage::Reader reader(globals.store);
    if (!options.filter.sweep.empty()) options.filter.sweep = choose_sweep(reader, options.filter.sweep).id;
    trials = trials_to_discard(reader, options.filter);
    members = reader.members();
  }
  if (options.dry_run) {
    const std::set<std::string> kept(members.begin(), members.end());
    std::size_t refused = 0;
    for (const std::string& trial : trials) {
      refused += kept.count(trial);
      say("{}{}\n", trial, kept.count(trial) > 0 ? "  member of an ensemble" : "");
    }
    say("{} to discard\n", sweep::counted(trials.size(), "result"));
    if (refused > 0) {
      say("refused: {} of them {} of an ensemble; remove it with `medley rm NAME --ensemble`\n", refused,
          refused == 1 ? "is a member" : "are members");
    }
    return;
  }
  if (!trials.empty()) discard(globals.store.string(), trials, options.reason);
  say("{} discarded{}\n", sweep::counted(trials.size(), "result"),
      trials.empty() ? ""
                     : fmt::format("; the next run trains them again, and copies are in {}",
                                   storage::StoreLayout(globals.store.string()).discarded()));
}

}  // namespace

void add_keep_commands(CLI::App& app, Globals& globals) {
  struct Options {
    std::string sweep, text;
    std::vector<std::string> tags, fewer;
    int priority = 0;
    bool undo = false, results = false, ensemble = false;
  };
  const auto add = [&](const std::string& name, const std::string& what) {
    auto options = std::make_shared<Options>();
    auto* command = app.add_subcommand(name, what);
    command->add_option(name == "rm" ? "NAME" : "SWEEP", options->sweep, "name, id, or unique start of an id")
        ->required();
    return std::pair(command, options);
  };
  {
    auto [command, options] = add("rename", "Give a sweep another name");
    command->add_option("NAME", options->text, "the new name")->required();
    command->footer("Its id stays, and so does `medley run` of its file.\nExamples:\n  medley rename topn-2 topn-wide");
    command->callback([options = options, &globals] {
      if (!sweep::is_sweep_name(options->text)) {
        throw UsageError(fmt::format("a name is one line of 1 to {} bytes", sweep::kMaxSweepName));
      }
      const auto sweep = sweep_called(globals, options->sweep);
      mark(globals, sweep, {options->text, {}, {}});
      say("sweep {} is called {}\n", sweep.name, options->text);
    });
  }
  {
    auto [command, options] = add("note", "Note something of a sweep, or show its note");
    auto* text = command->add_option("TEXT", options->text, "the note, in place of the one that is there");
    command->add_flag("--remove", options->undo, "remove it")->excludes(text);
    command->footer("Examples:\n  medley note topn 'features of November, without clip 17'\n  medley note topn");
    command->callback([options = options, text, &globals] {
      const auto sweep = sweep_called(globals, options->sweep);
      const bool shows = text->count() == 0 && !options->undo;
      if (!shows) mark(globals, sweep, {{}, options->text, {}});
      const std::string& note = shows ? sweep.note : options->text;
      say("{}\n", note.empty() ? "sweep " + sweep.name + " has no note" : note);
    });
  }
  {
    auto [command, options] = add("tag", "Tag a sweep, or show its tags");
    command->add_option("TAGS", options->tags, "to add");
    command->add_option("--remove", options->fewer, "to take away");
    command->footer("Examples:\n  medley tag topn paper\n  medley tag topn final --remove draft\n  medley tag topn");
    command->callback([options = options, &globals] {
      const auto sweep = sweep_called(globals, options->sweep);
      if (options->tags.empty() && options->fewer.empty()) {
        say("{}\n", joined(sweep.tags));
        return;
      }
      const auto tags = changed_tags(sweep.tags, options->tags, options->fewer);
      mark(globals, sweep, {{}, {}, tags});
      say("sweep {}: {}\n", sweep.name, joined(tags));
    });
  }
  {
    auto [command, options] = add("archive", "Leave a sweep out of lists; nothing of it is removed");
    command->add_flag("--undo", options->undo, "show it again");
    command->footer("Examples:\n  medley archive topn\n  medley archive topn --undo\n  medley status --all");
    command->callback([options = options, &globals] {
      const auto sweep = sweep_called(globals, options->sweep);
      mark(globals, sweep, {{}, {}, {}, !options->undo});
      say("sweep {} is {}archived\n", sweep.name, options->undo ? "no longer " : "");
    });
  }
  {
    auto [command, options] = add("rm", "Remove a sweep or an ensemble from the store");
    command->add_flag("--results", options->results, "also results that no other sweep and no ensemble has");
    command->add_flag("--ensemble", options->ensemble, "NAME is an ensemble's");
    command->footer(
        "A running coordinator is asked to remove a sweep that is finished or stopped. With --results or --ensemble "
        "nobody may coordinate the store. Results stay unless --results is given.\n"
        "Examples:\n  medley rm first-try --results\n  medley rm blend --ensemble");
    command->callback(
        [options = options, &globals] { remove(globals, options->sweep, options->results, options->ensemble); });
  }
  {
    auto [command, options] = add("priority", "Have a sweep trained before others, or after them");
    command->add_option("NUMBER", options->priority, "higher first; sweeps of one number share the workers")
        ->required()
        ->check(CLI::Range(-sweep::kMaxPriority, sweep::kMaxPriority));
    command->footer("Examples:\n  medley priority topn 5\n  medley priority topn -- -5");
    command->callback([options = options, &globals] {
      const auto sweep = sweep_called(globals, options->sweep);
      storage::SweepMarkChange change;
      change.priority = options->priority;
      mark(globals, sweep, change);
      say("sweep {} has the priority {}\n", sweep.name, options->priority);
    });
  }
  auto options = std::make_shared<DiscardOptions>();
  auto* command =
      app.add_subcommand("discard", "Results that should not count: kept aside, trained again by the next run");
  command->add_option("TRIALS", options->filter.trials, "ids, or their first digits; CONFIG/FOLD/SEED");
  command->add_option("--sweep", options->filter.sweep, "only of this sweep");
  command->add_option("--worker", options->filter.worker, "only those that this worker trained, by its name or id");
  command->add_option("--since", options->since,
                      "only those that ended since then: 30m, 2h or 1d ago, or 2026-11-30T12:30");
  command->add_option("--reason", options->reason, "why, for the log of events")->capture_default_str();
  command->add_flag("--dry-run", options->dry_run, "only list them");
  command->footer(
      "Nobody may coordinate the store. A member of an ensemble is refused.\n"
      "Examples:\n  medley discard 3f2a9c\n  medley discard --worker node07:4212 --since 1d --reason 'bad memory'");
  command->callback([options, &globals] {
    if (options->reason.empty()) options->reason = "discarded by a user";
    discard_results(*options, globals);
  });
}

}  // namespace medley::coordinator
