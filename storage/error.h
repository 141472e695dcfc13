#pragma once

#include <stdexcept>

namespace medley::storage {

/// The store cannot be opened, read or written: the message says what was being done, on which file, and why not.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace medley::storage
