#include "trainer/data/npy.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "sweep/half.h"
#include "trainer/data/error.h"

namespace medley::data {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr std::size_t kMaxAxes = 8;
constexpr std::size_t kMaxText = 16384;  // code points or bytes of one string, such as the text of a checkpoint

struct NumberType {
  DType dtype;
  const char* code;
  std::size_t size;
};
/// ml_dtypes writes bfloat16 as V2, raw bytes.
constexpr NumberType kNumberTypes[] = {
    {DType::kFloat16, "f2", 2},  {DType::kFloat32, "f4", 4},        {DType::kFloat64, "f8", 8},
    {DType::kBfloat16, "V2", 2}, {DType::kBfloat16, "bfloat16", 2}, {DType::kBool, "b1", 1},
    {DType::kInt8, "i1", 1},     {DType::kInt16, "i2", 2},          {DType::kInt32, "i4", 4},
    {DType::kInt64, "i8", 8},    {DType::kUint8, "u1", 1},          {DType::kUint16, "u2", 2},
    {DType::kUint32, "u4", 4},   {DType::kUint64, "u8", 8}};

/// Reads the Python dictionary literal of a header: {'descr': '<f4', 'fortran_order': False, 'shape': (3050,
/// 12), }
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        read_descr(header);
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        header.fortran_order = boolean();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        header.shape = shape();
      } else {
        fail("unexpected key '" + key + "'");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != text_.size()) fail("text after the closing brace");
    if (!has_descr || !has_order || !has_shape) fail("descr, fortran_order and shape are needed");
    return header;
  }

 private:
  void read_descr(NpyHeader& header) {
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '[') throw Error(where_ + "record arrays are not read");
    const std::string descr = quoted();
    const std::string unread = where_ + "dtype '" + descr + "' is not read; valid: floats, integers, bool, <U.., |S..";
    if (descr.find('O') != std::string::npos) {
      throw Error(where_ +
                  "dtype object (pickled) is not read; save names as np.array(names, dtype=str), numbers as float32");
    }
    if (descr.size() < 3) throw Error(unread);
    for (const NumberType& type : kNumberTypes) {
      if (descr != type.code && descr.substr(1) != type.code) continue;
      if (descr != type.code && std::string_view("<>|=").find(descr[0]) == std::string_view::npos) break;
      header.dtype = type.dtype;
      header.item_size = type.size;
      header.big_endian = descr[0] == '>' && type.size > 1;
      return;
    }
    std::size_t width = 0;
    for (const char c : descr.substr(2)) {
      if (c < '0' || c > '9' || width > kMaxText) throw Error(unread);
      width = 10 * width + static_cast<std::size_t>(c - '0');
    }
    const std::string kind = descr.substr(0, 2);
    const bool unicode = kind == "<U" || kind == ">U", bytes = kind == "|S" || kind == "|a";
    if (!unicode && !bytes) throw Error(unread);
    if (width == 0 || width > kMaxText) {
      throw Error(where_ + "dtype '" + descr + "': strings have 1 to " + std::to_string(kMaxText) + " characters");
    }
    header.dtype = unicode ? DType::kUnicode : DType::kBytes;
    header.item_size = unicode ? 4 * width : width;
    header.big_endian = kind == ">U";
  }

  std::vector<std::size_t> shape() {
    std::vector<std::size_t> shape;
    expect('(');
    while (!accept(')')) {
      shape.push_back(number());
      if (shape.size() > kMaxAxes) fail("more than " + std::to_string(kMaxAxes) + " axes");
      if (!accept(',')) {
        expect(')');
        if (shape.size() == 1) fail("(n) is not a tuple");
        break;
      }
    }
    return shape;
  }

  std::size_t number() {
    skip_spaces();
    const std::string_view wrapper = "np.int64(";  // NumPy 2 writes it for lengths that are its own integers
    const bool wrapped = text_.substr(at_, wrapper.size()) == wrapper;
    if (wrapped) at_ += wrapper.size();
    std::size_t value = 0, digits = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_, ++digits) {
      if (digits == 18) fail("a number with more than 18 digits");
      value = 10 * value + static_cast<std::size_t>(text_[at_] - '0');
    }
    if (digits == 0) fail("a number of elements is expected");
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // a long integer of Python 2
    if (wrapped) expect(')');
    return value;
  }

  bool boolean() {
    skip_spaces();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return value;
      }
    }
    fail("True or False is expected");
  }

  std::string quoted() {
    skip_spaces();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) fail("a quoted word is expected");
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) fail("a quote is not closed");
    const std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("'") + c + "' is expected");
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(where_ + "the header of the array is damaged: " + what + " at character " + std::to_string(at_));
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

/// One element of at most 8 bytes, in the order of this machine.
template <typename From>
From element(const unsigned char* bytes, bool swap) {
  unsigned char raw[sizeof(From)];
  std::memcpy(raw, bytes, sizeof raw);
  if (swap) std::reverse(raw, raw + sizeof raw);
  From value;
  std::memcpy(&value, raw, sizeof value);
  return value;
}

/// `value` makes a number of what is stored as From.
template <typename From, typename To, typename Value>
void copy_as(const unsigned char* bytes, std::size_t count, bool swap, To* out, Value value) {
  if (swap) {
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = static_cast<To>(value(element<From>(bytes + i * sizeof(From), true)));
    }
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = static_cast<To>(value(element<From>(bytes + i * sizeof(From), false)));
    }
  }
}

float bfloat16_value(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

template <typename To>
void convert_to(const NpyHeader& header, const unsigned char* bytes, std::size_t count, To* out) {
  const bool swap = header.big_endian;
  const auto same = [](auto value) { return value; };
  switch (header.dtype) {
    case DType::kFloat16:
      return copy_as<std::uint16_t>(bytes, count, swap, out, [](std::uint16_t h) { return sweep::half_value(h); });
    case DType::kBfloat16:
      return copy_as<std::uint16_t>(bytes, count, swap, out, bfloat16_value);
    case DType::kFloat32:
      return copy_as<float>(bytes, count, swap, out, same);
    case DType::kFloat64:
      return copy_as<double>(bytes, count, swap, out, same);
    case DType::kBool:
      return copy_as<std::uint8_t>(bytes, count, swap, out, [](std::uint8_t b) { return b != 0 ? 1 : 0; });
    case DType::kInt8:
      return copy_as<std::int8_t>(bytes, count, swap, out, same);
    case DType::kInt16:
      return copy_as<std::int16_t>(bytes, count, swap, out, same);
    case DType::kInt32:
      return copy_as<std::int32_t>(bytes, count, swap, out, same);
    case DType::kInt64:
      return copy_as<std::int64_t>(bytes, count, swap, out, same);
    case DType::kUint8:
      return copy_as<std::uint8_t>(bytes, count, swap, out, same);
    case DType::kUint16:
      return copy_as<std::uint16_t>(bytes, count, swap, out, same);
    case DType::kUint32:
      return copy_as<std::uint32_t>(bytes, count, swap, out, same);
    case DType::kUint64:
      return copy_as<std::uint64_t>(bytes, count, swap, out, same);
    case DType::kUnicode:
    case DType::kBytes:
      break;
  }
  throw Error("text holds no features");
}

void append_utf8(std::uint32_t c, std::string& out) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) {
    byte(0xc0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      byte(0xe0 | (c >> 12));
    } else {
      byte(0xf0 | (c >> 18));
      byte(0x80 | ((c >> 12) & 0x3f));
    }
    byte(0x80 | ((c >> 6) & 0x3f));
  }
  byte(0x80 | (c & 0x3f));
}

bool is_scalar_value(std::uint32_t c) { return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff); }

}  // namespace

bool is_number(DType dtype) { return dtype != DType::kUnicode && dtype != DType::kBytes; }

std::size_t NpyHeader::count() const {
  std::size_t count = 1;
  for (const std::size_t axis : shape) count *= axis;
  return count;
}

std::string NpyHeader::descr() const {
  const std::string order = item_size == 1 || dtype == DType::kBfloat16 ? "|" : big_endian ? ">" : "<";
  if (dtype == DType::kUnicode) return (big_endian ? ">U" : "<U") + std::to_string(item_size / 4);
  if (dtype == DType::kBytes) return "|S" + std::to_string(item_size);
  for (const NumberType& type : kNumberTypes) {
    if (type.dtype == dtype) return order + type.code;
  }
  return "";
}

std::string NpyHeader::shape_text() const {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::size_t npy_header_size(const unsigned char* bytes, std::uint64_t total_size, const std::string& where) {
  if (total_size < 10 || std::memcmp(bytes, kMagic, 6) != 0) throw Error(where + "not a NumPy array");
  const int major = bytes[6], minor = bytes[7];
  if (major < 1 || major > 3 || minor != 0) {
    throw Error(where + "NumPy format " + std::to_string(major) + "." + std::to_string(minor) +
                " is not read; valid: 1.0, 2.0, 3.0");
  }
  std::size_t size = 0;
  if (major == 1) {
    size = 10 + (bytes[8] | static_cast<std::size_t>(bytes[9]) << 8);
  } else {
    if (total_size < 12) throw Error(where + "not a NumPy array: cut short");
    size = 12;
    for (std::size_t i = 0; i < 4; ++i) size += static_cast<std::size_t>(bytes[8 + i]) << (8 * i);
  }
  if (size > kMaxNpyHeader) {
    throw Error(where + "the header says it has " + std::to_string(size) + " bytes; at most " +
                std::to_string(kMaxNpyHeader) + " are read");
  }
  if (size > total_size) throw Error(where + "cut short inside the header");
  return size;
}

NpyHeader parse_npy_header(const unsigned char* bytes, std::size_t size, std::uint64_t total_size,
                           const std::string& where) {
  const std::size_t text_at = bytes[6] == 1 ? 10 : 12;
  if (size < text_at) throw Error(where + "cut short inside the header");
  const std::string_view text(reinterpret_cast<const char*>(bytes) + text_at, size - text_at);
  if (text.empty() || text.back() != '\n') throw Error(where + "the header of the array does not end in a new line");
  NpyHeader header = HeaderText(text, where).parse();
  header.data_offset = size;
  std::size_t expected = header.item_size;
  bool overflows = false;
  for (const std::size_t axis : header.shape) overflows |= __builtin_mul_overflow(expected, axis, &expected);
  if (overflows || expected != total_size - size) {
    throw Error(where + "shape " + header.shape_text() + " of " + header.descr() + " does not fit the " +
                std::to_string(total_size - size) + " bytes that follow the header");
  }
  return header;
}

std::string format_npy_header(DType dtype, std::size_t item_size, const std::vector<std::size_t>& shape,
                              std::size_t offset_in_file) {
  NpyHeader header;
  header.dtype = dtype;
  header.item_size = item_size;
  header.shape = shape;
  std::string text =
      "{'descr': '" + header.descr() + "', 'fortran_order': False, 'shape': " + header.shape_text() + ", }";
  const std::size_t unpadded = offset_in_file + 10 + text.size() + 1;
  text.append((64 - unpadded % 64) % 64, ' ');
  text += '\n';
  std::string bytes(kMagic, 6);
  bytes += {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return bytes + text;
}

void convert(const NpyHeader& header, const unsigned char* bytes, std::size_t count, float* out) {
  convert_to(header, bytes, count, out);
}
void convert(const NpyHeader& header, const unsigned char* bytes, std::size_t count, double* out) {
  convert_to(header, bytes, count, out);
}

std::string decode_text(const NpyHeader& header, const unsigned char* bytes, const std::string& where) {
  std::string text;
  if (header.dtype == DType::kBytes) {
    std::size_t size = header.item_size;
    while (size > 0 && bytes[size - 1] == 0) --size;
    text.assign(reinterpret_cast<const char*>(bytes), size);
    decode_utf8(text, where);
  } else if (header.dtype == DType::kUnicode) {
    std::size_t size = header.item_size / 4;
    const auto at = [&](std::size_t i) { return element<std::uint32_t>(bytes + 4 * i, header.big_endian); };
    while (size > 0 && at(size - 1) == 0) --size;
    for (std::size_t i = 0; i < size; ++i) {
      if (!is_scalar_value(at(i))) throw Error(where + "not text: code point " + std::to_string(at(i)));
      append_utf8(at(i), text);
    }
  } else {
    double value = 0;
    convert(header, bytes, 1, &value);
    if (!(std::abs(value) < 1e15) || value != std::floor(value)) throw Error(where + "a name is not a whole number");
    text = std::to_string(static_cast<long long>(value));
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) throw Error(where + "a control character inside a string");
  }
  return text;
}

std::u32string decode_utf8(const std::string& utf8, const std::string& where) {
  std::u32string text;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    std::uint32_t c = length == 1 ? lead : lead & (0x7fu >> length);
    bool valid = length > 0 && i + length <= utf8.size();
    for (std::size_t k = 1; valid && k < length; ++k) {
      const auto next = static_cast<unsigned char>(utf8[i + k]);
      valid = next >> 6 == 2;
      c = (c << 6) | (next & 0x3fu);
    }
    static constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (!valid || c < kSmallest[length] || !is_scalar_value(c)) {
      throw Error(where + "not UTF-8 at byte " + std::to_string(i));
    }
    text += static_cast<char32_t>(c);
    i += length;
  }
  return text;
}

}  // namespace medley::data
