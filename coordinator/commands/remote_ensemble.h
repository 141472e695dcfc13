#pragma once

#include <cstdint>
#include <filesystem>

#include "coordinator/actions/export.h"
#include "coordinator/control_file.h"
#include "sweep/score/ensemble_request.h"

namespace medley::coordinator {

// What a running coordinator, the one writer of its store, does for `medley ensemble` and `medley export`.

/// Has an ensemble fitted and saved, and waits for it. Returns its id. Throws Error with the coordinator's words when
/// it refuses or the fit fails, and web::Error when it does not answer; the fit goes on then.
std::int64_t fit_remotely(const ControlPoint& control, const std::string& sweep_id,
                          const sweep::EnsembleRequest& request);

/// Has an ensemble exported into the coordinator's store, and writes copies: the archive to `out`, the manifest beside
/// it, naming `out`. Throws as above, and data::Error when a copy cannot be written.
Exported export_remotely(const ControlPoint& control, std::int64_t ensemble, const std::filesystem::path& out);

}  // namespace medley::coordinator
