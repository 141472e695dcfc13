#include "trainer/data/out_folder.h"

#include "storage/files/error.h"
#include "storage/files/write.h"
#include "trainer/data/error.h"

namespace medley::data {

void make_folder(const std::filesystem::path& folder, Existing existing) {
  files::rethrow_as<Error>([&] { files::make_folders(folder); });
  if (existing == Existing::kRefuse && !std::filesystem::is_empty(folder)) refuse_full_folder(folder);
}

void refuse_full_folder(const std::filesystem::path& folder) {
  throw Error(folder.string() + ": the folder is not empty; name another, or --force to overwrite files in it");
}

}  // namespace medley::data
