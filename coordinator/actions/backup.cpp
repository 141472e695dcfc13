#include "coordinator/actions/backup.h"

#include <algorithm>
#include <deque>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "storage/check.h"
#include "storage/copy.h"
#include "storage/error.h"
#include "storage/files/error.h"
#include "storage/files/mapped_file.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "storage/reader.h"
#include "storage/store_folder.h"
#include "sweep/digest.h"
#include "sweep/version.h"
#include "trainer/data/sealed_zip.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using storage::Error;

constexpr const char* kManifest = "backup.json";
constexpr const char* kDatabaseFile = "medley.db";
constexpr const char* kCheckpoints = "checkpoints/";
constexpr const char* kExports = "exports/";
constexpr int kFormat = 1;

bool begins_with(const std::string& text, const std::string& start) { return text.rfind(start, 0) == 0; }

/// A folder of this process beside `path`, removed at the end.
class FolderBeside {
 public:
  explicit FolderBeside(const fs::path& path)
      : path_(path.parent_path() / fmt::format(".{}.{}.partial", path.filename().string(), ::getpid())) {
    fs::remove_all(path_);  // of a process that died and had this one's number
    files::make_folders(path_);
    fs::permissions(path_, fs::perms::owner_all);
  }
  ~FolderBeside() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  FolderBeside(const FolderBeside&) = delete;
  FolderBeside& operator=(const FolderBeside&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Absolute, without a slash at the end.
fs::path named(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

// ---- Reading ----------------------------------------------------------------------------------------------------

enum class Unpack { kAll, kDatabase };

/// Writes the files of a backup into `folder`, which need not be a store's place. Returns the manifest; `backup` gets
/// what there is.
json unpack(const fs::path& file, const fs::path& folder, Unpack what, Backup& backup) {
  const files::MappedFile mapped(file);
  backup.bytes = mapped.size();
  std::optional<json> manifest;
  bool database = false;
  for (const data::SealedMember& member : data::read_sealed_zip(mapped)) {
    const std::string& name = member.name;
    const std::string plain = name.substr(name.find('/') + 1);
    const bool checkpoint = begins_with(name, kCheckpoints), of_export = begins_with(name, kExports);
    // A sealed archive can still be one that somebody made up.
    const bool known = name == kManifest || name == kDatabaseFile || checkpoint || of_export;
    if (!known || plain.empty() || plain.front() == '.' || plain.find('/') != std::string::npos) {
      throw Error("'" + name + "' is no file of a backup");
    }
    if (name == kManifest) {
      manifest = json::parse(member.bytes);
      if (manifest->at("format") != kFormat) throw Error("a newer version of Medley wrote it");
      continue;
    }
    database = database || name == kDatabaseFile;
    backup.checkpoints += checkpoint;
    if (name == kDatabaseFile || what == Unpack::kAll) {
      files::write(folder / name, member.bytes, files::Durability::kAtomic);
    }
  }
  if (!manifest || !database) throw Error(std::string("it has no ") + (manifest ? kDatabaseFile : kManifest));
  backup.exports = static_cast<int>(manifest->at("exports").size());
  return *manifest;
}

void check(const fs::path& store, Backup& backup) {
  const storage::StoreCheck all = storage::check_store(store, storage::CheckOf::kDatabase);
  backup.results = all.results;
  if (all.faults.empty()) return;
  throw Error(fmt::format("its database has {} fault{}, the first: {}: {}", all.faults.size(),
                          all.faults.size() == 1 ? "" : "s", all.faults.front().where, all.faults.front().what));
}

// ---- Writing ----------------------------------------------------------------------------------------------------

/// The files of a backup, as long as it is written.
class Contents {
 public:
  /// `copy` is a store with a copy of the database of `store`.
  Contents(const fs::path& store, const fs::path& copy, Backup& backup, storage::TimeMs now) : backup_(backup) {
    const storage::StoreLayout layout(store.string());
    add(kDatabaseFile, copy / kDatabaseFile);
    storage::Reader reader(copy);
    add_checkpoints(layout.checkpoints(), reader);
    json exports = json::object();
    for (const storage::ExportRecord& one : reader.exports()) {
      const std::string name = add_export(layout.exports(), one);
      if (!name.empty()) exports[std::to_string(one.id)] = name;
    }
    manifest_ =
        json{{"format", kFormat}, {"medley", sweep::version()}, {"created_ms", now}, {"exports", exports}}.dump(2);
    members_.push_back({kManifest, manifest_});
  }

  const std::vector<data::SealedMember>& members() const { return members_; }

 private:
  /// A mapped file stays readable when a coordinator deletes it meanwhile.
  void add(const std::string& name, const fs::path& file) {
    if (!names_.insert(name).second) return;  // an archive that was exported twice
    const files::MappedFile& mapped = mapped_.emplace_back(file);
    members_.push_back({name, {reinterpret_cast<const char*>(mapped.data()), mapped.size()}});
  }

  void add_checkpoints(const fs::path& folder, storage::Reader& reader) {
    std::vector<std::string> trials;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      if (it->path().extension() == ".npz") trials.push_back(it->path().stem().string());
    }
    if (error && error != std::errc::no_such_file_or_directory) throw files::Error(folder, "list", error.message());
    std::sort(trials.begin(), trials.end());
    const auto states = reader.states(trials);
    for (std::size_t i = 0; i < trials.size(); ++i) {
      // Of a trial that finished after the database was copied, the copy knows nothing.
      if (states[i] != sweep::TrialState::kFinished) continue;
      const fs::path file = folder / (trials[i] + ".npz");
      try {
        add(kCheckpoints + file.filename().string(), file);
      } catch (const files::Error&) {
        if (fs::exists(file, error)) throw;  // else a coordinator has just deleted it
      }
    }
  }

  /// Its name in the backup; "" where it is not in it, with a note.
  std::string add_export(const fs::path& folder, const storage::ExportRecord& one) {
    const fs::path file = one.file;
    std::error_code error;
    const auto skip = [&](const char* why) {
      backup_.notes.push_back(fmt::format("export {} is not in the backup: {} {}", one.id, one.file, why));
      return std::string();
    };
    if (!fs::equivalent(file.parent_path(), folder, error)) return skip("lies outside of the store");
    const auto bytes = files::read_if_there(file);
    if (!bytes) return skip("is not there any more");
    if (sweep::sha256_hex(*bytes) != one.sha256) return skip("has changed (SHA-256)");
    std::string name = kExports + file.filename().string();
    add(name, file);
    const fs::path manifest = fs::path(file).replace_extension(".manifest.json");
    if (fs::exists(manifest, error)) add(kExports + manifest.filename().string(), manifest);
    return name;
  }

  Backup& backup_;
  std::set<std::string> names_;
  std::deque<files::MappedFile> mapped_;
  std::vector<data::SealedMember> members_;
  std::string manifest_;
};

/// What `work` throws as an Error that begins with `where`.
template <class Work>
void with_place(const std::string& where, Work work) {
  try {
    work();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    const std::string what = error.what();
    throw Error(begins_with(what, where) ? what : where + what);
  }
}

}  // namespace

Backup back_up(const fs::path& store, const fs::path& file, OldBackup old, storage::TimeMs now) {
  const fs::path target = named(file);
  const auto refuse = [&] {
    throw Error(target.string() + " exists already: --force replaces it, or name another file");
  };
  std::error_code absent;
  if (old == OldBackup::kKeep && fs::exists(target, absent)) refuse();
  Backup backup;
  with_place("", [&] {
    const FolderBeside scratch(target);
    files::PartialFile partial(target);
    {
      storage::copy_database(store, scratch.path() / kDatabaseFile);
      const Contents contents(store, scratch.path(), backup, now);
      data::write_sealed_zip(partial.path(), contents.members());
    }
    fs::remove(scratch.path() / kDatabaseFile);  // the disk need not hold it and what is read again
    with_place(store.string() + ": no backup was written: ", [&] {
      unpack(partial.path(), scratch.path(), Unpack::kDatabase, backup);
      check(scratch.path(), backup);
    });
    if (old == OldBackup::kReplace) {
      partial.commit(files::Durability::kDurable);
    } else if (!partial.commit_if_new(files::Durability::kDurable)) {
      refuse();
    }
  });
  return backup;
}

Backup restore(const fs::path& file, const fs::path& store) {
  const fs::path target = named(store);
  std::error_code absent;
  if (fs::exists(target, absent) && !fs::is_empty(target, absent)) {
    throw Error(target.string() + " is not empty: name another folder by --store, or `medley store merge` two stores");
  }
  Backup backup;
  with_place(file.string() + ": ", [&] {
    const FolderBeside made(target);
    const storage::StoreLayout layout(made.path().string());
    storage::make_store(made.path());
    const json manifest = unpack(file, made.path(), Unpack::kAll, backup);
    check(made.path(), backup);
    std::map<std::int64_t, std::string> exports;
    for (const auto& [id, name] : manifest.at("exports").items()) {
      exports[std::stoll(id)] = (target / name.get<std::string>()).string();
    }
    storage::move_exports(made.path(), exports);
    for (const std::string& folder : {layout.checkpoints(), layout.exports(), layout.folder})
      files::sync_folder(folder);
    fs::rename(made.path(), target);
    files::sync_folder(target.parent_path());
  });
  return backup;
}

}  // namespace medley::coordinator
