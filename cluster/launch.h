#pragma once

#include <string>
#include <utility>
#include <vector>

namespace medley::cluster {

/// What one site wants that others do not (its profile file). Empty: nothing said.
struct Site {
  std::string account, partition, qos;                           ///< Slurm's; a partition is PBS's queue
  std::vector<std::string> directives;                           ///< more of sbatch's options, "--constraint=a100"
  std::vector<std::string> modules;                              ///< loaded by `module load` before the worker starts
  std::vector<std::string> setup;                                ///< lines of bash, run after the modules
  std::vector<std::pair<std::string, std::string>> environment;  ///< names and values, in order
  std::string srun_mpi = "pmix";                                 ///< srun --mpi= of a gang
  std::string mpirun = "mpirun";                                 ///< program
  std::vector<std::string> mpirun_arguments;
  int notice_s = 120;  ///< seconds before the time limit at which Slurm tells the worker to leave
};

/// What one worker is made of.
struct WorkerShape {
  int ranks = 1;  ///< MPI ranks; more than one: a gang
  int nodes = 1;  ///< hosts that its ranks are spread over evenly
  int gpus = 0;   ///< of the whole worker
  int cores_per_rank = 1;
};

/// What to start: equal workers that join one coordinator. Paths are absolute and the same on every host.
struct Launch {
  std::string name;  ///< of its jobs and processes, unique to store and launch: "medley-1a2b3c4d-1"
  WorkerShape shape;
  Site site;
  std::string time;                    ///< limit of a job, as its batch system takes it
  std::string resources;               ///< PBS: more of a host of a worker, "mem=64gb"
  std::string hosts;                   ///< mpirun's host file
  std::string program;                 ///< medley-worker
  std::vector<std::string> arguments;  ///< after `serve`, less where the coordinator is
  std::string coordinator;             ///< HOST:PORT; "": what stands in endpoint_file when a worker starts
  std::string endpoint_file;           ///< is there while a coordinator runs
  std::string spool;                   ///< on a local disk of each host
  std::string log;                     ///< files, less what tells workers apart: "/store/logs/cluster-1"
  std::string script;                  ///< where a launcher may write a batch script
};

/// As one word of a shell: unchanged when it is plain, else in single quotes.
std::string shell_word(const std::string& text);
/// A command line that a shell reads as these words.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace medley::cluster
