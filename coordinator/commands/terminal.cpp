#include "coordinator/commands/terminal.h"

#include <algorithm>

#include <sys/ioctl.h>
#include <unistd.h>

#include "sweep/report/table.h"

namespace medley::coordinator {

std::optional<std::size_t> terminal_width(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

std::size_t text_width() {
  const auto width = terminal_width(STDOUT_FILENO);
  return width ? std::clamp<std::size_t>(*width, 60, 200) : sweep::kTextWidth;
}

}  // namespace medley::coordinator
