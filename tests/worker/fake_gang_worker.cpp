// One rank of a worker with the real link and the real gang, and a trainer that only sums with the others. Tests plant
// faults in it.
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tests/worker/fake_options.h"
#include "tests/worker/fake_trainer.h"
#include "worker/gang_trainer.h"

namespace {

using namespace medley;

/// Does what the file's first line says, if it is meant for this rank and place: "kill middle 1", also stop and throw.
/// Once: the file is gone then, and `<file>.done` holds when it was, in milliseconds of the system's clock.
void fault(const std::string& file, const std::string& place, int rank) {
  std::string what, where;
  int whom = -1;
  if (!(std::ifstream(file) >> what >> where >> whom) || where != place || whom != rank) return;
  std::error_code error;
  std::filesystem::rename(file, file + ".taken", error);
  if (error) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::ofstream(file + ".done") << std::chrono::duration_cast<std::chrono::milliseconds>(now).count() << '\n';
  if (what == "kill") std::raise(SIGKILL);
  if (what == "stop") std::raise(SIGSTOP);
  throw std::runtime_error("told to throw");
}

}  // namespace

int main(int argc, char** argv) try {
  const fake::Arguments arguments = fake::parse_arguments(argc, argv);
  const std::string faults = arguments.behaviour_file + ".fault";
  const char* own = std::getenv("OMPI_COMM_WORLD_RANK");
  fault(faults, "init", own ? std::stoi(own) : 0);

  constexpr std::chrono::milliseconds kShort{1'500};
  worker::MpiGang gang({kShort, kShort, kShort});
  worker::GangTrainer together(gang, [&](const worker::Pack& pack) {
    const fake::Behaviour behaviour = fake::read_behaviour(arguments.behaviour_file);
    for (int ms = 0; ms < behaviour.train_ms; ++ms) {
      if (ms == behaviour.train_ms / 2) fault(faults, "middle", gang.rank());
      double stop = gang.rank() == 0 && pack.stop() != worker::Stop::kNo ? 1 : 0;
      gang.collective().all_reduce_sum(&stop, 1);
      if (stop > 0) throw std::runtime_error("stopped");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      pack.progress(ms + 1, behaviour.train_ms);
    }
    std::vector<sweep::TrialResult> results;
    for (const auto& trial : pack.trials) results.push_back(fake::fake_result(trial));
    fault(faults, "gather", gang.rank());
    return results;
  });
  if (gang.rank() > 0) {
    together.follow();
    return 0;
  }
  const auto ending = worker::serve(arguments.link, std::ref(together));
  together.end();
  return ending.exit_code();
} catch (const std::exception& e) {
  std::fprintf(stderr, "fake_gang_worker: %s\n", e.what());
  return 1;
}
