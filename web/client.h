#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "web/error.h"

namespace medley::web {

struct Answered {
  int status = 0;
  nlohmann::json body;  ///< an object; of a refused change it holds `error`
};

/// Asks a running server for a change: POST `path` (below /api/v1/) at `url` (http://HOST:PORT/). Waits up to ten
/// minutes: a dataset may have to be read first. Throws Error naming `url` when nobody answers there, or somebody who
/// is no Medley.
Answered ask(const std::string& url, const std::string& token, const std::string& path, const nlohmann::json& body);

}  // namespace medley::web
