#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "cluster/local_workers.h"
#include "tests/support/folder.h"
#include "tests/support/patience.h"

namespace medley::cluster {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class ProcessTest : public testing::Test {
 protected:
  ProcessSpec shell(const std::string& script) const { return {{"sh", "-c", script}, {}, folder_ / "log"}; }
  std::string log() const { return test::read_file(folder_ / "log"); }
  static Exit wait(Process& process) {
    std::optional<Exit> exit;
    if (test::eventually([&] { return (exit = process.poll()).has_value(); })) return *exit;
    process.signal(SIGKILL);
    throw std::runtime_error("it does not end");
  }

  const test::Folder scratch_;
  const fs::path folder_ = scratch_.path();
};

TEST_F(ProcessTest, TellsHowItEnded) {
  auto exits = Process::start(shell("exit 7"));
  EXPECT_EQ(wait(exits).text(), "exit code 7");
  EXPECT_EQ(exits.poll()->code, 7) << "asked again";
  auto dies = Process::start(shell("kill -9 $$"));
  const Exit exit = wait(dies);
  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_NE(exit.text().find("Killed"), std::string::npos);
}

TEST_F(ProcessTest, AddsToTheEnvironmentAndAppendsToTheLog) {
  auto spec = shell("echo \"$GREETING $HOME\"; echo trouble >&2");
  spec.environment["GREETING"] = "hello";
  std::ofstream(folder_ / "log") << "before\n";
  auto process = Process::start(spec);
  wait(process);
  const char* home = std::getenv("HOME");
  EXPECT_EQ(log(), "before\nhello " + std::string(home ? home : "") + "\ntrouble\n");
}

TEST_F(ProcessTest, InheritsNoDescriptorAndHasAGroupOfItsOwn) {
  const int leak = open("/dev/null", O_RDONLY);  // no O_CLOEXEC
  ASSERT_GE(leak, 0);
  auto process = Process::start(
      shell("test -e /proc/$$/fd/" + std::to_string(leak) + " && echo leaked; ps -o pgid= -p $$ | tr -d ' '"));
  wait(process);
  close(leak);
  EXPECT_EQ(log(), std::to_string(process.pid()) + "\n");
}

TEST_F(ProcessTest, ASignalReachesWhatItStarted) {
  auto process = Process::start(shell("sleep 100 & echo $!; wait"));
  while (log().empty()) std::this_thread::sleep_for(2ms);
  const pid_t grandchild = std::stoi(log());
  process.signal(SIGTERM);
  EXPECT_EQ(wait(process).signal, SIGTERM);
  const auto runs = [grandchild] {
    std::ifstream stat("/proc/" + std::to_string(grandchild) + "/stat");
    std::string pid, name, state;
    return static_cast<bool>(stat >> pid >> name >> state) && state != "Z";
  };
  EXPECT_TRUE(test::eventually([&] { return !runs(); }));
}

TEST_F(ProcessTest, AMissingProgramIsAnErrorThatNamesIt) {
  try {
    Process::start({{"/no/such/worker"}, {}, ""});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("/no/such/worker"), std::string::npos);
  }
}

/// Reaps with a clock of its own until `done`.
template <class Done>
std::vector<LocalWorkers::Death> reap_until(LocalWorkers& workers, LocalWorkers::Clock::time_point& now, Done done) {
  std::vector<LocalWorkers::Death> deaths;
  for (int i = 0; i < 2000 && !done(); ++i) {
    for (const auto& death : workers.reap(now)) deaths.push_back(death);
    std::this_thread::sleep_for(2ms);
  }
  return deaths;
}

TEST_F(ProcessTest, ADeadWorkerIsStartedAgainAfterItsDelay) {
  LocalWorkers workers(2, [this](int) { return shell("sleep 100"); }, {1s, 4s, 10});
  LocalWorkers::Clock::time_point now{};
  now += 1h;
  workers.fill(now);
  ASSERT_EQ(workers.running(), 2);
  const pid_t victim = workers.pids()[0];
  for (const auto delay : {1s, 2s, 4s, 4s}) {
    ::kill(workers.pids()[0], SIGKILL);
    const auto deaths = reap_until(workers, now, [&] { return workers.running() == 1; });
    ASSERT_EQ(deaths.size(), 1u);
    EXPECT_EQ(deaths[0].place, 0);
    EXPECT_EQ(deaths[0].exit.signal, SIGKILL);
    workers.fill(now + delay - 1ms);
    EXPECT_EQ(workers.running(), 1);
    now += delay;
    workers.fill(now);
    EXPECT_EQ(workers.running(), 2);
  }
  EXPECT_NE(workers.pids()[0], victim);
  workers.kill();
  reap_until(workers, now, [&] { return workers.running() == 0; });
  EXPECT_TRUE(workers.given_up());
}

TEST_F(ProcessTest, AProcessThatCannotBeStartedIsTriedAgainUntilItIsGivenUp) {
  LocalWorkers workers(1,
                       [](int) {
                         ProcessSpec spec;
                         spec.argv = {"/nowhere/medley-worker"};
                         return spec;
                       },
                       {1s, 4s, 2});
  const auto now = LocalWorkers::Clock::time_point{} + 1h;
  const auto first = workers.fill(now);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_NE(first[0].find("/nowhere/medley-worker"), std::string::npos) << first[0];
  EXPECT_TRUE(workers.fill(now + 999ms).empty()) << "after its delay";
  EXPECT_FALSE(workers.given_up());
  EXPECT_EQ(workers.fill(now + 1s).size(), 1u);
  EXPECT_TRUE(workers.given_up());
}

TEST_F(ProcessTest, APlaceThatKeepsDyingIsGivenUpUnlessItWasUseful) {
  LocalWorkers workers(1, [this](int) { return shell("exit 1"); }, {1ms, 1ms, 3});
  auto now = LocalWorkers::Clock::time_point{} + 1h;
  std::vector<LocalWorkers::Death> deaths;
  for (int i = 0; i < 2000 && !workers.given_up(); ++i) {
    now += 1s;
    for (const auto& death : workers.reap(now)) deaths.push_back(death);
    workers.fill(now);
    if (deaths.size() == 1 && workers.running()) workers.note_healthy(workers.pids()[0]);
    std::this_thread::sleep_for(2ms);
  }
  ASSERT_EQ(deaths.size(), 4u) << "the first did not count";
  EXPECT_FALSE(deaths[2].given_up);
  EXPECT_TRUE(deaths[3].given_up);
}

TEST_F(ProcessTest, AWorkerThatOutlivedItsStarterFillsAPlaceUntilItDies) {
  // The shell in between ends, so that the worker is nobody's child of ours.
  const std::vector<std::string> argv = {"sleep", "86400.123"};
  ASSERT_TRUE(find_processes(argv).empty());
  auto starter = Process::start(shell("sleep 86400.123 & exit 0"));
  wait(starter);
  std::vector<pid_t> found;
  ASSERT_TRUE(test::eventually([&] { return !(found = find_processes(argv)).empty(); }));
  ASSERT_EQ(found.size(), 1u);
  LocalWorkers workers(1, [this](int) { return shell("sleep 100"); }, {1ms, 1ms, 10});
  workers.adopt(found);
  auto now = LocalWorkers::Clock::now();
  workers.fill(now);
  EXPECT_EQ(workers.pids(), found);
  ::kill(found[0], SIGKILL);
  const auto deaths = reap_until(workers, now, [&] { return workers.running() == 0; });
  ASSERT_EQ(deaths.size(), 1u);
  EXPECT_EQ(deaths[0].pid, found[0]);
  workers.fill(now + 1s);
  EXPECT_EQ(workers.running(), 1) << "a new one";
  workers.kill();
  reap_until(workers, now, [&] { return workers.running() == 0; });
}

TEST_F(ProcessTest, AZombieIsNotAlive) {
  EXPECT_TRUE(is_alive(::getpid()));
  auto child = Process::start(shell("exit 0"));
  EXPECT_TRUE(test::eventually([&] { return !is_alive(child.pid()); }));
  EXPECT_EQ(::kill(child.pid(), 0), 0) << "it was not one";
  EXPECT_EQ(wait(child).code, 0);
  EXPECT_FALSE(is_alive(child.pid()));
}

TEST_F(ProcessTest, TerminateAsksAndStartsNothingMore) {
  LocalWorkers workers(1, [this](int) { return shell("trap 'echo bye; exit 0' TERM; echo up; sleep 100 & wait"); });
  auto now = LocalWorkers::Clock::now();
  workers.fill(now);
  while (log().empty()) std::this_thread::sleep_for(2ms);
  workers.terminate();
  const auto deaths = reap_until(workers, now, [&] { return workers.running() == 0; });
  ASSERT_EQ(deaths.size(), 1u);
  EXPECT_EQ(deaths[0].exit.text(), "exit code 0");
  workers.fill(now + 1h);
  EXPECT_EQ(workers.running(), 0);
  EXPECT_EQ(log(), "up\nbye\n");
}

TEST_F(ProcessTest, StopEndsThoseTooThatIgnoreBeingAsked) {
  LocalWorkers workers(2, [this](int place) {
    return shell(place == 0 ? "trap '' TERM; echo up; while true; do sleep 0.01; done" : "echo up; exec sleep 100");
  });
  workers.fill(LocalWorkers::Clock::now());
  while (log() != "up\nup\n") std::this_thread::sleep_for(2ms);
  const std::vector<pid_t> pids = workers.pids();
  workers.stop(200ms);
  EXPECT_EQ(workers.running(), 0);
  for (const pid_t pid : pids) EXPECT_NE(::kill(pid, 0), 0) << "still there";
}

}  // namespace
}  // namespace medley::cluster
