#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sweep/config.h"

namespace medley::worker {

/// Reads a flat YAML or JSON map of settings into a config; `encoders` absent means all of `encoder_names`.
/// Throws sweep::SpecError with every error placed, or sweep::Error for what cannot be combined.
sweep::Config read_settings(const std::filesystem::path& file, const std::vector<std::string>& encoder_names);

}  // namespace medley::worker
