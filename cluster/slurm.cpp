#include "cluster/slurm.h"

#include <algorithm>
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

std::string worker_line(const Launch& launch) {
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
  return shell_line(words) + " --coordinator \"$coordinator\"";
}

/// What is the same for every launch. `$endpoint`, `$coordinator`, `$spool` and start_worker come before it.
constexpr const char* kBody = R"sh(
# Slurm's notice before the time limit (USR1), or the end (TERM): the worker saves what it has and leaves. It is told
# by USR1: srun passes that on to every rank, while to TERM it would answer by killing the step.
told=
worker=
tell() {
  told=$1
  echo "medley: told to leave ($1)"
  [ -z "$worker" ] || kill -USR1 "$worker" 2>/dev/null
}
trap 'tell notice' USR1
trap 'tell end' TERM

pause() { sleep "$1" & wait $!; }

back_into_the_queue() {
  [ -z "$endpoint" ] || [ -s "$endpoint" ] || { echo "medley: no coordinator any more"; exit 0; }
  trap - USR1 TERM  # Slurm ends this script now
  echo "medley: back into the queue"
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" || exit 75  # where RequeueExit=75, that does it
  sleep 300
  exit 75
}

# Results wait there for delivery: nobody else's folder will do.
mkdir -p -m 700 "$spool" && [ -O "$spool" ] || { echo "medley: $spool is not this user's"; exit 1; }

crashes=0
lost=0
while :; do
  waited=0
  until [ -z "$endpoint" ] || coordinator=$(cat "$endpoint" 2>/dev/null); do
    [ $waited -lt 600 ] && [ -z "$told" ] || { echo "medley: no coordinator"; exit 0; }
    pause 2
    waited=$((waited + 2))
  done
  [ -z "$told" ] || break
  start_worker &
  worker=$!
  [ -z "$told" ] || kill -USR1 "$worker" 2>/dev/null
  while wait "$worker"; kill -0 "$worker" 2>/dev/null; do :; done  # a trap ends wait early
  wait "$worker"
  code=$?
  worker=
  echo "medley: the worker ended with exit code $code"
  [ -z "$told" ] || break
  case $code in
    0) exit 0 ;;                       # dismissed
    1 | 2 | 126 | 127) exit $code ;;   # refused, or no such program: it would be the same again
    75)  # the coordinator was silent for long, or a gang broke up
      lost=$((lost + 1))
      # Once more here, where the coordinator may be now; then somewhere else, where others may have this place.
      if [ $lost -ge 2 ]; then
        [ "${SLURM_RESTART_COUNT:-0}" -lt 50 ] || exit 1
        back_into_the_queue
      fi
      ;;
  esac
  crashes=$((crashes + 1))
  [ $crashes -lt 20 ] || exit 1
  pause $((crashes < 12 ? crashes * 5 - 4 : 60))
done
[ "$told" != notice ] || back_into_the_queue
exit 0
)sh";

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
  std::string text = "#!/bin/bash\n# Written by `medley cluster up`: each task of the job array is one worker.\n";
  text += directives(launch);
  text += "\n" + surroundings(launch);
  const bool fixed = !launch.coordinator.empty();
  text += "\nendpoint=" + (fixed ? "" : shell_word(launch.endpoint_file)) + "  # is there while a coordinator runs\n";
  text += "coordinator=" + (fixed ? shell_word(launch.coordinator) : "") + "\n";
  text += "spool=" + shell_word(launch.spool) + "\n";
  text += "start_worker() {\n  exec " + worker_line(launch) + "\n}\n";
  return text + kBody;
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
  return "# " + shell_line(sbatch_argv(script_, workers)) + "\n" + slurm_script(launch_);
}

std::vector<std::string> SlurmLauncher::start(int workers) {
  files::rethrow_as<Error>([&] { files::write(script_, slurm_script(launch_), files::Durability::kAtomic); });
  return {first_word(ask_slurm(sbatch_argv(script_, workers)))};
}

std::vector<Place> SlurmLauncher::places() { return parse_squeue(ask_slurm(squeue_argv(launch_, getuid()))); }

void SlurmLauncher::stop(const std::vector<std::string>& ids) { signal_tasks({}, ids); }
void SlurmLauncher::kill(const std::vector<std::string>& ids) { signal_tasks({"--signal=KILL", "--full"}, ids); }

}  // namespace medley::cluster
