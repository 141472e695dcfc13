#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "coordinator/commands/command.h"

namespace medley::coordinator {

/// Adds `medley completion bash|zsh|fish`, a script to source, and `medley complete`, which it calls.
void add_completion_command(CLI::App& app, Globals& globals);

/// What the last of `words` (of a command line without the program's name) may be completed to: commands, options and
/// choices as `app` has them, names of the store that `words` or `default_store` name, settings and columns. None where
/// a file may stand.
std::vector<std::string> completions(const CLI::App& app, const std::vector<std::string>& words,
                                     const std::function<std::string()>& default_store);

}  // namespace medley::coordinator
