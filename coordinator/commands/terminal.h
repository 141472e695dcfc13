#pragma once

#include <cstddef>

namespace medley::coordinator {

/// Characters of a line of standard output: those of its terminal, 60 at least and 200 at most, else
/// sweep::kTextWidth.
std::size_t text_width();

}  // namespace medley::coordinator
