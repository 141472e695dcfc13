#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace medley::sweep {

/// JSON on one line, or on several set in by `indent`. Bytes that are no UTF-8, as names of files may have them, become
/// U+FFFD in place of an error.
inline std::string json_text(const nlohmann::json& body, int indent = -1) {
  return body.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace medley::sweep
