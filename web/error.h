#pragma once

#include <stdexcept>

namespace medley::web {

/// The dashboard cannot be served: the message names the address and what would help.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace medley::web
