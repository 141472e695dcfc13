// The held-out Scores of a finished sweep, as `replay` reads them.    usage: replay_table STORE [SWEEP]
#include <cmath>
#include <cstdio>
#include <exception>
#include <optional>

#include "storage/reader.h"
#include "storage/report_input.h"

int main(int argc, char** argv) {
  using namespace medley;
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: replay_table STORE [SWEEP]\n");
    return 2;
  }
  try {
    storage::Reader reader(argv[1]);
    const storage::Reader::Snapshot snapshot(reader);
    std::optional<storage::SweepSummary> sweep;
    if (argc == 3) {
      sweep = reader.find_sweep(argv[2]);
    } else if (const auto all = reader.sweeps(); !all.empty()) {
      sweep = all.front();
    }
    if (!sweep) {
      std::fprintf(stderr, "replay_table: no such sweep\n");
      return 1;
    }
    std::printf("config,fold,seed,score\n");
    for (const auto& config : sweep::make_report(storage::read_report_input(reader, *sweep)).configs) {
      for (const auto& run : config.runs) {
        std::printf("%s,%d,%llu,%.17g\n", config.id.c_str(), run.fold, static_cast<unsigned long long>(run.seed),
                    run.held_out);
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "replay_table: %s\n", error.what());
    return 1;
  }
  return 0;
}
