#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace medley::data {

/// Element types that are read. Little-endian ones are also written, except kBfloat16.
enum class DType {
  kFloat16,
  kFloat32,
  kFloat64,
  kBfloat16,  ///< NumPy has no name for it and writes two raw bytes: |V2
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kUnicode,
  kBytes
};

/// True for all types but text.
bool is_number(DType dtype);

/// What the header of a NumPy array file says.
struct NpyHeader {
  DType dtype = DType::kFloat32;
  std::size_t item_size = 4;       ///< bytes of one element; `<U7`: 28
  bool fortran_order = false;      ///< true: the first axis varies fastest
  bool big_endian = false;         ///< true: the bytes of each element (of each code point) are reversed
  std::vector<std::size_t> shape;  ///< empty: one element
  std::size_t data_offset = 0;     ///< bytes before the first element

  std::size_t count() const;  ///< elements; parse_npy_header() made sure that it does not overflow
  std::size_t bytes() const { return count() * item_size; }
  std::string descr() const;       ///< as NumPy writes it: <f4, <U29
  std::string shape_text() const;  ///< (3050, 12)
};

/// Bytes at the front of a file that hold magic, version and header length for every version.
inline constexpr std::size_t kNpyPrologue = 12;
/// Longest header that is read, prologue included.
inline constexpr std::size_t kMaxNpyHeader = 64 * 1024;

/// How many bytes the header takes, from the first min(total_size, kNpyPrologue) bytes. Throws Error
/// beginning `where`.
std::size_t npy_header_size(const unsigned char* bytes, std::uint64_t total_size, const std::string& where);

/// Parses versions 1.0, 2.0 and 3.0. `bytes` holds the whole header (npy_header_size() bytes); `total_size`
/// is the size of the file. Throws Error beginning `where` unless the header is what NumPy writes for one of
/// DType (Python 2 adds an L to each length) and shape x item size is exactly the bytes that follow.
NpyHeader parse_npy_header(const unsigned char* bytes, std::size_t size, std::uint64_t total_size,
                           const std::string& where);

/// A version 1.0 header for C order, padded with spaces so that `offset_in_file` + its size is a multiple
/// of 64.
std::string format_npy_header(DType dtype, std::size_t item_size, const std::vector<std::size_t>& shape,
                              std::size_t offset_in_file);

/// `count` numbers of the header's type at `bytes` (any alignment) as float32 or float64, with the values of
/// numpy.ndarray.astype. float64 to float32 rounds, and what is too large becomes infinite.
void convert(const NpyHeader& header, const unsigned char* bytes, std::size_t count, float* out);
void convert(const NpyHeader& header, const unsigned char* bytes, std::size_t count, double* out);

/// One element of `<U` (UCS-4) or `|S` as UTF-8 without trailing NULs, or a whole number in decimal. Throws Error
/// beginning `where` for what is neither.
std::string decode_text(const NpyHeader& header, const unsigned char* bytes, const std::string& where);

/// `utf8` as code points. Throws Error beginning `where` for what is not UTF-8.
std::u32string decode_utf8(const std::string& utf8, const std::string& where);

}  // namespace medley::data
