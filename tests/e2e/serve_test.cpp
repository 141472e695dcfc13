// A coordinator that outlives its sweeps, and the commands that ask it for changes.
#include <httplib.h>
#include <sys/stat.h>

#include "tests/e2e/end_to_end.h"

namespace medley::e2e {
namespace {
using namespace std::chrono_literals;
using nlohmann::json;

class Serve : public EndToEnd {
 protected:
  Serve() { make_dataset(); }

  json control() const { return json::parse(read_file(control_file())); }

  std::string state() const { return medley_json({"status"})["sweeps"][0]["state"]; }
  int running() const { return count_in_store("SELECT count(*) FROM attempt WHERE state = 'running'"); }
  static httplib::Client client(const std::string& url) {
    return httplib::Client(url.substr(0, url.find('/', url.find("//") + 2)));
  }
};

TEST_F(Serve, ASweepGoesThroughEveryCommandAndAKillToTheTableOfARun) {
  constexpr int kTrials = 2 * 3 * 2;
  const std::string sweep =
      write_sweep("sweep.yaml", "name: served\nfolds: [0, 1, 2]\nseeds: 2\naxes: {top_n: [1, 2]}\n", "epochs: 400");
  auto program = serve();
  struct stat mode = {};
  ASSERT_EQ(::stat(control_file().c_str(), &mode), 0);
  EXPECT_EQ(mode.st_mode & 0777u, 0600u) << "it holds the token";

  const json submitted = medley_json({"submit", sweep});
  EXPECT_EQ(submitted["done"], true);
  EXPECT_TRUE(contains(submitted["message"], "12 trials, 0 of them done already")) << submitted;
  const std::string id = submitted["sweep"];
  ASSERT_TRUE(eventually([&] { return running() > 0; }));
  EXPECT_EQ(state(), "running");
  const Ended paused = medley({"pause", "served"});
  EXPECT_EQ(paused.exit, 0) << paused.err;
  EXPECT_EQ(paused.out, "sweep served is paused: running packs end first\n");
  EXPECT_EQ(state(), "paused");
  const Ended twice = medley({"pause", "served"});
  EXPECT_EQ(twice.exit, 1);
  EXPECT_EQ(twice.err, "medley: sweep served is paused\n");
  EXPECT_EQ(medley({"resume", id.substr(0, 6)}).exit, 0);
  EXPECT_EQ(state(), "running");
  EXPECT_EQ(medley({"stop", "served"}).exit, 0);
  EXPECT_EQ(state(), "stopped");
  EXPECT_TRUE(eventually([&] { return running() == 0; })) << "running trials are cancelled";
  EXPECT_EQ(medley({"submit", sweep}).exit, 0) << "submitted again it resumes";
  EXPECT_EQ(state(), "running");

  ASSERT_TRUE(eventually([&] { return running() > 0; }));
  ASSERT_LT(results(), kTrials) << "it ended before it was killed: make it longer";
  program->kill(SIGKILL);
  program->wait();
  ASSERT_TRUE(fs::exists(control_file()));
  const Ended nobody = medley({"stop", "served"});
  EXPECT_EQ(nobody.exit, 1);
  EXPECT_TRUE(contains(nobody.err, "no coordinator runs on ")) << nobody.err;
  EXPECT_TRUE(contains(nobody.err, "`medley serve` starts one")) << nobody.err;

  program = serve();
  ASSERT_TRUE(eventually([&] { return results() == kTrials && state() == "finished"; }, 60s));
  program->kill(SIGINT);
  const Ended ended = program->wait(20s);
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_TRUE(contains(ended.out, "sweep served (" + id + ") resumes")) << ended.out;
  EXPECT_FALSE(fs::exists(control_file()));
  EXPECT_TRUE(workers().empty()) << "no orphan stays";
  EXPECT_EQ(medley({"report"}).out, undisturbed_report(sweep));
}

TEST_F(Serve, ASecondCoordinatorIsRefusedAndAPageThatOnlyShowsIsNot) {
  const auto program = serve({"--token", "secret"});
  const std::string url = control()["url"];
  const Ended second = medley({"serve"});
  EXPECT_EQ(second.exit, 1);
  EXPECT_TRUE(contains(second.err, "process " + std::to_string(program->pid()) + " on host ")) << second.err;
  EXPECT_TRUE(contains(second.err, url)) << second.err;
  EXPECT_TRUE(contains(second.err, "--read-only")) << second.err;
  const Ended run = run_sweep(write_sweep("sweep.yaml", "name: x\nseeds: 1\n"));
  EXPECT_EQ(run.exit, 1);
  EXPECT_TRUE(contains(run.err, "process " + std::to_string(program->pid()) + " on ")) << run.err;

  const auto page = start({"serve", "--read-only", "--port", "0", "--token", "secret"});
  std::string shown;
  ASSERT_TRUE(eventually([&] {
    for (const auto& entry : fs::directory_iterator(scratch_.path())) {
      const std::string text = read_file(entry.path());
      const std::size_t at = text.find("dashboard: http://");
      if (at != std::string::npos && contains(text, "changes nothing")) shown = text.substr(at + 11);
    }
    return !shown.empty();
  }));
  const httplib::Headers token{{"Authorization", "Bearer secret"}};
  auto coordinator = client(url), reader = client(shown);
  EXPECT_EQ(json::parse(coordinator.Get("/api/v1/healthz")->body)["control"], true);
  EXPECT_EQ(json::parse(reader.Get("/api/v1/healthz")->body)["control"], false);
  const std::string body = json{{"yaml", "name: x"}, {"folder", path("data")}}.dump();
  EXPECT_EQ(reader.Post("/api/v1/plan", token, body, "application/json")->status, 409);
  EXPECT_EQ(coordinator.Post("/api/v1/plan", token, body, "application/json")->status, 200);
  EXPECT_EQ(coordinator.Post("/api/v1/plan", body, "application/json")->status, 401);
  page->kill(SIGTERM);
  EXPECT_EQ(page->wait(10s).exit, 0);
  EXPECT_EQ(medley({"submit", path("sweep.yaml")}).exit, 0) << "that page's end took nothing from the coordinator";
}

TEST_F(Serve, WhatCannotBeAskedSaysWhy) {
  const std::string sweep = write_sweep("sweep.yaml", "name: top-n\nfolds: [0, 1]\nseeds: 1\n");
  const Ended none = medley({"submit", sweep});
  EXPECT_EQ(none.exit, 1);
  EXPECT_TRUE(contains(none.err, "`medley serve` starts one")) << none.err;
  EXPECT_FALSE(fs::exists(path("store"))) << "asking makes no store";
  EXPECT_EQ(medley({"serve", "--read-only"}).exit, 1);
  const Ended open = medley({"serve", "--address", "0.0.0.0", "--port", "0"});
  EXPECT_EQ(open.exit, 1);
  EXPECT_TRUE(contains(open.err, "give a token")) << open.err;

  const auto program = serve({"--workers", "0"});
  ASSERT_EQ(medley({"submit", sweep}).exit, 0);
  const Ended unknown = medley({"pause", "top-m"});
  EXPECT_EQ(unknown.exit, 2);
  EXPECT_TRUE(contains(unknown.err, "no sweep 'top-m'; did you mean 'top-n'?")) << unknown.err;
  const Ended neither = medley({"retry", "top-m"});
  EXPECT_EQ(neither.exit, 2);
  EXPECT_TRUE(contains(neither.err, "no sweep or trial 'top-m'; did you mean 'top-n'?")) << neither.err;
  EXPECT_EQ(medley({"release", "node07"}).exit, 2);
  EXPECT_TRUE(contains(medley({"retry", "top-n"}).err, "has no failed trial"));

  const Ended broken = medley({"submit", write_sweep("broken.yaml", "name: x\nsedes: 1\n")});
  EXPECT_EQ(broken.exit, 1);
  EXPECT_TRUE(contains(broken.err, "broken.yaml:4:1: ")) << broken.err;
  EXPECT_TRUE(contains(broken.err, "seeds")) << broken.err;
  // Only the dataset, which the coordinator reads, shows this one.
  const Ended impossible =
      medley({"submit", write_sweep("impossible.yaml", "name: x\naxes:\n  top_n: [9]\n"), "--json"});
  EXPECT_EQ(impossible.exit, 1);
  EXPECT_TRUE(contains(impossible.err, "impossible.yaml:5:3: ")) << impossible.err;
  EXPECT_TRUE(contains(impossible.err, "   top_n: [9]\n")) << impossible.err;
  EXPECT_EQ(json::parse(impossible.out)["errors"].size(), 1u) << impossible.out;
  const std::string nameless = write_sweep("nameless.yaml", "folds: [0]\nseeds: 1\n");
  EXPECT_EQ(medley({"submit", nameless}).exit, 0);
  EXPECT_EQ(run_sweep(nameless, 1, "other").exit, 0);
  const json here = medley_json({"status"})["sweeps"][0], there = medley_json({"status"}, "other")["sweeps"][0];
  EXPECT_EQ(here["name"], "nameless");
  EXPECT_EQ(here["id"], there["id"]) << "submitted or run, it is the same sweep";
  const Ended nowhere = medley({"submit", sweep, "--data", path("nowhere")});
  EXPECT_EQ(nowhere.exit, 1);
  EXPECT_TRUE(contains(nowhere.err, path("nowhere") + ": not a folder")) << nowhere.err;
  EXPECT_EQ(count_in_store("SELECT count(*) FROM sweep"), 2);
}

TEST_F(Serve, TrialsThatFailedAreTrainedAgainWhenTheyAreRetried) {
  const std::string failed = "SELECT count(*) FROM trial WHERE state = 'failed'",
                    running = "SELECT count(*) FROM attempt WHERE state = 'running'";
  const std::string sweep = write_sweep("sweep.yaml", "name: failing\nfolds: [0]\nseeds: 1\n", "epochs: 600");
  const auto program = serve();
  ASSERT_EQ(medley({"submit", sweep}).exit, 0);
  const auto take_down = [&] {
    if (count_in_store(running) > 0) {
      for (const pid_t worker : workers()) ::kill(worker, SIGKILL);
    }
    return count_in_store(failed) == 1;
  };
  ASSERT_TRUE(eventually(take_down, 60s)) << "five attempts, with pauses between";
  const Ended retried = medley({"retry", "failing"});
  EXPECT_EQ(retried.exit, 0) << retried.err;
  EXPECT_TRUE(contains(retried.out, "1 trial of sweep ")) << retried.out;
  ASSERT_TRUE(eventually([&] { return results() == 1 && state() == "finished"; }, 60s));
  EXPECT_EQ(count_in_store(failed), 0);
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt"), 6);
}

TEST_F(Serve, ASweepWhoseDatasetIsAwayStopsAndIsResumed) {
  const std::string sweep = write_sweep("sweep.yaml", "name: away\nfolds: [0]\nseeds: 1\n");
  auto program = serve({"--workers", "0"});
  ASSERT_EQ(medley({"submit", sweep}).exit, 0);
  program->kill(SIGTERM);
  EXPECT_EQ(program->wait(10s).exit, 0);
  fs::rename(path("data"), path("elsewhere"));
  program = serve();
  ASSERT_TRUE(eventually([&] { return state() == "stopped"; }));
  EXPECT_EQ(count_in_store("SELECT count(*) FROM trial WHERE state = 'failed' OR failures > 0"), 0);
  fs::rename(path("elsewhere"), path("data"));
  EXPECT_EQ(medley({"resume", "away"}).exit, 0);
  ASSERT_TRUE(eventually([&] { return results() == 1 && state() == "finished"; }));
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt"), 2);
}

/// Without what another fit of the same sweep has of its own: the ensemble's id, and when it was exported.
json without_id(json manifest) {
  manifest.at("ensemble").erase("id");
  manifest.erase("created_ms");
  return manifest;
}

TEST_F(Serve, AnEnsembleAndItsArchiveAreTheSameWhileACoordinatorHoldsTheStore) {
  const std::string sweep =
      write_sweep("sweep.yaml", "name: done\nseeds: 2\naxes: {encoders: singles, normalize: [encoder, actor]}\n",
                  "epochs: 3, top_n: 1");
  ASSERT_EQ(run_sweep(sweep).exit, 0);
  // Trials that know their actor predict no test clips: what is exported has none of them.
  ASSERT_EQ(
      run_sweep(write_sweep("plain.yaml", "name: plain\nseeds: 2\naxes: {encoders: singles}\n", "epochs: 3, top_n: 1"))
          .exit,
      0);
  fs::copy(path("store"), path("alone"), fs::copy_options::recursive);
  const auto program = serve({"--workers", "0"});
  ASSERT_EQ(medley({"submit", write_sweep("none.yaml", "name: none\nseeds: 1\n")}).exit, 0);

  const std::vector<std::vector<std::string>> fits = {
      {"ensemble", "done"},
      {"ensemble", "done", "--json", "--rounds", "7", "--bags", "3", "--candidates", "9"},
      {"ensemble", "plain", "--method", "mean", "--k", "2", "--mix", "geometric", "--protocol", "paper", "--name",
       "two"},
      {"ensemble", "done", "--method", "simplex", "--per-subset", "--thresholds", "per-fold"}};
  for (const auto& words : fits) {
    const Ended served = medley(words), alone = medley(words, "alone");
    EXPECT_EQ(served.exit, 0) << served.err;
    EXPECT_EQ(served.err, "");
    EXPECT_GT(served.out.size(), 1000u);
    EXPECT_EQ(served.out, alone.out);
  }
  EXPECT_EQ(count_in_store("SELECT count(*) FROM ensemble"), static_cast<int>(fits.size()));

  const Ended served = medley({"export", "two", "--out", path("x.zip")});
  const json told = medley_json({"export", "two", "--out", path("x.zip")});
  const std::string archive = read_file(path("x.zip")), manifest = read_file(path("x.manifest.json"));
  const Ended alone = medley({"export", "two", "--out", path("x.zip")}, "alone");
  EXPECT_EQ(served.exit, 0) << served.err;
  EXPECT_EQ(served.out, alone.out);
  EXPECT_EQ(medley_json({"export", "two", "--out", path("x.zip")}, "alone"), told);
  EXPECT_EQ(read_file(path("x.zip")), archive);
  EXPECT_EQ(without_id(json::parse(read_file(path("x.manifest.json")))), without_id(json::parse(manifest)));
  const Ended nowhere = medley({"export", "two", "--out", path("nowhere/x.zip")});
  EXPECT_EQ(nowhere.exit, 1);
  EXPECT_TRUE(contains(nowhere.err, "nowhere/x.zip: cannot write: No such file or directory")) << nowhere.err;

  write("x.zip", archive);
  write("x.json", archive_member(path("x.zip"), "submission.json"));
  EXPECT_EQ(medley_json({"evaluate", path("x.json"), "--data", make_labelled()}).at("clips"), told.at("clips"));

  const std::vector<std::string> empty = {"ensemble", "none"};
  const Ended unfit = medley(empty);
  EXPECT_EQ(unfit.exit, 1);
  EXPECT_TRUE(contains(unfit.err, "medley: sweep none has no config with held-out predictions in every fold"))
      << unfit.err;
  const Ended many = medley({"ensemble", "done", "--bags", "1001"});
  EXPECT_EQ(many.exit, 2);
  EXPECT_TRUE(contains(many.err, "--bags: Value 1001 not in range")) << many.err;
  const Ended unknown = medley({"ensemble", "dnoe"});
  EXPECT_EQ(unknown.exit, 2);
  EXPECT_TRUE(contains(unknown.err, "no sweep 'dnoe'; did you mean 'done'?")) << unknown.err;
}

TEST_F(Serve, AStoreIsBackedUpWhileItServesAndAnotherThatTrainedTheSameIsEqual) {
  const std::string sweep = write_sweep("sweep.yaml", "name: kept\nfolds: [0, 1]\nseeds: 1\naxes: {top_n: [1, 2]}\n");
  const auto program = serve();
  ASSERT_EQ(medley({"submit", sweep}).exit, 0);
  ASSERT_TRUE(eventually([&] { return state() == "finished"; }));
  const json backup = medley_json({"store", "backup", path("backup.zip")});
  EXPECT_EQ(backup["results"], 4);
  EXPECT_EQ(backup["checkpoints"], 4);
  for (const char* command : {"gc", "compact"}) {
    const Ended refused = medley({"store", command});
    EXPECT_EQ(refused.exit, 1);
    EXPECT_TRUE(contains(refused.err, "medley: the store is in use: process ")) << refused.err;
  }
  program->kill(SIGINT);
  EXPECT_EQ(program->wait().exit, 0);

  ASSERT_EQ(medley_json({"store", "restore", path("backup.zip")}, "restored")["results"], 4);
  EXPECT_EQ(medley({"report"}, "restored").out, medley({"report"}).out);
  EXPECT_EQ(medley({"store", "check"}, "restored").exit, 0);

  ASSERT_EQ(run_sweep(sweep, 1, "again").exit, 0);
  const json merged = medley_json({"store", "merge", path("again")}, "restored");
  EXPECT_EQ(merged["equal"], 4) << merged;
  EXPECT_EQ(merged["results"], 0);
  EXPECT_EQ(medley_json({"store", "gc"}, "restored")["files"], json::array());
  EXPECT_GT(medley_json({"store", "compact"}, "restored")["after_bytes"], 0);
}

TEST_F(Serve, ARunTakesCommandsWhileItLasts) {
  const std::string sweep =
      write_sweep("sweep.yaml", "name: long\nseeds: 4\naxes: {top_n: [1, 2, 3, 4]}\n", "epochs: 600");
  auto run = start_run(sweep, 1, "store", {"--web-port", "0"});
  ASSERT_TRUE(eventually([&] { return fs::exists(control_file()) && running() > 0; }));
  EXPECT_EQ(medley({"stop", "long"}).exit, 0);
  const Ended ended = run->wait(20s);
  EXPECT_TRUE(contains(ended.err, "dashboard: ")) << ended.err;
  EXPECT_LT(results(), 80) << "it ended before it was stopped: make it longer";
  EXPECT_FALSE(fs::exists(control_file()));

  run = start_run(sweep, 1);  // without a page
  ASSERT_TRUE(eventually([&] { return running() > 0; }));
  const Ended deaf = medley({"stop", "long"});
  EXPECT_EQ(deaf.exit, 1);
  EXPECT_TRUE(contains(deaf.err, "without a dashboard (medley run --no-web)")) << deaf.err;
  EXPECT_EQ(medley({"ensemble"}).err, deaf.err);
  run->kill(SIGINT);
  run->kill(SIGINT);
}

TEST_F(Serve, ARunWithinAnMpiJobStartsNoRanksOfIt) {
  const std::string sweep = write_sweep("sweep.yaml", "folds: [0]\nseeds: 1\n");
  const Ended plain = medley({"run", sweep, "--workers", "1", "--no-web"});
  ASSERT_EQ(plain.exit, 0) << plain.err;
  // As `srun --mpi=pmix` and mpirun leave them to what a job starts.
  for (const char* name : {"PMIX_RANK", "PMI_RANK"}) setenv(name, "0", 1);
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) setenv(name, "2", 1);
  const Ended within = medley({"run", sweep, "--workers", "1", "--no-web"}, "other");
  for (const char* name : {"PMIX_RANK", "PMI_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) unsetenv(name);
  EXPECT_EQ(within.exit, 0) << within.err;
  EXPECT_EQ(within.out, plain.out);
}

TEST_F(Serve, AWorkerThatReachesNobodySaysSoAtOnce) {
  write("token", std::string(64, '0') + "\n");
  fs::permissions(path("token"), fs::perms(0600));
  const Ended ended = run_program(MEDLEY_WORKER,
                                  {"serve", "--coordinator", "no-such-host.invalid:7100", "--token-file", path("token"),
                                   "--spool", path("spool"), "--patience", "1"},
                                  scratch_);
  EXPECT_EQ(ended.exit, 75);
  EXPECT_TRUE(contains(ended.err, "cannot reach the coordinator at no-such-host.invalid:7100: resolving")) << ended.err;
  EXPECT_TRUE(contains(ended.err, "--listen 0.0.0.0")) << ended.err;
}

}  // namespace
}  // namespace medley::e2e
