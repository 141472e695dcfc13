#include "web/responses.h"

#include <utility>

#include "sweep/digest.h"
#include "web/assets.h"
#include "web/json.h"
#include "web/refused.h"

namespace medley::web {
namespace {

using nlohmann::json;

/// Everything may change at any moment: always ask again.
Response cached(Response response, const std::string& etag) {
  response.headers.emplace_back("ETag", etag);
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

}  // namespace

Response json_response(const json& body) {
  Response response;
  response.body = text_of(body);
  const std::string etag = "\"" + sweep::sha256_hex(response.body).substr(0, 16) + "\"";
  return cached(std::move(response), etag);
}

Response download(std::string type, std::string body, const std::string& name) {
  Response response;
  response.type = std::move(type);
  response.body = std::move(body);
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + name + "\"");
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

Response change_response(const Control::Answer& answer) {
  const bool erroneous = !answer.done && answer.details.contains("errors");
  if (!answer.done && !erroneous) throw Refused{409, answer.message};
  json body = answer.details;
  body[answer.done ? "message" : "error"] = answer.message;
  body["done"] = answer.done;
  Response response;
  if (erroneous) response.status = 422;
  response.body = text_of(body);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Response page_response(const std::string& path) {
  const std::string file = path == "/" ? "/index.html" : path;
  for (const Asset& asset : assets()) {
    if (asset.path != file) continue;
    Response response;
    response.type = asset.type;
    response.body = asset.bytes;
    if (asset.gzip) response.headers.emplace_back("Content-Encoding", "gzip");
    return cached(std::move(response), std::string(asset.etag));
  }
  if (path == "/" && assets().empty()) {
    Response response;
    response.type = "text/plain; charset=utf-8";
    response.body =
        "Medley was built without its page (node and npm were missing, or -DMEDLEY_WEB=OFF).\n"
        "Everything it would show is at /api/v1/sweeps.\n";
    return response;
  }
  throw Refused{404, "There is nothing at this address."};
}

Response unless_known(const Request& request, Response response) {
  const std::string known = request.header("if-none-match");
  for (const auto& [name, value] : response.headers) {
    if (name != "ETag" || known.empty() || value != known) continue;
    response.status = 304;
    response.body.clear();
    response.type.clear();
    break;
  }
  return response;
}

Response error_response(int status, const std::string& message) {
  Response response;
  response.status = status;
  response.body = text_of({{"error", message}});
  return response;
}

}  // namespace medley::web
