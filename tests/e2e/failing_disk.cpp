// A disk that fails, for LD_PRELOAD: in one program it counts what puts something into a folder, and strikes at the
// n-th such call. Environment:
//   FAILING_DISK_FOLDER   absolute; below it calls count
//   FAILING_DISK_PROGRAM  file name of the program that is struck
//   FAILING_DISK_FAULT    one of kFaults below
//   FAILING_DISK_AT       n, from 1
//   FAILING_DISK_SAID     file outside of the folder; it gets what was struck. While it exists nothing is struck, so
//                         that one of several processes meets one fault.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

enum class Fault {
  kCount,   ///< none: writes the numbers of calls, syncs, reads and allocations to FAILING_DISK_SAID at the end
  kError,   ///< EIO, once
  kFull,    ///< a write is done by half; from then on whatever takes space fails with ENOSPC
  kSync,    ///< the n-th sync fails with EIO, once
  kRead,    ///< the n-th read, in the same way
  kKill,    ///< SIGKILL; a write is done by half at each second n
  kPower,   ///< the same, and what was not synced is lost: bytes of files, names in folders
  kMemory,  ///< the n-th allocation fails, once; counted from the first file of the folder that is opened
};
constexpr std::pair<const char*, Fault> kFaults[] = {
    {"count", Fault::kCount}, {"error", Fault::kError}, {"full", Fault::kFull},   {"sync", Fault::kSync},
    {"read", Fault::kRead},   {"kill", Fault::kKill},   {"power", Fault::kPower}, {"memory", Fault::kMemory}};

struct Plan {
  std::string folder, said;
  Fault fault = Fault::kCount;
  long at = 0;
  pid_t process = 0;
};

const Plan* plan = nullptr;  // of the program to be struck
std::atomic<long> calls{0}, syncs{0}, reads{0}, allocations{0};
std::atomic<bool> full{false}, armed{false};
/// In a call of this library, whose own calls and allocations do not count.
__attribute__((tls_model("initial-exec"))) thread_local int depth = 0;

struct Inside {
  Inside() { ++depth; }
  ~Inside() { --depth; }
};

/// Not in a child between fork() and exec(): other threads of its parent may have held our lock.
bool counts() { return plan != nullptr && depth == 0 && ::getpid() == plan->process; }

template <class Function>
Function* next(const char* name, Function*) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}
#define REAL(name) static const auto real = next(#name, &::name)

// ---- What lies where --------------------------------------------------------------------------------------------

/// Of `path`, absolute and without "." and ".."; symbolic links are kept.
std::string absolute(const char* path, int folder = AT_FDCWD) {
  std::string all = path;
  if (all.empty() || all[0] != '/') {
    char from[4096] = {};
    const std::string link = folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/" + std::to_string(folder);
    if (::readlink(link.c_str(), from, sizeof from - 1) > 0) all = std::string(from) + "/" + all;
  }
  std::string plain;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('/', at), all.size());
    const std::string part = all.substr(at, end - at);
    if (part == "..") {
      plain.erase(plain.rfind('/') == std::string::npos ? 0 : plain.rfind('/'));
    } else if (!part.empty() && part != ".") {
      plain += "/" + part;
    }
    at = end + 1;
  }
  return plain;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::string path_of(int descriptor) {
  char path[4096] = {};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  return ::readlink(link.c_str(), path, sizeof path - 1) > 0 ? path : "";
}

bool is_watched(const std::string& path) {
  return path.compare(0, plan->folder.size(), plan->folder) == 0 &&
         (path.size() == plan->folder.size() || path[plan->folder.size()] == '/');
}

// ---- Power ------------------------------------------------------------------------------------------------------

/// What a loss of power would take back. Strict: a name is on disk once its folder was synced, bytes once their file
/// was.
class Disk {
 public:
  void opened(int descriptor, const std::string& synced) {
    struct stat status = {};
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return;
    const Key key(status.st_dev, status.st_ino);
    if (files_.count(key) > 0) return;
    // Kept open to the end: closing one descriptor of a file would let go of this process's locks on it.
    const int own = ::open(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), O_RDWR | O_CLOEXEC);
    if (own >= 0) files_[key] = {own, synced};
  }

  bool knows(const std::string& path) const {
    struct stat status = {};
    return ::stat(path.c_str(), &status) == 0 && files_.count(Key(status.st_dev, status.st_ino)) > 0;
  }

  void synced(int descriptor) {
    struct stat status = {};
    if (::fstat(descriptor, &status) != 0) return;
    if (S_ISDIR(status.st_mode)) {
      const std::string folder = path_of(descriptor);
      names_.erase(std::remove_if(names_.begin(), names_.end(),
                                  [&](const Change& change) { return folder_of(change.path) == folder; }),
                   names_.end());
      return;
    }
    const auto file = files_.find(Key(status.st_dev, status.st_ino));
    if (file != files_.end()) file->second.synced = bytes_of(file->second.descriptor);
  }

  void made(const std::string& path) { names_.push_back({Change::kMade, path, "", ""}); }
  /// Before the name goes, or gets another file. Returns what keeps its file, for gone() and moved().
  std::string keep(const std::string& path) {
    const std::string kept =
        plan->folder + ".lost/" + std::to_string(plan->process) + "-" + std::to_string(++kept_count_);
    return ::link(path.c_str(), kept.c_str()) == 0 ? kept : "";
  }
  void gone(const std::string& path, const std::string& kept) { names_.push_back({Change::kGone, path, "", kept}); }
  void moved(const std::string& from, const std::string& path, const std::string& kept) {
    names_.push_back({Change::kMoved, path, from, kept});
  }

  void lose_power(std::uint64_t seed) {
    state_ = seed;
    for (auto& [key, file] : files_) take_back(file);
    // Journals of file systems keep the order of names: some of the first changes may be on disk, never others alone.
    const std::size_t stay = draw() % 2 == 0 ? 0 : draw() % (names_.size() + 1);
    while (names_.size() > stay) {
      undo(names_.back());
      names_.pop_back();
    }
  }

  static std::string bytes_of(int descriptor) {
    std::string bytes;
    char buffer[1 << 16];
    for (ssize_t n; (n = ::pread(descriptor, buffer, sizeof buffer, static_cast<off_t>(bytes.size()))) > 0;) {
      bytes.append(buffer, static_cast<std::size_t>(n));
    }
    return bytes;
  }

 private:
  using Key = std::pair<dev_t, ino_t>;
  struct File {
    int descriptor = -1;
    std::string synced;
  };
  struct Change {
    enum Kind { kMade, kGone, kMoved } kind;
    std::string path, from, kept;
  };

  std::uint64_t draw() {  // splitmix64
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// All that was not synced, none of it, or any pages and either length.
  void take_back(const File& file) {
    constexpr std::size_t kPage = 4096;
    const std::uint64_t how = draw() % 3;
    if (how == 0) return;
    std::string left = file.synced;
    if (how == 1) {
      const std::string now = bytes_of(file.descriptor);
      if (draw() % 2 == 0) left.resize(now.size());
      for (std::size_t at = 0; at < left.size(); at += kPage) {
        if (at < now.size() && draw() % 2 == 0)
          left.replace(at, kPage, now.substr(at, std::min(kPage, left.size() - at)));
      }
    }
    static_cast<void>(!::ftruncate(file.descriptor, 0));
    static_cast<void>(!::pwrite(file.descriptor, left.data(), left.size(), 0));
  }

  static void undo(const Change& change) {
    if (change.kind == Change::kMade && ::unlink(change.path.c_str()) != 0) ::rmdir(change.path.c_str());
    if (change.kind == Change::kMoved) static_cast<void>(!::rename(change.path.c_str(), change.from.c_str()));
    if (!change.kept.empty()) static_cast<void>(!::link(change.kept.c_str(), change.path.c_str()));
    if (change.kind == Change::kGone && change.kept.empty()) ::mkdir(change.path.c_str(), 0777);
  }

  std::map<Key, File> files_;
  std::vector<Change> names_;  ///< not synced, oldest first
  unsigned kept_count_ = 0;
  std::uint64_t state_ = 0;
};

Disk* disk = nullptr;  // where power is lost
std::recursive_mutex* gate = nullptr;

// ---- The strike -------------------------------------------------------------------------------------------------

/// False where a fault has been met already.
bool say(const std::string& what) {
  const int file = ::open(plan->said.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return false;
  static_cast<void>(!::write(file, what.data(), what.size()));
  ::close(file);
  return true;
}

[[noreturn]] void die() {
  if (disk != nullptr) disk->lose_power(static_cast<std::uint64_t>(plan->at));
  for (;;) ::kill(plan->process, SIGKILL);
}

enum class Kind { kOther, kTakesSpace, kSync };

/// Whether a call fails, with which errno (0: no); whether a write is done by half first.
struct Strike {
  int code = 0;
  bool half = false;
  bool last = false;  ///< the process dies after the half
};

bool is_due(Kind kind) {
  switch (plan->fault) {
    case Fault::kError:
    case Fault::kKill:
    case Fault::kPower:
      return calls == plan->at;
    case Fault::kFull:
      return calls >= plan->at && kind != Kind::kOther;
    case Fault::kSync:
      return syncs == plan->at && kind == Kind::kSync;
    case Fault::kCount:
    case Fault::kRead:
    case Fault::kMemory:
      break;
  }
  return false;
}

Strike strike(const char* call, const std::string& path, Kind kind) {
  ++calls;
  if (kind == Kind::kSync) ++syncs;
  if (full) return {kind == Kind::kOther ? 0 : ENOSPC, false, false};
  if (!is_due(kind) || !say(std::string(call) + " " + path)) return {};
  full = plan->fault == Fault::kFull;
  if (full) return {ENOSPC, true, false};
  if (plan->fault != Fault::kKill && plan->fault != Fault::kPower) return {EIO, false, false};
  if (plan->at % 2 != 0) die();
  return {EIO, true, true};
}

/// `real`, or what befalls it.
template <class Real>
auto pass(const char* call, const std::string& path, Kind kind, Real real) -> decltype(real()) {
  const Strike met = strike(call, path, kind);
  if (met.last) die();
  if (met.code == 0) return real();
  errno = met.code;
  return -1;
}

/// The same of a write of `size` bytes; `real` takes how many.
template <class Real>
ssize_t pass_write(const char* call, int descriptor, std::size_t size, Real real) {
  if (!counts()) return real(size);
  const Inside inside;
  const std::string path = path_of(descriptor);
  if (!is_watched(path)) return real(size);
  const std::lock_guard<std::recursive_mutex> lock(*gate);
  const Strike met = strike(call, path, Kind::kTakesSpace);
  const ssize_t written = met.code == 0 || (met.half && size > 1) ? real(met.code == 0 ? size : size / 2) : -1;
  if (met.last) die();
  if (written < 0 && met.code != 0) errno = met.code;
  return written;
}

template <class Real>
ssize_t pass_read(const char* call, int descriptor, Real real) {
  if (!counts()) return real();
  const Inside inside;
  const std::string path = path_of(descriptor);
  if (!is_watched(path) || ++reads != plan->at || plan->fault != Fault::kRead) return real();
  if (!say(std::string(call) + " " + path)) return real();
  errno = EIO;
  return -1;
}

template <class Real>
int pass_sync(const char* call, int descriptor, Real real) {
  if (!counts()) return real();
  const Inside inside;
  const std::string path = path_of(descriptor);
  if (!is_watched(path)) return real();
  const std::lock_guard<std::recursive_mutex> lock(*gate);
  return pass(call, path, Kind::kSync, [&] {
    const int result = real();
    if (disk != nullptr && result == 0) disk->synced(descriptor);
    return result;
  });
}

template <class Real>
int pass_change(const char* call, int descriptor, Kind kind, Real real) {
  if (!counts()) return real();
  const Inside inside;
  const std::string path = path_of(descriptor);
  if (!is_watched(path)) return real();
  const std::lock_guard<std::recursive_mutex> lock(*gate);
  return pass(call, path, kind, real);
}

/// Of a call that makes `path`, or may: counted where it does, or cuts a file short.
template <class Real>
int pass_open(const char* call, const std::string& path, int flags, Real real) {
  if (!is_watched(path)) return real();
  armed = true;
  if ((flags & O_ACCMODE) == O_RDONLY) return real();
  const std::lock_guard<std::recursive_mutex> lock(*gate);
  const bool there = ::access(path.c_str(), F_OK) == 0;
  const bool makes = (flags & O_CREAT) != 0 && !there, cuts = (flags & O_TRUNC) != 0 && there;
  std::string synced;
  if (disk != nullptr && there && !disk->knows(path)) {
    // Left open: closing it would let go of this process's locks on the file.
    synced = Disk::bytes_of(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  const auto open = [&] {
    const int file = real();
    if (disk != nullptr && file >= 0) {
      if (makes) disk->made(path);
      disk->opened(file, synced);
    }
    return file;
  };
  return makes || cuts ? pass(call, path, Kind::kTakesSpace, open) : open();
}

/// Of a call that takes a name away.
template <class Real>
int pass_gone(const char* call, const std::string& path, Real real) {
  if (!is_watched(path)) return real();
  const std::lock_guard<std::recursive_mutex> lock(*gate);
  return pass(call, path, Kind::kOther, [&] {
    const std::string kept = disk != nullptr ? disk->keep(path) : "";
    const int result = real();
    if (disk != nullptr && result == 0) disk->gone(path, kept);
    return result;
  });
}

/// Of a call that makes something of a name that was free.
template <class Real>
int pass_made(const char* call, const std::string& path, Real real) {
  if (!is_watched(path)) return real();
  const std::lock_guard<std::recursive_mutex> lock(*gate);
  return pass(call, path, Kind::kTakesSpace, [&] {
    const int result = real();
    if (disk != nullptr && result == 0) disk->made(path);
    return result;
  });
}

__attribute__((constructor)) void begin() {
  const Inside inside;
  const char* program = std::getenv("FAILING_DISK_PROGRAM");
  if (program == nullptr || std::strcmp(program, ::program_invocation_short_name) != 0) return;
  auto* made = new Plan{std::getenv("FAILING_DISK_FOLDER"), std::getenv("FAILING_DISK_SAID")};
  for (const auto& [name, fault] : kFaults) {
    if (std::strcmp(name, std::getenv("FAILING_DISK_FAULT")) == 0) made->fault = fault;
  }
  made->at = std::atol(std::getenv("FAILING_DISK_AT"));
  made->process = ::getpid();
  gate = new std::recursive_mutex;
  plan = made;
  if (plan->fault != Fault::kPower) return;
  ::mkdir((plan->folder + ".lost").c_str(), 0777);
  disk = new Disk;
}

__attribute__((destructor)) void end() {
  if (!counts() || plan->fault != Fault::kCount) return;
  const Inside inside;
  std::string numbers;
  for (const long number : {calls.load(), syncs.load(), reads.load(), allocations.load()}) {
    numbers += std::to_string(number) + " ";
  }
  say(numbers);
}

}  // namespace

// ---- The C library's -------------------------------------------------------------------------------------------

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  REAL(write);
  return pass_write("write", descriptor, size, [&](std::size_t n) { return real(descriptor, bytes, n); });
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t at) {
  REAL(pwrite);
  return pass_write("pwrite", descriptor, size, [&](std::size_t n) { return real(descriptor, bytes, n, at); });
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t at) {
  REAL(pwrite64);
  return pass_write("pwrite", descriptor, size, [&](std::size_t n) { return real(descriptor, bytes, n, at); });
}

ssize_t writev(int descriptor, const struct iovec* parts, int count) {
  REAL(writev);
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  return pass_write("writev", descriptor, size, [&](std::size_t n) {
    return n == size ? real(descriptor, parts, count)
                     : ::write(descriptor, parts[0].iov_base, std::min(n, parts[0].iov_len));
  });
}

ssize_t read(int descriptor, void* bytes, size_t size) {
  REAL(read);
  return pass_read("read", descriptor, [&] { return real(descriptor, bytes, size); });
}

ssize_t pread(int descriptor, void* bytes, size_t size, off_t at) {
  REAL(pread);
  return pass_read("pread", descriptor, [&] { return real(descriptor, bytes, size, at); });
}

ssize_t pread64(int descriptor, void* bytes, size_t size, off64_t at) {
  REAL(pread64);
  return pass_read("pread", descriptor, [&] { return real(descriptor, bytes, size, at); });
}

DIR* fdopendir(int descriptor) {
  REAL(fdopendir);
  DIR* opened = nullptr;
  pass_read("fdopendir", descriptor, [&] { return opened = real(descriptor), 0; });
  return opened;
}

size_t fwrite(const void* bytes, size_t size, size_t count, FILE* file) {
  REAL(fwrite);
  const ssize_t written = pass_write("fwrite", ::fileno(file), size * count, [&](std::size_t n) {
    return static_cast<ssize_t>(n == size * count ? real(bytes, size, count, file) * size : real(bytes, 1, n, file));
  });
  if (full) errno = ENOSPC;  // of the call to the system that was short
  return written < 0 || size == 0 ? 0 : static_cast<std::size_t>(written) / size;
}

int fclose(FILE* file) {
  REAL(fclose);
  if (!counts()) return real(file);
  int result = 0;
  const int struck = pass_change("fclose", ::fileno(file), Kind::kOther, [&] { return result = real(file), 0; });
  if (struck == 0) return result;
  const int code = errno;
  real(file);
  errno = code;
  return EOF;
}

int fsync(int descriptor) {
  REAL(fsync);
  return pass_sync("fsync", descriptor, [&] { return real(descriptor); });
}

int fdatasync(int descriptor) {
  REAL(fdatasync);
  return pass_sync("fdatasync", descriptor, [&] { return real(descriptor); });
}

int ftruncate(int descriptor, off_t size) noexcept {
  REAL(ftruncate);
  return pass_change("ftruncate", descriptor, Kind::kOther, [&] { return real(descriptor, size); });
}

int ftruncate64(int descriptor, off64_t size) noexcept {
  REAL(ftruncate64);
  return pass_change("ftruncate", descriptor, Kind::kOther, [&] { return real(descriptor, size); });
}

int fallocate(int descriptor, int mode, off_t from, off_t size) {
  REAL(fallocate);
  return pass_change("fallocate", descriptor, Kind::kTakesSpace, [&] { return real(descriptor, mode, from, size); });
}

int open(const char* path, int flags, ...) {
  REAL(open);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (!counts()) return real(path, flags, mode);
  const Inside inside;
  return pass_open("open", absolute(path), flags, [&] { return real(path, flags, mode); });
}

int open64(const char* path, int flags, ...) {
  REAL(open64);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (!counts()) return real(path, flags, mode);
  const Inside inside;
  return pass_open("open", absolute(path), flags, [&] { return real(path, flags, mode); });
}

FILE* fopen(const char* path, const char* mode) {
  REAL(fopen);
  if (!counts()) return real(path, mode);
  const Inside inside;
  const int flags = mode[0] == 'w' ? O_WRONLY | O_CREAT | O_TRUNC : mode[0] == 'a' ? O_WRONLY | O_CREAT : O_RDONLY;
  FILE* file = nullptr;
  const int opened = pass_open("fopen", absolute(path), flags, [&] {
    file = real(path, mode);
    return file != nullptr ? ::fileno(file) : -1;
  });
  return opened < 0 ? nullptr : file;
}

FILE* fopen64(const char* path, const char* mode) { return fopen(path, mode); }

int mkstemp(char* pattern) {
  REAL(mkstemp);
  if (!counts()) return real(pattern);
  const Inside inside;
  const std::string path = absolute(pattern);
  if (!is_watched(path)) return real(pattern);
  const std::lock_guard<std::recursive_mutex> lock(*gate);
  return pass("mkstemp", path, Kind::kTakesSpace, [&] {
    const int file = real(pattern);
    if (disk != nullptr && file >= 0) disk->made(absolute(pattern)), disk->opened(file, "");
    return file;
  });
}

int rename(const char* from, const char* to) noexcept {
  REAL(rename);
  if (!counts()) return real(from, to);
  const Inside inside;
  const std::string old = absolute(from), path = absolute(to);
  if (!is_watched(path)) return real(from, to);
  const std::lock_guard<std::recursive_mutex> lock(*gate);
  return pass("rename", path, Kind::kTakesSpace, [&] {
    const std::string kept = disk != nullptr ? disk->keep(path) : "";
    const int result = real(from, to);
    if (disk != nullptr && result == 0) disk->moved(old, path, kept);
    return result;
  });
}

int link(const char* from, const char* to) noexcept {
  REAL(link);
  if (!counts()) return real(from, to);
  const Inside inside;
  return pass_made("link", absolute(to), [&] { return real(from, to); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  REAL(mkdir);
  if (!counts()) return real(path, mode);
  const Inside inside;
  return pass_made("mkdir", absolute(path), [&] { return real(path, mode); });
}

int unlink(const char* path) noexcept {
  REAL(unlink);
  if (!counts()) return real(path);
  const Inside inside;
  return pass_gone("unlink", absolute(path), [&] { return real(path); });
}

int remove(const char* path) noexcept {
  REAL(remove);
  if (!counts()) return real(path);
  const Inside inside;
  return pass_gone("remove", absolute(path), [&] { return real(path); });
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  REAL(unlinkat);
  if (!counts()) return real(folder, path, flags);
  const Inside inside;
  return pass_gone("unlinkat", absolute(path, folder), [&] { return real(folder, path, flags); });
}

// ---- Memory -----------------------------------------------------------------------------------------------------

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);

}  // extern "C"

namespace {

bool is_refused(std::size_t size) {
  if (!armed || !counts() || ++allocations != plan->at || plan->fault != Fault::kMemory) return false;
  const Inside inside;
  if (!say("allocation of " + std::to_string(size) + " bytes")) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

extern "C" {

void* malloc(size_t size) noexcept { return is_refused(size) ? nullptr : __libc_malloc(size); }
void* calloc(size_t count, size_t size) noexcept {
  return is_refused(count * size) ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) noexcept { return is_refused(size) ? nullptr : __libc_realloc(old, size); }

}  // extern "C"
