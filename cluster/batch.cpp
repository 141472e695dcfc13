#include "cluster/batch.h"

#include <algorithm>
#include <cassert>
#include <map>

#include "cluster/process.h"
#include "storage/files/error.h"
#include "storage/files/write.h"

namespace medley::cluster {
namespace {

std::string surroundings(const Launch& launch) {
  std::string text;
  if (!launch.site.modules.empty()) {
    text += "module load " + shell_line(launch.site.modules) + " || exit 1\n";
  }
  const std::string cores = std::to_string(launch.shape.cores_per_rank);
  text += "export OMP_NUM_THREADS=" + cores + " OPENBLAS_NUM_THREADS=" + cores + " MKL_NUM_THREADS=" + cores + "\n";
  for (const auto& [name, value] : launch.site.environment) text += "export " + name + "=" + shell_word(value) + "\n";
  for (const std::string& line : launch.site.setup) text += line + "\n";
  return text;
}

/// The script with a value in place of each mark, in one pass: values may hold what looks like a mark.
std::string filled(const std::string& script, const std::map<std::string, std::string>& values) {
  std::string text;
  std::size_t used = 0;
  for (std::size_t at = 0; at < script.size();) {
    const auto mark = std::find_if(values.begin(), values.end(), [&](const auto& value) {
      return script.compare(at, value.first.size(), value.first) == 0;
    });
    if (mark == values.end()) {
      text += script[at++];
    } else {
      text += mark->second;
      at += mark->first.size();
      ++used;
    }
  }
  assert(used == values.size());
  return text;
}

}  // namespace

std::string batch_script(const Launch& launch, const BatchSystem& system) {
  const bool fixed = !launch.coordinator.empty();
  std::vector<std::string> words = {launch.program, "serve"};
  words.insert(words.end(), launch.arguments.begin(), launch.arguments.end());
  words.insert(words.end(), {"--spool", launch.spool});
  const std::string ranks = launch.shape.ranks > 1 ? system.gang + " " : "";
  return filled(batch_text(), {{"#@surroundings@\n", system.start + surroundings(launch)},
                               {"#@system@\n", system.text},
                               {"@endpoint@", fixed ? "" : shell_word(launch.endpoint_file)},
                               {"@coordinator@", fixed ? shell_word(launch.coordinator) : ""},
                               {"@spool@", shell_word(launch.spool)},
                               {"@worker@", ranks + shell_line(words)}});
}

void write_batch_script(const Launch& launch, const std::string& text) {
  files::rethrow_as<Error>([&] { files::write(launch.script, text, files::Durability::kAtomic); });
}

std::string ask_system(const std::vector<std::string>& argv, const std::vector<std::string>& without) {
  std::vector<std::string> clean = {"env"};
  for (const std::string& name : without) clean.insert(clean.end(), {"-u", name});
  clean.insert(clean.end(), argv.begin(), argv.end());
  const Said said = run_command(clean);
  if (said.timed_out) throw Error(argv[0] + " did not answer within a minute: is its server up?");
  if (said.exit.code != 0 || said.exit.signal != 0) {
    throw Error(shell_line(argv) + " failed with " + said.exit.text() + ": " + said.err);
  }
  return said.out;
}

void ask_about(std::vector<std::string> argv, const std::vector<std::string>& ids,
               const std::vector<std::string>& without) {
  if (ids.empty()) return;
  argv.insert(argv.end(), ids.begin(), ids.end());
  ask_system(argv, without);
}

std::vector<std::string> start_arrays(int workers, int largest, const std::function<std::string(int)>& submit,
                                      const std::function<void(const std::vector<std::string>& ids)>& cancel) {
  std::vector<std::string> ids;
  try {
    for (int left = workers; left > 0; left -= largest) ids.push_back(submit(std::min(left, largest)));
  } catch (const Error&) {
    cancel(ids);
    throw;
  }
  return ids;
}

std::string first_word(const std::string& text) { return text.substr(0, text.find_first_of(" \t\r\n;")); }

}  // namespace medley::cluster
