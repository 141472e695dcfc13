#include "coordinator/commands/terminal.h"

#include <algorithm>

#include <sys/ioctl.h>
#include <unistd.h>

#include "sweep/report/table.h"

namespace medley::coordinator {

std::size_t text_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return sweep::kTextWidth;
  return std::clamp<std::size_t>(size.ws_col, 60, 200);
}

}  // namespace medley::coordinator
