#include "coordinator/commands/completion.h"

#include <cstdio>
#include <memory>
#include <vector>

#include "coordinator/commands/command_parts.h"

namespace medley::coordinator {
namespace {

void add_options(const std::vector<const CLI::Option*>& options, std::string& words) {
  for (const CLI::Option* option : options) {
    for (const std::string& name : option->get_lnames()) words += " --" + name;
  }
}

void add_rows(const CLI::App& app, const std::string& path, std::string& table) {
  const CommandParts parts = parts_of(app);
  std::string words;
  add_options(parts.grouped, words);
  for (const CLI::App* command : parts.commands) words += " " + command->get_name();
  add_options(parts.options, words);
  table += path + ":" + words + "\n";
  for (const CLI::App* command : parts.commands) {
    add_rows(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), table);
  }
}

// The path of commands typed so far picks the row; without a match, file names are completed.
constexpr const char* kBash = R"sh(_medley() {
  local path="" row word current=${COMP_WORDS[COMP_CWORD]}
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if grep -q "^${path:+$path }$word:" <<<"$_medley_table"; then path="${path:+$path }$word"; fi
  done
  row=$(grep "^$path:" <<<"$_medley_table")
  COMPREPLY=($(compgen -W "${row#*:}" -- "$current"))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _medley medley
)sh";

// The same table, one line a row, asked by the words typed so far.
constexpr const char* kFish = R"sh(function __medley_words
  set -l path ""
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim -- "$path $word")
    if string match -q -- "$longer:*" $__medley_table
      set path $longer
    end
  end
  for row in $__medley_table
    if string match -q -- "$path:*" $row
      string split -n " " -- (string replace -- "$path:" "" $row)
    end
  end
end
complete -c medley -a "(__medley_words)"
)sh";

/// The rows as words of a fish list.
std::string fish_rows(const std::string& table) {
  std::string rows;
  std::string row;
  for (const char c : table) {
    if (c != '\n') {
      row += c;
      continue;
    }
    rows += " '" + row + "'";
    row.clear();
  }
  return rows;
}

}  // namespace

std::string completion_table(const CLI::App& app) {
  std::string table;
  add_rows(app, "", table);
  return table;
}

void add_completion_command(CLI::App& app) {
  auto* command = app.add_subcommand("completion", "Print a shell completion script");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("Examples:\n  source <(medley completion bash)\n  medley completion fish | source");
  command->callback([&app, shell] {
    if (*shell == "fish") {
      std::printf("set -g __medley_table%s\n%s", fish_rows(completion_table(app)).c_str(), kFish);
      return;
    }
    if (*shell == "zsh") std::puts("autoload -U +X bashcompinit && bashcompinit");
    std::printf("_medley_table='%s'\n%s", completion_table(app).c_str(), kBash);
  });
}

}  // namespace medley::coordinator
