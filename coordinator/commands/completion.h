#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace medley::coordinator {

/// Adds `medley completion bash|zsh|fish`: a script to source, made from the commands and options of `app` itself.
void add_completion_command(CLI::App& app);

/// The words that may follow a command path, for every path: "PATH:word word ...\n", sorted. `PATH` is "" for
/// the program itself, then e.g. "data make".
std::string completion_table(const CLI::App& app);

}  // namespace medley::coordinator
