#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "storage/files/mapped_file.h"
#include "trainer/data/npy.h"
#include "trainer/data/zip_directory.h"

struct zip;
struct zip_file;

namespace medley::data {

/// The elements of one array as bytes, front to back, once. Checks the CRC-32 of the whole member on the way.
class ArrayReader {
 public:
  ArrayReader(ArrayReader&&) noexcept;
  ~ArrayReader();

  const NpyHeader& header() const { return header_; }
  /// The next `size` bytes: in the mapped file where the member is stored, else inflated into `scratch` (size
  /// bytes). Throws Error when the member holds fewer.
  const unsigned char* next(std::size_t size, unsigned char* scratch);
  /// All elements in the mapped file (any alignment), or nullptr where the member is deflated. Unchecked
  /// until finish().
  const unsigned char* in_place() const;
  /// To be called after the last byte. Throws Error unless length and CRC-32 are those of the directory.
  void finish();

 private:
  friend class NpzFile;
  ArrayReader(std::shared_ptr<const files::MappedFile> file, ::zip* archive, std::uint64_t index,
              const ZipMember& member, std::string where);

  std::shared_ptr<const files::MappedFile> file_;
  ZipMember member_;
  std::string where_;
  ::zip_file* inflater_ = nullptr;
  std::uint64_t position_ = 0;  ///< in the inflated member
  std::uint32_t crc_ = 0;       ///< of the bytes so far; stored members only, libzip checks the others
  NpyHeader header_;
};

/// A NumPy `.npz` archive, open for reading. One thread at a time; several files in several threads are fine.
class NpzFile {
 public:
  /// Maps the file and checks its directory. Throws Error (as does everything here) naming the file.
  static NpzFile open(const std::filesystem::path& path);
  NpzFile(NpzFile&&) noexcept;
  ~NpzFile();

  const std::filesystem::path& path() const { return file_->path(); }
  /// Array names (without `.npy`, in any letter case) in the order of the archive. Members that macOS adds are left
  /// out.
  std::vector<std::string> names() const;
  /// A name is the whole of an array's name, or its part after the last '/': archives packed by hand have a folder.
  bool contains(const std::string& name) const;
  /// Type and shape; reads the header only.
  NpyHeader header(const std::string& name) const;

  /// All elements in C order, whatever the order in the file. read_float64() and read_float32() take any type of
  /// number; read_strings() takes `<U`, `|S` and whole numbers, and gives UTF-8.
  std::vector<double> read_float64(const std::string& name) const;
  std::vector<float> read_float32(const std::string& name) const;
  std::vector<std::uint16_t> read_uint16(const std::string& name) const;
  std::vector<std::int64_t> read_int64(const std::string& name) const;
  std::vector<std::string> read_strings(const std::string& name) const;

  /// For those who go through a large array once. The reader must not outlive this file; the mapping may
  /// (file()).
  ArrayReader reader(const std::string& name) const;
  std::shared_ptr<const files::MappedFile> file() const { return file_; }

 private:
  explicit NpzFile(const std::filesystem::path& path);
  std::vector<std::size_t> members_named(const std::string& name) const;
  std::vector<unsigned char> read_bytes(const std::string& name, NpyHeader* header) const;

  std::shared_ptr<const files::MappedFile> file_;
  std::vector<ZipMember> members_;
  std::unordered_map<std::string, std::size_t> member_of_array_;  ///< by the whole of its name
  ::zip* archive_ = nullptr;  ///< libzip's view of the same bytes, for deflated members
};

}  // namespace medley::data
