#pragma once

#include <string>

#include "storage/reader.h"

namespace medley::web {

/// What /metrics answers: the store in Prometheus' text format 0.0.4.
std::string metrics_text(storage::Reader& reader);

}  // namespace medley::web
