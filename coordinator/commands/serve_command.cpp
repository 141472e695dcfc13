// medley serve.
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "coordinator/commands/command.h"
#include "coordinator/commands/session.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/endpoint.h"
#include "coordinator/error.h"
#include "storage/reader.h"
#include "sweep/spec/spec.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;

struct ServeOptions {
  CoordinatorOptions coordinator;
  DashboardOptions dashboard;
  std::vector<std::string> notify;
  bool read_only = false;
};

/// Names the coordinator that holds the store already. One that has no dashboard is named by the store's lock.
void refuse_second(const fs::path& store) {
  std::optional<ControlPoint> other;
  try {
    other = living_control(store);
  } catch (const Error&) {
    return;
  }
  throw Error(
      fmt::format("process {} on host {} coordinates {} already, with a dashboard at {}; `medley serve "
                  "--read-only` shows the store beside it",
                  other->pid, other->host, store.string(), other->url));
}

void show_only(const ServeOptions& options, const fs::path& store) {
  storage::Reader{store};  // a clear message now rather than on every page
  const auto server = start_server(store, options.dashboard, nullptr);
  std::cout << "dashboard: " << server->url() << "\nit changes nothing; Ctrl-C ends it" << std::endl;
  count_stop_signals();
  while (stop_signals() == 0) std::this_thread::sleep_for(kLookInterval);
  server->stop();
}

void serve(const ServeOptions& options, const fs::path& store) {
  if (options.read_only) return show_only(options, store);
  refuse_second(store);
  CoordinatorOptions settings = options.coordinator;
  settings.exit_when_done = false;
  count_stop_signals();
  const auto coordinator = open_coordinator(store, settings);
  const Dashboard dashboard(*coordinator, store, options.dashboard);
  std::cout << "dashboard: " << dashboard.url() << "\n"
            << fmt::format("workers: {} here; others join at {}:{} (medley cluster up)\n", settings.local_workers,
                           reachable_name(settings.address, settings.advertise), coordinator->port());
  for (const SweepStatus& sweep : coordinator->status().sweeps) {
    if (sweep.state != sweep::SweepState::kRunning) continue;
    say("sweep {} ({}) resumes: {} of {} trials are left\n", sweep.name, sweep.id,
        sweep.trials - sweep.finished - sweep.failed, sweep.trials);
  }
  std::cout << "Ctrl-C lets running packs end, a second one stops at once" << std::endl;
  const auto on_of = [&](const std::string& id) {
    return sweep::read_sweep(storage::Reader(store).sweep_yaml(id), id).spec.on;
  };
  const auto notifier =
      make_notifier(store, options.notify, options.dashboard.obeys_on ? on_of : Notifier::TargetsOf());
  const auto end = run_until_stopped(
      *coordinator, [&] { notifier->look(coordinator->status()); },
      [](const std::string& text) { remark("{}\n", text); });
  say("stopped: {}; medley serve resumes with the remaining trials\n", end.reason);
}

}  // namespace

void add_serve_command(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<ServeOptions>();
  auto* command = app.add_subcommand("serve", "A long-lived coordinator for submitted sweeps, with its dashboard");
  command
      ->add_option("--address", options->dashboard.address,
                   "address of the dashboard; beyond loopback --token is required")
      ->capture_default_str();
  command
      ->add_option("--port", options->dashboard.port, fmt::format("port of the dashboard; {} if it is free", kWebPort))
      ->check(CLI::Range(0, 65535));
  command
      ->add_option("--token", options->dashboard.token,
                   "token for changes, and beyond loopback for every answer; else a random one")
      ->envname("MEDLEY_WEB_TOKEN");
  command
      ->add_option("--read-token", options->dashboard.read_token,
                   "token for those who may read and change nothing, beyond loopback and through proxies")
      ->envname("MEDLEY_WEB_READ_TOKEN");
  command
      ->add_option("--allow-host", options->dashboard.hosts,
                   "NAME or NAME:PORT of a proxy through which browsers may come, with a token; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  add_coordinator_options(*command, options->coordinator, "--worker-port");
  add_notify_option(*command, options->notify);
  command->add_flag("--obey-on", options->dashboard.obeys_on,
                    "what submitted sweep files say under `on` is done: whoever may submit may then run commands");
  command->add_flag("--read-only", options->read_only,
                    "only show the store, which may have a coordinator or be read-only");
  command->footer(
      "Unfinished sweeps of the store resume. Two coordinators never share a store.\n"
      "Examples:\n"
      "  medley serve --workers 8\n"
      "  medley serve --listen 0.0.0.0      # and medley cluster up --launcher slurm ...\n"
      "  medley serve --allow-host hub.example.org      # docs/proxies.md\n"
      "  medley --store results/ serve --read-only --port 8080");
  command->callback([options, &globals] { serve(*options, globals.store); });
}

}  // namespace medley::coordinator
