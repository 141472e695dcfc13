// What people touch beside the commands' results: help, completion, the page and its API.
#include <httplib.h>

#include "tests/e2e/end_to_end.h"

namespace medley::e2e {
namespace {
using nlohmann::json;

using Surfaces = EndToEnd;

TEST_F(Surfaces, ServeAnswersThePageAndTheApiUntilCtrlC) {
  make_dataset();
  ASSERT_EQ(run_sweep(write_sweep("sweep.yaml", "name: shown\nfolds: [0, 1]\nseeds: 1\n")).exit, 0);
  const auto serve = start({"serve", "--port", "0"});
  int port = 0;
  const auto address = [&] {
    for (const auto& entry : fs::directory_iterator(scratch_.path())) {
      if (entry.path().filename().string().rfind("out.", 0) != 0) continue;
      const std::string text = read_file(entry.path());
      const std::size_t at = text.find("http://127.0.0.1:");
      if (at != std::string::npos) port = std::atoi(text.c_str() + at + 17);
    }
    return port > 0;
  };
  ASSERT_TRUE(eventually(address));
  httplib::Client client("127.0.0.1", port);
  const auto health = client.Get("/api/v1/healthz");
  ASSERT_TRUE(health);
  EXPECT_EQ(health->status, 200);
  const auto sweeps = client.Get("/api/v1/sweeps");
  ASSERT_TRUE(sweeps);
  EXPECT_EQ(sweeps->status, 200);
  EXPECT_TRUE(contains(json::parse(sweeps->body).dump(), "\"shown\"")) << sweeps->body;
  const auto page = client.Get("/");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 200);
  EXPECT_TRUE(contains(page->get_header_value("Content-Type"), "text/html"));
  const auto nowhere = client.Get("/api/v1/nowhere");
  ASSERT_TRUE(nowhere);
  EXPECT_EQ(nowhere->status, 404);
  serve->kill(SIGINT);
  EXPECT_EQ(serve->wait(std::chrono::seconds(5)).exit, 0);
}

TEST_F(Surfaces, EveryCommandHasHelpWithAnExample) {
  const std::vector<std::vector<std::string>> commands = {{"init"},
                                                          {"data", "make"},
                                                          {"data", "check"},
                                                          {"data", "import"},
                                                          {"data", "folds"},
                                                          {"plan"},
                                                          {"settings"},
                                                          {"run"},
                                                          {"serve"},
                                                          {"status"},
                                                          {"report"},
                                                          {"show"},
                                                          {"evaluate"},
                                                          {"submit"},
                                                          {"pause"},
                                                          {"resume"},
                                                          {"stop"},
                                                          {"retry"},
                                                          {"release"},
                                                          {"ensemble"},
                                                          {"export"},
                                                          {"predict"},
                                                          {"completion"},
                                                          {"store", "check"},
                                                          {"store", "backup"},
                                                          {"store", "restore"},
                                                          {"store", "merge"},
                                                          {"store", "gc"},
                                                          {"store", "compact"}};
  const Ended top = run_program(MEDLEY, {"--help"}, scratch_);
  EXPECT_EQ(top.exit, 0);
  EXPECT_TRUE(contains(top.out, "medley run sweep.yaml"));
  EXPECT_FALSE(contains(run_program(MEDLEY, {"store", "--help"}, scratch_).out, "A first sweep"));
  for (auto command : commands) {
    EXPECT_TRUE(contains(top.out, "  " + command[0] + " ")) << command[0];
    std::string example = "\n  medley";
    for (const std::string& word : command) example += " " + word;
    command.push_back("--help");
    const Ended help = run_program(MEDLEY, command, scratch_);
    EXPECT_EQ(help.exit, 0);
    EXPECT_TRUE(contains(help.out, example) || contains(help.out, "(" + example.substr(3))) << help.out;
  }
  for (const std::string command : {"serve", "train", "predict", "bench"}) {
    const Ended help = run_program(MEDLEY_WORKER, {command, "--help"}, scratch_);
    EXPECT_EQ(help.exit, 0);
    EXPECT_TRUE(contains(help.out, "medley-worker " + command)) << help.out;
  }
}

TEST_F(Surfaces, AnUnknownCommandOrOptionMeetsTheNearestOne) {
  const auto says = [&](const std::vector<std::string>& words, const std::string& what) {
    const Ended ended = run_program(MEDLEY, words, scratch_);
    EXPECT_EQ(ended.exit, 2) << words.front();
    EXPECT_TRUE(contains(ended.err, what)) << ended.err;
    EXPECT_EQ(ended.out, "");
  };
  says({"rnu", "sweep.yaml"}, "medley: unknown command 'rnu'; did you mean 'run'?");
  says({"data", "chekc", "."}, "unknown command 'chekc'; did you mean 'check'?");
  says({"report", "--cvs"}, "unknown option --cvs; did you mean --csv?");
  says({"--stroe", "x", "status"}, "unknown option --stroe; did you mean --store?");
  says({"report", "--pland=1"}, "unknown option --pland");
  says({"plan", "a.yaml", "b.yaml"}, "unexpected argument 'b.yaml'");
}

TEST_F(Surfaces, OutputThatCannotBeWrittenIsAFailure) {
  const std::string script = std::string("'") + MEDLEY + "' settings > /dev/full";
  const Ended ended = run_program("/bin/bash", {"-c", script}, scratch_);
  EXPECT_EQ(ended.exit, 1);
  EXPECT_TRUE(contains(ended.err, "medley: what it printed could not be written: is the disk full?")) << ended.err;
}

TEST_F(Surfaces, ASecondSweepOfANameSaysInWhatItDiffers) {
  make_dataset();
  const std::string rest = "name: tiny\nfolds: [0, 1]\nseeds: 1\n";
  ASSERT_EQ(run_sweep(write_sweep("one.yaml", rest, "epochs: 1")).exit, 0);
  const Ended second = run_sweep(write_sweep("two.yaml", rest, "epochs: 2"));
  EXPECT_EQ(second.exit, 0) << second.err;
  EXPECT_TRUE(contains(second.err, "it is called tiny-2, as tiny is another sweep of this store")) << second.err;
  EXPECT_TRUE(contains(second.err, "epochs 2, not 1")) << second.err;
  EXPECT_TRUE(contains(medley({"report", "tiny-2"}).out, "tiny-2 on data"));
  EXPECT_TRUE(contains(medley({"report", "tiny"}).out, "tiny on data"));
}

TEST_F(Surfaces, ARunBesideACoordinatorIsToldToSubmit) {
  make_dataset();
  const auto serve = start({"serve", "--port", "0"});
  ASSERT_TRUE(eventually([&] { return fs::exists(path("store/control.json")); }));
  const Ended run = run_sweep(write_sweep("sweep.yaml", "folds: [0, 1]\nseeds: 1\n"));
  EXPECT_EQ(run.exit, 1);
  EXPECT_TRUE(contains(run.err, "a run is going on in this store")) << run.err;
  EXPECT_TRUE(contains(run.err, "medley submit ")) << run.err;
  serve->kill(SIGINT);
  EXPECT_EQ(serve->wait(std::chrono::seconds(5)).exit, 0);
}

TEST_F(Surfaces, BashCompletesCommandsAndOptions) {
  const auto complete = [&](const std::string& words) {
    const std::string script = std::string("source <('") + MEDLEY + "' completion bash); COMP_WORDS=(" + words +
                               "); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); _medley; echo \"${COMPREPLY[*]}\"";
    const Ended ended = run_program("/bin/bash", {"-c", script}, scratch_);
    EXPECT_EQ(ended.exit, 0);
    EXPECT_EQ(ended.err, "");
    return ended.out;
  };
  EXPECT_EQ(complete("medley rep"), "report replay\n");
  EXPECT_EQ(complete("medley data ch"), "check\n");
  EXPECT_EQ(complete("medley --store x run --work"), "--workers\n");
  EXPECT_EQ(complete("medley report --mark"), "--markdown\n");
  EXPECT_EQ(complete("medley sub"), "submit\n");
  EXPECT_EQ(complete("medley re"), "resume retry release report rename replay\n");
  EXPECT_EQ(complete("medley serve --read"), "--read-only\n");
  EXPECT_EQ(complete("medley pause --js"), "--json\n");
}

}  // namespace
}  // namespace medley::e2e
