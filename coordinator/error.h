#pragma once

#include <stdexcept>

namespace medley::coordinator {

/// The coordinator cannot start or go on: the message says why, and what the user can do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the user typed cannot be: exit code 2. Everything else that is thrown is exit code 1.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace medley::coordinator
