#include "trainer/data/zip_archive.h"

#include "trainer/data/error.h"

namespace medley::data {

ZipArchive open_zip(const std::filesystem::path& path, int flags, const std::string& where) {
  int code = 0;
  ZipArchive archive(zip_open(path.c_str(), flags, &code));
  if (archive) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string why = zip_error_strerror(&error);
  zip_error_fini(&error);
  throw Error(where + why);
}

}  // namespace medley::data
