#include "tests/data/raw_zip.h"

namespace medley::data {
namespace {

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += i < 8 ? static_cast<char>((value >> (8 * i)) & 0xff) : '\0';
  return text;
}

std::string common(const RawMember& m) {
  return number(20, 2) + number(0, 2) + number(m.method, 2) + number(0, 4) + number(m.crc, 4) +
         number(m.packed.size(), 4) + number(m.size, 4) + number(m.name.size(), 2) + number(0, 2);
}

}  // namespace

std::uint32_t slow_crc32(const std::string& data) {
  std::uint32_t crc = 0xffffffffu;
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320u : 0u);
  }
  return ~crc;
}

RawMember stored(const std::string& name, const std::string& data) {
  RawMember member;
  member.name = name;
  member.packed = data;
  member.size = data.size();
  member.crc = slow_crc32(data);
  return member;
}

RawMember deflated(const std::string& name, const std::string& data) {
  RawMember member = stored(name, data);
  member.method = 8;
  member.packed = "\x01" + number(data.size(), 2) + number(~data.size() & 0xffff, 2) + data;
  return member;
}

std::string raw_zip(const std::vector<RawMember>& members) {
  std::string body, directory;
  for (const RawMember& m : members) {
    const std::uint64_t offset = m.header_offset.value_or(static_cast<std::uint32_t>(body.size()));
    if (!m.header_offset) body += number(0x04034b50, 4) + common(m) + m.name + m.packed;
    directory +=
        number(0x02014b50, 4) + number(20, 2) + common(m) + number(0, 2 + 2 + 2 + 4) + number(offset, 4) + m.name;
  }
  const std::string end = number(0x06054b50, 4) + number(0, 4) + number(members.size(), 2) + number(members.size(), 2) +
                          number(directory.size(), 4) + number(body.size(), 4) + number(0, 2);
  return body + directory + end;
}

std::string raw_npy(const std::string& header, const std::string& data) {
  const std::string text = header + "\n";
  return std::string("\x93NUMPY\x01\x00", 8) + number(text.size(), 2) + text + data;
}

}  // namespace medley::data
