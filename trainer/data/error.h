#pragma once

#include <stdexcept>

namespace medley::data {

/// A file of a dataset cannot be read or written, or says something impossible. The message names the file,
/// the place in it, the offending value and what would be valid.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace medley::data
