#pragma once

#include <string>
#include <string_view>

namespace medley::data {

/// What a file is that should be a text or an archive of arrays, from its first bytes, and the remedy. It is "" for
/// what may be one of these.
std::string other_kind(std::string_view bytes);

}  // namespace medley::data
