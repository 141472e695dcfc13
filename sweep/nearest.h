#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medley::sweep {

/// The name nearest to `text` by edit distance, or "" when none is near enough to be a typing error. Near enough is a
/// distance of at most a third of the longer length, and at least 1. A swap of neighbours is one edit. Letter case and
/// '-' for '_' cost nothing. Of equally near names it is the first in order.
std::string nearest_name(std::string_view text, const std::vector<std::string>& names);

/// "; did you mean 'x'?" with the nearest name, or "; valid: a, b, c" when none is near.
std::string suggestion(std::string_view text, const std::vector<std::string>& names);

}  // namespace medley::sweep
