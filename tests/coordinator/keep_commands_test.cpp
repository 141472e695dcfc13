// rename, note, tag, archive, rm, discard, diff, ensembles, show CONFIG: on the store of made-up results that pages
// show.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <set>

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/actions/discard.h"
#include "coordinator/commands/command.h"
#include "storage/check.h"
#include "storage/files/read.h"
#include "storage/reader.h"
#include "storage/writer.h"
#include "sweep/result.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "tests/web/sample_store.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class KeepCommands : public ::testing::Test {
 protected:
  std::string run(const std::string& line) const {
    CLI::App app{"", "medley"};
    Globals globals;
    globals.store = folder_.path();
    add_report_commands(app, globals);
    add_look_commands(app, globals);
    add_keep_commands(app, globals);
    add_run_commands(app, globals);
    testing::internal::CaptureStdout();
    try {
      app.parse(line);
    } catch (...) {
      testing::internal::GetCapturedStdout();
      throw;
    }
    std::fflush(stdout);
    return testing::internal::GetCapturedStdout();
  }
  std::string error_of(const std::string& line) const {
    return test::error_of<std::exception>([&] { run(line); });
  }
  storage::SweepSummary sweep(const std::string& id) const {
    storage::Reader reader(folder_.path());
    return reader.find_sweep(id).value();
  }
  /// The sample's results are made up, and not all sound.
  std::size_t new_faults() const {
    const std::size_t now = storage::check_store(folder_.path()).faults.size();
    return now > faults_before_ ? now - faults_before_ : 0;
  }

  test::Folder folder_{test::Folder::Where::kMemory};
  test::SampleStore sample_ = test::write_sample_store(folder_.path(), 1'700'000'000'000);
  std::size_t faults_before_ = storage::check_store(folder_.path()).faults.size();
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(KeepCommands, ASweepIsNamedTaggedNotedAndArchived) {
  const std::string id = sample_.finished;
  run("rename " + id + " inner");
  EXPECT_EQ(sweep(id).name, "inner");
  EXPECT_EQ(sweep("inner").id, id) << "it is found by its name, and its id stays";
  EXPECT_TRUE(has(error_of("rename " + sample_.running + " inner"), "there is a sweep 'inner' already"));
  EXPECT_EQ(run("rename inner inner"), "sweep inner is called inner\n") << "its own name is no other's";
  run("tag inner paper draft");
  EXPECT_EQ(sweep(id).tags, (std::vector<std::string>{"draft", "paper"}));
  EXPECT_EQ(run("tag inner final --remove draft"), "sweep inner: final, paper\n");
  EXPECT_TRUE(has(error_of("tag inner --remove fnal"), "final"));
  EXPECT_TRUE(has(error_of("tag inner a,b"), "is no tag"));
  EXPECT_EQ(sweep(id).tags, (std::vector<std::string>{"final", "paper"})) << "nothing of a wrong line is done";
  EXPECT_EQ(run("note inner 'without clip 17'"), "without clip 17\n");
  EXPECT_TRUE(has(run("status"), "final, paper  without clip 17\n"));
  EXPECT_TRUE(has(run("diff inner " + id), "settings  the same\n"));
  EXPECT_EQ(run("note inner"), "without clip 17\n");
  EXPECT_EQ(run("note inner --remove"), "sweep inner has no note\n");
  EXPECT_EQ(run("note inner"), "sweep inner has no note\n");
  EXPECT_TRUE(has(run("status"), "inner"));
  run("priority inner 7");
  EXPECT_EQ(sweep(id).priority, 7);
  run("archive inner");
  const std::string status = run("status");
  EXPECT_FALSE(has(status, "inner"));
  EXPECT_TRUE(has(status, "1 archived sweep is not shown: --all"));
  EXPECT_TRUE(has(run("status --all"), "inner"));
  run("archive inner --undo");
  EXPECT_TRUE(has(run("status"), "inner"));
  EXPECT_EQ(new_faults(), 0u);
}

TEST_F(KeepCommands, ASweepIsRemovedWithOrWithoutItsResults) {
  EXPECT_TRUE(has(error_of("rm " + sample_.finished), "was fitted on it"));
  std::string ensemble;
  {
    storage::Reader reader(folder_.path());
    ensemble = reader.ensembles().at(0).request.name;
    EXPECT_TRUE(has(run("ensembles"), ensemble));
  }
  EXPECT_TRUE(has(run("rm " + std::to_string(sample_.ensemble) + " --ensemble"), "its exports stay"));
  EXPECT_EQ(run("ensembles"), "no ensemble yet: `medley ensemble` fits one\n");
  const std::vector<std::string> trials = [&] {
    std::vector<std::string> ids;
    storage::Reader reader(folder_.path());
    for (const auto& row : reader.trials(sample_.finished)) ids.push_back(row.trial);
    return ids;
  }();
  run("rm " + sample_.finished);
  {
    storage::Reader reader(folder_.path());
    EXPECT_FALSE(reader.find_sweep(sample_.finished));
    for (const std::string& trial : trials) EXPECT_TRUE(reader.find_trial(trial)->result) << "results stay";
  }
  EXPECT_TRUE(has(run("rm " + sample_.running + " --results"), "results of no other sweep removed"));
  storage::Reader reader(folder_.path());
  EXPECT_FALSE(reader.find_trial(sample_.trial));
  EXPECT_EQ(reader.sweeps().size(), 1u);
  EXPECT_EQ(new_faults(), 0u);
}

TEST_F(KeepCommands, DiscardedResultsAreKeptAsideAndTrainedAgain) {
  std::vector<std::uint8_t> stored;
  {
    storage::Reader reader(folder_.path());
    stored = sweep::encode_result(*reader.find_trial(sample_.trial)->result);
  }
  const int before = sweep(sample_.running).finished;
  EXPECT_TRUE(has(run("discard " + sample_.trial + " --dry-run"), "1 result to discard"));
  EXPECT_EQ(sweep(sample_.running).finished, before);
  run("discard " + sample_.trial + " --reason 'bad memory'");
  {
    storage::Reader reader(folder_.path());
    const auto trial = reader.find_trial(sample_.trial).value();
    EXPECT_FALSE(trial.result);
    EXPECT_EQ(trial.state, sweep::TrialState::kPending);
    EXPECT_EQ(trial.attempts.back().reason, "bad memory");
    EXPECT_EQ(sweep(sample_.running).finished, before - 1);
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder_ / "discarded")) files.push_back(entry.path());
  ASSERT_EQ(files.size(), 1u);
  const std::string bytes = files::read(files[0]);
  EXPECT_EQ(std::vector<std::uint8_t>(bytes.begin(), bytes.end()), stored);
  EXPECT_EQ(new_faults(), 0u);
}

TEST_F(KeepCommands, ResultsAreDiscardedByWorkerAndTimeButNotMembersOfEnsembles) {
  storage::Reader reader(folder_.path());
  const auto trial = reader.find_trial(sample_.trial).value();
  const std::string worker = trial.attempts.back().worker;
  DiscardFilter filter;
  filter.worker = trial.attempts.back().worker_name;
  filter.sweep = sample_.running;
  const auto of_worker = trials_to_discard(reader, filter);
  std::set<std::string> expected;
  storage::TrialFilter finished;
  finished.state = sweep::TrialState::kFinished;
  for (const auto& row : reader.trials(sample_.running, finished)) {
    if (row.worker == worker) expected.insert(row.trial);
  }
  EXPECT_EQ(std::set<std::string>(of_worker.begin(), of_worker.end()), expected);
  filter.since = 1'700'000'000'001;
  EXPECT_TRUE(trials_to_discard(reader, filter).empty());
  EXPECT_TRUE(has(error_of("discard --worker nobody"), "no worker 'nobody'"));
  EXPECT_TRUE(has(error_of("discard"), "which results?"));
  const std::string member = reader.ensembles().at(0).members.at(0).trial;
  const std::string listed = run("discard " + member + " " + sample_.trial + " --dry-run");
  EXPECT_TRUE(has(listed, member + "  member of an ensemble")) << listed;
  EXPECT_FALSE(has(listed, sample_.trial + "  member")) << listed;
  EXPECT_TRUE(has(listed, "2 results to discard\nrefused: 1 of them is a member of an ensemble")) << listed;
  EXPECT_TRUE(has(error_of("discard " + member), "is a member of the ensemble"));
  EXPECT_TRUE(reader.find_trial(member)->result);
  EXPECT_FALSE(fs::exists(folder_ / "discarded"));
}

TEST_F(KeepCommands, StatusIsWatchedOnATerminalThatIsLeftAsItWas) {
  EXPECT_TRUE(has(error_of("status --watch"), "needs a terminal"));
  winsize size{};
  size.ws_row = 30;
  size.ws_col = 150;
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  ASSERT_GE(child, 0);
  if (child == 0) {
    CLI::App app{"", "medley"};
    Globals globals;
    globals.store = folder_.path();
    add_run_commands(app, globals);
    try {
      app.parse("status --watch");
    } catch (...) {
      _exit(1);
    }
    std::fflush(stdout);
    _exit(0);
  }
  std::string shown;
  bool quit = false;
  char part[4096];
  for (ssize_t n = 0; (n = ::read(terminal, part, sizeof part)) > 0;) {
    shown.append(part, static_cast<std::size_t>(n));
    if (quit || !has(shown, "last minute") || !has(shown, "q: quit")) continue;
    quit = ::write(terminal, "q", 1) == 1;
  }
  int status = -1;
  waitpid(child, &status, 0);
  ::close(terminal);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(shown.find("\x1b[?1049h"), 0u) << "the second screen first";
  EXPECT_EQ(shown.rfind("\x1b[?25h\x1b[?1049l"), shown.size() - 14) << "and the first one last";
  EXPECT_TRUE(has(shown, sweep(sample_.finished).name));
}

TEST(ParseSince, KnowsAgesAndDates) {
  const storage::TimeMs now = 1'700'000'000'000;
  EXPECT_EQ(parse_since("30m", now), now - 1'800'000);
  EXPECT_EQ(parse_since("2h", now), now - 7'200'000);
  EXPECT_EQ(parse_since("1.5d", now), now - 129'600'000);
  std::tm time{};
  time.tm_year = 126;
  time.tm_mon = 10;
  time.tm_mday = 30;
  time.tm_hour = 12;
  time.tm_min = 30;
  time.tm_isdst = -1;
  EXPECT_EQ(parse_since("2026-11-30T12:30", now), static_cast<storage::TimeMs>(std::mktime(&time)) * 1000);
  for (const char* wrong : {"", "yesterday", "2x", "-1h", "2026-11-30T12:30 and more"}) {
    EXPECT_THROW(parse_since(wrong, now), UsageError) << wrong;
  }
}

TEST_F(KeepCommands, AConfigIsShownWithItsRuns) {
  storage::Reader reader(folder_.path());
  const auto row = reader.sweep_configs(sample_.finished).at(1);
  const std::string text = run("show " + row.id);
  EXPECT_TRUE(has(text, "config   " + row.id));
  EXPECT_TRUE(has(text, "runs     10 of 10 done"));
  const json shown = json::parse(run("show " + row.id + " --json"));
  EXPECT_EQ(shown["runs"].size(), 10u);
  EXPECT_EQ(shown["settings"], sweep::to_json(row.config));
  const auto& first = shown["runs"][0];
  const std::string place = row.id + "/" + std::to_string(first["fold"].get<int>()) + "/" +
                            std::to_string(first["seed"].get<std::uint64_t>());
  EXPECT_EQ(run("show " + place), run("show " + first["trial"].get<std::string>()));
  EXPECT_TRUE(has(error_of("show " + row.id + "/9/9"), "has no trial of fold 9 and seed 9"));
  EXPECT_TRUE(has(error_of("show ffffffffffff"), "no trial or config 'ffffffffffff'"));
}

TEST_F(KeepCommands, WhatTellsTwoConfigsOrSweepsApart) {
  storage::Reader reader(folder_.path());
  const auto rows = reader.sweep_configs(sample_.finished);
  const json difference = json::parse(run("diff " + rows.at(0).id + " " + rows.at(1).id + " --json"));
  const json one = sweep::to_json(rows.at(0).config), other = sweep::to_json(rows.at(1).config);
  std::set<std::string> expected, said;
  for (const sweep::Setting& setting : sweep::settings()) {
    if (one.value(setting.name, json()) != other.value(setting.name, json())) expected.insert(setting.name);
  }
  for (const auto& row : difference["differences"]) said.insert(row["setting"].get<std::string>());
  EXPECT_EQ(said, expected);
  EXPECT_FALSE(said.empty());
  EXPECT_TRUE(has(run("diff " + rows.at(0).id + " " + rows.at(0).id), "are one config"));
  EXPECT_TRUE(has(run("diff " + sample_.finished + " " + sample_.running), "configs   0 in both"));
  EXPECT_TRUE(has(error_of("diff " + sample_.finished + " " + rows.at(0).id), "give two sweeps, or two configs"));
}

}  // namespace
}  // namespace medley::coordinator
