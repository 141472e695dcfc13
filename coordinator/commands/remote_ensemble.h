#pragma once

#include <cstdint>
#include <filesystem>

#include "coordinator/actions/export.h"
#include "coordinator/control_file.h"
#include "sweep/score/ensemble_request.h"

namespace medley::coordinator {

// The part of `medley ensemble` and `medley export` that a running coordinator does, as the one writer of its store.

/// Lets the coordinator fit and save an ensemble, and waits for it. Returns the ensemble's id. Throws Error with the
/// coordinator's words when it refuses or the fit fails. Throws web::Error when it does not answer (the fit continues).
std::int64_t fit_remotely(const ControlPoint& control, const std::string& sweep_id,
                          const sweep::EnsembleRequest& request);

/// Has an ensemble exported into the coordinator's store, and writes copies: the archive to `out`, the manifest beside
/// it, naming `out`. Throws as above, and files::Error when a copy cannot be written.
Exported export_remotely(const ControlPoint& control, std::int64_t ensemble, const std::filesystem::path& out,
                         const std::string& member);

}  // namespace medley::coordinator
