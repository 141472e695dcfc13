#pragma once

#include <stdexcept>
#include <string>

namespace medley::sweep {

/// An error of a user or a file. The message names the thing, the place, the value, and the valid values.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace medley::sweep
