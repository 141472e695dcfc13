#include "cluster/slurm.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

#include <unistd.h>

#include "cluster/batch.h"

namespace medley::cluster {
namespace {

/// A file name that Slurm does not read patterns in.
std::string without_patterns(const std::string& path) {
  std::string plain;
  for (const char c : path) plain += c == '%' ? "%%" : std::string(1, c);
  return plain;
}

/// A line of the profile as words of a command: "--mem=64G" is one, "--mem 64G" two. Quotes around a value go.
std::vector<std::string> words_of(const std::string& directive) {
  const std::size_t end = directive.find_first_of("= ");
  if (end == std::string::npos) return {directive};
  std::string value = directive.substr(directive.find_first_not_of(' ', end + 1));
  const bool quoted = value.size() > 1 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0];
  if (quoted) value = value.substr(1, value.size() - 2);
  if (directive[end] == '=') return {directive.substr(0, end + 1) + value};
  return {directive.substr(0, end), value};
}

/// sbatch's options. On its command line they go before the user's SBATCH_ variables, and need no quotes. Those that
/// Medley sets stand last, where they go before what a profile abbreviates.
std::vector<std::string> options_of(const Launch& launch) {
  const WorkerShape& shape = launch.shape;
  std::vector<std::string> words;
  for (const std::string& directive : launch.site.directives) {
    const auto more = words_of(directive);
    words.insert(words.end(), more.begin(), more.end());
  }
  const auto add = [&words](const std::string& option) { words.push_back(option); };
  const auto add_if = [&add](const std::string& option, const std::string& value) {
    if (!value.empty()) add(option + "=" + value);
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
  return words;
}

/// Variables of the user that change what Slurm's commands do behind their options: they narrow what squeue lists and
/// scancel ends, or let sbatch wait for the job.
std::vector<std::string> misleading_variables() {
  std::vector<std::string> names;
  for (char** variable = environ; *variable; ++variable) {
    const std::string name = std::string(*variable).substr(0, std::string(*variable).find('='));
    if (name.rfind("SQUEUE_", 0) == 0 || name.rfind("SCANCEL_", 0) == 0 || name == "SBATCH_WAIT") names.push_back(name);
  }
  return names;
}

/// Runs one of Slurm's commands. Throws Error with what it said.
std::string ask_slurm(const std::vector<std::string>& argv) { return ask_system(argv, misleading_variables()); }

/// The largest array that Slurm takes. Its default, where it does not say.
int largest_array() {
  constexpr int kDefault = 1000;
  std::istringstream lines(ask_slurm({"scontrol", "show", "config"}));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("MaxArraySize", 0) != 0) continue;
    const int size = std::atoi(line.c_str() + line.find('=') + 1);  // one more than the largest index
    if (size > 1) return size - 1;
  }
  return kDefault;
}

/// Seconds of a limit as Slurm takes it: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S; nullopt for anything else.
std::optional<long> limit_seconds(const std::string& text) {
  const std::size_t dash = text.find('-');
  const std::string clock = dash == std::string::npos ? text : text.substr(dash + 1);
  const std::string days = dash == std::string::npos ? "0" : text.substr(0, dash);
  std::vector<long> parts;
  std::istringstream in(clock + ":");
  for (std::string part; std::getline(in, part, ':');) {
    if (part.empty() || part.size() > 9 || part.find_first_not_of("0123456789") != std::string::npos) return {};
    parts.push_back(std::stol(part));
  }
  if (parts.empty() || parts.size() > 3 || days.empty() || days.size() > 6) return {};
  if (days.find_first_not_of("0123456789") != std::string::npos) return {};
  if (dash == std::string::npos && parts.size() == 1) return parts[0] * 60;
  if (dash == std::string::npos && parts.size() == 2) return parts[0] * 60 + parts[1];
  parts.resize(3);
  return std::stol(days) * 86400 + parts[0] * 3600 + parts[1] * 60 + parts[2];
}

std::string problem_of(const Launch& launch) {
  const auto limit = limit_seconds(launch.time);
  const bool is_endless = launch.time == "UNLIMITED" || launch.time == "INFINITE";
  if (!launch.time.empty() && !limit && !is_endless) {
    return "--time " + launch.time + " is no time limit of Slurm: minutes, H:M:S or D-H:M:S";
  }
  if (limit && *limit > 0 && *limit <= launch.site.notice_s) {
    return "the notice of " + std::to_string(launch.site.notice_s) + " s is not below the time limit --time " +
           launch.time + ": workers would be told to leave before they begin (the profile's `notice`)";
  }
  const char* clusters = std::getenv("SBATCH_CLUSTERS");
  const char* all = std::getenv("SLURM_CLUSTERS");
  if (clusters && *clusters && (!all || std::string(all) != clusters)) {
    return std::string("SBATCH_CLUSTERS=") + clusters +
           " sends jobs where squeue and scancel do not look: set SLURM_CLUSTERS, which all of them read";
  }
  return "";
}

}  // namespace

std::string slurm_script(const Launch& launch) {
  BatchSystem slurm;
  slurm.text =
      "restarts=${SLURM_RESTART_COUNT:-0}\n"
      "requeue() {\n"
      "  scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\" || exit 75  # where RequeueExit=75, that does "
      "it\n"
      "  sleep 300\n"
      "  exit 75\n"
      "}\n";
  // A step of its own: when a rank dies Slurm ends the others, which would wait for it for ever.
  slurm.gang = shell_line({"srun", "--mpi=" + launch.site.srun_mpi, "--kill-on-bad-exit=1",
                           "--ntasks=" + std::to_string(launch.shape.ranks),
                           "--cpus-per-task=" + std::to_string(launch.shape.cores_per_rank)});
  return batch_script(launch, slurm);
}

std::vector<std::string> sbatch_argv(const Launch& launch, int workers) {
  std::vector<std::string> argv = {"sbatch", "--parsable"};
  const auto options = options_of(launch);
  argv.insert(argv.end(), options.begin(), options.end());
  argv.insert(argv.end(), {"--array=1-" + std::to_string(workers), launch.script});
  return argv;
}

std::vector<std::string> squeue_argv(unsigned user) {
  return {"squeue",
          "--noheader",
          "--array",
          "--user=" + std::to_string(user),
          "--states=PENDING,RUNNING,CONFIGURING,SUSPENDED,REQUEUED,REQUEUE_HOLD",
          "--format=%i|%T|%N|%r|%j"};
}

std::vector<Place> parse_squeue(const std::string& text, const std::string& name, const std::set<std::string>& jobs) {
  std::vector<Place> places;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string part; std::getline(parts, part, '|');) fields.push_back(part);
    if (fields.size() < 5) throw Error("squeue printed '" + line + "', which is not id|state|nodes|reason|name");
    if (fields[4] != name && !jobs.count(fields[0].substr(0, fields[0].find('_')))) continue;
    const std::string& state = fields[1];
    Place place;
    place.id = fields[0];
    place.state = state == "RUNNING" || state == "SUSPENDED" ? Place::State::kRunning : Place::State::kWaiting;
    place.where = fields[2];
    if (fields[3] != "None") place.note = fields[3];
    if (state != "RUNNING" && state != "PENDING") place.note = state + (place.note.empty() ? "" : ", " + place.note);
    places.push_back(std::move(place));
  }
  return places;
}

std::string SlurmLauncher::preview(int workers) const {
  return shell_line(sbatch_argv(launch_, workers)) + "\n\n" + slurm_script(launch_);
}

void SlurmLauncher::write_script() const { write_batch_script(launch_, slurm_script(launch_)); }

void SlurmLauncher::check(int workers) {
  write_script();
  auto argv = sbatch_argv(launch_, std::min(workers, largest_array()));
  argv.insert(argv.begin() + 1, "--test-only");
  ask_slurm(argv);
}

std::vector<std::string> SlurmLauncher::start(int workers) {
  write_script();
  const auto ids = start_arrays(
      workers, workers > 1 ? largest_array() : 1,
      [&](int some) { return first_word(ask_slurm(sbatch_argv(launch_, some))); },
      [&](const std::vector<std::string>& some) { stop(some); });
  know(ids);
  return ids;
}

std::vector<Place> SlurmLauncher::places() {
  return parse_squeue(ask_slurm(squeue_argv(getuid())), launch_.name, jobs_);
}

void SlurmLauncher::stop(const std::vector<std::string>& ids) { ask_about({"scancel"}, ids, misleading_variables()); }
void SlurmLauncher::kill(const std::vector<std::string>& ids) {
  ask_about({"scancel", "--signal=KILL", "--full"}, ids, misleading_variables());
}

LauncherKind slurm_launcher() {
  LauncherKind kind;
  kind.name = "slurm";
  kind.help = "a task of a Slurm job array";
  kind.options = {
      {"--partition", "Slurm's partition", [](Launch& launch, const std::string& v) { launch.site.partition = v; }},
      {"--account", "Slurm's or PBS's account", [](Launch& launch, const std::string& v) { launch.site.account = v; }},
      {"--qos", "Slurm's quality of service", [](Launch& launch, const std::string& v) { launch.site.qos = v; }},
      {"--time", "time limit of a worker, such as 8:00:00; it then queues again",
       [](Launch& launch, const std::string& v) { launch.time = v; }}};
  kind.reaches_hosts = true;
  kind.job = "job array";
  kind.look = std::chrono::seconds(5);  // its queue has others to serve
  kind.problem = problem_of;
  kind.make = [](const Launch& launch, int) { return std::make_unique<SlurmLauncher>(launch); };
  kind.find = [](const std::string& name) {
    Launch launch;
    launch.name = name;
    return std::make_unique<SlurmLauncher>(std::move(launch));
  };
  return kind;
}

}  // namespace medley::cluster
