#pragma once

#include <string>

#include <termios.h>

namespace medley::coordinator {

/// The terminal's second screen while it lives; afterwards the terminal is as it was. Keys are read as they are typed.
class FullScreen {
 public:
  /// Throws UsageError where standard input or output is no terminal.
  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  /// As much of `text` as fits, in place of what was shown.
  void show(const std::string& text) const;
  /// Waits for a key, or at most so long; '\0' none.
  char key(int milliseconds) const;

 private:
  termios before_{};
};

}  // namespace medley::coordinator
