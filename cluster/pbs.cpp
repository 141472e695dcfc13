#include "cluster/pbs.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>

#include <pwd.h>
#include <unistd.h>

#include "cluster/batch.h"

namespace medley::cluster {
namespace {

constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

/// What one host of a worker has, of all its hosts.
std::string chunks_of(const Launch& launch) {
  const WorkerShape& shape = launch.shape;
  const int ranks = shape.ranks / shape.nodes;
  std::string chunk = "select=" + std::to_string(shape.nodes) +
                      ":ncpus=" + std::to_string(ranks * shape.cores_per_rank) + ":mpiprocs=" + std::to_string(ranks);
  if (shape.gpus > 0) chunk += ":ngpus=" + std::to_string(shape.gpus / shape.nodes);
  if (!launch.resources.empty()) chunk += ":" + launch.resources;
  return chunk;
}

/// Seconds of H:M:S; nullopt for anything else. PBS takes a plain number for seconds, Slurm for minutes.
std::optional<long> walltime_seconds(const std::string& text) {
  std::vector<long> parts;
  std::istringstream in(text + ":");
  for (std::string part; std::getline(in, part, ':');) {
    if (part.empty() || part.size() > 6 || part.find_first_not_of("0123456789") != std::string::npos) return {};
    parts.push_back(std::stol(part));
  }
  if (parts.size() != 3) return {};
  return parts[0] * 3600 + parts[1] * 60 + parts[2];
}

std::string pbs_problem(const Launch& launch) {
  const auto limit = walltime_seconds(launch.time);
  if (!launch.time.empty() && !limit) return "--time " + launch.time + " is no time limit of PBS: H:M:S";
  if (limit && *limit <= launch.site.notice_s) {
    return "the notice of " + std::to_string(launch.site.notice_s) + " s is not below the time limit --time " +
           launch.time + ": workers would be told to leave before they begin (the profile's `notice`)";
  }
  if (!launch.site.directives.empty()) return "`directives` of the profile are sbatch's: PBS takes --resources";
  if (!launch.site.qos.empty()) return "`qos` of the profile is Slurm's";
  if (launch.site.partition.find_first_not_of(std::string(kPlain) + "@") != std::string::npos) {
    return "--queue " + launch.site.partition + " is no name of a queue";
  }
  // More chunks and other options of qsub stand behind + and commas.
  if (launch.resources.find_first_not_of(std::string(kPlain) + ":=") != std::string::npos) {
    return "--resources " + launch.resources + " is no list of resources such as mem=64gb:model=a100";
  }
  return "";
}

std::string pbs_user() {
  if (const passwd* user = getpwuid(getuid())) return user->pw_name;
  const char* name = std::getenv("LOGNAME");  // a static program asks /etc/passwd alone
  return name ? name : std::to_string(getuid());
}

/// The largest array that PBS takes. Its default, where it does not say.
int largest_pbs_array() {
  constexpr int kDefault = 10'000;
  std::istringstream lines(ask_system({"qstat", "-B", "-f"}));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("max_array_size") == std::string::npos || line.find('=') == std::string::npos) continue;
    const int size = std::atoi(line.c_str() + line.find('=') + 1);
    if (size > 0) return size;
  }
  return kDefault;
}

/// "n1/0*8+n2/0*8" -> "n1,n2".
std::string hosts_of(const std::string& exec_host) {
  std::string hosts;
  std::istringstream parts(exec_host);
  for (std::string part; std::getline(parts, part, '+');) {
    const std::string host = part.substr(0, part.find('/'));
    if (("," + hosts + ",").find("," + host + ",") != std::string::npos) continue;
    hosts += (hosts.empty() ? "" : ",") + host;
  }
  return hosts;
}

/// Fields of a line by name; '|' within a value stands behind a backslash.
std::map<std::string, std::string> qstat_fields(const std::string& line) {
  std::map<std::string, std::string> fields;
  std::string field;
  const auto end = [&] {
    const std::size_t equals = field.find(field.rfind("Job Id: ", 0) == 0 ? ": " : "=");
    if (equals == std::string::npos)
      throw Error("qstat printed '" + line + "', which is not of the form name=value|...");
    const bool id = field[equals] == ':';
    fields[field.substr(0, equals)] = field.substr(equals + (id ? 2 : 1));
    field.clear();
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '|') {
      end();
    } else {
      if (line[i] == '\\' && i + 1 < line.size()) ++i;
      field += line[i];
    }
  }
  end();
  return fields;
}

}  // namespace

std::string pbs_script(const Launch& launch) {
  BatchSystem pbs;
  // PBS shows what a job says when it has ended: the log is written by the job itself.
  pbs.start = "task=${PBS_JOBID%%.*}\ntask=${task/[/_}\nexec >>" + shell_word(launch.log) + "-\"${task%]}\".log 2>&1\n";
  auto again = qsub_argv(launch, 1);
  again.erase(again.begin());
  pbs.text =
      "restarts=${MEDLEY_RESTARTS:-0}\n"
      "requeue() {\n"
      "  qsub -v MEDLEY_RESTARTS=$((restarts + 1)) " +
      shell_line(again) +
      " || exit 75\n"
      "  exit 0\n"
      "}\n";
  if (const auto limit = walltime_seconds(launch.time)) {
    pbs.text += "{ sleep " + std::to_string(*limit - launch.site.notice_s) +
                " && kill -USR1 $$; } &\nclock=$!\ntrap 'kill \"$clock\" 2>/dev/null' EXIT\n";
  }
  std::vector<std::string> mpirun = {launch.site.mpirun, "-np", std::to_string(launch.shape.ranks), "--bind-to",
                                     "none"};
  mpirun.insert(mpirun.end(), launch.site.mpirun_arguments.begin(), launch.site.mpirun_arguments.end());
  pbs.gang = shell_line(mpirun) + " -machinefile \"$PBS_NODEFILE\"";
  return batch_script(launch, pbs);
}

std::vector<std::string> qsub_argv(const Launch& launch, int workers) {
  // Without -C qsub would look for options in the script, behind a prefix that PBS_DPREFIX names.
  std::vector<std::string> argv = {"qsub", "-C", "", "-N", launch.name, "-r", "y", "-j", "oe", "-o", "/dev/null"};
  const auto add = [&argv](const char* option, const std::string& value) {
    argv.push_back(option);
    argv.push_back(value);
  };
  add("-l", chunks_of(launch));
  if (launch.shape.nodes > 1) add("-l", "place=scatter");
  if (!launch.time.empty()) add("-l", "walltime=" + launch.time);
  if (!launch.site.partition.empty()) add("-q", launch.site.partition);
  if (!launch.site.account.empty()) add("-A", launch.site.account);
  if (workers > 1) add("-J", "1-" + std::to_string(workers));  // PBS takes no array of one
  argv.push_back(launch.script);
  return argv;
}

std::vector<std::string> qselect_argv(const Launch& launch, const std::string& user) {
  return {"qselect", "-u", user, "-N", launch.name};
}

std::vector<std::string> qstat_argv(const std::vector<std::string>& ids) {
  std::vector<std::string> argv = {"qstat", "-t", "-f", "-F", "dsv", "-D", "|"};
  argv.insert(argv.end(), ids.begin(), ids.end());
  return argv;
}

std::vector<Place> parse_qstat(const std::string& text) {
  std::vector<Place> places;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const auto fields = qstat_fields(line);
    const auto id = fields.find("Job Id"), state = fields.find("job_state");
    if (id == fields.end() || state == fields.end()) {
      throw Error("qstat printed '" + line + "', which has no Job Id or no job_state");
    }
    const bool has_ended = std::string("FXM").find(state->second) != std::string::npos;
    if (has_ended || id->second.find("[]") != std::string::npos) continue;  // an array is no worker
    Place place;
    place.id = id->second;
    const bool is_running = std::string("RESU").find(state->second) != std::string::npos;  // runs, exits, or suspended
    place.state = is_running ? Place::State::kRunning : Place::State::kWaiting;
    if (const auto host = fields.find("exec_host"); host != fields.end()) place.where = hosts_of(host->second);
    if (const auto comment = fields.find("comment"); comment != fields.end() && !is_running) {
      place.note = comment->second;
    }
    places.push_back(std::move(place));
  }
  return places;
}

std::string PbsLauncher::preview(int workers) const {
  return shell_line(qsub_argv(launch_, workers)) + "\n\n" + pbs_script(launch_);
}

/// PBS has no call that tries a submission.
void PbsLauncher::check(int) {
  if (!launch_.site.partition.empty()) ask_system({"qstat", "-Q", launch_.site.partition});
}

std::vector<std::string> PbsLauncher::start(int workers) {
  write_batch_script(launch_, pbs_script(launch_));
  return start_arrays(
      workers, workers > 1 ? largest_pbs_array() : 1,
      [&](int some) { return first_word(ask_system(qsub_argv(launch_, some))); },
      [&](const std::vector<std::string>& ids) { stop(ids); });
}

std::vector<Place> PbsLauncher::places() {
  std::vector<std::string> ids;
  std::istringstream lines(ask_system(qselect_argv(launch_, pbs_user())));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) ids.push_back(first_word(line));
  }
  if (ids.empty()) return {};
  return parse_qstat(ask_system(qstat_argv(ids)));
}

void PbsLauncher::stop(const std::vector<std::string>& ids) { ask_about({"qdel"}, ids); }
void PbsLauncher::kill(const std::vector<std::string>& ids) { ask_about({"qdel", "-W", "force"}, ids); }

LauncherKind pbs_launcher() {
  LauncherKind kind;
  kind.name = "pbs";
  kind.help = "a job of a PBS job array";
  kind.options = {
      {"--queue", "PBS's queue", [](Launch& launch, const std::string& v) { launch.site.partition = v; }},
      {"--resources", "more of PBS's resources of each host of a worker, such as mem=64gb",
       [](Launch& launch, const std::string& v) { launch.resources = v; }},
      {"--account", "Slurm's or PBS's account", [](Launch& launch, const std::string& v) { launch.site.account = v; }},
      {"--time", "time limit of a worker, such as 8:00:00; it then queues again",
       [](Launch& launch, const std::string& v) { launch.time = v; }}};
  kind.reaches_hosts = true;
  kind.job = "job array";
  kind.look = std::chrono::seconds(5);  // its queue has others to serve
  kind.problem = pbs_problem;
  kind.make = [](const Launch& launch, int) { return std::make_unique<PbsLauncher>(launch); };
  kind.find = [](const std::string& name) {
    Launch launch;
    launch.name = name;
    return std::make_unique<PbsLauncher>(std::move(launch));
  };
  return kind;
}

}  // namespace medley::cluster
