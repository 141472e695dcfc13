#include "coordinator/commands/full_screen.h"

#include <cstdio>
#include <sstream>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "coordinator/error.h"

namespace medley::coordinator {

FullScreen::FullScreen() {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0 || tcgetattr(STDIN_FILENO, &before_) != 0) {
    throw UsageError("--watch needs a terminal; medley status without it prints once");
  }
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  std::fputs("\x1b[?1049h\x1b[?25l", stdout);  // the second screen, without a cursor
  std::fflush(stdout);
}

FullScreen::~FullScreen() {
  std::fputs("\x1b[?25h\x1b[?1049l", stdout);
  std::fflush(stdout);
  tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void FullScreen::show(const std::string& text) const {
  winsize size{};
  const int rows = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : 24;
  std::istringstream lines(text);
  std::string line, screen = "\x1b[H";
  int row = 0;
  while (row < rows - 1 && std::getline(lines, line)) {
    screen += line + "\x1b[K\r\n";
    ++row;
  }
  if (lines.peek() != std::istringstream::traits_type::eof()) screen += "...";
  screen += "\x1b[K\x1b[J";
  std::fputs(screen.c_str(), stdout);
  std::fflush(stdout);
}

char FullScreen::key(int milliseconds) const {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  char typed = 0;
  if (poll(&in, 1, milliseconds) <= 0 || read(STDIN_FILENO, &typed, 1) != 1) return 0;
  return typed;
}

}  // namespace medley::coordinator
