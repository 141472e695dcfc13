// The name of an arithmetic against what it stands for: the bits that a trial comes to.
#include "trainer/arithmetic.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"

namespace medley::tests {
namespace {

TEST(Arithmetic, HasTwelveDigitsAndIsTheSameAgain) {
  const std::string first = trainer::arithmetic("cpu");
  EXPECT_EQ(first.size(), 12u);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos) << first;
  EXPECT_EQ(trainer::arithmetic("cpu"), first);
}

TEST(Arithmetic, OfADeviceThatIsNotThereIsAnError) { EXPECT_THROW(trainer::arithmetic("toaster"), trainer::Error); }

/// A trial with products of sizes that trials have.
std::string digest_of_a_trial() {
  PlantedOptions options;
  options.encoders = {{"clear", 48, 2.0}, {"faint", 100, .5}};
  sweep::Config config;
  config.encoders = {"clear", "faint"};
  config.top_n = 1;
  config.epochs = 2;
  return sweep::digest_of({alone(planted_dataset(options), trial(config))});
}

/// In a process of its own, for the tests below: kernels are chosen once in a process's life.
TEST(ArithmeticOfAProcess, IsPrinted) {
  std::printf("arithmetic %s trial %s\n", trainer::arithmetic("cpu").c_str(), digest_of_a_trial().c_str());
}

/// What this program says of itself where `environment` is set ("NAME=value"): its arithmetic and the trial's digest.
std::pair<std::string, std::string> under(const std::string& environment) {
  const std::string command = "env " + environment + " '" + std::filesystem::read_symlink("/proc/self/exe").string() +
                              "' --gtest_filter=ArithmeticOfAProcess.IsPrinted";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 65> arithmetic{}, digest{};
  std::array<char, 512> line{};
  while (pipe && std::fgets(line.data(), line.size(), pipe)) {
    std::sscanf(line.data(), "arithmetic %64s trial %64s", arithmetic.data(), digest.data());
  }
  EXPECT_EQ(pipe ? pclose(pipe) : -1, 0) << command;
  EXPECT_NE(arithmetic[0], '\0') << command;
  return {arithmetic.data(), digest.data()};
}

TEST(Arithmetic, DiffersWhereverTheBitsOfATrialDo) {
  std::map<std::string, std::string> trial_of;  // by arithmetic
  // OpenBLAS, LibTorch and the C library choose kernels by CPU. The variables make them choose as on older ones.
  for (const char* environment : {"MEDLEY_NOTHING=1", "OPENBLAS_CORETYPE=Prescott",
                                  "ATEN_CPU_CAPABILITY=default GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2"}) {
    const auto [arithmetic, digest] = under(environment);
    EXPECT_EQ(trial_of.emplace(arithmetic, digest).first->second, digest) << environment;
  }
}

}  // namespace
}  // namespace medley::tests
