// The name of an arithmetic against what it stands for: the bits that a trial comes to.
#include "trainer/arithmetic.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"
#include "tests/trainer/switches.h"

namespace medley::tests {
namespace {

TEST(Arithmetic, HasTwelveDigitsAndIsTheSameAgain) {
  const std::string first = trainer::arithmetic("cpu");
  EXPECT_EQ(first.size(), 12u);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos) << first;
  EXPECT_EQ(trainer::arithmetic("cpu"), first);
}

TEST(Arithmetic, OfADeviceThatIsNotThereIsAnError) { EXPECT_THROW(trainer::arithmetic("toaster"), trainer::Error); }

/// A trial with products of sizes that trials have, with these settings.
sweep::TrialResult golden_trial(const char* settings) {
  PlantedOptions options;
  options.encoders = {{"clear", 48, 2.0}, {"faint", 100, .5}};
  sweep::Config config;
  config.encoders = {"clear", "faint"};
  config.top_n = 1;
  config.epochs = 2;
  return alone(planted_dataset(options), trial(with(config, settings)));
}

/// In a process of its own, for the tests below: kernels are chosen once in a process's life.
TEST(ArithmeticOfAProcess, IsPrinted) {
  const sweep::TrialResult usual = golden_trial("{}"),
                           other = golden_trial(R"({"fusion": "rank-concat", "adaptation": "mmd"})");
  std::printf("arithmetic %s usual %s other %s loss %.17g\n", trainer::arithmetic("cpu").c_str(),
              sweep::digest_of({usual}).c_str(), sweep::digest_of({other}).c_str(), other.epochs.back().loss);
}

/// What a process says of itself.
struct Said {
  std::string arithmetic;
  std::string usual;  ///< digest of a trial of the usual settings
  std::string other;  ///< digest of one that needs LibTorch's operations
  double loss = 0;    ///< of the other's last epoch
};

/// What this program says where `environment` is set ("NAME=value").
Said under(const std::string& environment) {
  const std::string command = "env " + environment + " '" + std::filesystem::read_symlink("/proc/self/exe").string() +
                              "' --gtest_filter=ArithmeticOfAProcess.IsPrinted";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 65> arithmetic{}, usual{}, other{};
  double loss = 0;
  std::array<char, 512> line{};
  while (pipe && std::fgets(line.data(), line.size(), pipe)) {
    std::sscanf(line.data(), "arithmetic %64s usual %64s other %64s loss %lf", arithmetic.data(), usual.data(),
                other.data(), &loss);
  }
  EXPECT_EQ(pipe ? pclose(pipe) : -1, 0) << command;
  EXPECT_NE(arithmetic[0], '\0') << command;
  return {arithmetic.data(), usual.data(), other.data(), loss};
}

/// Environments in which OpenBLAS, LibTorch and the C library choose kernels as on other CPUs.
std::vector<std::string> other_cpus() {
  if (!std::getenv("MEDLEY_KERNELS")) {
    return {"OPENBLAS_CORETYPE=Prescott", "ATEN_CPU_CAPABILITY=default GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2"};
  }
  std::string flags;
  std::ifstream cpu("/proc/cpuinfo");
  for (std::string line; std::getline(cpu, line) && flags.empty();) {
    if (line.rfind("flags", 0) == 0) flags = line + " ";
  }
  struct Core {
    const char* name;
    const char* needs;  ///< a flag of the CPU
  };
  std::vector<std::string> all;
  for (const Core& core :
       {Core{"Prescott", "sse2"}, Core{"Nehalem", "sse4_2"}, Core{"Sandybridge", "avx"}, Core{"Haswell", "fma"},
        Core{"Zen", "avx2"}, Core{"SkylakeX", "avx512vl"}, Core{"Cooperlake", "avx512_bf16"}}) {
    for (const Core& vectors : {Core{"default", "sse2"}, Core{"avx2", "avx2"}, Core{"avx512", "avx512vl"}}) {
      const auto has = [&](const char* flag) { return flags.find(" " + std::string(flag) + " ") != std::string::npos; };
      if (!has(core.needs) || !has(vectors.needs)) continue;
      all.push_back(std::string("OPENBLAS_CORETYPE=") + core.name + " ATEN_CPU_CAPABILITY=" + vectors.name);
    }
  }
  return all;
}

/// With MEDLEY_KERNELS: under every kind of kernels that this CPU runs.
TEST(Arithmetic, DiffersWhereverTheBitsOfATrialDo) {
  const Said usual = under("MEDLEY_NOTHING=1");
  std::map<std::string, std::string> trial_of{{usual.arithmetic, usual.other}};
  for (const std::string& environment : other_cpus()) {
    const Said said = under(environment);
    EXPECT_EQ(trial_of.emplace(said.arithmetic, said.other).first->second, said.other) << environment;
    EXPECT_EQ(said.usual, usual.usual) << environment << ": its bits are of our kernels alone";
    EXPECT_NEAR(said.loss, usual.loss, 1e-4 * usual.loss) << environment;
    std::printf("%s: arithmetic %s, usual trial %.6s, other %.6s\n", environment.c_str(), said.arithmetic.c_str(),
                said.usual.c_str(), said.other.c_str());
  }
}

}  // namespace
}  // namespace medley::tests
