#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace medley::web {

/// One request, after the transport has checked its form. Routes see only this, so they are tested without
/// sockets and the HTTP library can be exchanged.
struct Request {
  std::string method;
  std::string path;                            ///< decoded, without the query
  std::map<std::string, std::string> query;    ///< decoded; the first of repeated names
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string peer;  ///< address of the connection's other end: a proxy's, where there is one

  /// The header's value, or "".
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  /// The query parameter's value, or `absent`.
  std::string parameter(const std::string& name, const std::string& absent = "") const {
    const auto found = query.find(name);
    return found == query.end() ? absent : found->second;
  }
};

struct Response {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace medley::web
