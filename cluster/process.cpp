#include "cluster/process.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/files/read.h"

extern char** environ;

namespace medley::cluster {
namespace {

/// What posix_spawn needs, freed at the end.
struct SpawnSettings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos) all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : added) all[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : all) lines.push_back(name + "=" + value);
  return lines;
}

}  // namespace

std::string Exit::text() const {
  if (code < 0) return "an unknown exit code";
  if (signal == 0) return "exit code " + std::to_string(code);
  return "signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

Process Process::start(const ProcessSpec& spec) {
  if (spec.argv.empty()) throw Error("no program to start");
  SpawnSettings settings;
  const std::string log = spec.log.empty() ? "/dev/null" : spec.log.string();
  posix_spawn_file_actions_addopen(&settings.files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&settings.files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&settings.files, 1, 2);
  // A worker outlives a killed coordinator: it must not keep its port or its database open.
  posix_spawn_file_actions_addclosefrom_np(&settings.files, 3);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> argv = spec.argv;
  std::vector<std::string> environment = merged_environment(spec.environment);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, spec.argv[0].c_str(), &settings.files, &settings.attributes,
                                 pointers(argv).data(), pointers(environment).data());
  if (error != 0) throw Error("cannot start " + spec.argv[0] + " (log " + log + "): " + strerror(error));
  return Process(pid, Kin::kChild);
}

std::optional<Exit> Process::poll() {
  if (exit_) return exit_;
  if (kin_ == Kin::kStranger) {
    if (is_alive(pid_)) return std::nullopt;
    return exit_ = Exit{-1, 0};
  }
  int status = 0;
  const pid_t reaped = waitpid(pid_, &status, WNOHANG);
  if (reaped == 0 || (reaped < 0 && errno == EINTR)) return std::nullopt;
  Exit exit;
  if (reaped < 0) {
    exit.code = -1;  // somebody else reaped it
  } else if (WIFSIGNALED(status)) {
    exit.signal = WTERMSIG(status);
  } else {
    exit.code = WEXITSTATUS(status);
  }
  return exit_ = exit;
}

void Process::signal(int number) const {
  if (!exit_) ::kill(-pid_, number);
}

std::string this_host() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

bool is_alive(pid_t pid) {
  if (::kill(pid, 0) != 0 && errno == ESRCH) return false;
  const std::string line = files::read_if_readable("/proc/" + std::to_string(pid) + "/stat").value_or("");
  const auto name_end = line.rfind(") ");  // the name may hold anything
  return name_end == std::string::npos || line[name_end + 2] != 'Z';
}

namespace {

/// Calls `look` with the folder in /proc of every process of this user.
template <class Look>
void each_process(Look look) {
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    struct stat status {};
    if (stat(it->path().c_str(), &status) != 0 || status.st_uid != geteuid()) continue;
    look(static_cast<pid_t>(std::stol(name)), it->path());
  }
}

/// Appends what can be read now; false at the end of the stream.
bool drain(int descriptor, std::string& text) {
  char buffer[4096];
  const ssize_t got = read(descriptor, buffer, sizeof buffer);
  if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace

std::vector<pid_t> find_processes(const std::vector<std::string>& argv) {
  std::string wanted;
  for (const std::string& word : argv) wanted += word + '\0';
  std::vector<pid_t> found;
  each_process([&](pid_t pid, const std::filesystem::path& folder) {
    if (files::read_if_readable(folder / "cmdline") == wanted) found.push_back(pid);  // empty for a zombie
  });
  std::sort(found.begin(), found.end());
  return found;
}

std::map<pid_t, std::string> find_marked(const std::string& name) {
  std::map<pid_t, std::string> found;
  each_process([&](pid_t pid, const std::filesystem::path& folder) {
    if (getsid(pid) != pid || !is_alive(pid)) return;
    const std::string environment = '\0' + files::read_if_readable(folder / "environ").value_or("");
    const std::string entry = '\0' + name + '=';
    const auto begin = environment.find(entry);
    if (begin == std::string::npos) return;
    const auto value = begin + entry.size();
    found[pid] = environment.substr(value, environment.find('\0', value) - value);
  });
  return found;
}

Said run_command(const std::vector<std::string>& argv, std::chrono::milliseconds limit) {
  if (argv.empty()) throw Error("no program to run");
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0) throw Error(std::string("cannot make a pipe: ") + strerror(errno));
  if (pipe2(err, O_CLOEXEC) != 0) {
    const int why = errno;
    close(out[0]), close(out[1]);
    throw Error(std::string("cannot make a pipe: ") + strerror(why));
  }
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&settings.files, out[1], 1);
  posix_spawn_file_actions_adddup2(&settings.files, err[1], 2);
  posix_spawn_file_actions_addclosefrom_np(&settings.files, 3);
  std::vector<std::string> words = argv;
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, argv[0].c_str(), &settings.files, nullptr, pointers(words).data(), environ);
  close(out[1]), close(err[1]);
  if (error != 0) {
    close(out[0]), close(err[0]);
    throw Error("cannot run " + argv[0] + ": " + strerror(error));
  }
  Said said;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  pollfd streams[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  std::string* texts[2] = {&said.out, &said.err};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
      said.timed_out = true;
      ::kill(pid, SIGKILL);
      break;
    }
    if (poll(streams, 2, static_cast<int>(std::min<long long>(left, 1000))) <= 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (streams[i].fd >= 0 && streams[i].revents != 0 && !drain(streams[i].fd, *texts[i])) streams[i].fd = -1;
    }
  }
  close(out[0]), close(err[0]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    said.exit.signal = WTERMSIG(status);
  } else {
    said.exit.code = WEXITSTATUS(status);
  }
  return said;
}

}  // namespace medley::cluster
