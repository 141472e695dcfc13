#pragma once

#include <string>
#include <vector>

#include "cluster/launcher.h"

namespace medley::cluster {

/// In the order in which people see them. Records point to its elements.
using Launchers = std::vector<LauncherKind>;

/// Every launcher of this program. Lives as long as the program.
const Launchers& launchers();

/// nullptr: none has this name.
const LauncherKind* find_launcher(const Launchers& launchers, const std::string& name);

}  // namespace medley::cluster
