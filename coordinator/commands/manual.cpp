// medley manual.
#include "coordinator/commands/manual.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "coordinator/commands/command_parts.h"
#include "coordinator/error.h"
#include "storage/files/write.h"
#include "sweep/nearest.h"
#include "sweep/version.h"

namespace medley::coordinator {
namespace {

/// Text as man(7) takes it: nothing in it is a request, and hyphens are the ASCII ones that people type.
std::string escaped(const std::string& text) {
  std::string made;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) made += "\\&";
    if (c == '\\') {
      made += "\\e";
    } else if (c == '-') {
      made += "\\-";
    } else {
      made += c;
    }
    line_begins = c == '\n';
  }
  return made;
}

/// "--folds N, -f N", as it is typed.
std::string spelled(const CLI::Option& option) {
  std::string names;
  const auto add = [&](const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
  for (const std::string& name : option.get_snames()) add("-" + name);
  for (const std::string& name : option.get_lnames()) add("--" + name);
  if (names.empty()) return option.get_name(true);
  const std::string type = option.get_type_name();
  if (option.get_items_expected_max() != 0) names += " " + (type.empty() ? std::string("VALUE") : type);
  return names;
}

/// A command's name as that of its page: "medley data make" is medley-data-make.
std::string page_name(std::string path) {
  std::replace(path.begin(), path.end(), ' ', '-');
  return path;
}

void add_options(const std::vector<const CLI::Option*>& options, bool positional, std::string& page) {
  for (const CLI::Option* option : options) {
    const bool named = !option->get_lnames().empty() || !option->get_snames().empty();
    if (named == positional) continue;
    page += ".TP\n.B " + escaped(spelled(*option)) + "\n" + escaped(option->get_description());
    if (!option->get_default_str().empty()) page += " [" + escaped(option->get_default_str()) + "]";
    if (option->get_required()) page += " (required)";
    page += "\n";
  }
}

std::string page_of(const CLI::App& app, const std::string& path) {
  const CommandParts parts = parts_of(app);
  std::vector<const CLI::Option*> options = parts.options;
  for (const CLI::Option* option : parts.grouped) {
    if (option->get_lnames() != std::vector<std::string>{"help"}) options.push_back(option);
  }
  const std::string name = page_name(path);
  std::string page = ".TH " + escaped(name) + " 1 \"\" \"Medley " + escaped(sweep::version()) + "\" \"Medley\"\n";
  std::string synopsis = parts.commands.empty() ? " [OPTIONS]" : " COMMAND [OPTIONS]";
  bool arguments = false;
  for (const CLI::Option* option : options) {
    if (!option->get_lnames().empty() || !option->get_snames().empty()) continue;
    arguments = true;
    synopsis += option->get_required() ? " " + option->get_name(true) : " [" + option->get_name(true) + "]";
  }
  page += ".SH NAME\n" + escaped(name) + " \\- " + escaped(app.get_description()) + "\n";
  page += ".SH SYNOPSIS\n.B " + escaped(path) + "\n" + escaped(synopsis.substr(1)) + "\n";
  if (arguments) {
    page += ".SH ARGUMENTS\n";
    add_options(options, true, page);
  }
  if (!parts.commands.empty()) {
    page += ".SH COMMANDS\n";
    for (const CLI::App* command : parts.commands) {
      page += ".TP\n.B " + escaped(command->get_name()) + "\n" + escaped(command->get_description()) + "\n";
    }
  }
  page += ".SH OPTIONS\n";
  add_options(options, false, page);
  if (!app.get_footer().empty()) page += ".SH NOTES\n.nf\n" + escaped(app.get_footer()) + "\n.fi\n";
  page += ".SH SEE ALSO\n";
  if (const auto space = path.rfind(' '); space != std::string::npos) {
    page += ".BR " + escaped(page_name(path.substr(0, space))) + " (1),\n";
  }
  for (const CLI::App* command : parts.commands) {
    page += ".BR " + escaped(name + "-" + command->get_name()) + " (1),\n";
  }
  return page + "the documents beside the program in share/doc/medley.\n";
}

void add_pages(const CLI::App& app, const std::string& path, std::map<std::string, std::string>& pages) {
  pages[page_name(path)] = page_of(app, path);
  for (const CLI::App* command : parts_of(app).commands) add_pages(*command, path + " " + command->get_name(), pages);
}

}  // namespace

std::map<std::string, std::string> manual_pages(const CLI::App& app) {
  std::map<std::string, std::string> pages;
  add_pages(app, app.get_name(), pages);
  return pages;
}

void add_manual_command(CLI::App& app) {
  struct Options {
    std::vector<std::string> words;
    std::string out;
  };
  auto* command = app.add_subcommand("manual", "Print a manual page, or write all of them");
  auto options = std::make_shared<Options>();
  command->add_option("COMMAND", options->words, "words of the command; medley itself if not given");
  command->add_option("--out", options->out, "write all pages to this folder, as man1/NAME.1")->type_name("FOLDER");
  command->footer(
      "Examples:\n"
      "  medley manual run | man -l -\n"
      "  medley manual --out ~/.local/share/man");
  command->callback([&app, options] {
    const auto pages = manual_pages(app);
    if (!options->out.empty()) {
      const std::filesystem::path folder = std::filesystem::path(options->out) / "man1";
      files::make_folders(folder);
      for (const auto& [name, page] : pages) files::write(folder / (name + ".1"), page, files::Durability::kAtomic);
      return;
    }
    std::string name = app.get_name();
    for (const std::string& word : options->words) name += "-" + word;
    const auto page = pages.find(name);
    if (page == pages.end()) {
      std::vector<std::string> names;
      for (const auto& [one, text] : pages) names.push_back(one);
      throw UsageError("no manual page '" + name + "'" + sweep::suggestion(name, names));
    }
    std::fputs(page->second.c_str(), stdout);
  });
}

}  // namespace medley::coordinator
