#pragma once

#include <cstddef>
#include <optional>

namespace medley::coordinator {

/// Characters of a line of the terminal at `descriptor`; nullopt where there is none, or it does not say.
std::optional<std::size_t> terminal_width(int descriptor);

/// Characters of a line of standard output: those of its terminal, 60 at least and 200 at most, else
/// sweep::kTextWidth.
std::size_t text_width();

}  // namespace medley::coordinator
