#include "coordinator/commands/command_line.h"

#include <cstdio>
#include <iostream>
#include <new>
#include <sstream>
#include <string_view>
#include <vector>

#include "coordinator/commands/terminal.h"
#include "coordinator/error.h"
#include "sweep/nearest.h"

namespace medley::coordinator {
namespace {

/// The command that was named last: "data" of `medley data chekc`.
const CLI::App& innermost(const CLI::App& app) {
  const CLI::App* last = &app;
  while (!last->get_subcommands().empty()) last = last->get_subcommands().front();
  return *last;
}

std::vector<std::string> names_of_options(const CLI::App& app) {
  std::vector<std::string> names;
  const auto add = [&](const CLI::App& level) {
    for (const CLI::Option* option : level.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  };
  for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
    add(*level);
    // A group of options is a command without a name.
    for (const CLI::App* group : level->get_subcommands([](const CLI::App* a) { return a->get_name().empty(); })) {
      add(*group);
    }
  }
  return names;
}

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App* a) { return !a->get_name().empty(); })) {
    names.push_back(command->get_name());
  }
  return names;
}

/// What is wrong with the first argument that nobody took; "" when there is none.
std::string about_unknown(const CLI::App& app) {
  const std::vector<std::string> left = app.remaining(true);
  if (left.empty()) return "";
  const CLI::App& command = innermost(app);
  const std::string name = left.front().substr(0, left.front().find('='));
  if (!name.empty() && name.front() == '-') {
    const std::string nearest = sweep::nearest_name(name, names_of_options(command));
    return "unknown option " + name + (nearest.empty() ? "" : "; did you mean " + nearest + "?");
  }
  const std::vector<std::string> commands = names_of_commands(command);
  if (commands.empty()) return "unexpected argument '" + name + "'";
  return "unknown command '" + name + "'" + sweep::suggestion(name, commands);
}

int fail(const std::string& message, int code) {
  std::cout.flush();
  remark("medley: {}\n", message);
  return code;
}

/// 1 where what was printed did not arrive, say on a full disk.
int flushed() {
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout) return 0;
  return fail("what it printed could not be written: is the disk full?", 1);
}

}  // namespace

int run_command_line(CLI::App& app, int argc, const char* const* argv) {
  // As git and others have it, `help COMMAND` is `COMMAND --help`.
  std::vector<const char*> words(argv, argv + argc);
  if (argc > 1 && std::string_view(argv[1]) == "help") {
    words.erase(words.begin() + 1);
    words.push_back("--help");
  }
  try {
    app.parse(static_cast<int>(words.size()), words.data());
    return flushed();
  } catch (const CLI::ParseError& e) {
    std::ostringstream help, error;
    const std::string unknown = e.get_exit_code() == 0 ? "" : about_unknown(app);
    if (unknown.empty()) {
      const int code = app.exit(e, help, error);
      say_text(help.str());
      if (!error.str().empty()) remark_text("medley: " + error.str());
      return code == 0 ? flushed() : 2;
    }
    const CLI::App& command = innermost(app);
    const std::string path = &command == &app ? "medley" : "medley " + command.get_name();
    return fail(unknown + "\nRun `" + path + " --help` for what there is.", 2);
  } catch (const UsageError& e) {
    return fail(e.what(), 2);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", 1);
  } catch (const std::exception& e) {
    return fail(e.what(), 1);
  }
}

}  // namespace medley::coordinator
