#pragma once

#include <string>

namespace medley::web {

/// What the dashboard may change. The coordinator implements it and hands each request to its own thread.
/// Called from several HTTP threads at once, with full ids of what is in the store; must not block for longer
/// than a moment.
class Control {
 public:
  struct Answer {
    bool done = false;
    std::string message;  ///< what was done, or why not: shown to the user as it is
  };

  virtual ~Control() = default;
  virtual Answer pause(const std::string& sweep_id) = 0;
  virtual Answer resume(const std::string& sweep_id) = 0;
  virtual Answer stop(const std::string& sweep_id) = 0;
  /// Gives a failed trial a fresh retry budget.
  virtual Answer retry(const std::string& trial_id) = 0;
};

}  // namespace medley::web
