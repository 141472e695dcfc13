#include "trainer/data/zip_directory.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "trainer/data/error.h"

namespace medley::data {
namespace {

// Layout and signatures: PKWARE APPNOTE 6.3.9, sections 4.3.7 (local header), 4.3.12 (central header),
// 4.3.14-4.3.16 (end records), 4.5.3 (ZIP64 extra field). All numbers are little-endian.
constexpr std::uint32_t kLocalSignature = 0x04034b50;
constexpr std::uint32_t kCentralSignature = 0x02014b50;
constexpr std::uint32_t kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50;
constexpr std::uint32_t kLocator64Signature = 0x07064b50;
constexpr std::uint64_t kEndSize = 22;
constexpr std::uint64_t kMaxMembers = 65'535;
constexpr std::uint32_t kIn64 = 0xffffffff;
constexpr std::uint16_t kEncrypted = 1, kSizesFollowData = 8;

/// Reads fields front to back; throws instead of leaving [0, end).
class Cursor {
 public:
  Cursor(const files::MappedFile& file, std::uint64_t at, std::uint64_t end) : file_(file), at_(at), end_(end) {
    if (end_ > file_.size() || at_ > end_) fail();
  }

  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }
  std::string text(std::uint64_t size) {
    need(size);
    std::string text(reinterpret_cast<const char*>(file_.data() + at_), size);
    at_ += size;
    return text;
  }
  void skip(std::uint64_t size) {
    need(size);
    at_ += size;
  }
  std::uint64_t at() const { return at_; }
  std::uint64_t left() const { return end_ - at_; }

 private:
  template <typename T>
  T number() {
    need(sizeof(T));
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      value |= static_cast<T>(static_cast<T>(file_.data()[at_ + i]) << (8 * i));
    at_ += sizeof(T);
    return value;
  }
  void need(std::uint64_t size) const {
    if (size > end_ - at_) fail();
  }
  [[noreturn]] void fail() const {
    throw Error(file_.path().string() + ": the archive is damaged: a header reaches past byte " + std::to_string(end_) +
                " of " + std::to_string(file_.size()));
  }

  const files::MappedFile& file_;
  std::uint64_t at_, end_;
};

[[noreturn]] void fail(const files::MappedFile& file, const std::string& what) {
  throw Error(file.path().string() + ": " + what);
}

struct Directory {
  std::uint64_t offset, size, members;
};

Directory find_directory(const files::MappedFile& file) {
  if (file.size() < kEndSize) fail(file, "not a ZIP archive: only " + std::to_string(file.size()) + " bytes");
  const std::uint64_t last = file.size() - kEndSize;
  const std::uint64_t first = last > 0xffff ? last - 0xffff : 0;  // the archive's comment has at most 65,535 bytes
  std::uint64_t end = file.size();
  for (std::uint64_t at = last + 1; at-- > first;) {
    Cursor record(file, at, file.size());
    if (record.u32() != kEndSignature) continue;
    record.skip(16);
    if (record.u16() != file.size() - at - kEndSize) continue;
    end = at;
    break;
  }
  if (end == file.size()) fail(file, "not a ZIP archive, or cut short: it has no end record");

  Cursor record(file, end + 4, file.size());
  const std::uint16_t disk = record.u16(), directory_disk = record.u16();
  std::uint64_t on_disk = record.u16();
  Directory directory{};
  directory.members = record.u16();
  directory.size = record.u32();
  directory.offset = record.u32();
  if (disk != 0 || directory_disk != 0) fail(file, "archives split over several files are not read");

  std::uint64_t directory_limit = end;
  if (directory.members == 0xffff || directory.size == kIn64 || directory.offset == kIn64) {
    if (end < 20) fail(file, "the archive is damaged: no room for its ZIP64 locator");
    Cursor locator(file, end - 20, end);
    if (locator.u32() != kLocator64Signature) fail(file, "the archive is damaged: its ZIP64 locator is missing");
    locator.skip(4);
    const std::uint64_t at = locator.u64();
    if (at > end - 20) fail(file, "the archive is damaged: its ZIP64 end record lies outside the file");
    Cursor end64(file, at, end - 20);
    if (end64.u32() != kEnd64Signature) fail(file, "the archive is damaged: its ZIP64 end record is missing");
    end64.skip(8 + 2 + 2 + 4 + 4);
    on_disk = end64.u64();
    directory.members = end64.u64();
    directory.size = end64.u64();
    directory.offset = end64.u64();
    directory_limit = at;
  }
  if (on_disk != directory.members) fail(file, "archives split over several files are not read");
  if (directory.members > kMaxMembers) {
    fail(file, "the archive says it has " + std::to_string(directory.members) + " members; at most " +
                   std::to_string(kMaxMembers) + " are read");
  }
  if (directory.offset > directory_limit || directory.size != directory_limit - directory.offset) {
    fail(file, "the archive is damaged: its directory does not lie where its end record says");
  }
  return directory;
}

/// Replaces those of the three that are 0xffffffff by the 64-bit values in the ZIP64 extra field.
void read_extra64(const files::MappedFile& file, const std::string& member, Cursor extra, std::uint64_t* size,
                  std::uint64_t* packed_size, std::uint64_t* offset) {
  std::vector<std::uint64_t*> wanted;
  for (std::uint64_t* value : {size, packed_size, offset}) {
    if (value != nullptr && *value == kIn64) wanted.push_back(value);
  }
  if (wanted.empty()) return;
  while (extra.left() >= 4) {
    const std::uint16_t kind = extra.u16();
    const std::uint16_t length = extra.u16();
    if (kind != 1) {
      extra.skip(length);
      continue;
    }
    if (length < 8 * wanted.size()) break;
    for (std::uint64_t* value : wanted) *value = extra.u64();
    return;
  }
  fail(file, "member '" + member + "': the 64-bit sizes are missing");
}

struct Placed {
  ZipMember member;
  std::uint64_t header_offset = 0;
};

Placed read_central(const files::MappedFile& file, Cursor& cursor) {
  if (cursor.u32() != kCentralSignature) fail(file, "the archive is damaged: a directory entry has no signature");
  Placed placed;
  ZipMember& member = placed.member;
  cursor.skip(2 + 2);
  const std::uint16_t flags = cursor.u16();
  member.method = cursor.u16();
  cursor.skip(2 + 2);
  member.crc = cursor.u32();
  member.packed_size = cursor.u32();
  member.size = cursor.u32();
  const std::uint16_t name_size = cursor.u16(), extra_size = cursor.u16(), comment_size = cursor.u16();
  const std::uint16_t disk = cursor.u16();
  cursor.skip(2 + 4);
  placed.header_offset = cursor.u32();
  member.name = cursor.text(name_size);
  const std::uint64_t extra_at = cursor.at();
  cursor.skip(extra_size);
  cursor.skip(comment_size);
  read_extra64(file, member.name, Cursor(file, extra_at, extra_at + extra_size), &member.size, &member.packed_size,
               &placed.header_offset);
  const std::string where = "member '" + member.name + "': ";
  if (disk != 0) fail(file, where + "archives split over several files are not read");
  if (flags & kEncrypted) fail(file, where + "encrypted members are not read");
  if (member.method != ZipMember::kStored && member.method != ZipMember::kDeflated) {
    fail(file, where + "compression method " + std::to_string(member.method) + " is not read; valid: stored, deflated");
  }
  if (member.method == ZipMember::kStored && member.size != member.packed_size) {
    fail(file, where + "stored, yet " + std::to_string(member.packed_size) + " bytes stand for " +
                   std::to_string(member.size));
  }
  return placed;
}

void check_local(const files::MappedFile& file, std::uint64_t directory_offset, Placed& placed) {
  ZipMember& member = placed.member;
  const std::string where = "member '" + member.name + "': ";
  Cursor local(file, std::min(placed.header_offset, directory_offset), directory_offset);
  if (local.u32() != kLocalSignature) fail(file, where + "its local header is missing");
  local.skip(2);
  const std::uint16_t flags = local.u16(), method = local.u16();
  local.skip(2 + 2);
  const std::uint32_t crc = local.u32();
  std::uint64_t packed_size = local.u32(), size = local.u32();
  const std::uint16_t name_size = local.u16(), extra_size = local.u16();
  const std::string name = local.text(name_size);
  const std::uint64_t extra_at = local.at();
  local.skip(extra_size);
  member.data_offset = local.at();
  bool agrees = name == member.name && method == member.method && !(flags & kEncrypted);
  if (agrees && !(flags & kSizesFollowData)) {
    read_extra64(file, name, Cursor(file, extra_at, extra_at + extra_size), &size, &packed_size, nullptr);
    agrees = crc == member.crc && size == member.size && packed_size == member.packed_size;
  }
  if (!agrees) fail(file, where + "its local header and the directory disagree");
  if (member.packed_size > directory_offset - member.data_offset) {
    fail(file, where + std::to_string(member.packed_size) + " bytes from byte " + std::to_string(member.data_offset) +
                   " reach into the directory at " + std::to_string(directory_offset));
  }
}

}  // namespace

std::vector<ZipMember> read_zip_directory(const files::MappedFile& file) {
  const Directory directory = find_directory(file);
  Cursor cursor(file, directory.offset, directory.offset + directory.size);
  std::vector<ZipMember> members;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> extents;
  std::set<std::string> names;
  for (std::uint64_t i = 0; i < directory.members; ++i) {
    Placed placed = read_central(file, cursor);
    check_local(file, directory.offset, placed);
    const ZipMember& member = placed.member;
    if (!names.insert(member.name).second) fail(file, "member '" + member.name + "' occurs twice");
    extents.emplace_back(placed.header_offset, member.data_offset + member.packed_size);
    members.push_back(std::move(placed.member));
  }
  if (cursor.left() != 0) fail(file, "the archive is damaged: bytes follow the last directory entry");
  std::sort(extents.begin(), extents.end());
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].first < extents[i - 1].second) {
      fail(file, "two members overlap at byte " + std::to_string(extents[i].first));
    }
  }
  return members;
}

}  // namespace medley::data
