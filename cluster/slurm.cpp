#include "cluster/slurm.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <sstream>

#include <unistd.h>

#include "storage/files/error.h"
#include "storage/files/write.h"

namespace medley::cluster {
namespace {

/// A value in an #SBATCH line, which Slurm splits at blanks outside double quotes.
std::string sbatch_value(const std::string& value) {
  return value.find_first_of(" \t'\"") == std::string::npos ? value : '"' + value + '"';
}

/// A file name that Slurm does not read patterns in.
std::string without_patterns(const std::string& path) {
  std::string plain;
  for (const char c : path) plain += c == '%' ? "%%" : std::string(1, c);
  return plain;
}

std::string directives(const Launch& launch) {
  const WorkerShape& shape = launch.shape;
  std::string text;
  const auto add = [&text](const std::string& option) { text += "#SBATCH " + option + "\n"; };
  const auto add_if = [&add](const std::string& option, const std::string& value) {
    if (!value.empty()) add(option + "=" + sbatch_value(value));
  };
  add("--job-name=" + launch.name);
  add("--nodes=" + std::to_string(shape.nodes));
  add("--ntasks-per-node=" + std::to_string(shape.ranks / shape.nodes));
  add("--cpus-per-task=" + std::to_string(shape.cores_per_rank));
  if (shape.gpus > 0) add("--gpus-per-node=" + std::to_string(shape.gpus / shape.nodes));
  add_if("--partition", launch.site.partition);
  add_if("--account", launch.site.account);
  add_if("--qos", launch.site.qos);
  add_if("--time", launch.time);
  add("--requeue");
  add("--open-mode=append");
  add("--signal=B:USR1@" + std::to_string(launch.site.notice_s));
  add_if("--output", without_patterns(launch.log) + "-%A_%a.log");
  for (const std::string& directive : launch.site.directives) add(directive);
  return text;
}

std::string surroundings(const Launch& launch) {
  std::string text;
  if (!launch.site.modules.empty()) {
    text += "module load " + shell_line(launch.site.modules) + " || exit 1\n";
  }
  const std::string cores = std::to_string(launch.shape.cores_per_rank);
  text += "export OMP_NUM_THREADS=" + cores + " OPENBLAS_NUM_THREADS=" + cores + " MKL_NUM_THREADS=" + cores + "\n";
  for (const auto& [name, value] : launch.site.environment) text += "export " + name + "=" + shell_word(value) + "\n";
  for (const std::string& line : launch.site.setup) text += line + "\n";
  return text;
}

/// The command line of a worker, less where the coordinator is.
std::vector<std::string> worker_words(const Launch& launch) {
  std::vector<std::string> words;
  if (launch.shape.ranks > 1) {
    // A step of its own: when a rank dies Slurm ends the others, which would wait for it for ever.
    words = {"srun", "--mpi=" + launch.site.srun_mpi, "--kill-on-bad-exit=1",
             "--ntasks=" + std::to_string(launch.shape.ranks),
             "--cpus-per-task=" + std::to_string(launch.shape.cores_per_rank)};
  }
  words.insert(words.end(), {launch.program, "serve"});
  words.insert(words.end(), launch.arguments.begin(), launch.arguments.end());
  words.insert(words.end(), {"--spool", launch.spool});
  return words;
}

/// The script with a value in place of each mark, in one pass: values may hold what looks like a mark.
std::string filled(const std::string& script, const std::map<std::string, std::string>& values) {
  std::string text;
  std::size_t used = 0;
  for (std::size_t at = 0; at < script.size();) {
    const auto mark = std::find_if(values.begin(), values.end(), [&](const auto& value) {
      return script.compare(at, value.first.size(), value.first) == 0;
    });
    if (mark == values.end()) {
      text += script[at++];
    } else {
      text += mark->second;
      at += mark->first.size();
      ++used;
    }
  }
  assert(used == values.size());
  return text;
}

std::string first_word(const std::string& text) { return text.substr(0, text.find_first_of(" \t\r\n;")); }

/// Runs one of Slurm's commands. Throws Error with what it said.
std::string ask_slurm(const std::vector<std::string>& argv) {
  const Said said = run_command(argv);
  if (said.timed_out) throw Error(argv[0] + " did not answer within a minute: is Slurm's controller up?");
  if (said.exit.code != 0 || said.exit.signal != 0) {
    throw Error(shell_line(argv) + " failed with " + said.exit.text() + ": " + said.err);
  }
  return said.out;
}

void signal_tasks(const std::vector<std::string>& options, const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  std::vector<std::string> argv = {"scancel"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.insert(argv.end(), ids.begin(), ids.end());
  ask_slurm(argv);
}

}  // namespace

std::string slurm_script(const Launch& launch) {
  const bool fixed = !launch.coordinator.empty();
  return filled(slurm_batch(), {{"#@directives@\n", directives(launch)},
                                {"#@surroundings@\n", surroundings(launch)},
                                {"@endpoint@", fixed ? "" : shell_word(launch.endpoint_file)},
                                {"@coordinator@", fixed ? shell_word(launch.coordinator) : ""},
                                {"@spool@", shell_word(launch.spool)},
                                {"@worker@", shell_line(worker_words(launch))}});
}

std::vector<std::string> sbatch_argv(const std::string& script, int workers) {
  return {"sbatch", "--parsable", "--array=1-" + std::to_string(workers), script};
}

std::vector<std::string> squeue_argv(const Launch& launch, unsigned user) {
  return {"squeue",
          "--noheader",
          "--array",
          "--name=" + launch.name,
          "--user=" + std::to_string(user),
          "--states=PENDING,RUNNING,CONFIGURING,SUSPENDED,REQUEUED,REQUEUE_HOLD",
          "--format=%i|%T|%N|%r"};
}

std::vector<Place> parse_squeue(const std::string& text) {
  std::vector<Place> places;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string part; std::getline(parts, part, '|');) fields.push_back(part);
    if (fields.size() < 3) throw Error("squeue printed '" + line + "', which is not id|state|nodes|reason");
    const std::string& state = fields[1];
    Place place;
    place.id = fields[0];
    place.state = state == "RUNNING" || state == "SUSPENDED" ? Place::State::kRunning : Place::State::kWaiting;
    place.where = fields[2];
    if (fields.size() > 3 && fields[3] != "None") place.note = fields[3];
    if (state != "RUNNING" && state != "PENDING") place.note = state + (place.note.empty() ? "" : ", " + place.note);
    places.push_back(std::move(place));
  }
  return places;
}

std::string SlurmLauncher::preview(int workers) const {
  return "# " + shell_line(sbatch_argv(launch_.script, workers)) + "\n" + slurm_script(launch_);
}

std::vector<std::string> SlurmLauncher::start(int workers) {
  files::rethrow_as<Error>([&] { files::write(launch_.script, slurm_script(launch_), files::Durability::kAtomic); });
  return {first_word(ask_slurm(sbatch_argv(launch_.script, workers)))};
}

std::vector<Place> SlurmLauncher::places() { return parse_squeue(ask_slurm(squeue_argv(launch_, getuid()))); }

void SlurmLauncher::stop(const std::vector<std::string>& ids) { signal_tasks({}, ids); }
void SlurmLauncher::kill(const std::vector<std::string>& ids) { signal_tasks({"--signal=KILL", "--full"}, ids); }

LauncherKind slurm_launcher() {
  LauncherKind kind;
  kind.name = "slurm";
  kind.help = "a task of a Slurm job array";
  kind.options = {
      {"--partition", "Slurm's partition", [](Launch& launch, const std::string& v) { launch.site.partition = v; }},
      {"--account", "Slurm's account", [](Launch& launch, const std::string& v) { launch.site.account = v; }},
      {"--qos", "Slurm's quality of service", [](Launch& launch, const std::string& v) { launch.site.qos = v; }},
      {"--time", "Slurm's time limit of a worker, such as 8:00:00; it then queues again",
       [](Launch& launch, const std::string& v) { launch.time = v; }}};
  kind.reaches_hosts = true;
  kind.job = "job array";
  kind.look = std::chrono::seconds(5);  // its queue has others to serve
  kind.problem = [](const Launch&) { return ""; };
  kind.make = [](const Launch& launch, int) { return std::make_unique<SlurmLauncher>(launch); };
  kind.find = [](const std::string& name) {
    Launch launch;
    launch.name = name;
    return std::make_unique<SlurmLauncher>(std::move(launch));
  };
  return kind;
}

}  // namespace medley::cluster
