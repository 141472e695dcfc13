// Everything at once, for as long as MEDLEY_CHAOS_SECONDS says: workers and the coordinator are killed, stopped and
// preempted, networks are cut and severed, at random. On one host each worker dies of its first pack, two trials fail
// and two kill whoever trains them. Then the history is checked.
#include <map>
#include <random>

#include "storage/database.h"
#include "tests/coordinator/fake_fleet.h"
#include "tests/coordinator/relay.h"
#include "tests/support/amount.h"
#include "tests/support/patience.h"

namespace medley {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class Chaos : public fake::Fleet {
 protected:
  /// A worker with a network and a host of its own.
  struct Place {
    std::string host, behaviour;
    std::unique_ptr<tests::Relay> network;
    std::unique_ptr<e2e::Program> worker;
    Clock::time_point restart{}, healed{}, resumed{};
    bool cut = false, stopped = false;
  };

  int coordinator_port() const {
    int port = 0;
    std::ifstream(store() + "/port") >> port;
    return port;
  }
  std::unique_ptr<e2e::Program> start_worker(const Place& place) const {
    return std::make_unique<e2e::Program>(
        FAKE_WORKER,
        std::vector<std::string>{"--coordinator", "127.0.0.1:" + std::to_string(place.network->port()), "--token-file",
                                 store() + "/token", "--spool", store() + "/spool", "--boot-id", place.host,
                                 "--behaviour", scratch_ / place.behaviour},
        scratch_);
  }
  int count(const char* sql) const {
    storage::Database database(storage::StoreLayout(store()).database(), storage::Database::Mode::kReadOnly);
    storage::Statement statement(database, sql);
    return statement.step() ? statement.whole(0) : -1;
  }

  /// Over what the store recorded: one accepted result a trial, none without a lease, one lease at a time.
  void check_history() const {
    EXPECT_EQ(count("SELECT count(*) FROM trial t WHERE (SELECT count(*) FROM result r WHERE r.trial = t.key) <> "
                    "(t.state = 'finished')"),
              0)
        << "trials without one result";
    EXPECT_EQ(count("SELECT count(*) FROM result r WHERE NOT EXISTS (SELECT 1 FROM attempt a WHERE a.trial = r.trial "
                    "AND a.number = r.attempt AND a.state = 'finished')"),
              0)
        << "results of attempts that nobody was given";
    EXPECT_EQ(count("SELECT count(*) FROM attempt a WHERE a.state = 'finished' AND NOT EXISTS (SELECT 1 FROM result r "
                    "WHERE r.trial = a.trial AND r.attempt = a.number)"),
              0)
        << "attempts that finished without a result";
    EXPECT_EQ(count("SELECT count(*) FROM attempt WHERE state = 'running'"), 0);
    EXPECT_EQ(count("SELECT count(*) FROM attempt WHERE ended < started"), 0);
    EXPECT_EQ(
        count("SELECT count(*) FROM (SELECT count(*) AS n, max(number) AS last FROM attempt GROUP BY trial) WHERE "
              "n <> last"),
        0)
        << "numbers of attempts that are missing";
    // The next attempt began when the one before had been written off. A late result is adopted under the number of its
    // attempt, whose end is then that of the adoption.
    EXPECT_EQ(count("SELECT count(*) FROM attempt a JOIN attempt b ON b.trial = a.trial AND b.number = a.number + 1 "
                    "WHERE a.state <> 'finished' AND b.started < a.ended"),
              0)
        << "two leases of a trial at a time";
  }
};

TEST_F(Chaos, LeavesOneAcceptedResultATrialAndNoneWithoutALease) {
  const int seconds = static_cast<int>(test::amount("MEDLEY_CHAOS_SECONDS", 20));
  const unsigned seed = static_cast<unsigned>(test::amount("MEDLEY_CHAOS_SEED", 2026));
  const int configs = std::max(300, 6 * seconds);  // two trials each
  std::mt19937 random(seed);
  const auto between = [&random](int low, int high) { return low + static_cast<int>(random() % (high - low + 1)); };
  const auto ms = [&](int low, int high) { return std::chrono::milliseconds(between(low, high)); };

  const auto trials = fake::fake_sweep(configs).trials;
  const std::set<std::string> poison = {trials[3].id, trials[20].id, trials[40].id, trials[41].id};
  const std::string poisoned =
      "\nfail " + trials[3].id + "\nfail " + trials[20].id + "\ncrash " + trials[40].id + "\ncrash " + trials[41].id;
  behave("train_ms 150" + poisoned);
  std::ofstream(scratch_ / "looping") << "crash *";
  setenv("RETRY_BUDGET", "8", 1);  // of blows alone no trial fails that often
  auto run = start(configs, 0, {});
  ASSERT_TRUE(test::eventually([&] { return coordinator_port() > 0; }));
  std::vector<Place> places(5);
  for (Place& place : places) {
    place.host = "h" + std::to_string(&place - places.data());
    place.behaviour = &place == &places.back() ? "looping" : "behaviour";
    place.network = std::make_unique<tests::Relay>([this] { return coordinator_port(); });
    place.worker = start_worker(place);
  }

  int blows = 0, loops = 0;
  std::map<std::string, int> done;
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  bool coordinator_stopped = false;
  Clock::time_point coordinator_resumes{};
  const auto ended = [&] {
    const auto sweep = summary();
    return sweep.finished + sweep.failed == 2 * configs;
  };
  while (Clock::now() < end && !ended()) {
    std::this_thread::sleep_for(ms(30, 300));
    const auto now = Clock::now();
    for (Place& place : places) {
      if (place.cut && now > place.healed) place.network->heal(), place.cut = false;
      if (place.stopped && now > place.resumed) place.worker->kill(SIGCONT), place.stopped = false;
      if (place.worker->ended() && now > place.restart) {
        place.worker = start_worker(place);
        place.stopped = false;
        loops += place.behaviour == "looping";
      }
    }
    if (coordinator_stopped && now > coordinator_resumes) run->kill(SIGCONT), coordinator_stopped = false;

    Place& place = places[random() % places.size()];
    const int dice = between(0, 99);
    ++blows;
    if (dice < 30) {
      place.worker->kill(SIGKILL);
      place.restart = now + ms(0, 500);
      ++done["worker killed"];
    } else if (dice < 45) {
      place.worker->kill(dice % 2 ? SIGTERM : SIGUSR1);
      place.restart = now + ms(0, 500);
      ++done["worker told to leave"];
    } else if (dice < 60) {
      place.worker->kill(SIGSTOP);
      place.stopped = true;
      place.resumed = now + ms(100, 3'000);  // the lease is 1.5 s
      ++done["worker stopped"];
    } else if (dice < 75) {
      place.network->cut();
      place.cut = true;
      place.healed = now + ms(100, 4'000);
      ++done["network cut"];
    } else if (dice < 85) {
      place.network->sever();
      ++done["connection severed"];
    } else if (dice < 92) {
      if (coordinator_stopped) continue;
      run->kill(SIGSTOP);
      coordinator_stopped = true;
      // Workers open another connection after 5 s.
      coordinator_resumes = now + (random() % 8 == 0 ? ms(5'500, 8'000) : ms(100, 2'000));
      ++done["coordinator stopped"];
    } else {
      run->kill(SIGKILL);
      run->wait();
      coordinator_stopped = false;
      std::this_thread::sleep_for(ms(0, 500));
      run = start(configs, 0, {});
      ++done["coordinator killed"];
    }
  }

  const int in_chaos = finished();
  EXPECT_GE(in_chaos, seconds / 10) << "hardly anything trained between the blows";
  // Peace: what is left trains in a moment.
  behave("train_ms 1" + poisoned);
  std::ofstream(scratch_ / "looping") << "train_ms 1" + poisoned;
  if (coordinator_stopped) run->kill(SIGCONT);
  for (Place& place : places) {
    place.network->heal();
    place.worker->kill(SIGCONT);
  }
  const auto patience = test::deadline(100s);
  while (!run->ended() && Clock::now() < patience) {
    for (Place& place : places) {
      if (place.worker->ended()) place.worker = start_worker(place);
    }
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(run->wait(1s).exit, 0);

  unsetenv("RETRY_BUDGET");
  // A slow machine has fewer blows. Of 100, each kind is there but for one seed of a thousand.
  for (const char* what : {"worker killed", "worker told to leave", "worker stopped", "network cut",
                           "connection severed", "coordinator stopped", "coordinator killed"}) {
    EXPECT_TRUE(done[what] > 0 || blows < 100) << what << ": this seed does too little";
  }
  EXPECT_GE(loops, 1) << "no worker of the host that kills was started again";
  expect_undisturbed_results(configs, "", poison);
  check_history();
  std::string text = "seed " + std::to_string(seed) + ", " + std::to_string(seconds) + " s, " +
                     std::to_string(2 * configs) + " trials, " + std::to_string(in_chaos) + " of them before peace, " +
                     std::to_string(count("SELECT count(*) FROM attempt")) + " attempts:";
  for (const auto& [what, times] : done) text += " " + what + " " + std::to_string(times) + ",";
  text += " worker of the host that kills died " + std::to_string(loops) + ",";
  for (const char* state : {"lost", "cancelled", "failed"}) {
    text += std::string(" ") + state + " " +
            std::to_string(count(("SELECT count(*) FROM attempt WHERE state = '" + std::string(state) + "'").c_str()));
  }
  std::puts(text.c_str());
}

}  // namespace
}  // namespace medley
