#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include "storage/files/lock.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "sweep/version.h"
#include "worker/command.h"
#include "worker/error_log.h"
#include "worker/gang_trainer.h"
#include "worker/gpu_gang.h"
#include "worker/link.h"
#include "worker/nvml.h"
#include "worker/pack_trainer.h"
#include "worker/usage_sampler.h"

namespace medley::worker {
namespace {

struct ServeArguments {
  std::string coordinator;
  std::filesystem::path token_file;
  std::filesystem::path spool;
  sweep::Device device;
  int capacity = 0;  ///< 0: by the device
  int ranks = 0;     ///< 0: as MPI's variables say
  bool measure_packs = false;
  double patience_s = 600;
  double gang_deadline_s = 10;
};

/// Largest pack where none is asked for. On a CPU fusing gains little, and small packs lose less when a worker dies; on
/// a GPU it is measured which of them train fastest.
int capacity_of(const ServeArguments& arguments) {
  if (arguments.capacity > 0) return arguments.capacity;
  return arguments.device.is_gpu() ? 64 : 4;
}

/// Of the GPU that this process trains on, in a gang the first rank's; empty where there is none to ask about.
UsageSampler::ReadGpu gpu_reader(sweep::Device device, int ranks) {
  if (device.is_gpu() && ranks > 1) device.index = 0;  // as join_gpus() shares them out
  const std::string place = gpu_bus_id(device);
  if (place.empty()) return nullptr;
  const std::shared_ptr<Nvml> nvml = Nvml::open();
  if (!nvml) {
    spdlog::info("the GPU's utilisation is not known: libnvidia-ml.so.1 is not here");
    return nullptr;
  }
  return [nvml, place] { return nvml->read(place); };
}

/// The first word of a file; "" when it cannot be read.
std::string first_word(const std::filesystem::path& file) {
  std::string word;
  std::istringstream(files::read_if_readable(file).value_or("")) >> word;
  return word;
}

/// What a pack can have: all of the GPU, or the least of the host's memory and the limits of this process and of its
/// control groups (cgroups(7), version 2).
std::int64_t memory_for_packs(const UsageSampler::ReadGpu& read_gpu) {
  if (read_gpu) {
    if (const auto gpu = read_gpu()) return gpu->memory_total_bytes;
  }
  auto least = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::int64_t>(sysconf(_SC_PAGE_SIZE));
  rlimit address_space{};
  if (getrlimit(RLIMIT_AS, &address_space) == 0 && address_space.rlim_cur < static_cast<rlim_t>(least)) {
    least = static_cast<std::int64_t>(address_space.rlim_cur);
  }
  const std::string group = first_word("/proc/self/cgroup");  // "0::/system.slice/..."
  const std::filesystem::path root = "/sys/fs/cgroup";
  if (group.rfind("0::/", 0) != 0) return least;
  for (auto folder = std::filesystem::path(group.substr(3));; folder = folder.parent_path()) {
    const std::string most = first_word(root / folder.relative_path() / "memory.max");  // or "max"
    if (!most.empty() && most.size() <= 18 && most.find_first_not_of("0123456789") == std::string::npos) {
      least = std::min<std::int64_t>(least, std::stoll(most));
    }
    if (!folder.has_relative_path()) return least;
  }
}

void serve_as_worker(const ServeArguments& arguments, int ranks, const std::string& arithmetic,
                     const TrainPack& train) {
  LinkOptions options;
  const auto colon = arguments.coordinator.rfind(':');
  const std::string port = colon == std::string::npos ? "" : arguments.coordinator.substr(colon + 1);
  const bool numeric = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (!numeric || std::stoi(port) < 1 || std::stoi(port) > 65535) {
    throw UsageError("--coordinator must be HOST:PORT, not '" + arguments.coordinator + "'");
  }
  options.host = arguments.coordinator.substr(0, colon);
  options.port = static_cast<std::uint16_t>(std::stoi(port));
  options.token = protocol::read_token(arguments.token_file);
  options.spool = arguments.spool;
  options.first_contact = std::chrono::milliseconds(static_cast<std::int64_t>(arguments.patience_s * 1000));

  char host[256] = {};
  gethostname(host, sizeof host - 1);
  options.identity.host = host;
  options.identity.boot_id = files::Lock::boot_id();
  options.identity.pid = getpid();
  options.identity.ranks = ranks;
  options.identity.cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const UsageSampler::ReadGpu read_gpu = gpu_reader(arguments.device, ranks);
  options.identity.memory_bytes = memory_for_packs(read_gpu);
  options.identity.device = sweep::to_string(arguments.device);
  options.identity.capacity = capacity_of(arguments);
  options.identity.version = sweep::version();
  options.identity.numerics = sweep::kNumericsVersion;
  options.identity.arithmetic = arithmetic;

  UsageSampler sampler(read_gpu);
  options.usage = [&sampler] { return sampler.sample(); };

  const Ending ending = serve(options, train);
  if (ending.exit_code() == 0) {
    spdlog::info("ends: {}", ending.reason);
  } else {
    spdlog::error("{}", ending.reason);
    throw ExitWith{ending.exit_code()};
  }
}

/// A rank of a gang leaves only with the first one: on SIGTERM it stays for as long as that takes at most.
constexpr unsigned kFollowerGraceSeconds = 10;

void follow_signals_of_the_first_rank() {
  struct sigaction action = {};
  action.sa_handler = [](int) { alarm(kFollowerGraceSeconds); };  // whose signal ends the process
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGUSR1, &action, nullptr);
}

void serve_until_dismissed(const ServeArguments& arguments) {
  log_to_standard_error();
  // Variables that this process inherited, as from a job that runs `medley`, do not make it a rank.
  const bool is_gang = arguments.ranks == 0 ? MpiGang::launched() : arguments.ranks > 1;
  if (!is_gang) {
    files::make_folders(arguments.spool);
    PackSizes sizes(arguments.spool / "pack-sizes.json");
    const bool measures = arguments.measure_packs || arguments.device.is_gpu();
    const std::string arithmetic = arithmetic_of(arguments.device, nullptr);
    return serve_as_worker(
        arguments, 1, arithmetic,
        PackTrainer(arguments.device, arithmetic, nullptr, measures ? &sizes : nullptr, capacity_of(arguments)));
  }

  GangDeadlines deadlines;
  deadlines.sum = std::chrono::milliseconds(static_cast<std::int64_t>(arguments.gang_deadline_s * 1000));
  MpiGang gang(deadlines);
  if (arguments.ranks > 0 && gang.size() != arguments.ranks) {
    throw UsageError("--ranks " + std::to_string(arguments.ranks) + ", but MPI started " + std::to_string(gang.size()) +
                     ": is the launcher that of this MPI?");
  }
  const std::string arithmetic = arithmetic_of(arguments.device, &gang);
  PackTrainer trainer(arguments.device, arithmetic, &gang);
  GangTrainer together(gang, std::ref(trainer));
  if (gang.rank() > 0) {
    follow_signals_of_the_first_rank();
    return together.follow();
  }
  struct Farewell {
    GangTrainer& gang;
    ~Farewell() { gang.end(); }
  } farewell{together};
  serve_as_worker(arguments, gang.size(), arithmetic, std::ref(together));
}

}  // namespace

void add_serve_command(CLI::App& app) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App* serve = app.add_subcommand("serve", "Trains for a coordinator until dismissed");
  serve->add_option("--coordinator", arguments->coordinator, "HOST:PORT that the coordinator listens on")->required();
  serve->add_option("--token-file", arguments->token_file, "the store's token, readable by its owner only")
      ->envname("MEDLEY_TOKEN_FILE")
      ->required();
  serve->add_option("--spool", arguments->spool, "local folder for results that wait for delivery")
      ->envname("MEDLEY_SPOOL")
      ->required();
  add_device_option(*serve, arguments->device);
  serve->add_option("--capacity", arguments->capacity, "trials of the largest pack; 4 on a CPU, 64 on a GPU")
      ->check(CLI::Range(1, static_cast<int>(protocol::kMaxPackTrials)));
  serve->add_option("--ranks", arguments->ranks, "MPI ranks of this worker; if not given as MPI's variables say")
      ->check(CLI::Range(1, 100'000));
  serve->add_flag("--measure-packs", arguments->measure_packs,
                  "measure the fastest pack size, once for each kind of model; always on a GPU");
  serve
      ->add_option("--gang-deadline", arguments->gang_deadline_s,
                   "seconds after which a rank takes the others of its gang for dead")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  serve->add_option("--patience", arguments->patience_s, "seconds to wait for a coordinator that does not answer")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  serve->footer(
      "The coordinator's store holds the token: medley-store/token.\n"
      "  medley-worker serve --coordinator login1:7100 --token-file medley-store/token --spool /tmp/spool\n"
      "A gang is one worker of several ranks, which share each batch:\n"
      "  mpirun -n 4 medley-worker serve --coordinator ...\n"
      "On SIGTERM, SIGINT or SIGUSR1 it saves its pack and leaves. The next worker resumes the pack.\n"
      "Exit code 75: the coordinator was silent for too long. Results wait in the spool for the next worker on this\n"
      "host. Exit code 1: it would end the same again, as when the ranks of a gang compute differently.");
  serve->callback([arguments] { serve_until_dismissed(*arguments); });
}

}  // namespace medley::worker
