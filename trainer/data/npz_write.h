#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace medley::data {

/// One array to be written, C order.
struct NamedArray {
  using Values = std::variant<std::vector<float>, std::vector<double>, std::vector<std::uint16_t>,
                              std::vector<std::int64_t>, std::vector<std::string>>;
  std::string name;
  std::vector<std::size_t> shape;  ///< its product is the number of values; strings become `<U` of the longest
  Values values;
};

enum class Packing { kStored, kDeflated };

/// Writes what np.load() and NpzFile read. The same arrays give the same bytes (member times are fixed).
/// Written beside `path`, synced, then renamed: `path` is whole or as before. Stored arrays begin at
/// multiples of 64 bytes, so that they can be used in place. Throws Error, also for a shape that does not fit
/// its values or a name used twice.
void write_npz(const std::filesystem::path& path, const std::vector<NamedArray>& arrays,
               Packing packing = Packing::kStored);

}  // namespace medley::data
