#include <cstdio>
#include <exception>

#include "sweep/version.h"
#include "worker/command.h"

int main(int argc, char** argv) {
  using namespace medley::worker;

  CLI::App app{"Trains, predicts and benchmarks fused trials; alone, or for a coordinator.", "medley-worker"};
  app.require_subcommand(1);
  app.set_version_flag("--version", medley::sweep::version());
  app.footer("Exit codes: 0 done, 1 failed, 2 usage; serve: 75 lost its coordinator.");
  app.get_formatter()->column_width(34);
  add_serve_command(app);
  add_train_command(app);
  add_predict_command(app);
  add_bench_command(app);

  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const ExitWith& e) {
    return e.code;
  } catch (const UsageError& e) {
    std::fprintf(stderr, "medley-worker: %s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "medley-worker: %s\n", e.what());
    return 1;
  }
}
