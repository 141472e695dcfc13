#include "web/client.h"

#include <httplib.h>

namespace medley::web {

Answered ask(const std::string& url, const std::string& token, const std::string& path, const nlohmann::json& body) {
  constexpr int kConnectSeconds = 10;
  constexpr int kReadSeconds = 600;
  httplib::Client client(url.substr(0, url.find('/', url.find("//") + 2)));
  if (!client.is_valid()) throw Error("'" + url + "' is no address of a server.");
  client.set_connection_timeout(kConnectSeconds);
  client.set_read_timeout(kReadSeconds);
  const httplib::Headers headers{{"Authorization", "Bearer " + token}};
  const auto result = client.Post("/api/v1/" + path, headers, body.dump(), "application/json");
  if (!result) throw Error("The coordinator does not answer at " + url + ": " + httplib::to_string(result.error()));
  Answered answered{result->status, nlohmann::json::parse(result->body, nullptr, false)};
  if (!answered.body.is_object()) {
    throw Error("What answers at " + url + " is no Medley (status " + std::to_string(result->status) + ").");
  }
  return answered;
}

}  // namespace medley::web
