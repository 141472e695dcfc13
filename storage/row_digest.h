#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/database.h"
#include "sweep/digest.h"

namespace medley::storage {

/// SHA-256 of what one row of a result holds, with the id of its trial and the table: the last column of such a row, so
/// that whoever reads it sees that it is as it was written, and where it was written. Values are taken as SQLite gives
/// them back: NaN as NULL, and no negative zero.
class RowDigest {
 public:
  RowDigest(std::string_view table, std::string_view trial);

  RowDigest& add(std::int64_t value);
  RowDigest& add(int value) { return add(static_cast<std::int64_t>(value)); }
  RowDigest& add(double value);
  RowDigest& add(std::string_view value);
  RowDigest& add(const char* value) { return add(std::string_view(value)); }
  RowDigest& add(const std::string& value) { return add(std::string_view(value)); }
  RowDigest& add(Blob value);
  RowDigest& add(const std::optional<double>& value);
  /// Ends the digest.
  std::array<unsigned char, 32> bytes() { return sha_.bytes(); }

 private:
  RowDigest& add(char kind, const void* data, std::size_t size);

  sweep::Sha256 sha_;
};

/// Binds `trial`, all values and their digest to `insert`, and runs it.
template <class... Values>
void insert_signed(Statement& insert, std::string_view table, const std::string& trial_id, std::int64_t trial,
                   const Values&... values) {
  RowDigest digest(table, trial_id);
  (digest.add(values), ...);
  const auto bytes = digest.bytes();
  insert.bind(trial, values..., Blob{bytes.data(), bytes.size()}).run();
}

/// Throws Error unless columns `first` to `last` - 1 of the row have the digest in column `last`. `what` names them to
/// people.
void check_signed(const Statement& row, int first, int last, std::string_view table, const std::string& trial_id,
                  const char* what);

}  // namespace medley::storage
