#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "web/control.h"
#include "web/http.h"

namespace medley::web {

// Trials in training, as /api/v1 sends them. `control` null: nothing is heard of them.

/// Those of a sweep; `config` = only those of one. Bounded in number. Throws Refused (400) for what is no id.
nlohmann::json live_trials_json(const std::string& sweep, Control* control, const Request& request);
nlohmann::json live_trial_json(const std::string& trial, Control* control);

}  // namespace medley::web
