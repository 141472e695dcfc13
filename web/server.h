#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "web/control.h"
#include "web/error.h"

namespace medley::web {

struct Options {
  std::filesystem::path store;          ///< read only; may still be without a database
  std::string address = "127.0.0.1";    ///< beyond loopback a token is required
  int port = 0;                         ///< 0 = any that is free
  std::string token;                    ///< "" = nothing can be changed through the server
  std::string read_token = {};          ///< for reads only; "" none
  std::vector<std::string> hosts = {};  ///< NAME or NAME:PORT of proxies through which browsers come
  /// For a request to come, and again for its answer to be taken; however long the answer takes to be made.
  std::chrono::milliseconds connection_time{15'000};
};

/// The dashboard: the page at /, everything it shows at /api/v1 (docs/api.md). Its threads read the store
/// through read-only connections and never hold one open between requests for longer than a request.
class Server {
 public:
  /// `control` may be null (nothing can be changed); it must outlive the server. Throws Error when the
  /// address needs a token and there is none, when both tokens are the same, or when a host is no name.
  Server(Options options, Control* control);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens and returns. Throws Error naming the address when it cannot, e.g. because the port is in use.
  void start();
  /// "http://127.0.0.1:8642/", with `#token=` where there is a token (the part after # is never sent to a
  /// server): that for changes, else that for reads.
  std::string url() const;
  int port() const;
  /// Ends open connections within about a second. May be called twice.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace medley::web
