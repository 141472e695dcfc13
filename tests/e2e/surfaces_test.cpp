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
                                                          {"cluster", "up"},
                                                          {"cluster", "status"},
                                                          {"cluster", "resize"},
                                                          {"cluster", "pause"},
                                                          {"cluster", "resume"},
                                                          {"cluster", "leave"},
                                                          {"cluster", "down"},
                                                          {"ensemble"},
                                                          {"export"},
                                                          {"export-to"},
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
    command.pop_back();
    command.insert(command.begin(), "help");
    EXPECT_EQ(run_program(MEDLEY, command, scratch_).out, help.out);
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
    const std::string script = std::string("source <('") + MEDLEY + "' completion bash); COMP_WORDS=('" + MEDLEY +
                               "' " + words +
                               "); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); _medley; echo \"${COMPREPLY[*]}\"";
    const Ended ended = run_program("/bin/bash", {"-c", script}, scratch_);
    EXPECT_EQ(ended.exit, 0);
    EXPECT_EQ(ended.err, "");
    return ended.out;
  };
  EXPECT_EQ(complete("rep"), "report replay\n");
  EXPECT_EQ(complete("data ch"), "check\n");
  EXPECT_EQ(complete("--store x run --work"), "--workers\n");
  EXPECT_EQ(complete("report --mark"), "--markdown\n");
  EXPECT_EQ(complete("sub"), "submit\n");
  EXPECT_EQ(complete("re"), "resume retry release report rename replay\n");
  EXPECT_EQ(complete("serve --read"), "--read-token --read-only\n");
  EXPECT_EQ(complete("pause --js"), "--json\n");
  EXPECT_EQ(complete("completion f"), "fish\n");
  EXPECT_EQ(complete("run --set drop"), "dropout=\n");
  EXPECT_EQ(complete("trials --columns fold,held_out_s"), "fold,held_out_score\n");
  EXPECT_EQ(complete("export-to te"), "tensorboard\n");
  EXPECT_EQ(complete("compl"), "completion\n") << "what only the scripts call is not offered";
  make_dataset();
  const std::string file = write_sweep("a-sweep.yaml", "name: shown here\nfolds: [0]\nseeds: 1\n");
  ASSERT_EQ(run_sweep(file).exit, 0);
  EXPECT_EQ(complete("--store '" + path("store") + "' report sh"), "shown here\n");
  EXPECT_EQ(complete("run '" + path("a-sw") + "'"), path("a-sweep.yaml") + "\n") << "a file";
  const std::string config = json::parse(medley({"trials", "--json"}).out).at("trials").at(0).at("config");
  EXPECT_EQ(complete("--store='" + path("store") + "' show " + config.substr(0, 4)), config + "\n");
}

TEST_F(Surfaces, TheStoreIsFoundAboveTheFolderAndBesideTheSweepFile) {
  make_dataset();
  fs::create_directories(path("sweeps/deep"));
  write_sweep("sweeps/sweep.yaml", "name: shown\nfolds: [0]\nseeds: 1\n");
  const auto in = [&](const std::string& folder, const std::string& words) {
    return run_program("/bin/bash",
                       {"-c", "unset MEDLEY_STORE; cd '" + path(folder) + "' && '" + MEDLEY + "' " + words}, scratch_);
  };
  const std::string run = "run '" + path("sweeps/sweep.yaml") + "' --data '" + path("data") + "' --workers 1 --port 0";
  const Ended first = in("sweeps", run);
  ASSERT_EQ(first.exit, 0) << first.err;
  EXPECT_TRUE(contains(first.err, "new store: " + path("sweeps/medley-store") + "\n")) << first.err;
  EXPECT_TRUE(contains(in("sweeps/deep", "report").out, "shown on data"));
  const Ended again = in("", run);
  EXPECT_TRUE(contains(again.err, "store: " + path("sweeps/medley-store") + "\n")) << again.err;
  EXPECT_TRUE(contains(again.err, "nothing to train")) << again.err;
  EXPECT_FALSE(fs::exists(path("medley-store")));
  EXPECT_FALSE(contains(in("sweeps", run).err, "store: ")) << "the one in the folder goes without saying";
  EXPECT_NE(in("", "report").exit, 0) << "none here or above";
}

TEST_F(Surfaces, FilesThatASweepIncludesAreInItsStoredText) {
  make_dataset();
  fs::create_directories(path("common"));
  write("common/small.yaml", "projection_dim: 8\ngate_dim: 4\nfusion_dim: 8\nepochs: 9\n");
  write("common/all.yaml", "dataset: ../data\nfolds: [0]\nseeds: 1\n");
  const std::string sweep = write("sweep.yaml", "include: common/all.yaml\nbase: [common/small.yaml, {epochs: 2}]\n");
  const Ended ran = medley({"run", sweep, "--workers", "1", "--port", "0", "--set", "lr=0.002", "--notify",
                            "echo \"$MEDLEY_MESSAGE\" > '" + path("told") + "'"});
  ASSERT_EQ(ran.exit, 0) << ran.err;
  const json trials =
      medley_json({"trials", "--where", "epochs=2", "--where", "projection_dim=8", "--where", "lr=0.002"});
  EXPECT_EQ(trials.at("trials").size(), 1u) << trials.dump();
  const json plan = medley_json({"plan", sweep, "--set", "lr=0.002"});
  EXPECT_EQ(plan.at("done"), 1) << plan.dump();
  write("common/small.yaml", "epohcs: 9\n");
  const Ended wrong = medley({"plan", sweep});
  EXPECT_EQ(wrong.exit, 1);
  EXPECT_TRUE(contains(wrong.err, "common/small.yaml:1:1: unknown setting 'epohcs'; did you mean 'epochs'?"))
      << wrong.err;
}

}  // namespace
}  // namespace medley::e2e
