#pragma once

#include <cstdint>
#include <string_view>

namespace medley::sweep {

/// The number in [0, 1), of 53 bits, that belongs to (`seed`, `draw`, `name`): adding another name changes no
/// draw of this one.
double uniform_draw(std::uint64_t seed, std::uint64_t draw, std::string_view name);

}  // namespace medley::sweep
