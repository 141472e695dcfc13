#pragma once

#include <type_traits>

#include "coordinator/scheduler/scheduler.h"

namespace medley::coordinator {

/// The command as a C, const as `command` is; nullptr when it is another one.
template <class C, class AnyCommand>
auto* as(AnyCommand& command) {
  using Kind = std::conditional_t<std::is_convertible_v<C, Record>, Record, Send>;
  auto* kind = std::get_if<Kind>(&command);
  return kind ? std::get_if<C>(kind) : nullptr;
}

}  // namespace medley::coordinator
