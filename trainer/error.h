#pragma once

#include <stdexcept>
#include <string>

namespace medley::trainer {

/// A trial that cannot be trained or predicted. The message names the setting, encoder, clip or file, and the valid
/// values.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// TrainOptions::stop said so: nothing is returned.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("training was stopped before it finished") {}
};

}  // namespace medley::trainer
