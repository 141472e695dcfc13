#include "sweep/cbor.h"

namespace medley::sweep {

std::string cbor_problem(const std::vector<std::uint8_t>& bytes, std::size_t depth, std::size_t values) {
  std::vector<std::uint64_t> open;  // values still to come at each level
  open.reserve(depth);
  std::size_t count = 0;
  std::size_t at = 0;
  do {
    if (at == bytes.size()) return "it ends within a value";
    if (++count > values) return "more than " + std::to_string(values) + " values";
    const unsigned major = bytes[at] >> 5;
    const unsigned low = bytes[at] & 31u;
    ++at;
    if (low > 27) return "a length that is reserved or not given";
    const std::size_t extra = low < 24 ? 0 : std::size_t{1} << (low - 24);
    if (bytes.size() - at < extra) return "it ends within a value";
    std::uint64_t argument = low;
    if (extra > 0) argument = 0;
    for (std::size_t i = 0; i < extra; ++i) argument = argument << 8 | bytes[at + i];
    at += extra;
    if (major == 6) return "a tag";
    if (!open.empty()) --open.back();
    if (major == 2 || major == 3) {
      if (argument > bytes.size() - at) return "it ends within a value";
      at += static_cast<std::size_t>(argument);
    } else if (major == 4 || major == 5) {
      if (argument > values) return "more than " + std::to_string(values) + " values";
      if (open.size() == depth) return "nested deeper than " + std::to_string(depth);
      open.push_back(major == 5 ? 2 * argument : argument);
    }
    while (!open.empty() && open.back() == 0) open.pop_back();
  } while (!open.empty());
  return at == bytes.size() ? "" : "bytes after its end";
}

}  // namespace medley::sweep
