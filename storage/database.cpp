#include "storage/database.h"

#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <new>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "storage/files/file_system.h"

namespace medley::storage {
namespace fs = std::filesystem;

namespace {
constexpr int kBusyTimeoutMs = 10'000;
/// A writer waits longer than any reader: a database browser that forgot its lock must not end the night.
constexpr int kWriterPatienceMs = 3'600'000, kPauseMs = 50, kWarnEachMs = 10'000;

/// SQLite asks it each time that it finds the database locked, with how often it asked before.
int wait_for_lock(void* path, int asked) {
  const int waited = asked * kPauseMs;
  if (waited >= kWriterPatienceMs) return 0;
  if (waited > 0 && waited % kWarnEachMs == 0) {
    std::fprintf(stderr, "medley: warning: another program has locked %s for %d s; waiting for it to let go\n",
                 static_cast<const char*>(path), waited / 1000);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMs));
  return 1;
}

/// As a URI: of its characters these three have a meaning there.
std::string address_of(const std::string& path) {
  std::string address = path.front() == '/' ? "file://" : "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      address += c == '%' ? "%25" : c == '?' ? "%3f" : "%23";
    } else {
      address += c;
    }
  }
  return address;
}

/// Whoever writes to a database has a log beside it.
bool is_closed_where_nothing_can_be_made(const std::string& link) {
  std::error_code error;
  const fs::path path = fs::weakly_canonical(link, error);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) != 0 && !fs::exists(path.string() + "-wal", error) &&
         !error;
}

/// A disk that fails, rather than a file system that cannot do something.
bool is_of_disk(int system) { return system == EIO || system == ENOSPC || system == EDQUOT || system == EFBIG; }

/// What else is known of a failure: SQLite's code, and the system's of the call that failed.
std::string cause_of(int code, int system, const std::string& path) {
  const std::string numbered = "code " + std::to_string(code) + ")";
  if (is_of_disk(system)) return " (" + std::generic_category().message(system) + "; " + numbered;
  switch (code) {
    case SQLITE_IOERR_SHMOPEN:
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMMAP:
    case SQLITE_IOERR_SHMLOCK:
      return " (" + files::its_file_system(path) +
             " does not let processes share memory, as NFS and some parallel ones do not: `--database FOLDER` puts "
             "the database on a local disk; " +
             numbered;
    case SQLITE_READONLY_ROLLBACK:  // before there is a log, a database has a journal
      return " (the command that made it was interrupted: run it again; " + numbered;
    default:
      break;
  }
  switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_FULL:
      return " (is the disk full? " + numbered;
    case SQLITE_CANTOPEN:  // a file beside it, too
      return " (is the disk full, or the folder not writable? " + numbered;
    default:
      return "";
  }
}

/// Of a read that failed, in the database or its log, SQLite says that they are damaged. 0 where none did.
int error_of_reads(sqlite3* database) {
  int system = 0;
  sqlite3_file* log = nullptr;
  sqlite3_file_control(database, "main", SQLITE_FCNTL_LAST_ERRNO, &system);
  if (system == 0 && sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
      log != nullptr && log->pMethods != nullptr) {
    log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &system);
  }
  return system;
}

/// Nothing is wrong with what is stored.
bool is_of_system(int code, int system) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return is_of_disk(system);
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
      return true;
    default:
      return false;
  }
}

/// Prepared statements; SQL that is put together from filters has few forms.
constexpr std::size_t kMostIdle = 256;

/// Pages of caches are allocated one by one. As SQLite comes, each table that a statement needs for a moment (a
/// trigger's subquery does) begins with 20 pages at once: fresh memory that the system clears.
void configure_once() {
  [[maybe_unused]] static const int configured = sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
}

}  // namespace

Database::Database(std::string path, Mode mode) : path_(std::move(path)) {
  configure_once();
  const int flags = (mode == Mode::kReadWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  const bool immutable = mode == Mode::kReadOnly && is_closed_where_nothing_can_be_made(path_);
  const std::string address = address_of(path_) + (immutable ? "?immutable=1" : "");
  if (sqlite3_open_v2(address.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    if (handle_ == nullptr) throw std::bad_alloc();
    const int code = sqlite3_extended_errcode(handle_);
    const std::string why = sqlite3_errmsg(handle_) + cause_of(code, sqlite3_system_errno(handle_), path_);
    sqlite3_close(handle_);
    throw SystemError("cannot open " + path_ + ": " + why);
  }
  sqlite3_extended_result_codes(handle_, 1);
  if (mode == Mode::kReadWrite) {
    sqlite3_busy_handler(handle_, wait_for_lock, const_cast<char*>(path_.c_str()));
  } else {
    sqlite3_busy_timeout(handle_, kBusyTimeoutMs);
  }
}

Database::~Database() {
  forget_idle();
  sqlite3_close(handle_);
}

sqlite3_stmt* Database::prepared(std::string_view sql) {
  if (const auto found = idle_.find(sql); found != idle_.end()) {
    sqlite3_stmt* statement = found->second;
    idle_.erase(found);
    return statement;
  }
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                         nullptr) != SQLITE_OK) {
    fail(std::string(sql));
  }
  return statement;
}

void Database::keep(sqlite3_stmt* statement) noexcept {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);  // text and blobs were borrowed
  if (idle_.size() >= kMostIdle) forget_idle();
  try {
    idle_.emplace(sqlite3_sql(statement), statement);
  } catch (const std::bad_alloc&) {
    sqlite3_finalize(statement);
  }
}

void Database::forget_idle() noexcept {
  for (const auto& [sql, statement] : idle_) sqlite3_finalize(statement);
  idle_.clear();
}

void Database::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

int Database::changes() const { return sqlite3_changes(handle_); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

void Database::fail(const std::string& doing) const {
  const int code = sqlite3_extended_errcode(handle_), primary = code & 0xff;
  if (primary == SQLITE_NOMEM) throw std::bad_alloc();
  const bool damaged = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
  const int system = damaged ? error_of_reads(handle_) : sqlite3_system_errno(handle_);
  constexpr std::size_t kShown = 80;
  const std::string what =
      path_ + ": " + sqlite3_errmsg(handle_) + cause_of(code, system, path_) + " [" + doing.substr(0, kShown) + "]";
  if (code == SQLITE_READONLY_ROLLBACK) throw InterruptedStart(what);
  if (is_of_system(code, system)) throw SystemError(what);
  throw Error(what);
}

Statement::Statement(Database& database, std::string_view sql) : database_(database), handle_(database.prepared(sql)) {}

Statement::~Statement() { database_.keep(handle_); }

bool Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail(sqlite3_sql(handle_));
  return false;
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() { sqlite3_reset(handle_); }

Statement::Type Statement::type(int column) const {
  switch (sqlite3_column_type(handle_, column)) {
    case SQLITE_INTEGER:
      return Type::kInteger;
    case SQLITE_FLOAT:
      return Type::kReal;
    case SQLITE_TEXT:
      return Type::kText;
    case SQLITE_BLOB:
      return Type::kBlob;
    default:
      return Type::kNull;
  }
}

bool Statement::is_null(int column) const { return type(column) == Type::kNull; }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

double Statement::real(int column) const {
  return is_null(column) ? std::numeric_limits<double>::quiet_NaN() : sqlite3_column_double(handle_, column);
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  return data ? std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))) : std::string();
}

Blob Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(handle_, column);
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

void Statement::bind_one(int index, std::int64_t value) {
  if (sqlite3_bind_int64(handle_, index, value) != SQLITE_OK) database_.fail(sqlite3_sql(handle_));
}

void Statement::bind_one(int index, double value) {
  if (sqlite3_bind_double(handle_, index, value) != SQLITE_OK) database_.fail(sqlite3_sql(handle_));
}

void Statement::bind_one(int index, std::string_view value) {
  const char* data = value.data() ? value.data() : "";
  if (sqlite3_bind_text64(handle_, index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK) {
    database_.fail(sqlite3_sql(handle_));
  }
}

void Statement::bind_one(int index, Blob value) {
  const void* data = value.size ? value.data : "";
  if (sqlite3_bind_blob64(handle_, index, data, value.size, SQLITE_STATIC) != SQLITE_OK) {
    database_.fail(sqlite3_sql(handle_));
  }
}

void Statement::bind_one(int index, std::nullptr_t) {
  if (sqlite3_bind_null(handle_, index) != SQLITE_OK) database_.fail(sqlite3_sql(handle_));
}

void Database::begin(const char* sql) {
  try {
    execute(sql);
  } catch (...) {
    roll_back();
    throw;
  }
}

void Database::roll_back() noexcept {
  if (in_transaction()) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  assert(!database.in_transaction());
  database_.begin(kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN DEFERRED");
}

Transaction::~Transaction() {
  if (open_) database_.roll_back();
}

void Transaction::commit() {
  assert(open_);
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace medley::storage
