#pragma once

#include <stdexcept>

namespace medley::coordinator {

/// The coordinator cannot start or continue. The message gives the reason and a remedy.
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
