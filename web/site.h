#pragma once

#include <filesystem>

#include "web/access.h"
#include "web/behind.h"
#include "web/board.h"
#include "web/control.h"
#include "web/http.h"
#include "web/memory.h"
#include "web/routes.h"

namespace medley::web {

/// What every address answers: routes(), and the page's files. Knows no socket. May be called from several threads at
/// once: each request opens its own read-only connection.
class Site {
 public:
  /// `control` may be null. Who may ask is not decided here: `access` tells who may.
  Site(std::filesystem::path store, Control* control, Access access, Boards::Limits limits = {});

  /// Never throws: what goes wrong becomes a response with a status and `{"error": ...}`.
  Response handle(const Request& request) const;

 private:
  Response answer(const Request& request) const;
  Response remembered(const Route& route, const Call& call) const;
  /// `moment`: before anything is read for it.
  Response made(const Route& route, Call call, const std::string& key, const Memory::Moment& moment) const;
  void make_again(const Route& route, Request request, std::string id, std::string key) const;

  std::filesystem::path store_;
  Control* control_;
  Access access_;
  mutable Boards boards_;
  mutable Memory memory_;
  mutable Behind behind_;  ///< the last: it ends before what it uses
};

}  // namespace medley::web
