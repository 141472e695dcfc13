#include "trainer/data/npz.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <libdeflate.h>
#include <zip.h>

#include "storage/files/error.h"
#include "sweep/nearest.h"
#include "trainer/data/error.h"
#include "trainer/data/file_kind.h"
#include "trainer/data/limits.h"

#ifdef __SANITIZE_THREAD__
/// libzip turns members' times into local time; the sanitizer does not see the lock inside the C library's
/// mktime().
extern "C" const char* __tsan_default_suppressions() { return "race:tzset_internal\n"; }
#endif

namespace medley::data {
namespace {

constexpr char kSuffix[] = ".npy";
/// Name of the array that a member holds; "" for other members. macOS adds a member `__MACOSX/._X.npy` for each.
std::string array_name(const ZipMember& member) {
  const std::size_t suffix = sizeof kSuffix - 1;
  const std::string& name = member.name;
  if (name.size() <= suffix || extension_of(name) != kSuffix) return "";
  if (name.compare(0, 9, "__MACOSX/") == 0 || name.compare(name.rfind('/') + 1, 2, "._") == 0) return "";
  return name.substr(0, name.size() - suffix);
}

/// Moves elements from Fortran to C order.
std::vector<unsigned char> to_c_order(const std::vector<unsigned char>& bytes, const NpyHeader& header) {
  std::vector<unsigned char> out(bytes.size());
  std::vector<std::size_t> index(header.shape.size(), 0);
  const std::size_t count = header.count(), item = header.item_size;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t at = 0;
    for (std::size_t axis = 0; axis < index.size(); ++axis) at = at * header.shape[axis] + index[axis];
    std::memcpy(out.data() + at * item, bytes.data() + i * item, item);
    for (std::size_t axis = 0; axis < index.size() && ++index[axis] == header.shape[axis]; ++axis) index[axis] = 0;
  }
  return out;
}

}  // namespace

ArrayReader::ArrayReader(std::shared_ptr<const files::MappedFile> file, ::zip* archive, std::uint64_t index,
                         const ZipMember& member, std::string where)
    : file_(std::move(file)), member_(member), where_(std::move(where)) {
  if (member_.method != ZipMember::kStored) {
    check_inflated_size(member_.packed_size, member_.size, available_memory(), where_);
  }
  if (member_.method == ZipMember::kDeflated) {
    inflater_ = zip_fopen_index(archive, index, 0);
    if (inflater_ == nullptr) throw Error(where_ + zip_strerror(archive));
  }
  try {
    std::vector<unsigned char> scratch(kMaxNpyHeader);
    std::vector<unsigned char> bytes;
    const auto take = [&](std::size_t size) {
      const unsigned char* piece = next(size, scratch.data());
      bytes.insert(bytes.end(), piece, piece + size);
    };
    take(static_cast<std::size_t>(std::min<std::uint64_t>(member_.size, kNpyPrologue)));
    const std::size_t size = npy_header_size(bytes.data(), member_.size, where_);
    if (size < bytes.size()) throw Error(where_ + "the header of the array is damaged: it is empty");
    take(size - bytes.size());
    header_ = parse_npy_header(bytes.data(), bytes.size(), member_.size, where_);
  } catch (...) {
    if (inflater_ != nullptr) zip_fclose(inflater_);
    throw;
  }
}

ArrayReader::ArrayReader(ArrayReader&& other) noexcept
    : file_(std::move(other.file_)),
      member_(std::move(other.member_)),
      where_(std::move(other.where_)),
      inflater_(std::exchange(other.inflater_, nullptr)),
      position_(other.position_),
      crc_(other.crc_),
      header_(std::move(other.header_)) {}

ArrayReader::~ArrayReader() {
  if (inflater_ != nullptr) zip_fclose(inflater_);
}

const unsigned char* ArrayReader::next(std::size_t size, unsigned char* scratch) {
  if (size > member_.size - position_) throw Error(where_ + "cut short");
  if (inflater_ == nullptr) {
    const unsigned char* bytes = file_->data() + member_.data_offset + position_;
    crc_ = libdeflate_crc32(crc_, bytes, size);
    position_ += size;
    return bytes;
  }
  for (std::size_t done = 0; done < size;) {
    const zip_int64_t got = zip_fread(inflater_, scratch + done, size - done);
    if (got < 0) throw Error(where_ + "damaged: " + zip_file_strerror(inflater_));
    if (got == 0) throw Error(where_ + "cut short at byte " + std::to_string(position_ + done));
    done += static_cast<std::size_t>(got);
  }
  position_ += size;
  return scratch;
}

const unsigned char* ArrayReader::in_place() const {
  return inflater_ == nullptr ? file_->data() + member_.data_offset + header_.data_offset : nullptr;
}

void ArrayReader::finish() {
  if (position_ != member_.size) throw Error(where_ + "not read to its end");
  bool intact = crc_ == member_.crc;
  std::string reason = "its CRC-32 is not the one in the directory";
  if (inflater_ != nullptr) {  // libzip compares length and CRC when it meets the end
    unsigned char more = 0;
    const zip_int64_t got = zip_fread(inflater_, &more, 1);
    intact = got == 0;
    if (got < 0) reason = zip_file_strerror(inflater_);
    if (got > 0) reason = "longer than the directory says";
  }
  if (!intact) throw Error(where_ + "damaged: " + reason);
}

namespace {

/// Maps the file. Throws Error where its first bytes are those of another format.
std::shared_ptr<const files::MappedFile> map_archive(const std::filesystem::path& path) {
  auto file = files::rethrow_as<Error>([&] { return std::make_shared<const files::MappedFile>(path); });
  const std::string_view bytes(reinterpret_cast<const char*>(file->data()), file->size());
  if (bytes.substr(0, 6) == "\x93NUMPY") {
    throw Error(path.string() + ": a single array (.npy), not an archive; save it with its clips' names by np.savez");
  }
  if (const std::string kind = other_kind(bytes); !kind.empty()) throw Error(path.string() + ": " + kind);
  return file;
}

}  // namespace

NpzFile::NpzFile(const std::filesystem::path& path) : file_(map_archive(path)), members_(read_zip_directory(*file_)) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (const std::string array = array_name(members_[i]); !array.empty()) member_of_array_.emplace(array, i);
  }
  const bool deflated = std::any_of(members_.begin(), members_.end(),
                                    [](const ZipMember& member) { return member.method == ZipMember::kDeflated; });
  if (!deflated) return;
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(file_->data(), file_->size(), 0, &error);
  archive_ = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error);
  const std::string reason = archive_ == nullptr ? zip_error_strerror(&error) : "";
  zip_error_fini(&error);
  if (archive_ == nullptr) {
    if (source != nullptr) zip_source_free(source);
    throw Error(path.string() + ": " + reason);
  }
  // Two readers of one directory must see the same members, or the checks of one do not hold for the other.
  for (std::size_t i = 0; i < members_.size(); ++i) {
    zip_stat_t stat;
    const ZipMember& member = members_[i];
    if (zip_stat_index(archive_, i, ZIP_FL_ENC_RAW, &stat) != 0 || member.name != stat.name ||
        member.size != stat.size || member.packed_size != stat.comp_size || member.crc != stat.crc ||
        member.method != stat.comp_method) {
      zip_discard(archive_);
      throw Error(path.string() + ": the archive is damaged: member " + std::to_string(i) + " has two readings");
    }
  }
}

NpzFile NpzFile::open(const std::filesystem::path& path) { return NpzFile(path); }

NpzFile::NpzFile(NpzFile&& other) noexcept
    : file_(std::move(other.file_)),
      members_(std::move(other.members_)),
      member_of_array_(std::move(other.member_of_array_)),
      archive_(std::exchange(other.archive_, nullptr)) {}

NpzFile::~NpzFile() {
  if (archive_ != nullptr) zip_discard(archive_);
}

std::vector<std::string> NpzFile::names() const {
  std::vector<std::string> names;
  for (const ZipMember& member : members_) {
    const std::string name = array_name(member);
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

bool NpzFile::contains(const std::string& name) const { return !members_named(name).empty(); }

std::vector<std::size_t> NpzFile::members_named(const std::string& name) const {
  if (const auto it = member_of_array_.find(name); it != member_of_array_.end()) return {it->second};
  std::vector<std::size_t> in_folders;
  for (const auto& [array, member] : member_of_array_) {
    if (array.compare(array.rfind('/') + 1, std::string::npos, name) == 0) in_folders.push_back(member);
  }
  return in_folders;
}

ArrayReader NpzFile::reader(const std::string& name) const {
  const std::vector<std::size_t> found = members_named(name);
  if (found.size() > 1) {
    throw Error(path().string() + ": two arrays are named '" + name + "': " + members_[found[0]].name + " and " +
                members_[found[1]].name);
  }
  if (!found.empty()) {
    const ZipMember& member = members_[found[0]];
    return ArrayReader(file_, archive_, found[0], member, path().string() + ": array '" + name + "': ");
  }
  throw Error(path().string() + ": it has no array '" + name + "'" + sweep::suggestion(name, names()));
}

NpyHeader NpzFile::header(const std::string& name) const { return reader(name).header(); }

std::vector<unsigned char> NpzFile::read_bytes(const std::string& name, NpyHeader* header) const {
  ArrayReader array = reader(name);
  *header = array.header();
  if (header->bytes() > kMaxInflatedBytes) {
    throw Error(path().string() + ": array '" + name + "': " + std::to_string(header->bytes()) +
                " bytes do not fit in memory; at most " + std::to_string(kMaxInflatedBytes));
  }
  std::vector<unsigned char> bytes(header->bytes());
  const unsigned char* from = array.next(bytes.size(), bytes.data());
  if (from != bytes.data() && !bytes.empty()) std::memcpy(bytes.data(), from, bytes.size());
  array.finish();
  return header->fortran_order && header->shape.size() > 1 ? to_c_order(bytes, *header) : bytes;
}

namespace {

void want(const NpzFile& file, const std::string& name, const NpyHeader& header, bool fits, const char* valid) {
  if (fits) return;
  throw Error(file.path().string() + ": array '" + name + "' is " + header.descr() + "; valid: " + valid);
}

template <typename T>
std::vector<T> same_bytes(const std::vector<unsigned char>& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace

std::vector<double> NpzFile::read_float64(const std::string& name) const {
  NpyHeader header;
  const std::vector<unsigned char> bytes = read_bytes(name, &header);
  want(*this, name, header, is_number(header.dtype), "numbers");
  std::vector<double> values(header.count());
  convert(header, bytes.data(), values.size(), values.data());
  return values;
}

std::vector<float> NpzFile::read_float32(const std::string& name) const {
  NpyHeader header;
  const std::vector<unsigned char> bytes = read_bytes(name, &header);
  want(*this, name, header, is_number(header.dtype), "numbers");
  std::vector<float> values(header.count());
  convert(header, bytes.data(), values.size(), values.data());
  return values;
}

std::vector<std::uint16_t> NpzFile::read_uint16(const std::string& name) const {
  NpyHeader header;
  const std::vector<unsigned char> bytes = read_bytes(name, &header);
  want(*this, name, header, header.dtype == DType::kUint16 && !header.big_endian, "<u2");
  return same_bytes<std::uint16_t>(bytes);
}

std::vector<std::int64_t> NpzFile::read_int64(const std::string& name) const {
  NpyHeader header;
  const std::vector<unsigned char> bytes = read_bytes(name, &header);
  want(*this, name, header, header.dtype == DType::kInt64 && !header.big_endian, "<i8");
  return same_bytes<std::int64_t>(bytes);
}

std::vector<std::string> NpzFile::read_strings(const std::string& name) const {
  NpyHeader header;
  const std::vector<unsigned char> bytes = read_bytes(name, &header);
  const bool named = !is_number(header.dtype) || (header.dtype >= DType::kInt8 && header.dtype <= DType::kUint64);
  want(*this, name, header, named, "<U.., |S.., whole numbers");
  std::vector<std::string> texts(header.count());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts[i] = decode_text(header, bytes.data() + i * header.item_size,
                           path().string() + ": array '" + name + "', row " + std::to_string(i) + ": ");
  }
  return texts;
}

}  // namespace medley::data
