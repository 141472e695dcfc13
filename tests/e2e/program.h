#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/folder.h"
#include "tests/support/patience.h"

namespace medley::e2e {

namespace fs = std::filesystem;

using test::read_file;
using Scratch = test::Folder;

struct Ended {
  int exit = -1;  ///< exit code, or 128 + signal
  std::string out;
  std::string err;
};

/// A real program of ours as a child process, its output in files of `scratch`. Killed when it outlives the object.
class Program {
 public:
  Program(const fs::path& program, const std::vector<std::string>& arguments, const Scratch& scratch) {
    static int count = 0;
    const std::string stem = std::to_string(++count);
    out_ = scratch / ("out." + stem);
    err_ = scratch / ("err." + stem);
    std::vector<std::string> words = {program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&files, 2, err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const int error = posix_spawn(&pid_, program.c_str(), &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (error) throw std::runtime_error("cannot start " + program.string());
  }
  ~Program() {
    if (pid_ > 0) {
      kill(SIGKILL);
      wait();
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  void kill(int signal) { ::kill(pid_, signal); }

  bool ended() const {
    siginfo_t info = {};
    return pid_ <= 0 ||
           (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid);
  }

  /// What it has said to standard error so far.
  std::string said() const { return read_file(err_); }

  /// Waits until it ends, on an idle machine within `usual`; kills it and throws where it does not.
  Ended wait(std::chrono::seconds usual = std::chrono::seconds(60)) {
    const auto end = test::deadline(usual);
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > end) {
        kill(SIGKILL);
        waitpid(pid_, &status, 0);
        pid_ = -1;
        throw std::runtime_error("ran past its limit; its messages: " + read_file(err_));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    pid_ = -1;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, read_file(out_), read_file(err_)};
  }

 private:
  pid_t pid_ = -1;
  fs::path out_;
  fs::path err_;
};

inline Ended run_program(const fs::path& program, const std::vector<std::string>& arguments, const Scratch& scratch) {
  return Program(program, arguments, scratch).wait();
}

/// Ids of the processes that `are` meant, by their folders in /proc (Linux).
template <class Are>
std::vector<pid_t> processes(Are are) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string id = entry.path().filename();
    if (id.find_first_not_of("0123456789") == std::string::npos && are(entry.path())) found.push_back(std::stoi(id));
  }
  return found;
}

/// Workers whose spool, or what else their command line names, is in `folder`, whoever their parent is; of a gang its
/// launcher too.
inline std::vector<pid_t> workers_of(const fs::path& folder) {
  return processes([&](const fs::path& process) {
    const std::string words = read_file(process / "cmdline");
    return words.find("--spool") != std::string::npos && words.find(folder) != std::string::npos;
  });
}

/// Process ids of the children of `parent` whose command line contains `name` (Linux).
inline std::vector<pid_t> children_of(pid_t parent, const std::string& name) {
  return processes([&](const fs::path& process) {
    const std::string status = read_file(process / "stat");
    const std::size_t close = status.rfind(')');
    if (close == std::string::npos) return false;
    std::istringstream fields(status.substr(close + 1));
    char state = 0;
    pid_t its_parent = 0;
    fields >> state >> its_parent;
    return its_parent == parent && state != 'Z' && read_file(process / "cmdline").find(name) != std::string::npos;
  });
}

/// The team's folder of real data and golden files, if this machine has it.
inline std::optional<fs::path> shared_folder() {
  const char* named = std::getenv("MEDLEY_SHARED");
  const fs::path folder = named ? fs::path(named) : fs::path(MEDLEY_SOURCE_DIR) / ".." / "shared";
  if (fs::exists(folder / "data")) return fs::canonical(folder);
  return std::nullopt;
}

}  // namespace medley::e2e
