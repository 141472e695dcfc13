#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/database.h"
#include "sweep/report/report.h"

namespace medley::storage {

/// The numbers that sweep::measure_config() gave, in some 100 bytes a run: all but what the sweep says of the config
/// (sweep::unmeasured()), and the comparison with the reference.
std::vector<std::uint8_t> encode_measured(const sweep::ConfigReport& config);
/// Gives them to a config that has none yet. Throws Error where they are cut off.
void decode_measured(Blob bytes, sweep::ConfigReport& config);

/// What measuring depends on besides the results.
std::string decode_text(const sweep::HeldOutDecode& decode);

}  // namespace medley::storage
