#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sweep/label.h"

namespace medley::sweep {

/// `name` without blanks around it, in lower case (ASCII).
std::string plain_name(std::string_view name);

/// The challenge's name (ang, disg, fea, hap, sad, neu) of an emotion as people write it: "Anger", "DIS", " happiness".
/// nullopt for all others. The one list of class aliases.
std::optional<std::string> challenge_class(std::string_view name);

/// Index of the class that `name` means, or -1. The name is compared as it stands, then without blanks and letter case,
/// then as an alias. Two classes that one comparison cannot tell apart give -1.
int class_index(const Classes& classes, std::string_view name);

/// The same classes under the challenge's names, or nullopt where a class has none or two classes share one.
std::optional<Classes> challenge_classes(const Classes& classes);

}  // namespace medley::sweep
