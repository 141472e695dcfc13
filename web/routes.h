#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "web/board.h"
#include "web/control.h"
#include "web/http.h"
#include "web/memory.h"

namespace medley::web {

/// What every address answers: the page's files and /api/v1 (docs/api.md). Knows no socket. May be called
/// from several threads at once: each request opens its own read-only connection.
class Routes {
 public:
  /// `control` may be null; `changeable`: there is a token, so changes are possible at all.
  Routes(std::filesystem::path store, Control* control, bool changeable);

  /// Never throws: what goes wrong becomes a response with a status and `{"error": ...}`.
  Response handle(const Request& request) const;

 private:
  Response read(const Request& request) const;
  Response read_store(const Request& request, const std::vector<std::string>& parts) const;
  Response change(const Request& request) const;
  Response health() const;

  std::filesystem::path store_;
  Control* control_;
  bool changeable_;
  mutable Boards boards_;
  mutable Memory memory_;
};

}  // namespace medley::web
