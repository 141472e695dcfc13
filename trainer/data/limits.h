#pragma once

#include <cstdint>
#include <string>

namespace medley::data {

/// Largest array that is inflated into memory. Stored arrays are used in place and have no limit of their own.
inline constexpr std::uint64_t kMaxInflatedBytes = std::uint64_t{16} << 30;

/// Bytes of memory that this host can still give without swapping; kMaxInflatedBytes where it does not say.
std::uint64_t available_memory();

/// Throws Error beginning `where` when `packed` bytes cannot be a deflated array of `size` bytes, or when the array
/// takes more than kMaxInflatedBytes or half of `available`. Nothing is allocated. The ratio alone says nothing,
/// because counts of words are mostly zeros and deflate several hundred times.
void check_inflated_size(std::uint64_t packed, std::uint64_t size, std::uint64_t available, const std::string& where);

}  // namespace medley::data
