#include "web/responses.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <libdeflate.h>

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

/// The entries of a header's list, without spaces.
std::vector<std::string> list_of(const std::string& header) {
  std::vector<std::string> entries(1);
  for (const char c : header) {
    if (c == ',') entries.emplace_back();
    if (c != ',' && c != ' ' && c != '\t') entries.back() += c;
  }
  return entries;
}

std::string without_weakness(const std::string& etag) { return etag.compare(0, 2, "W/") == 0 ? etag.substr(2) : etag; }

}  // namespace

Response json_response(const json& body) {
  Response response;
  response.body = text_of(body);
  const std::string etag = "W/\"" + sweep::sha256_hex(response.body).substr(0, 16) + "\"";
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
  const std::vector<std::string> known = list_of(request.header("if-none-match"));
  for (const auto& [name, value] : response.headers) {
    if (name != "ETag") continue;
    const bool has = std::any_of(known.begin(), known.end(), [etag = without_weakness(value)](const std::string& one) {
      return one == "*" || without_weakness(one) == etag;
    });
    if (!has) continue;
    response.status = 304;
    response.body.clear();
    response.type.clear();
    auto& headers = response.headers;
    headers.erase(std::remove_if(headers.begin(), headers.end(),
                                 [](const auto& header) { return header.first == "Content-Encoding"; }),
                  headers.end());
    break;
  }
  return response;
}

bool accepts_gzip(const Request& request) {
  const std::vector<std::string> codings = list_of(request.header("accept-encoding"));
  return std::any_of(codings.begin(), codings.end(), [](const std::string& coding) {
    if (coding.compare(0, 4, "gzip") != 0) return false;
    if (coding.size() == 4) return true;
    return coding.compare(4, 3, ";q=") == 0 && coding.find_first_of("123456789", 7) != std::string::npos;  // q=0: never
  });
}

Response compressed(const Request& request, Response response) {
  constexpr std::size_t kLeast = 1024;
  constexpr int kLevel = 1;  // a fifth of the size already, at 300 MB/s
  const auto is = [&](const char* type) { return response.type.compare(0, std::strlen(type), type) == 0; };
  if (response.body.size() < kLeast || !(is("application/json") || is("text/"))) return response;
  for (const auto& [name, value] : response.headers) {
    if (name == "Content-Encoding") return response;
  }
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (!accepts_gzip(request)) return response;
  const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> compressor(
      libdeflate_alloc_compressor(kLevel), libdeflate_free_compressor);
  if (!compressor) return response;
  std::string packed(response.body.size(), '\0');
  const std::size_t size = libdeflate_gzip_compress(compressor.get(), response.body.data(), response.body.size(),
                                                    packed.data(), packed.size());
  if (size == 0) return response;  // not shorter
  packed.resize(size);
  response.body = std::move(packed);
  response.headers.emplace_back("Content-Encoding", "gzip");
  return response;
}

Response computing_response(const Making& making) {
  Response response;
  response.status = 202;
  response.body = text_of({{"computing", making_json(making)}});
  response.headers = {{"Retry-After", "1"}, {"Cache-Control", "no-store"}};
  return response;
}

Response error_response(int status, const std::string& message) {
  Response response;
  response.status = status;
  response.body = text_of({{"error", message}});
  return response;
}

}  // namespace medley::web
