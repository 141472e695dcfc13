#pragma once

#include <optional>
#include <string>

#include "web/http.h"
#include "web/routes.h"

namespace medley::web {

/// Who may ask for what. Pure: no socket, no clock.
struct Access {
  bool loopback = true;  ///< the server listens on this machine only
  std::string token;     ///< "" = nothing may be changed; never empty when not `loopback`

  /// The refusal that `request` gets, or nothing when it may proceed:
  ///  - on loopback the Host must be this machine (a foreign name would be DNS rebinding);
  ///  - beyond loopback everything but Needs::kNothing needs the token;
  ///  - Needs::kChange needs it everywhere, as `Authorization: Bearer`, and an Origin, if sent, must be this server.
  std::optional<Response> refuse(const Request& request, Needs needs) const;
};

/// True for 127.0.0.0/8, ::1 and localhost.
bool is_loopback(const std::string& address);

/// Adds the headers that every response carries: no inline or foreign script, no framing, no sniffing.
void secure(Response& response);

}  // namespace medley::web
