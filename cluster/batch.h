#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cluster/launch.h"

namespace medley::cluster {

/// batch.sh, which is part of the program.
const char* batch_text();

/// What the batch script needs of a batch system, as lines of bash.
struct BatchSystem {
  std::string start;  ///< before all else
  /// Sets `restarts`, how often this task was queued again, and defines `requeue`, which has it run once more later and
  /// does not return.
  std::string text;
  std::string gang;  ///< before the command line of a worker: starts its ranks
};
/// The batch script of every worker of the launch. It starts the worker, starts it again when it crashes, passes a
/// notice on and puts itself back into the queue while a coordinator is there.
std::string batch_script(const Launch& launch, const BatchSystem& system);
/// As Launch::script. Throws Error.
void write_batch_script(const Launch& launch, const std::string& text);

/// Runs a command of a batch system without variables of the user that would change what it does. Returns what it
/// printed. Throws Error with what it said when it failed or did not answer.
std::string ask_system(const std::vector<std::string>& argv, const std::vector<std::string>& without = {});
std::string first_word(const std::string& text);
/// The same for a command that takes ids of jobs behind its options; nothing without ids.
void ask_about(std::vector<std::string> argv, const std::vector<std::string>& ids,
               const std::vector<std::string>& without = {});

/// Submits workers as job arrays of at most `largest` each. `submit` makes one of that many and returns its id. Where
/// one cannot be made, `cancel` ends those that were: all of them or none.
std::vector<std::string> start_arrays(int workers, int largest, const std::function<std::string(int)>& submit,
                                      const std::function<void(const std::vector<std::string>& ids)>& cancel);

}  // namespace medley::cluster
