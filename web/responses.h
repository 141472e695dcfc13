#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "web/board.h"
#include "web/control.h"
#include "web/http.h"

namespace medley::web {

/// A JSON answer with a weak ETag of its text: it may be sent compressed.
Response json_response(const nlohmann::json& body);

/// A file to keep. `name` is made of ids, never of what a user typed.
Response download(std::string type, std::string body, const std::string& name);

/// What a change came to: 200, 422 with `errors` where a sweep file has them. Throws Refused (409) where it was not
/// done.
Response change_response(const Control::Answer& answer);

/// A file of the page. Throws Refused (404) for an address that has none.
Response page_response(const std::string& path);

/// `response`, or 304 without a body where the client has it already.
Response unless_known(const Request& request, Response response);

/// The client takes gzip.
bool accepts_gzip(const Request& request);
/// `response`, or the same with gzip where that is shorter and the client takes it.
Response compressed(const Request& request, Response response);

/// 202: what is asked for is being computed; the client asks again.
Response computing_response(const Making& making);

/// `{"error": message}` with `status`.
Response error_response(int status, const std::string& message);

}  // namespace medley::web
