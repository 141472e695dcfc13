#include "storage/row_digest.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace medley::storage {

RowDigest::RowDigest(std::string_view table, std::string_view trial) { add(table).add(trial); }

RowDigest& RowDigest::add(char kind, const void* data, std::size_t size) {
  const std::uint64_t length = size;
  sha_.add(&kind, 1);
  sha_.add(&length, sizeof(length));
  if (size > 0) sha_.add(data, size);
  return *this;
}

RowDigest& RowDigest::add(std::int64_t value) { return add('i', &value, sizeof(value)); }

RowDigest& RowDigest::add(double value) {
  if (std::isnan(value)) return add('0', nullptr, 0);
  value += 0.0;
  return add('r', &value, sizeof(value));
}

RowDigest& RowDigest::add(std::string_view value) { return add('t', value.data(), value.size()); }

RowDigest& RowDigest::add(Blob value) { return add('b', value.data, value.size); }

RowDigest& RowDigest::add(const std::optional<double>& value) { return value ? add(*value) : add('0', nullptr, 0); }

void check_signed(const Statement& row, int first, int last, std::string_view table, const std::string& trial_id,
                  const char* what) {
  RowDigest digest(table, trial_id);
  for (int column = first; column < last; ++column) {
    switch (row.type(column)) {
      case Statement::Type::kNull:
        digest.add(std::optional<double>());
        break;
      case Statement::Type::kInteger:
        digest.add(row.integer(column));
        break;
      case Statement::Type::kReal:
        digest.add(row.real(column));
        break;
      case Statement::Type::kText:
        digest.add(row.text(column));
        break;
      case Statement::Type::kBlob:
        digest.add(row.blob(column));
        break;
    }
  }
  const auto bytes = digest.bytes();
  const Blob stored = row.blob(last);
  if (stored.size == bytes.size() && std::memcmp(stored.data, bytes.data(), bytes.size()) == 0) return;
  throw ChangedResult(trial_id, what);
}

}  // namespace medley::storage
