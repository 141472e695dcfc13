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

/// The same of a DELETE.
Answered ask_to_remove(const std::string& url, const std::string& token, const std::string& path);

/// What was answered to a change that was made. Throws Error with the server's words when it was refused.
const nlohmann::json& done(const Answered& answered);

/// What a GET of `path` answers, byte for byte. Throws Error as ask() does, and with the server's words when it
/// refuses.
std::string fetch(const std::string& url, const std::string& token, const std::string& path);

/// POSTs JSON to a web hook, http:// or https://, and waits ten seconds at most. `signature` is the header
/// X-Medley-Signature; "" none. "", or what went wrong: also every status but 2xx.
std::string post_to_hook(const std::string& url, const std::string& body, const std::string& signature);

}  // namespace medley::web
