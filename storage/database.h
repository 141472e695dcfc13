#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace medley::storage {

/// One SQLite connection. Not thread-safe. Every failure of any call below throws Error with the file, the statement's
/// purpose as far as SQLite tells it, and SQLite's message.
class Database {
 public:
  /// kReadOnly in a folder where nothing can be made takes a database that was cleanly closed as it lies there:
  /// SQLite's own reading makes two files beside it.
  enum class Mode { kReadWrite, kReadOnly };
  Database(std::string path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs statements without parameters and ignores their rows.
  void execute(const char* sql);
  void execute(const std::string& sql) { execute(sql.c_str()); }
  /// Executes a BEGIN. Where it throws, no transaction is open.
  void begin(const char* sql);
  /// Ends an open transaction, if there is one. SQLite itself rolls back on some errors (disk full); a ROLLBACK that
  /// fails leaves nothing that could be committed.
  void roll_back() noexcept;
  std::int64_t last_insert_id() const;
  /// Rows that the last INSERT, UPDATE or DELETE changed.
  int changes() const;
  bool in_transaction() const;
  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_; }
  [[noreturn]] void fail(const std::string& doing) const;

 private:
  friend class Statement;
  sqlite3_stmt* prepared(std::string_view sql);
  void keep(sqlite3_stmt* statement) noexcept;
  void forget_idle() noexcept;

  std::string path_;
  sqlite3* handle_ = nullptr;
  /// Prepared statements that nobody uses, by their SQL, for the next Statement of the same: compiling one takes longer
  /// than running it.
  std::multimap<std::string, sqlite3_stmt*, std::less<>> idle_;
};

/// Bytes to bind; borrowed until the statement is run.
struct Blob {
  const void* data = nullptr;
  std::size_t size = 0;
};

/// A prepared statement, compiled once for all Statements of one SQL text. Text and blobs that are bound are borrowed
/// until run() or the end of stepping.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Binds all parameters from the first on; resets the statement before.
  template <class... Values>
  Statement& bind(const Values&... values) {
    reset();
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  /// True when there is a row.
  bool step();
  /// Steps to the end and resets.
  void run();
  void reset();

  // Columns of the row, from 0.
  enum class Type { kNull, kInteger, kReal, kText, kBlob };
  Type type(int column) const;
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  int whole(int column) const { return static_cast<int>(integer(column)); }
  /// NULL is NaN: that is how SQLite stores one.
  double real(int column) const;
  std::string text(int column) const;
  /// Valid until the next step.
  Blob blob(int column) const;

 private:
  void bind_one(int index, std::int64_t value);
  void bind_one(int index, int value) { bind_one(index, static_cast<std::int64_t>(value)); }
  void bind_one(int index, bool value) { bind_one(index, static_cast<std::int64_t>(value)); }
  /// As the signed number with the same bits: SQLite has no unsigned ones.
  void bind_one(int index, std::uint64_t value) { bind_one(index, static_cast<std::int64_t>(value)); }
  void bind_one(int index, double value);
  void bind_one(int index, std::string_view value);
  void bind_one(int index, const std::string& value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, const char* value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, Blob value);
  void bind_one(int index, std::nullptr_t);
  template <class T>
  void bind_one(int index, const std::optional<T>& value) {
    if (value) {
      bind_one(index, *value);
    } else {
      bind_one(index, nullptr);
    }
  }

  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

/// Rolled back when destroyed uncommitted.
class Transaction {
 public:
  /// kWrite takes the write lock at once (BEGIN IMMEDIATE), so that no later statement can find it taken. kRead sees
  /// one consistent state.
  enum class Kind { kWrite, kRead };
  Transaction(Database& database, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace medley::storage
