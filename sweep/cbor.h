#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace medley::sweep {

/// What is wrong with bytes of a peer that should be one CBOR document; "" where nothing is. It walks them without
/// recursion, and allocates only for `depth` levels. Accepted are definite lengths without tags, as json::to_cbor()
/// writes them, with at most `depth` levels and `values` values. To be asked before any other reader: nlohmann's
/// recurses on nested lists and on strings in chunks, as deep as the sender likes, and a value takes more memory than
/// its bytes.
std::string cbor_problem(const std::vector<std::uint8_t>& bytes, std::size_t depth, std::size_t values);

}  // namespace medley::sweep
