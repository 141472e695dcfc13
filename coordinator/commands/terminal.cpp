#include "coordinator/commands/terminal.h"

#include <algorithm>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

#include "sweep/report/table.h"

namespace medley::coordinator {

namespace {

bool every_column = false;

/// A terminal of fewer characters breaks lines by itself; longer lines are hard to read.
std::size_t fitting(std::size_t width) { return std::clamp<std::size_t>(width, 60, 200); }

std::string for_people(const std::string& text, int descriptor) {
  const auto width = terminal_width(descriptor);
  return width ? sweep::broken_lines(text, fitting(*width)) : text;
}

}  // namespace

std::optional<std::size_t> terminal_width(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

std::size_t text_width() {
  return every_column ? 0 : fitting(terminal_width(STDOUT_FILENO).value_or(sweep::kTextWidth));
}

void show_every_column() { every_column = true; }

void say_text(const std::string& text) { std::cout << for_people(text, STDOUT_FILENO); }

void remark_text(const std::string& text) { std::cerr << for_people(text, STDERR_FILENO); }

}  // namespace medley::coordinator
