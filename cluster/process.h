#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/types.h>

namespace medley::cluster {

/// A program cannot be started.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ProcessSpec {
  std::vector<std::string> argv;                   ///< argv[0]: path, or a name to look up in PATH
  std::map<std::string, std::string> environment;  ///< added to this process's own
  std::filesystem::path log;                       ///< standard output and error are appended; "": /dev/null
};

/// How a process ended, as the system tells it. Launchers' exit codes (mpirun, srun) are hints only.
struct Exit {
  int code = 0;    ///< exit code; 0 when it was killed, -1 when nobody can know it
  int signal = 0;  ///< 0: it exited by itself
  /// "exit code 3", "signal 9 (Killed)".
  std::string text() const;
};

/// A child in a session (and so a process group) of its own: the terminal's Ctrl-C and hang-up do not reach it, signals
/// reach what it started. It inherits no file descriptor but its log. It may outlive this object and this program:
/// destroying kills nothing.
class Process {
 public:
  /// Throws Error when it cannot be started.
  static Process start(const ProcessSpec& spec);
  /// A process that is not our child, e.g. started by a program that has died. Its exit code cannot be known: poll()
  /// gives code -1 once it is gone.
  static Process adopt(pid_t pid) { return Process(pid, Kin::kStranger); }

  pid_t pid() const { return pid_; }
  /// Reaps it; nullopt while it runs. Keeps answering the same after that.
  std::optional<Exit> poll();
  /// To the whole group. No effect once it was reaped.
  void signal(int number) const;

 private:
  enum class Kin { kChild, kStranger };
  Process(pid_t pid, Kin kin) : pid_(pid), kin_(kin) {}
  pid_t pid_;
  Kin kin_;
  std::optional<Exit> exit_;
};

/// The name of this host.
std::string this_host();

/// False also for a zombie, whose parent has not asked for it yet (that needs /proc).
bool is_alive(pid_t pid);

/// Processes of this user that run with exactly these arguments (from /proc; nothing where there is none), ascending.
std::vector<pid_t> find_processes(const std::vector<std::string>& argv);

/// Processes of this user that lead a session and were started with `name` in their environment: pid -> its
/// value. They are found again by another program, also when the one that started them is dead.
std::map<pid_t, std::string> find_marked(const std::string& name);

/// What a command said.
struct Said {
  Exit exit;
  std::string out;
  std::string err;
  bool timed_out = false;  ///< it was killed
};
/// Runs a command to its end, at most for `limit`. Throws Error when it cannot be started at all.
Said run_command(const std::vector<std::string>& argv,
                 std::chrono::milliseconds limit = std::chrono::milliseconds(60'000));

}  // namespace medley::cluster
