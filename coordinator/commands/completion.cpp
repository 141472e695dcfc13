#include "coordinator/commands/completion.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "coordinator/actions/trials.h"
#include "coordinator/commands/command_parts.h"
#include "storage/reader.h"
#include "sweep/config.h"
#include "sweep/report/columns.h"

namespace medley::coordinator {
namespace {

using Words = std::vector<std::string>;

/// What an argument or an option's value may be.
enum class Kind { kFile, kSweep, kConfig, kEnsemble, kWorker, kTrialColumn, kReportColumn, kSetting, kSettingValue };

/// By "COMMAND NAME" or "NAME". What is not here is a file, or one of the choices that its check names.
const std::map<std::string, std::vector<Kind>>& kinds() {
  static const std::map<std::string, std::vector<Kind>> all = {
      {"SWEEP", {Kind::kSweep}},
      {"run SWEEP", {Kind::kFile}},
      {"plan SWEEP", {Kind::kFile}},
      {"submit SWEEP", {Kind::kFile}},
      {"rm NAME", {Kind::kSweep, Kind::kEnsemble}},
      {"ENSEMBLE", {Kind::kEnsemble}},
      {"WHAT", {Kind::kSweep, Kind::kConfig, Kind::kEnsemble}},
      {"ONE", {Kind::kSweep, Kind::kConfig}},
      {"OTHER", {Kind::kSweep, Kind::kConfig}},
      {"show ID", {Kind::kConfig}},
      {"logs ID", {Kind::kWorker}},
      {"retry ID", {Kind::kSweep}},
      {"WORKER", {Kind::kWorker}},
      {"--sweep", {Kind::kSweep}},
      {"--worker", {Kind::kWorker}},
      {"--set", {Kind::kSettingValue}},
      {"--where", {Kind::kTrialColumn, Kind::kSetting}},
      {"--sort", {Kind::kTrialColumn, Kind::kSetting}},
      {"--columns", {Kind::kTrialColumn, Kind::kSetting}},
      {"--select", {Kind::kReportColumn, Kind::kSetting}},
      {"--pivot", {Kind::kSetting}},
  };
  return all;
}

void add_of(Kind kind, storage::Reader* reader, Words& words) {
  switch (kind) {
    case Kind::kFile:
      return;
    case Kind::kTrialColumn:
      for (const TrialColumn& column : trial_columns()) words.emplace_back(column.id);
      return;
    case Kind::kReportColumn:
      for (const sweep::Column& column : sweep::columns()) words.emplace_back(column.id);
      return;
    case Kind::kSetting:
    case Kind::kSettingValue:
      for (const std::string& name : sweep::setting_names()) {
        words.push_back(name + (kind == Kind::kSettingValue ? "=" : ""));
      }
      return;
    case Kind::kSweep:
      if (!reader) return;
      for (const auto& sweep : reader->sweeps()) words.push_back(sweep.name);
      return;
    case Kind::kConfig:
      if (!reader) return;
      for (const auto& sweep : reader->sweeps()) {
        for (const auto& config : reader->sweep_configs(sweep.id)) words.push_back(config.id);
      }
      return;
    case Kind::kEnsemble:
      if (!reader) return;
      for (const auto& ensemble : reader->ensembles()) words.push_back(ensemble.request.name);
      return;
    case Kind::kWorker:
      if (!reader) return;
      for (const auto& row : reader->workers()) words.push_back(row.worker.name);
      return;
  }
}

/// The choices of an option: CLI11 says them in braces as its type, "TEXT:{bash,zsh,fish}".
Words choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{'), end = type.find('}');
  Words words;
  for (std::size_t at = open; open != std::string::npos && end != std::string::npos && at < end;) {
    const std::size_t next = std::min(type.find(',', at + 1), end);
    words.push_back(type.substr(at + 1, next - at - 1));
    at = next;
  }
  return words;
}

/// Options of `command` and of those above it.
std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  std::vector<const CLI::Option*> all;
  for (const CLI::App* level = &command; level; level = level->get_parent()) {
    const CommandParts parts = parts_of(*level);
    all.insert(all.end(), parts.grouped.begin(), parts.grouped.end());
    all.insert(all.end(), parts.options.begin(), parts.options.end());
  }
  return all;
}

const CLI::Option* option_called(const CLI::App& command, const std::string& word) {
  for (const CLI::Option* option : options_of(command)) {
    if (option->check_name(word)) return option;
  }
  return nullptr;
}

/// Where in a command line the word to complete stands.
struct Spot {
  const CLI::App* command = nullptr;
  const CLI::Option* option = nullptr;  ///< whose value it is; nullptr of none
  std::size_t arguments = 0;            ///< before it
  std::string store;                    ///< as --store says
};

Spot find_spot(const CLI::App& app, const Words& before) {
  Spot spot;
  spot.command = &app;
  for (const std::string& word : before) {
    if (word == "=") continue;  // bash takes it for a word of its own
    if (spot.option) {
      if (spot.option->check_name("--store")) spot.store = word;
      spot.option = nullptr;
    } else if (word.size() > 1 && word[0] == '-') {
      const std::size_t equals = word.find('=');
      const CLI::Option* option = option_called(*spot.command, word.substr(0, equals));
      if (option && option->get_type_size() > 0 && equals == std::string::npos) spot.option = option;
      if (option && option->check_name("--store") && equals != std::string::npos) spot.store = word.substr(equals + 1);
    } else {
      const std::vector<const CLI::App*> commands = parts_of(*spot.command).commands;
      const auto sub = std::find_if(commands.begin(), commands.end(),
                                    [&](const CLI::App* command) { return command->get_name() == word; });
      if (spot.arguments == 0 && sub != commands.end()) {
        spot.command = *sub;
      } else {
        ++spot.arguments;
      }
    }
  }
  return spot;
}

/// The argument that comes after `index` others; of the last there may be several.
const CLI::Option* argument_at(const CLI::App& command, std::size_t index) {
  const CLI::Option* last = nullptr;
  std::size_t seen = 0;
  for (const CLI::Option* option : parts_of(command).options) {
    if (!option->get_positional()) continue;
    last = option;
    if (seen++ == index) return option;
  }
  return last && last->get_expected_max() > 1 ? last : nullptr;
}

Words values_of(const CLI::App& command, const CLI::Option& option, const std::string& store) {
  std::string name = option.get_positional() ? option.get_single_name() : "--" + option.get_lnames().front();
  auto found = kinds().find(command.get_name() + " " + name);
  if (found == kinds().end()) found = kinds().find(name);
  if (found == kinds().end()) return choices_of(option);
  std::unique_ptr<storage::Reader> reader;
  try {
    reader = std::make_unique<storage::Reader>(store);
  } catch (const std::exception&) {  // there is none, or it cannot be read: nothing of it to offer
  }
  Words words;
  for (const Kind kind : found->second) add_of(kind, reader.get(), words);
  return words;
}

constexpr const char* kBash = R"sh(_medley() {
  local IFS=$'\n'
  COMPREPLY=($("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  case "${#COMPREPLY[@]} ${COMPREPLY[0]-}" in
    0*) COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")) ;;
    *=) compopt -o nospace 2>/dev/null || true ;;
  esac
}
complete -o filenames -F _medley medley
)sh";

constexpr const char* kFish =
    "complete -c medley -a \"(medley complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)\"\n";

}  // namespace

Words completions(const CLI::App& app, const Words& words, const std::function<std::string()>& default_store) {
  const std::string typed = words.empty() || words.back() == "=" ? "" : words.back();
  const Spot spot = find_spot(app, Words(words.begin(), words.empty() ? words.end() : words.end() - 1));
  Words all;
  std::string head;  // of a list separated by commas, what stands before the last
  if (!spot.option && !typed.empty() && typed[0] == '-') {
    for (const CLI::Option* option : options_of(*spot.command)) {
      for (const std::string& name : option->get_lnames()) all.push_back("--" + name);
    }
  } else {
    const CLI::Option* option = spot.option ? spot.option : argument_at(*spot.command, spot.arguments);
    if (option) all = values_of(*spot.command, *option, spot.store.empty() ? default_store() : spot.store);
    if (option && !option->get_positional()) head = typed.substr(0, typed.rfind(',') + 1);
    if (!spot.option && spot.arguments == 0) {
      for (const CLI::App* command : parts_of(*spot.command).commands) all.push_back(command->get_name());
    }
  }
  Words fitting;
  std::set<std::string> seen;
  for (const std::string& word : all) {
    const std::string whole = head + word;
    if (whole.rfind(typed, 0) == 0 && seen.insert(whole).second) fitting.push_back(whole);
  }
  return fitting;
}

void add_completion_command(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("completion", "Print a shell completion script");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("Examples:\n  source <(medley completion bash)\n  medley completion fish | source");
  command->callback([shell] {
    if (*shell == "zsh") std::puts("autoload -U +X bashcompinit && bashcompinit");
    std::fputs(*shell == "fish" ? kFish : kBash, stdout);
  });
  // What the scripts call, after each word.
  auto* complete = app.add_subcommand("complete", "Print what the last word may be completed to")->group("");
  auto words = std::make_shared<Words>();
  complete->add_option("WORDS", *words, "of a command line, without the program's name");
  complete->callback([&app, &globals, words] {
    for (const std::string& word : completions(app, *words, [&] { return globals.store.string(); })) {
      std::puts(word.c_str());
    }
  });
}

}  // namespace medley::coordinator
