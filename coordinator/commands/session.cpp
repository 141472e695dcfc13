#include "coordinator/commands/session.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <future>
#include <iostream>

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "cluster/process.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/commands/worker_program.h"
#include "coordinator/endpoint.h"
#include "storage/store_folder.h"
#include "web/access.h"
#include "worker/protocol/handshake.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kLastSeconds = 10;  // from the second Ctrl-C to the end, whatever is still running

std::atomic<int> stop_signal_count{0};
static_assert(std::atomic<int>::is_always_lock_free);

/// As programs of this host reach a server that may listen on all of its addresses.
std::string local_url(const std::string& address, int port) {
  const std::string host = address == "0.0.0.0" ? "127.0.0.1" : address == "::" ? "::1" : address;
  return fmt::format("http://{}:{}/", host.find(':') == std::string::npos ? host : "[" + host + "]", port);
}

}  // namespace

void add_coordinator_options(CLI::App& command, CoordinatorOptions& options, const std::string& port) {
  command.add_option("--workers", options.local_workers, "single-threaded workers on this machine")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command.add_option("--listen", options.address, "IP address for workers; 0.0.0.0: from other hosts too")
      ->capture_default_str();
  command.add_option("--advertise", options.advertise, "name by which other hosts reach this one");
  command.add_option(port, options.port, "port for workers; 0: the one used last, or any")->check(CLI::Range(0, 65535));
  command.add_flag("--group", options.place.group, "the group of the store's folder may read it, not its owner alone");
  command.add_option("--database", options.place.database,
                     "folder for the database of a new store, on a local disk where the store is on a shared one");
  command
      .add_option("--checkpoint-budget", options.checkpoint_budget,
                  "disk space for checkpoints, such as 500MB; beyond it the worst configs' are deleted")
      ->transform(CLI::AsSizeValue(true))
      ->default_str("10GB");
}

void add_notify_option(CLI::App& command, std::vector<std::string>& targets) {
  command
      .add_option("--notify", targets,
                  "a command, or the address of a web hook, that is told when sweeps end, workers are quarantined, or "
                  "the disk is nearly full")
      ->type_name("COMMAND|URL")
      ->take_all();
}

std::unique_ptr<Notifier> make_notifier(const fs::path& store, const std::vector<std::string>& targets,
                                        Notifier::TargetsOf of_sweep) {
  Notifier::Options options;
  options.store = store;
  options.always = targets;
  options.of_sweep = std::move(of_sweep);
  const char* secret = std::getenv("MEDLEY_NOTIFY_SECRET");
  if (secret) options.secret = secret;
  return std::make_unique<Notifier>(std::move(options));
}

std::unique_ptr<Coordinator> open_coordinator(const fs::path& store, CoordinatorOptions options) {
  storage::make_store(store, options.place);
  if (const std::string system = storage::shared_database(store); !system.empty()) {
    remark(
        "warning: the database of {} is on {}, where SQLite is slow and locks may not hold: --database FOLDER puts a "
        "new one on a local disk\n",
        store.string(), system);
  }
  if (const std::string name = reachable_name(options.address, options.advertise); !resolves(name)) {
    remark(
        "warning: workers are told to join {}, which this host cannot look up: give a name that all hosts know, or an "
        "address, with --advertise\n",
        name);
  }
  try {
    spdlog::set_default_logger(spdlog::basic_logger_mt("medley", (store / "logs" / "coordinator.log").string()));
  } catch (const spdlog::spdlog_ex& error) {
    remark("warning: no log is kept: {}\n", error.what());
    spdlog::set_default_logger(spdlog::create<spdlog::sinks::null_sink_mt>("medley"));
  }
  spdlog::flush_on(spdlog::level::info);
  options.store = store;
  if (options.local_workers > 0) options.worker_command = {worker_program().string(), "serve", "--ranks", "1"};
  return std::make_unique<Coordinator>(std::move(options));
}

std::unique_ptr<web::Server> start_server(const fs::path& store, const DashboardOptions& options,
                                          web::Control* control) {
  const auto start = [&](int port) {
    auto server = std::make_unique<web::Server>(
        web::Options{store, options.address, port, options.token, options.read_token, options.hosts}, control);
    server->start();
    return server;
  };
  if (options.port != kAnyPort) return start(options.port);
  if (!web::is_loopback(options.address)) return start(kWebPort);
  try {
    return start(kWebPort);
  } catch (const web::Error&) {
    return start(0);
  }
}

Dashboard::Dashboard(Coordinator& coordinator, const fs::path& store, DashboardOptions options)
    : control_(coordinator, store, options.obeys_on) {
  if (options.token.empty() && web::is_loopback(options.address)) options.token = protocol::random_token().secret;
  server_ = start_server(store, options, &control_);
  file_ = std::make_unique<ControlFile>(
      store, ControlPoint{local_url(options.address, server_->port()), options.token, cluster::this_host(), ::getpid(),
                          web::is_loopback(options.address)});
}

void count_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) {
    if (++stop_signal_count >= 2) alarm(kLastSeconds);
  };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A lost terminal, unless nohup made it count for nothing.
  struct sigaction before = {};
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
  // A long fit, or a database that somebody else has locked: the end is that of kill -9, which loses nothing.
  action.sa_handler = [](int) {
    constexpr char kText[] = "medley: it did not end in time, and was ended; nothing that was stored is lost\n";
    const ssize_t ignored = ::write(STDERR_FILENO, kText, sizeof kText - 1);
    static_cast<void>(ignored);
    _exit(1);
  };
  sigaction(SIGALRM, &action, nullptr);
}

int stop_signals() { return stop_signal_count; }

Coordinator::End run_until_stopped(Coordinator& coordinator, const std::function<void()>& look,
                                   const std::function<void(const std::string&)>& say) {
  auto ended = std::async(std::launch::async, [&] { return coordinator.run(); });
  int heard = 0;
  while (ended.wait_for(kLookInterval) == std::future_status::timeout) {
    for (const int asked = stop_signals(); heard < asked; ++heard) {
      if (heard == 0) {
        say("stopping: running packs may end; Ctrl-C again stops at once (nothing is lost either way)");
        coordinator.request_stop(Coordinator::Stop::kGraceful, "interrupted");
      } else {
        coordinator.request_stop(Coordinator::Stop::kNow, "interrupted");
      }
    }
    look();
  }
  look();
  return ended.get();
}

}  // namespace medley::coordinator
