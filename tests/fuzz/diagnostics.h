#pragma once

#include <string>
#include <tuple>

#include "sweep/spec/diagnostic.h"
#include "tests/fuzz/target.h"

namespace medley::fuzz {

/// Each error stands at a place of a part of `text`, in order, and says something.
inline void require_places(const sweep::SpecError& error, const std::string& text) {
  int lines = 1;
  for (const char c : text) lines += c == '\n' || c == '\r';
  require(!error.diagnostics().empty(), "an error that says nothing");
  std::tuple<int, int, int> last{0, 0, 0};
  for (const sweep::Diagnostic& one : error.diagnostics()) {
    require(one.line >= 1 && one.line <= lines && one.column >= 1, "no place of the file: " + one.str());
    require(!one.message.empty(), "an error without a message: " + one.str());
    require(last <= std::tuple(one.part, one.line, one.column), "errors out of order: " + one.str());
    last = {one.part, one.line, one.column};
  }
}

}  // namespace medley::fuzz
