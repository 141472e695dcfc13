#pragma once

#include <stdexcept>

#include <CLI/CLI.hpp>

#include "sweep/device.h"

namespace medley::worker {

/// What the user typed cannot be: exit code 2. Everything else that is thrown is exit code 1.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The program ends with this code; what there was to say has been said.
struct ExitWith {
  int code = 0;
};

/// Adds --device to `command`. It sets `device`, whose value is the default.
void add_device_option(CLI::App& command, sweep::Device& device);

/// Each adds one subcommand of medley-worker to `app`, with examples in its footer. The callback does the work and
/// throws when it cannot.
void add_serve_command(CLI::App& app);    // trains for a coordinator
void add_train_command(CLI::App& app);    // one trial, without a coordinator
void add_predict_command(CLI::App& app);  // probabilities of checkpoints
void add_bench_command(CLI::App& app);    // epochs a second of packs

}  // namespace medley::worker
