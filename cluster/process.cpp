#include "cluster/process.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  posix_spawnattr_setflags(&settings.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
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

bool is_alive(pid_t pid) {
  if (::kill(pid, 0) != 0 && errno == ESRCH) return false;
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  const auto name_end = line.rfind(") ");  // the name may hold anything
  return name_end == std::string::npos || line[name_end + 2] != 'Z';
}

std::vector<pid_t> find_processes(const std::vector<std::string>& argv) {
  std::string wanted;
  for (const std::string& word : argv) wanted += word + '\0';
  std::vector<pid_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    struct stat status {};
    if (stat(it->path().c_str(), &status) != 0 || status.st_uid != geteuid()) continue;
    std::ifstream in(it->path() / "cmdline", std::ios::binary);  // empty for a zombie
    std::ostringstream text;
    text << in.rdbuf();
    if (text.str() == wanted) found.push_back(static_cast<pid_t>(std::stol(name)));
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace medley::cluster
