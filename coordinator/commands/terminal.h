#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <fmt/core.h>

namespace medley::coordinator {

/// Characters of a line of the terminal at `descriptor`; nullopt where there is none, or it does not say.
std::optional<std::size_t> terminal_width(int descriptor);

/// Characters of a line of standard output: those of its terminal, 60 at least and 200 at most, else
/// sweep::kTextWidth. 0, which is every column of a table, after show_every_column().
std::size_t text_width();
void show_every_column();  ///< the option --wide

/// Text for people. On a terminal its lines fit, by sweep::broken_lines(); elsewhere they stay whole, for programs that
/// read line by line.
void say_text(const std::string& text);     ///< on standard output
void remark_text(const std::string& text);  ///< on standard error

template <class... Arguments>
void say(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  say_text(fmt::format(format, std::forward<Arguments>(arguments)...));
}
template <class... Arguments>
void remark(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  remark_text(fmt::format(format, std::forward<Arguments>(arguments)...));
}

}  // namespace medley::coordinator
