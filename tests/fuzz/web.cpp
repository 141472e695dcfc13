// Requests, as routes see them and as bytes of a connection.
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/target.h"
#include "tests/support/folder.h"
#include "tests/web/agreeing_control.h"
#include "tests/web/sample_store.h"
#include "web/openapi.h"
#include "web/server.h"
#include "web/site.h"

namespace medley::fuzz {
namespace {

using nlohmann::json;

struct Sample {
  test::Folder folder{test::Folder::Where::kMemory};
  test::SampleStore ids = test::write_sample_store(folder.path(), 1'700'000'000'000);
};

const Sample& sample() {
  static const Sample made;
  return made;
}

/// `text` with the ids of the sample store in place of their names, as {trial}.
std::string with_ids(std::string text) {
  const test::SampleStore& ids = sample().ids;
  static const std::map<std::string, std::string> names = {
      {"{running}", ids.running},   {"{finished}", ids.finished},
      {"{hostile}", ids.hostile},   {"{trial}", ids.trial},
      {"{failed}", ids.failed},     {"{diverged}", ids.diverged},
      {"{now}", ids.running_trial}, {"{ensemble}", std::to_string(ids.ensemble)}};
  for (const auto& [name, id] : names) {
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += id.size()) {
      text.replace(at, name.size(), id);
    }
  }
  return text;
}

/// The text up to the first `end`, which is taken from `rest` too.
std::string taken(std::string& rest, char end) {
  const std::size_t at = std::min(rest.find(end), rest.size());
  std::string front = rest.substr(0, at);
  rest.erase(0, at + 1);
  return front;
}

/// A line of method, path, and names and values of the query, with a tab between two. Then the body.
web::Request request_of(const std::string& input) {
  std::string text = with_ids(input);
  web::Request request;
  std::string line = taken(text, '\n');
  request.body = std::move(text);
  request.method = taken(line, '\t');
  request.path = taken(line, '\t');
  while (!line.empty()) {
    const std::string name = taken(line, '\t');
    request.query[name] = taken(line, '\t');
  }
  return request;
}

}  // namespace

void requests(const std::string& input) {
  static test::AgreeingControl control;
  static const web::Site site(sample().folder.path(), &control, {true, "secret"});
  static const json document = json::parse(web::openapi_document());
  const web::Request request = request_of(input);
  const web::Response response = site.handle(request);
  const std::string status = std::to_string(response.status);
  const std::set<int> expected{200, 304, 400, 404, 405, 409};
  require(expected.count(response.status) > 0, status + " " + response.body);
  if (response.status == 304) return;
  if (const web::Match found = web::match(request.method, request.path); found.route) {
    const std::string method = found.route->method == std::string("GET") ? "get" : "post";
    require(document.at("paths").at(found.route->path).at(method).at("responses").contains(status),
            "the API's document does not say that it answers " + status);
  }
  if (response.type != "application/json") return;
  const json body = json::parse(response.body, nullptr, false);
  require(!body.is_discarded(), "an answer that is no JSON");
  require((response.status >= 400) == (body.is_object() && body.contains("error")), "an error without its message");
}

namespace {

/// All that the server answers to `bytes` on a connection of their own.
std::string answer_to(int port, const std::string& bytes) {
  const int connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  std::string answer;
  if (connected) {
    (void)!::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ::shutdown(connection, SHUT_WR);
    char buffer[4096];
    for (ssize_t got; (got = ::recv(connection, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(got));
    }
  }
  ::close(connection);
  require(connected, "the server is not there");
  return answer;
}

}  // namespace

void http(const std::string& input) {
  static test::AgreeingControl control;
  static const int port = [] {
    static web::Server server({sample().folder.path(), "127.0.0.1", 0, "secret"}, &control);
    server.start();
    return server.port();
  }();
  const long asked = control.asked;
  const std::string answer = answer_to(port, with_ids(input));
  require(answer.empty() || answer.rfind("HTTP/1.1 ", 0) == 0, "no answer of HTTP: " + answer.substr(0, 80));
  require(answer.rfind("HTTP/1.1 5", 0) != 0, "an error of the server: " + answer);
  require(control.asked == asked || input.find("secret") != std::string::npos, "a change without the token");
}

}  // namespace medley::fuzz
