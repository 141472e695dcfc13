#pragma once

#include <string>

namespace medley::coordinator {

/// The commented sweep file that `medley init` writes; `dataset` is the folder that it names.
std::string starter_sweep(const std::string& dataset);

}  // namespace medley::coordinator
