#pragma once

#include <CLI/CLI.hpp>

namespace medley::coordinator {

/// Parses the arguments and runs the command that they name. Exit code: 0 done, 1 failed, also where standard output
/// could not be written, 2 usage. Errors go to standard error; an unknown command or option with the nearest known one.
int run_command_line(CLI::App& app, int argc, const char* const* argv);

}  // namespace medley::coordinator
