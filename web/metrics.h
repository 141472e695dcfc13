#pragma once

#include <string>
#include <vector>

#include "storage/reader.h"
#include "web/control.h"

namespace medley::web {

/// What /metrics answers: the store, and what the workers that are `present` do, in Prometheus' text format 0.0.4.
std::string metrics_text(storage::Reader& reader, const std::vector<Control::WorkerNow>& present);

}  // namespace medley::web
