// medley-gpu-check: what of Medley's CUDA code is right on this machine's GPUs, and how fast it is.
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "trainer/cuda/runtime.h"
#include "worker/command.h"
#include "worker/gpu_check.h"

namespace {

using medley::sweep::Device;
using namespace medley::worker;

/// Prints them; true where all are right.
bool report(const char* part, Findings (*check)(const Device&), const Device& device) {
  Findings all;
  try {
    all = check(device);
  } catch (const std::exception& e) {
    all.push_back({part, false, e.what()});
  }
  bool right = true;
  for (const Finding& finding : all) {
    fmt::print("{}  {}: {}\n", finding.right ? "right" : "WRONG", finding.what, finding.found);
    right = right && finding.right;
  }
  std::fflush(stdout);
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Checks Medley's CUDA code on this machine: kernels, NCCL, trials against the CPU, throughput.",
               "medley-gpu-check"};
  Device device{Device::Kind::kCuda, 0};
  std::vector<int> packs = {1, 4, 16, 64};
  add_device_option(app, device);
  app.add_option("--packs", packs, "pack sizes of the throughput table; 0: no table")
      ->delimiter(',')
      ->capture_default_str();
  app.footer("Exit codes: 0 all is right, 1 something is wrong or there is no GPU, 2 usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }

  const medley::trainer::cuda::Devices devices = medley::trainer::cuda::find_devices();
  if (devices.count == 0) {
    fmt::print(stderr, "medley-gpu-check: no GPU to check on: {}. Nothing was checked.\n", devices.why_none);
    return 1;
  }
  bool right = report(
      "kernels", [](const Device&) { return check_kernels(); }, device);
  right &= report(
      "NCCL", [](const Device&) { return check_nccl(medley::trainer::cuda::find_devices().count); }, device);
  const bool trained = report("trials", check_trials, device);
  right &= trained;
  if (trained && packs != std::vector<int>{0}) {
    try {
      fmt::print("\n{}", throughput_table(device, packs));
    } catch (const std::exception& e) {
      fmt::print("WRONG  throughput: {}\n", e.what());
      right = false;
    }
  }
  return right ? 0 : 1;
}
