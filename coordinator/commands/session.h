#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "coordinator/commands/dashboard_control.h"
#include "coordinator/commands/notifier.h"
#include "coordinator/control_file.h"
#include "coordinator/coordinator.h"
#include "web/server.h"

namespace medley::coordinator {

// What the commands share that are a coordinator while they run: `medley run` and `medley serve`.

constexpr int kWebPort = 8642;
constexpr int kAnyPort = -1;  ///< kWebPort if it is free, else any

/// --workers, --listen, --advertise, --checkpoint-budget, and the port for workers under the name `port`.
void add_coordinator_options(CLI::App& command, CoordinatorOptions& options, const std::string& port);

/// The coordinator of `store` with `options`, and local workers from the program beside this one. From here on messages
/// go to the store's log. Throws as Coordinator does.
std::unique_ptr<Coordinator> open_coordinator(const std::filesystem::path& store, CoordinatorOptions options);

struct DashboardOptions {
  std::string address = "127.0.0.1";
  int port = kAnyPort;
  std::string token;  ///< ""; on loopback a random one
  std::string read_token;
  std::vector<std::string> hosts;  ///< of proxies
  bool obeys_on = false;           ///< what submitted sweep files say under `on` is done
};

/// --notify, of all events.
void add_notify_option(CLI::App& command, std::vector<std::string>& targets);
/// Tells `targets` of everything, and `of_sweep` of theirs. Hooks are signed with MEDLEY_NOTIFY_SECRET.
std::unique_ptr<Notifier> make_notifier(const std::filesystem::path& store, const std::vector<std::string>& targets,
                                        Notifier::TargetsOf of_sweep);

/// The page of a store, started; `control` may be null: then nothing can be changed. Throws web::Error.
std::unique_ptr<web::Server> start_server(const std::filesystem::path& store, const DashboardOptions& options,
                                          web::Control* control);

/// The page of a running coordinator, through which commands and people change things, and the file by which commands
/// find it. Ends before the coordinator does.
class Dashboard {
 public:
  /// Throws web::Error, Error, files::Error.
  Dashboard(Coordinator& coordinator, const std::filesystem::path& store, DashboardOptions options);
  std::string url() const { return server_->url(); }

 private:
  DashboardControl control_;
  std::unique_ptr<web::Server> server_;
  std::unique_ptr<ControlFile> file_;
};

/// From now on SIGINT, SIGTERM and, unless it is ignored, SIGHUP do not end this program: they are counted.
void count_stop_signals();
/// How many came.
int stop_signals();

/// How often `look` of run_until_stopped() is called.
constexpr std::chrono::milliseconds kLookInterval{100};

/// Runs the coordinator on a thread of its own until it ends, and calls `look` on this one now and then. The first stop
/// signal lets running packs end, the second ends at once; `say` shows what that means. Throws what Coordinator::run()
/// throws.
Coordinator::End run_until_stopped(Coordinator& coordinator, const std::function<void()>& look,
                                   const std::function<void(const std::string&)>& say);

}  // namespace medley::coordinator
