#include "storage/codec.h"

namespace medley::storage {

template <class T>
std::vector<std::uint8_t> pack(const std::vector<T>& values) {
  std::vector<std::uint8_t> bytes;
  sweep::put_numbers(bytes, values);
  return bytes;
}

template <class T>
std::vector<T> unpack(Blob bytes, const char* what) {
  if (bytes.size % sizeof(T) != 0) {
    throw Error(std::string("the store is damaged: ") + what + " has " + std::to_string(bytes.size) +
                " bytes, not a multiple of " + std::to_string(sizeof(T)));
  }
  sweep::RecordReader in(static_cast<const std::uint8_t*>(bytes.data), bytes.size, what);
  return in.numbers<T>(bytes.size / sizeof(T), what);
}

template std::vector<std::uint8_t> pack(const std::vector<float>&);
template std::vector<std::uint8_t> pack(const std::vector<double>&);
template std::vector<std::uint8_t> pack(const std::vector<std::int64_t>&);
template std::vector<std::uint8_t> pack(const std::vector<std::uint16_t>&);
template std::vector<float> unpack(Blob, const char*);
template std::vector<double> unpack(Blob, const char*);
template std::vector<std::int64_t> unpack(Blob, const char*);
template std::vector<std::uint16_t> unpack(Blob, const char*);

sweep::ThresholdSurface decode_surface(Blob bytes) {
  return decoded([&] { return sweep::decode_surface(static_cast<const std::uint8_t*>(bytes.data), bytes.size); });
}

}  // namespace medley::storage
