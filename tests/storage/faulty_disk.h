#pragma once

#include <cstdint>

namespace medley::storage::testing_store {

/// A disk that fails. It wraps SQLite's own file system in this process and counts every write, truncation, sync and
/// deletion of database files. At the chosen one it ends the process with SIGKILL.
enum class Crash {
  kProcess,  ///< kill -9: what was written stays
  kPower,    ///< first takes back a random part of what was not synced, some of it torn in the middle
};

/// Installs it for all connections that this process opens from now on. `at`: which operation is the last (from 1; 0:
/// never). Call in a forked child only.
void install_faulty_disk(Crash crash, long at, std::uint64_t seed);

/// Operations so far.
long disk_operations();

}  // namespace medley::storage::testing_store
