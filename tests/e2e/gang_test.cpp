// Real training by gangs of MPI ranks: what one rank gives is what comes out, whoever dies on the way.
#include <cmath>

#include "tests/e2e/end_to_end.h"

namespace medley::e2e {
namespace {
using namespace std::chrono_literals;
using nlohmann::json;

class Gang : public EndToEnd {
 protected:
  Gang() {
    for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"}) setenv(name, "1", 1);
    make_dataset();
  }

  std::unique_ptr<Program> mpirun(int ranks, const std::vector<std::string>& worker_arguments) const {
    std::vector<std::string> words = {"--oversubscribe", "-n", std::to_string(ranks), MEDLEY_WORKER};
    words.insert(words.end(), worker_arguments.begin(), worker_arguments.end());
    return std::make_unique<Program>(MPIRUN, words, scratch_);
  }

  /// A gang that serves the coordinator of `store`.
  std::unique_ptr<Program> join(int ranks) const {
    return mpirun(ranks, {"serve", "--coordinator", coordinator(), "--token-file", path("store") + "/token", "--spool",
                          path("spool")});
  }
};

TEST_F(Gang, OneTwoAndFourRanksTrainTheSameTrial) {
  const std::string settings = write("settings.yaml",
                                     "projection_dim: 8\ngate_dim: 4\nfusion_dim: 8\nepochs: 4\nprecision: float64\n"
                                     "adaptation: coral\ngrad_clip: 1.0\ngate_noise: 0.2\n");
  json alone;
  for (const int ranks : {1, 2, 4}) {
    SCOPED_TRACE(ranks);
    const std::string out = path("result-" + std::to_string(ranks) + ".json");
    const Ended ended = mpirun(ranks, {"train", settings, "--data", path("data"), "--out", out})->wait(60s);
    ASSERT_EQ(ended.exit, 0) << ended.err;
    const json result = json::parse(read_file(out)).at("result");
    if (ranks == 1) alone = result;
    const auto near = [](const std::vector<double>& actual, const std::vector<double>& expected, double tolerance) {
      ASSERT_EQ(actual.size(), expected.size());
      ASSERT_FALSE(actual.empty());
      for (std::size_t i = 0; i < actual.size(); ++i) {
        ASSERT_NEAR(actual[i], expected[i], tolerance * std::max(1e-3, std::abs(expected[i])));
      }
    };
    ASSERT_EQ(result.at("epochs").size(), alone.at("epochs").size());
    for (std::size_t i = 0; i < result["epochs"].size(); ++i) {
      for (const char* name : {"learning_rate", "loss", "validation_loss"}) {
        near({result["epochs"][i].at(name)}, {alone["epochs"][i].at(name)}, 1e-6);
      }
    }
    for (const char* protocol : {"paper", "held_out"}) {
      for (const char* split : {"validation", "test"}) {  // kept as halves: three units in the last place
        near(result[protocol][split]["fused"], alone[protocol][split]["fused"], 3e-3);
      }
    }
  }
}

TEST_F(Gang, OfTwoArithmeticsIsRefusedByNameAndNotStartedAgain) {
  // OpenBLAS has other kernels for a CPU of this name: what a rank on an older host would use.
  const std::string older = "OPENBLAS_CORETYPE=Prescott";
  const std::string settings = write("settings.yaml", "projection_dim: 8\nepochs: 1\n");
  const auto arithmetic = [&](const std::string& environment) {
    const Ended ended =
        Program("/usr/bin/env", {environment, MEDLEY_WORKER, "train", settings, "--data", path("data"), "--json"},
                scratch_)
            .wait(60s);
    EXPECT_EQ(ended.exit, 0) << ended.err;
    return json::parse(ended.out).at("result").at("arithmetic").get<std::string>();
  };
  const std::string here = arithmetic("MEDLEY_NOTHING=1"), there = arithmetic(older);
  if (here == there) GTEST_SKIP() << "this BLAS computes the same under " << older;
  const std::vector<std::string> worker = {MEDLEY_WORKER,  "serve",      "--coordinator", "127.0.0.1:1",
                                           "--token-file", path("none"), "--spool",       path("spool")};
  // Of two programs, as in `mpirun -n 1 A : -n 1 B`, Open MPI 5.0.7 of Debian 13 dies.
  std::vector<std::string> words = {"--oversubscribe",
                                    "-n",
                                    "2",
                                    "sh",
                                    "-c",
                                    "[ $OMPI_COMM_WORLD_RANK = 0 ] || export " + older + "; exec \"$@\"",
                                    "-"};
  words.insert(words.end(), worker.begin(), worker.end());
  const Ended ended = Program(MPIRUN, words, scratch_).wait(60s);
  EXPECT_EQ(ended.exit, 1) << "what a batch script does not start again";
  EXPECT_NE(ended.err.find("the ranks of a gang must have one arithmetic, these have 2"), std::string::npos)
      << ended.err;
  for (const std::string& name : {here, there})
    EXPECT_NE(ended.err.find(name + " on "), std::string::npos) << ended.err;
}

TEST_F(Gang, ThatIsKilledStoppedAndPreemptedLeavesTheTableOfAnUndisturbedRun) {
  const std::string sweep = write_sweep("sweep.yaml", "name: gangs\nfolds: [0, 1]\nseeds: 2\naxes: {top_n: [1, 2]}\n",
                                        "epochs: 240, precision: float64");
  const std::string attempts = "SELECT count(*) FROM attempt";
  auto run = start_run(sweep, 0, "store", {"--no-web"});
  ASSERT_TRUE(eventually([&] { return results() == 0; }));
  std::unique_ptr<Program> gang;
  const auto disturb = [&](auto what) {
    const int before = std::max(0, count_in_store(attempts));
    gang = join(2);
    ASSERT_TRUE(eventually([&] { return count_in_store(attempts) > before; }));
    std::this_thread::sleep_for(500ms);
    ASSERT_LT(results(), 8) << "the sweep ended too early: make it longer";
    what();
    gang->wait(60s);
  };
  const auto a_follower = [&] {
    // mpirun, the first rank and the second: the youngest is a rank.
    const auto all = workers();
    return *std::max_element(all.begin(), all.end());
  };
  disturb([&] { ::kill(a_follower(), SIGKILL); });
  disturb([&] { gang->kill(SIGUSR1); });  // mpirun tells every rank: the notice
  disturb([&] { gang->kill(SIGKILL); });
  gang = join(2);
  const Ended ended = run->wait();
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_EQ(gang->wait(20s).exit, 0);
  EXPECT_EQ(results(), 8);
  EXPECT_GT(count_in_store("SELECT count(*) FROM attempt WHERE state = 'cancelled'"), 0) << "the notice";
  EXPECT_GT(count_in_store("SELECT count(*) FROM attempt WHERE state = 'lost'"), 0) << "the kills";
  EXPECT_EQ(count_in_store("SELECT count(*) FROM trial WHERE state = 'failed'"), 0);

  EXPECT_EQ(medley({"report"}).out, undisturbed_report(sweep));
}

}  // namespace
}  // namespace medley::e2e
