#pragma once

#include <filesystem>

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
  /// `control` may be null; `changeable`: there is a token, so changes are possible at all.
  Site(std::filesystem::path store, Control* control, bool changeable);

  /// Never throws: what goes wrong becomes a response with a status and `{"error": ...}`.
  Response handle(const Request& request) const;

 private:
  Response answer(const Request& request) const;
  Response remembered(const Route& route, Call call) const;

  std::filesystem::path store_;
  Control* control_;
  bool changeable_;
  mutable Boards boards_;
  mutable Memory memory_;
};

}  // namespace medley::web
