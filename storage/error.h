#pragma once

#include <stdexcept>

namespace medley::storage {

/// The store cannot be opened, read or written. The message names the operation, the file and the cause.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace medley::storage
