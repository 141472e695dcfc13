#pragma once

#include <cstdint>
#include <string>

#include "storage/database.h"

namespace medley::storage {

/// SHA-256 of what a sweep asks and how it is reported, as its rows have it: 64 hexadecimal digits. What changes while
/// it trains, and what people mark, is left out.
std::string sweep_digest(Database& database, std::int64_t sweep);
/// Stores it. Call at the end of each change of what it covers.
void sign_sweep(Database& database, std::int64_t sweep);

}  // namespace medley::storage
