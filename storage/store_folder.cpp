#include "storage/store_folder.h"

#include "storage/error.h"
#include "storage/files/error.h"
#include "storage/files/file_system.h"
#include "storage/files/write.h"

namespace medley::storage {
namespace fs = std::filesystem;

namespace {

constexpr fs::perms kOwner = fs::perms::owner_all, kGroup = fs::perms::group_read | fs::perms::group_exec;

/// Makes `link` point at `target`, once and for all.
void link_database(const fs::path& link, const fs::path& folder) {
  files::make_folders(folder);
  const fs::path target = fs::canonical(folder) / link.filename();
  std::error_code error;
  if (fs::is_symlink(link, error)) {
    const fs::path present = fs::read_symlink(link);
    if (present == target) return;
    throw Error(link.string() + " is a link to " + present.string() + ", not to " + target.string() +
                ": leave --database out, or move the file there and the link with it");
  }
  if (fs::exists(link, error)) {
    throw Error(link.string() + " is a database already, and --database puts a new one into " + folder.string() +
                ": end what uses the store, move the file there, and try again");
  }
  fs::create_symlink(target, link);
  files::sync_folder(link.parent_path());
}

}  // namespace

StoreLayout make_store(const fs::path& store, const StorePlace& place) {
  StoreLayout layout(store.string());
  try {
    std::error_code error;
    const bool is_new = !fs::is_directory(store, error);
    files::make_folders(layout.folder);
    if (is_new) fs::permissions(store, kOwner);
    if (place.group) fs::permissions(store, kGroup, fs::perm_options::add);
    for (const std::string& folder : {layout.logs(), layout.checkpoints(), layout.exports()}) {
      files::make_folders(folder);
    }
    if (!place.database.empty()) link_database(layout.database(), fs::absolute(place.database));
  } catch (const files::Error& e) {
    throw Error(e.what());
  } catch (const fs::filesystem_error& e) {
    throw Error(store.string() + ": cannot make the store: " + e.code().message());
  }
  return layout;
}

std::vector<fs::path> database_files(const fs::path& store) {
  std::error_code absent;
  const fs::path database = fs::weakly_canonical(StoreLayout(store.string()).database(), absent);
  std::vector<fs::path> files;
  for (const char* part : {"", "-wal"}) {
    if (fs::exists(database.string() + part, absent)) files.push_back(database.string() + part);
  }
  return files;
}

std::optional<std::uintmax_t> free_bytes(const fs::path& store) {
  const std::vector<fs::path> files = database_files(store);
  std::error_code failed;
  const fs::space_info space = fs::space(files.empty() ? store : files.front(), failed);
  return failed ? std::nullopt : std::optional(space.available);
}

std::string shared_database(const fs::path& store) {
  std::error_code absent;
  return files::shared_file_system(fs::weakly_canonical(StoreLayout(store.string()).database(), absent));
}

}  // namespace medley::storage
