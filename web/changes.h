#pragma once

#include "web/control.h"
#include "web/routes.h"

namespace medley::web {

// Changes that a request describes in its body, handed to the coordinator. Each throws Refused: 400 for a
// wrong body, 404 for what the store does not hold.

Control::Answer submit_sweep(const Call& call);
Control::Answer plan_sweep(const Call& call);
/// Begins to fit it.
Control::Answer fit_ensemble(const Call& call);
Control::Answer mark_config(const Call& call);
Control::Answer mark_sweep(const Call& call);
Control::Answer add_configs(const Call& call);
Control::Answer export_ensemble(const Call& call);

}  // namespace medley::web
