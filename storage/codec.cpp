#include "storage/codec.h"

#include <cstring>
#include <limits>

#include "storage/varint.h"

namespace medley::storage {

template <class T>
std::vector<std::uint8_t> pack(const std::vector<T>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint8_t raw[sizeof(T)];
    std::memcpy(raw, &values[i], sizeof(T));
    for (std::size_t b = 0; b < sizeof(T); ++b) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
      bytes[i * sizeof(T) + b] = raw[b];
#else
      bytes[i * sizeof(T) + b] = raw[sizeof(T) - 1 - b];
#endif
    }
  }
  return bytes;
}

template <class T>
std::vector<T> unpack(Blob bytes, const char* what) {
  if (bytes.size % sizeof(T) != 0) {
    throw Error(std::string("the store is damaged: ") + what + " has " + std::to_string(bytes.size) +
                " bytes, not a multiple of " + std::to_string(sizeof(T)));
  }
  const auto* data = static_cast<const std::uint8_t*>(bytes.data);
  std::vector<T> values(bytes.size / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint8_t raw[sizeof(T)];
    for (std::size_t b = 0; b < sizeof(T); ++b) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
      raw[b] = data[i * sizeof(T) + b];
#else
      raw[sizeof(T) - 1 - b] = data[i * sizeof(T) + b];
#endif
    }
    std::memcpy(&values[i], raw, sizeof(T));
  }
  return values;
}

template std::vector<std::uint8_t> pack(const std::vector<float>&);
template std::vector<std::uint8_t> pack(const std::vector<double>&);
template std::vector<std::uint8_t> pack(const std::vector<std::int64_t>&);
template std::vector<std::uint8_t> pack(const std::vector<std::uint16_t>&);
template std::vector<float> unpack(Blob, const char*);
template std::vector<double> unpack(Blob, const char*);
template std::vector<std::int64_t> unpack(Blob, const char*);
template std::vector<std::uint16_t> unpack(Blob, const char*);

namespace {

void put(std::vector<std::uint8_t>& bytes, std::int64_t value) {
  put_varint(bytes, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

class VarintReader {
 public:
  explicit VarintReader(Blob bytes) : at_(static_cast<const std::uint8_t*>(bytes.data)), end_(at_ + bytes.size) {}
  std::int64_t next() {
    const auto zigzag = take_varint(at_, end_);
    if (!zigzag) throw Error("the store is damaged: a threshold surface is cut off");
    return static_cast<std::int64_t>(*zigzag >> 1) ^ -static_cast<std::int64_t>(*zigzag & 1);
  }
  /// The int that is next() more than `before`, which is in the range of an int too.
  int next_int(std::int64_t before) {
    const std::int64_t more = next();
    using Int = std::numeric_limits<int>;
    if (more < Int::min() - before || more > Int::max() - before) {
      throw Error("the store is damaged: a threshold surface holds a number of more than 32 bits");
    }
    return static_cast<int>(before + more);
  }
  bool at_end() const { return at_ == end_; }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

}  // namespace

std::vector<std::uint8_t> encode_surface(const sweep::ThresholdSurface& surface) {
  std::vector<std::uint8_t> bytes;
  bool zero = surface.clips == 0 && surface.blends == 0;
  for (const auto* hits : {&surface.presence_hits, &surface.salience_hits}) {
    for (int hit : *hits) zero = zero && hit == 0;
  }
  if (zero) return bytes;
  put(bytes, surface.clips);
  put(bytes, surface.blends);
  for (const auto* hits : {&surface.presence_hits, &surface.salience_hits}) {
    std::int64_t before = 0;
    for (int hit : *hits) {
      put(bytes, hit - before);
      before = hit;
    }
  }
  return bytes;
}

sweep::ThresholdSurface decode_surface(Blob bytes) {
  sweep::ThresholdSurface surface;
  if (bytes.size == 0) return surface;
  VarintReader reader(bytes);
  surface.clips = reader.next_int(0);
  surface.blends = reader.next_int(0);
  for (auto* hits : {&surface.presence_hits, &surface.salience_hits}) {
    int before = 0;
    for (int& hit : *hits) before = hit = reader.next_int(before);
  }
  if (!reader.at_end()) throw Error("the store is damaged: a threshold surface is too long");
  return surface;
}

}  // namespace medley::storage
