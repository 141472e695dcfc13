#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace medley::sweep {

/// Philox-4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
/// 2011): a pure function, so a draw depends on nothing but its key and its counter.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// The number in [0, 1), of 53 bits, that belongs to (`seed`, `draw`, `name`): adding another name changes no
/// draw of this one.
double uniform_draw(std::uint64_t seed, std::uint64_t draw, std::string_view name);

}  // namespace medley::sweep
