#include "web/client.h"

#include <algorithm>

#include <httplib.h>

#include "sweep/version.h"

namespace medley::web {
namespace {

constexpr int kConnectSeconds = 10;
constexpr int kReadSeconds = 600;
constexpr int kHookSeconds = 10;

httplib::Client client_of(const std::string& url, const std::string& token) {
  httplib::Client client(url.substr(0, url.find('/', url.find("//") + 2)));
  if (!client.is_valid()) throw Error("'" + url + "' is no address of a server.");
  client.set_connection_timeout(kConnectSeconds);
  client.set_read_timeout(kReadSeconds);
  client.set_default_headers(
      {{"Authorization", "Bearer " + token}, {"User-Agent", std::string("medley/") + sweep::version()}});
  return client;
}

const httplib::Response& response_of(const httplib::Result& result, const std::string& url) {
  if (!result) throw Error("The coordinator does not answer at " + url + ": " + httplib::to_string(result.error()));
  return *result;
}

Answered answered(const httplib::Response& response, const std::string& url) {
  Answered answered{response.status, nlohmann::json::parse(response.body, nullptr, false)};
  if (!answered.body.is_object()) {
    throw Error("What answers at " + url + " is no Medley (status " + std::to_string(response.status) + ").");
  }
  return answered;
}

}  // namespace

Answered ask(const std::string& url, const std::string& token, const std::string& path, const nlohmann::json& body) {
  const auto result = client_of(url, token).Post("/api/v1/" + path, body.dump(), "application/json");
  return answered(response_of(result, url), url);
}

Answered ask_to_remove(const std::string& url, const std::string& token, const std::string& path) {
  const auto result = client_of(url, token).Delete("/api/v1/" + path);
  return answered(response_of(result, url), url);
}

const nlohmann::json& done(const Answered& answered) {
  if (answered.status == 200) return answered.body;
  throw Error(answered.body.value("error", "the coordinator answered with status " + std::to_string(answered.status)));
}

std::string post_to_hook(const std::string& url, const std::string& body, const std::string& signature) {
  const std::size_t path = std::min(url.find('/', url.find("//") + 2), url.size());
  httplib::Client client(url.substr(0, path));
  if (!client.is_valid()) return "this is no address of a server";
  client.set_connection_timeout(kHookSeconds);
  client.set_read_timeout(kHookSeconds);
  httplib::Headers headers;
  if (!signature.empty()) headers.emplace("X-Medley-Signature", signature);
  const std::string where = path < url.size() ? url.substr(path) : "/";
  const auto result = client.Post(where, headers, body, "application/json");
  if (!result) return httplib::to_string(result.error());
  return result->status / 100 == 2 ? "" : "status " + std::to_string(result->status);
}

std::string fetch(const std::string& url, const std::string& token, const std::string& path) {
  const auto result = client_of(url, token).Get("/api/v1/" + path);
  const httplib::Response& response = response_of(result, url);
  if (response.status != 200) done(answered(response, url));
  return response.body;
}

}  // namespace medley::web
