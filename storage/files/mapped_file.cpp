#include "storage/files/mapped_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/files/descriptor.h"
#include "storage/files/error.h"

namespace medley::files {

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const Descriptor file(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (!file) throw Error(path, "open", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw Error(path, "open", errno);
  if (!S_ISREG(info.st_mode)) throw Error(path, "map", "not a regular file");
  if (info.st_size == 0) throw Error(path, "map", "the file is empty");
  size_ = static_cast<std::size_t>(info.st_size);
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED) throw Error(path, "map", errno);
  ::madvise(address, size_, MADV_SEQUENTIAL);  // the checking pass reads front to back
  data_ = static_cast<const unsigned char*>(address);
}

MappedFile::~MappedFile() { ::munmap(const_cast<unsigned char*>(data_), size_); }

}  // namespace medley::files
