#include "trainer/data/sealed_zip.h"

#include <fstream>

#include "sweep/digest.h"
#include "trainer/data/error.h"
#include "trainer/data/zip_archive.h"
#include "trainer/data/zip_directory.h"

namespace medley::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSealSize = 64;  // hexadecimal digits of a SHA-256

std::string_view bytes_of(const files::MappedFile& file, std::size_t from, std::size_t size) {
  return {reinterpret_cast<const char*>(file.data()) + from, size};
}

/// What the end of `file` must say.
std::string seal_of(const files::MappedFile& file) {
  return sweep::sha256_hex(bytes_of(file, 0, file.size() - kSealSize));
}

void write_members(const fs::path& path, const std::vector<SealedMember>& members) {
  const std::string where = path.string() + ": ";
  ZipArchive archive = open_zip(path, ZIP_CREATE | ZIP_TRUNCATE, where + "cannot begin an archive: ");
  const auto fail = [&] { throw Error(where + "cannot write: " + zip_strerror(archive.get())); };
  for (const SealedMember& member : members) {
    zip_source_t* source = zip_source_buffer(archive.get(), member.bytes.data(), member.bytes.size(), 0);
    if (source == nullptr) fail();
    const zip_int64_t index = zip_file_add(archive.get(), member.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      fail();
    }
    if (zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) != 0) fail();
  }
  const std::string place_of_the_seal(kSealSize, '0');
  if (zip_set_archive_comment(archive.get(), place_of_the_seal.data(), kSealSize) != 0) fail();
  if (zip_close(archive.get()) != 0) fail();
  archive.release();  // zip_close() freed it
}

}  // namespace

void write_sealed_zip(const fs::path& path, const std::vector<SealedMember>& members) {
  write_members(path, members);
  const std::string seal = seal_of(files::MappedFile(path));
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-static_cast<std::streamoff>(kSealSize), std::ios::end);
  file << seal << std::flush;
  if (!file) throw Error(path.string() + ": cannot write: is the disk full?");
}

std::vector<SealedMember> read_sealed_zip(const files::MappedFile& file) {
  const std::string where = file.path().string() + ": ";
  if (file.size() < kSealSize || seal_of(file) != bytes_of(file, file.size() - kSealSize, kSealSize)) {
    throw Error(where + "it does not end with the SHA-256 of its bytes: cut short, altered, or another kind of file");
  }
  std::vector<SealedMember> members;
  for (const ZipMember& member : read_zip_directory(file)) {
    if (member.method != ZipMember::kStored) throw Error(where + "'" + member.name + "' is compressed");
    members.push_back({member.name, bytes_of(file, member.data_offset, member.size)});
  }
  return members;
}

}  // namespace medley::data
