#pragma once

#include <string>

namespace medley::web {

/// The request cannot be answered as it was asked: caught in Site::handle, which makes `{"error": message}` of it.
struct Refused {
  int status = 400;
  std::string message;
};

}  // namespace medley::web
