#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweep/named_enum.h"
#include "web/http.h"
#include "web/routes.h"

namespace medley::web {

/// What a request may do.
#define MEDLEY_GRANT(X) X(kNothing, "nothing") X(kRead, "read") X(kControl, "control")
MEDLEY_NAMED_ENUM(Grant, MEDLEY_GRANT)

/// Who may ask for what. Pure: no socket, no clock.
struct Access {
  bool loopback = true;                 ///< the server listens on this machine only
  std::string token = {};               ///< for changes; "" = nothing may be changed
  std::string read_token = {};          ///< for reads only; "" none. Not both are empty when not `loopback`
  std::vector<std::string> hosts = {};  ///< NAME or NAME:PORT by which a proxy may ask, in lower case

  /// The refusal that `request` gets, or nothing when it may proceed:
  ///  - on loopback the Host must be this machine (a foreign name would be DNS rebinding) or one of `hosts`;
  ///  - beyond loopback, and for one of `hosts`, everything but Needs::kNothing needs a token;
  ///  - Needs::kSession, kPlan and kChange need a token everywhere, the latter two that for changes, and a page that
  ///    asks must be of this server or of `hosts`.
  std::optional<Response> refuse(const Request& request, Needs needs) const;

  /// What `request` may do: by a token in `Authorization: Bearer` or else by cookie(), and by where it comes from.
  Grant grant(const Request& request) const;

  /// Set-Cookie that stands for the token that `request` shows; with `ends` the browser forgets it. The page's script
  /// cannot read it, other sites cannot send it, and it does not hold the token. It names no path: whatever prefix a
  /// proxy takes away, the browser sends it below the address that set it alone (RFC 6265, 5.1.4).
  std::string cookie(const Request& request, bool ends) const;

 private:
  Grant shown(const Request& request) const;  ///< by its token alone
  bool is_allowed(const std::string& host) const;
  bool own_page(const Request& request) const;
};

/// True for 127.0.0.0/8, ::1 and localhost.
bool is_loopback(const std::string& address);

/// Adds the headers that every response carries: no inline or foreign script, no framing, no sniffing.
void secure(Response& response);

/// One line for the log of a change: what was asked and answered, by which token, and from where. What the request says
/// of itself is quoted, printable and bounded.
std::string audit_line(const Access& access, const Request& request, int status);

}  // namespace medley::web
