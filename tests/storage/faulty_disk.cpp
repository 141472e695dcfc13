#include "tests/storage/faulty_disk.h"

#include <algorithm>
#include <list>
#include <random>
#include <vector>

#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

namespace medley::storage::testing_store {
namespace {

struct Undo {  // how to take back one unsynced write or truncation
  sqlite3_int64 offset;
  std::vector<char> before;
  sqlite3_int64 size_before;
};

struct File;
struct Open {  // SQLite allocates szOsFile bytes; the first member must be its own header
  sqlite3_file base;
  File* file;
};
struct File {
  sqlite3_file* real;
  std::vector<char> storage;
  std::list<Undo> unsynced;
};

sqlite3_vfs* g_real;
sqlite3_vfs g_faulty;
std::list<File*> g_files;
Crash g_crash;
long g_at;
long g_operations;
std::mt19937_64 g_random;

File& file_of(sqlite3_file* f) { return *reinterpret_cast<Open*>(f)->file; }

[[noreturn]] void crash() {
  if (g_crash == Crash::kPower) {
    // Unsynced writes may reach the platter in any order: keep a random subset, newest taken back first, some half.
    for (File* file : g_files) {
      for (auto it = file->unsynced.rbegin(); it != file->unsynced.rend(); ++it) {
        const auto dice = g_random() % 4;
        if (dice == 0) continue;
        const std::size_t size = dice == 1 ? it->before.size() / 2 : it->before.size();
        if (size > 0) file->real->pMethods->xWrite(file->real, it->before.data(), static_cast<int>(size), it->offset);
        if (dice != 1) file->real->pMethods->xTruncate(file->real, it->size_before);
      }
    }
  }
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

void count() {
  if (++g_operations == g_at) crash();
}

sqlite3_int64 size_of(File& file) {
  sqlite3_int64 size = 0;
  file.real->pMethods->xFileSize(file.real, &size);
  return size;
}

void remember(File& file, sqlite3_int64 offset, sqlite3_int64 length) {
  if (g_crash != Crash::kPower) return;
  const sqlite3_int64 size = size_of(file);
  Undo undo{offset, {}, size};
  const sqlite3_int64 overlap = std::min(size - offset, length);
  if (overlap > 0) {
    undo.before.resize(static_cast<std::size_t>(overlap));
    file.real->pMethods->xRead(file.real, undo.before.data(), static_cast<int>(overlap), offset);
  }
  file.unsynced.push_back(std::move(undo));
}

int close_file(sqlite3_file* f) {
  File& file = file_of(f);
  const int code = file.real->pMethods->xClose(file.real);
  g_files.remove(&file);
  delete &file;
  return code;
}
int read_file(sqlite3_file* f, void* to, int size, sqlite3_int64 offset) {
  return file_of(f).real->pMethods->xRead(file_of(f).real, to, size, offset);
}
int write_file(sqlite3_file* f, const void* from, int size, sqlite3_int64 offset) {
  File& file = file_of(f);
  remember(file, offset, size);
  if (g_operations + 1 == g_at && size > 1) {  // the last write may be torn
    file.real->pMethods->xWrite(file.real, from, static_cast<int>(g_random() % static_cast<unsigned>(size)), offset);
  }
  count();
  return file.real->pMethods->xWrite(file.real, from, size, offset);
}
int truncate_file(sqlite3_file* f, sqlite3_int64 size) {
  File& file = file_of(f);
  count();
  remember(file, size, size_of(file) - size);
  return file.real->pMethods->xTruncate(file.real, size);
}
int sync_file(sqlite3_file* f, int flags) {
  File& file = file_of(f);
  count();
  file.unsynced.clear();
  return file.real->pMethods->xSync(file.real, flags);
}
int file_size(sqlite3_file* f, sqlite3_int64* size) {
  return file_of(f).real->pMethods->xFileSize(file_of(f).real, size);
}
int lock_file(sqlite3_file* f, int kind) { return file_of(f).real->pMethods->xLock(file_of(f).real, kind); }
int unlock_file(sqlite3_file* f, int kind) { return file_of(f).real->pMethods->xUnlock(file_of(f).real, kind); }
int check_lock(sqlite3_file* f, int* out) {
  return file_of(f).real->pMethods->xCheckReservedLock(file_of(f).real, out);
}
int control(sqlite3_file* f, int op, void* arg) {
  return file_of(f).real->pMethods->xFileControl(file_of(f).real, op, arg);
}
int sector(sqlite3_file* f) { return file_of(f).real->pMethods->xSectorSize(file_of(f).real); }
int traits(sqlite3_file*) { return 0; }  // promises nothing: no atomic or safe-append writes
int shm_map(sqlite3_file* f, int region, int size, int extend, void volatile** out) {
  return file_of(f).real->pMethods->xShmMap(file_of(f).real, region, size, extend, out);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  return file_of(f).real->pMethods->xShmLock(file_of(f).real, offset, n, flags);
}
void shm_barrier(sqlite3_file* f) { file_of(f).real->pMethods->xShmBarrier(file_of(f).real); }
int shm_unmap(sqlite3_file* f, int remove) { return file_of(f).real->pMethods->xShmUnmap(file_of(f).real, remove); }

const sqlite3_io_methods kMethods = {2,           close_file, read_file, write_file,  truncate_file,
                                     sync_file,   file_size,  lock_file, unlock_file, check_lock,
                                     control,     sector,     traits,    shm_map,     shm_lock,
                                     shm_barrier, shm_unmap,  nullptr,   nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* file = new File;
  file->storage.assign(static_cast<std::size_t>(g_real->szOsFile), 0);
  file->real = reinterpret_cast<sqlite3_file*>(file->storage.data());
  auto* open = reinterpret_cast<Open*>(f);
  open->base.pMethods = nullptr;
  const int code = g_real->xOpen(g_real, name, file->real, flags, out_flags);
  if (code != SQLITE_OK) {
    delete file;
    return code;
  }
  open->file = file;
  open->base.pMethods = &kMethods;
  g_files.push_back(file);
  return SQLITE_OK;
}
int delete_file(sqlite3_vfs*, const char* name, int sync) {
  count();
  return g_real->xDelete(g_real, name, sync);
}

}  // namespace

void install_faulty_disk(Crash crash_kind, long at, std::uint64_t seed) {
  g_crash = crash_kind;
  g_at = at;
  g_random.seed(seed);
  g_real = sqlite3_vfs_find(nullptr);
  g_faulty = *g_real;
  g_faulty.zName = "faulty";
  g_faulty.szOsFile = sizeof(Open);
  g_faulty.pNext = nullptr;
  g_faulty.xOpen = open_file;
  g_faulty.xDelete = delete_file;
  sqlite3_vfs_register(&g_faulty, 1);
}

long disk_operations() { return g_operations; }

}  // namespace medley::storage::testing_store
