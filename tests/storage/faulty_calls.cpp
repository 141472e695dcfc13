#include "tests/storage/faulty_calls.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include <dlfcn.h>
#include <unistd.h>

namespace medley::storage::testing_store {
namespace {

namespace fs = std::filesystem;

struct Fault {
  std::string name;
  int nth = 0;
  int code = 0;
};

struct State {
  fs::path folder;
  std::vector<Fault> faults;
  std::map<std::string, int> seen;
  std::vector<DiskCall> calls;
  std::optional<std::size_t> shorten;
  int left = 0;  ///< until a call fails with `code`; 0: none does
  int code = 0;
};

State* state = nullptr;

fs::path path_of(int descriptor) {
  char path[4096] = {};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  return ::readlink(link.c_str(), path, sizeof path - 1) > 0 ? path : "";
}

template <class Function>
Function next(Function, const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// What `real` returns, or -1 where a test wants this call to fail.
template <class Real>
auto pass(const char* name, const fs::path& path, Real real) -> decltype(real()) {
  if (state == nullptr) return real();
  const std::string file = path.lexically_relative(state->folder);
  if (file.empty() || file.rfind("..", 0) == 0) return real();
  const int nth = ++state->seen[name];
  if (state->left > 0 && --state->left == 0) {
    errno = state->code;
    return -1;
  }
  for (const Fault& fault : state->faults) {
    if (fault.name != name || fault.nth != nth) continue;
    errno = fault.code;
    return -1;
  }
  const auto result = real();
  if (result >= 0) state->calls.push_back({name, file});
  return result;
}

}  // namespace

FaultyCalls::FaultyCalls(fs::path folder) {
  state = new State;
  state->folder = fs::canonical(folder);
}

FaultyCalls::~FaultyCalls() {
  delete state;
  state = nullptr;
}

void FaultyCalls::fail(const std::string& name, int nth, int code) { state->faults.push_back({name, nth, code}); }
void FaultyCalls::fail_next(int nth, int code) {
  state->left = nth;
  state->code = code;
}
void FaultyCalls::shorten_next_write(std::size_t bytes) { state->shorten = bytes; }
const std::vector<DiskCall>& FaultyCalls::calls() const { return state->calls; }

}  // namespace medley::storage::testing_store

// The program's own definitions come before the C library's.
using namespace medley::storage::testing_store;

extern "C" ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto real = next(&write, "write");
  if (state != nullptr && state->shorten) size = std::min(size, *state->shorten);
  if (state != nullptr) state->shorten.reset();
  return pass("write", path_of(descriptor), [&] { return real(descriptor, bytes, size); });
}

extern "C" ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off64_t at) {
  static const auto real = next(&pwrite64, "pwrite64");
  return pass("write", path_of(descriptor), [&] { return real(descriptor, bytes, size, at); });
}

extern "C" int fdatasync(int descriptor) {
  static const auto real = next(&fdatasync, "fdatasync");
  return pass("fsync", path_of(descriptor), [&] { return real(descriptor); });
}

extern "C" int fsync(int descriptor) {
  static const auto real = next(&fsync, "fsync");
  return pass("fsync", path_of(descriptor), [&] { return real(descriptor); });
}

extern "C" int rename(const char* from, const char* to) noexcept {
  static const auto real = next(&rename, "rename");
  return pass("rename", std::filesystem::absolute(to), [&] { return real(from, to); });
}

extern "C" int link(const char* from, const char* to) noexcept {
  static const auto real = next(&link, "link");
  return pass("link", std::filesystem::absolute(to), [&] { return real(from, to); });
}
