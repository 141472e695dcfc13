#pragma once

#include <stdexcept>
#include <string>

namespace medley::sweep {

/// What a user or a file got wrong: the message names what, where, which value, and what would be valid.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace medley::sweep
