#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

namespace medley::coordinator {

/// Manual pages (man(7)) of the program and of each of its commands, from what --help says: "medley",
/// "medley-run", "medley-data-make", ... -> text.
std::map<std::string, std::string> manual_pages(const CLI::App& app);

/// `medley manual`, which writes them. `app` must outlive its parsing.
void add_manual_command(CLI::App& app);

}  // namespace medley::coordinator
