#pragma once

#include <vector>

#include <CLI/CLI.hpp>

namespace medley::coordinator {

/// What a command has. CLI11 keeps an option group as a subcommand without a name.
struct CommandParts {
  std::vector<const CLI::Option*> options;  ///< of its own
  std::vector<const CLI::Option*> grouped;  ///< of its option groups
  std::vector<const CLI::App*> commands;
};

inline CommandParts parts_of(const CLI::App& app) {
  CommandParts parts;
  for (const CLI::Option* option : app.get_options()) parts.options.push_back(option);
  for (const CLI::App* part : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!part->get_name().empty()) {
      if (!part->get_group().empty()) parts.commands.push_back(part);  // a hidden one is for programs
      continue;
    }
    for (const CLI::Option* option : part->get_options()) parts.grouped.push_back(option);
  }
  return parts;
}

}  // namespace medley::coordinator
