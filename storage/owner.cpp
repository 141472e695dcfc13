#include "storage/owner.h"

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include <time.h>
#include <unistd.h>

#include "storage/error.h"
#include "storage/files/error.h"
#include "storage/files/lock.h"
#include "storage/records.h"

namespace medley::storage {
namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

/// Also runs while the machine sleeps.
milliseconds boot_time() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(now.tv_sec) +
                                                  std::chrono::nanoseconds(now.tv_nsec));
}

StoreHolder holder_of(const files::Lock::Holder& signature) {
  return {signature.process, signature.host, signature.is_of_this_kernel()};
}

[[noreturn]] void refuse(const StoreHolder& holder, const std::string& lock) {
  throw Error("the store is in use: " + text_of(holder) + " holds " + lock +
              "; one coordinator a store (end it first, or use another --store; `medley serve --read-only` only shows "
              "it, on the same host)");
}

/// Returns once the owner that signed `seen` on another host counts as dead.
void outwait(const std::string& lock, const files::Lock::Holder& seen, const OwnerTimes& times) {
  std::fprintf(stderr,
               "medley: warning: %s on another kernel held %s and did not end properly; waiting %lld s for a sign of "
               "it\n",
               text_of(holder_of(seen)).c_str(), lock.c_str(), static_cast<long long>(times.stale.count() / 1000));
  for (const milliseconds end = boot_time() + times.stale; boot_time() < end;) {
    std::this_thread::sleep_for(times.beat / 5);
    const auto now = files::Lock::holder(lock);
    if (!now) return;  // it has ended properly
    if (!(*now == seen)) refuse(holder_of(*now), lock);
  }
}

/// Throws Error when somebody else has it, or may have it.
files::Lock take(const std::string& lock, const OwnerTimes& times) {
  return files::rethrow_as<Error>([&] {
    auto taken = files::Lock::take(lock);
    const auto signature = files::Lock::holder(lock);
    if (!taken) refuse(signature ? holder_of(*signature) : StoreHolder(), lock);
    const bool from_elsewhere = signature && !signature->is_of_this_kernel();
    if (from_elsewhere) outwait(lock, *signature, times);
    taken->sign();
    if (from_elsewhere) {
      // A third host may have waited as we did: whoever signed last has it.
      std::this_thread::sleep_for(times.beat / 2);
      const auto now = files::Lock::holder(lock);
      if (!now || !now->is_same_process(taken->signature())) {
        taken->forget_signature();
        refuse(now ? holder_of(*now) : StoreHolder(), lock);
      }
    }
    return std::move(*taken);
  });
}

}  // namespace

std::string text_of(const StoreHolder& holder) {
  return holder.process == 0 ? "another process"
                             : "process " + std::to_string(holder.process) + " on host " + holder.host;
}

std::optional<StoreHolder> store_holder(const fs::path& store) {
  const std::string lock = StoreLayout(fs::absolute(store).string()).lock();
  const auto signature = files::Lock::holder(lock);
  if (signature && !signature->is_of_this_kernel()) {
    std::error_code error;
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(lock, error);
    if (!error && age < OwnerTimes().stale) return holder_of(*signature);
  }
  if (!files::Lock::is_held(lock)) return std::nullopt;
  return signature ? holder_of(*signature) : StoreHolder();
}

std::string readable_database(const fs::path& store) {
  const std::string database = StoreLayout(store.string()).database();
  if (const auto holder = store_holder(store); holder && !holder->here) {
    throw Error(text_of(*holder) + " holds " + store.string() +
                ", and a database is read on the host that writes it: run this command there, or open the dashboard");
  }
  std::error_code error;
  if (!fs::exists(database, error)) {
    if (fs::is_symlink(database, error)) {
      throw Error(database + " is a link to " + fs::read_symlink(database, error).string() +
                  ", which is not on this host: run this command on the host where the database is");
    }
    throw Error("no store in '" + store.string() + "': " + database +
                " does not exist; medley run or medley serve makes one");
  }
  return database;
}

struct Owner::State {
  State(const std::string& file_, OwnerTimes times_)
      : file(file_), times(times_), lock(take(file, times)), last_beat(boot_time()), beating([this] { beat_on(); }) {}
  ~State() {
    {
      const std::lock_guard<std::mutex> guard(mutex);
      ending = true;
    }
    change.notify_all();
    beating.join();
  }

  void beat_on() {
    std::unique_lock<std::mutex> guard(mutex);
    while (!change.wait_for(guard, times.beat, [this] { return ending; }) && !taken_by) beat();
  }

  /// Signs again, unless another did. The mutex is held.
  void beat() {
    try {
      const auto now = files::Lock::holder(file);
      if (now && !now->is_same_process(lock.signature())) {
        taken_by = holder_of(*now);
        lock.forget_signature();
        return;
      }
      lock.sign();
      last_beat = boot_time();
    } catch (const files::Error& e) {
      why = e.what();  // the next one may succeed; check() stops all changes before others take the store
    }
  }

  const std::string file;
  const OwnerTimes times;
  files::Lock lock;
  std::mutex mutex;
  std::condition_variable change;
  milliseconds last_beat;
  std::optional<StoreHolder> taken_by;
  std::string why;  ///< it could not sign
  bool ending = false;
  std::thread beating;  // last: it uses the others
};

Owner::Owner(const fs::path& store, OwnerTimes times)
    : state_(std::make_unique<State>(StoreLayout(fs::absolute(store).string()).lock(), times)) {}
Owner::~Owner() = default;

void Owner::check() {
  const std::lock_guard<std::mutex> guard(state_->mutex);
  if (!state_->taken_by && boot_time() - state_->last_beat >= state_->times.stale / 2) state_->beat();
  if (!state_->taken_by && boot_time() - state_->last_beat >= state_->times.stale) {
    throw Error(state_->file + " cannot be signed, so another host may take the store: " + state_->why);
  }
  if (state_->taken_by) {
    throw Error("this process stood still, and " + text_of(*state_->taken_by) + " took the store over");
  }
}

}  // namespace medley::storage
