#include "storage/copy.h"

#include "storage/database.h"
#include "storage/owner.h"
#include "storage/reader.h"
#include "storage/schema.h"

namespace medley::storage {

namespace fs = std::filesystem;

void copy_database(const fs::path& store, const fs::path& copy) {
  Database database(readable_database(store), Database::Mode::kReadOnly);
  prepare_for_reading(database);
  Statement vacuum(database, "VACUUM INTO ?");
  const std::string target = copy.string();
  try {
    vacuum.bind(target).run();
  } catch (const Error& error) {
    // What SQLite says of the copy that it writes names the database that it reads.
    throw SystemError("cannot copy the database to " + target + ": " + error.what());
  }
}

void move_exports(const fs::path& store, const std::map<std::int64_t, std::string>& files) {
  Database database(StoreLayout(store.string()).database(), Database::Mode::kReadWrite);
  Transaction transaction(database, Transaction::Kind::kWrite);
  Statement update(database, "UPDATE export SET file = ? WHERE id = ?");
  for (const auto& [id, file] : files) update.bind(file, id).run();
  transaction.commit();
}

}  // namespace medley::storage
