#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medley::sweep {

/// The name nearest to `text` by edit distance, or "" when none is near enough to be a typing error
/// (distance at most a third of the longer length, at least 1; a swap of neighbours is one edit; letter case
/// and '-' for '_' are free; ties: the first in order).
std::string nearest_name(std::string_view text, const std::vector<std::string>& names);

/// "; did you mean 'x'?" with the nearest name, or "; valid: a, b, c" when none is near.
std::string suggestion(std::string_view text, const std::vector<std::string>& names);

}  // namespace medley::sweep
