// The shell with workers that a test plays word by word over real sockets.
#include "coordinator/coordinator.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <future>
#include <thread>
#include <utility>

#include <boost/asio.hpp>
#include <gtest/gtest.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "coordinator/error.h"
#include "coordinator/worker_server.h"
#include "storage/reader.h"
#include "sweep/version.h"
#include "tests/coordinator/fake_sweep.h"
#include "tests/support/amount.h"
#include "tests/support/folder.h"
#include "tests/support/patience.h"
#include "tests/worker/blocking_end.h"
#include "worker/protocol/handshake.h"

namespace medley::coordinator {
namespace {
namespace fs = std::filesystem;
namespace asio = boost::asio;
using asio::ip::tcp;
using protocol::Message;
using namespace std::chrono_literals;

/// A worker's end of a connection.
class FakeWorker : public protocol::BlockingEnd {
 public:
  FakeWorker(std::uint16_t port, const protocol::Token& token, std::uint16_t version = protocol::kVersion) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    protocol::ClientHandshake handshake(token, version);
    std::array<std::uint8_t, protocol::kChallengeBytes> challenge;
    read(challenge.data(), challenge.size());
    asio::write(socket_, asio::buffer(handshake.respond(challenge)));
    std::uint8_t verdict = 0;
    read(&verdict, 1);
    std::vector<std::uint8_t> rest(protocol::ClientHandshake::bytes_after(verdict));
    read(rest.data(), rest.size());
    if (verdict == 1) {
      protocol::Bytes32 proof;
      std::copy(rest.begin(), rest.end(), proof.begin());
      accepted = handshake.proves(proof);
    } else {
      refusal.resize(rest[0]);
      read(reinterpret_cast<std::uint8_t*>(refusal.data()), refusal.size());
    }
  }

  template <class M>
  M expect() {
    for (;;) {
      const Message message = receive();
      if (const auto* m = std::get_if<M>(&message)) return *m;
      if (!std::holds_alternative<protocol::Alive>(message)) {
        throw std::runtime_error(std::string("unexpected ") + protocol::message_name(message));
      }
    }
  }
  protocol::Welcome join(int capacity = 2, std::vector<protocol::Held> held = {}) {
    return greet(capacity, std::move(held), sweep::kNumericsVersion, sweep::version()), expect<protocol::Welcome>();
  }
  /// The reason for which it is turned away.
  std::string refused(const std::string& numerics, const std::string& version) {
    return greet(1, {}, numerics, version), expect<protocol::Dismiss>().reason;
  }
  void greet(int capacity, std::vector<protocol::Held> held, const std::string& numerics, const std::string& version) {
    protocol::Hello hello;
    hello.instance = instance;
    hello.host = "elsewhere";
    hello.pid = 1;
    hello.capacity = capacity;
    hello.version = version;
    hello.numerics = numerics;
    hello.device = "cpu";
    hello.held = std::move(held);
    send(hello);
  }
  static protocol::Result result_of(const protocol::Assign::Trial& trial) {
    return {{trial.spec.id, trial.attempt}, sweep::encode_result(fake::fake_result(trial.spec))};
  }
  /// Nothing more comes, and no frame did before the end.
  bool closed() {
    try {
      receive();
      return false;
    } catch (const boost::system::system_error&) {
      return true;
    }
  }

  bool accepted = false;
  std::string refusal;
  std::string instance = protocol::random_instance();
};

/// No file of this process grows beyond `size` while it lives, as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(std::uintmax_t size) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{size, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class CoordinatorTest : public testing::Test {
 protected:
  CoordinatorTest() {
    options_.store = folder_ / "store";
    options_.limits.retry_delay_ms = 1;
    options_.limits.retry_budget = 2;
  }
  ~CoordinatorTest() override {
    if (run_.valid()) {
      coordinator_->request_stop(Coordinator::Stop::kNow, "the test is over");
      run_.wait();
    }
    coordinator_.reset();
  }
  void open() { coordinator_ = std::make_unique<Coordinator>(options_); }
  void start(int configs, int epochs = 1) {
    open();
    submitted_ = coordinator_->submit(fake::fake_dataset(), fake::fake_sweep(configs, "fake", epochs));
    run_ = std::async(std::launch::async, [this] { return coordinator_->run(); });
  }
  protocol::Token token() const { return protocol::read_token(coordinator_->token_file()); }
  FakeWorker connect() const { return FakeWorker(coordinator_->port(), token()); }
  SweepStatus sweep() const { return coordinator_->status().sweeps.at(0); }

  const test::Folder scratch_;
  const fs::path folder_ = scratch_.path();
  CoordinatorOptions options_;
  std::unique_ptr<Coordinator> coordinator_;
  storage::Writer::Submitted submitted_;
  std::future<Coordinator::End> run_;
};

/// Asks the coordinator's thread for something, over and over, while `what` is done. Returns the milliseconds that it
/// computed at most between two answers: what others wait for, whatever else the machine does.
double longest_hold_ms(Coordinator& coordinator, const std::function<void()>& what) {
  clockid_t clock{};
  coordinator.write([&](storage::Writer&) { pthread_getcpuclockid(pthread_self(), &clock); });
  const auto computed_ms = [&clock] {
    timespec time{};
    clock_gettime(clock, &time);
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
  };
  std::atomic<bool> ended{false};
  auto longest = std::async(std::launch::async, [&] {
    double most = 0;
    while (!ended) {
      const double before = computed_ms();
      coordinator.write([](storage::Writer&) {});
      most = std::max(most, computed_ms() - before);
    }
    return most;
  });
  what();
  ended = true;
  return longest.get();
}

TEST_F(CoordinatorTest, ALargeSweepThatIsSubmittedOrGrowsHoldsItsThreadFor200MsAtMost) {
#ifdef MEDLEY_SANITIZED
  constexpr double kMost = 2'000;  // checked code computes longer
#else
  constexpr double kMost = 200;
#endif
  start(1);
  const storage::SweepSubmission large = fake::fake_sweep(10'000, "large");  // 20,000 trials
  std::string id;
  const auto submit = [&] { id = coordinator_->submit(fake::fake_dataset(), large).id; };
  EXPECT_LT(longest_hold_ms(*coordinator_, submit), kMost) << "configs, trials, and telling the scheduler";
  EXPECT_LT(longest_hold_ms(*coordinator_, submit), kMost) << "the same again";
  EXPECT_EQ(coordinator_->status().sweeps.at(1).trials, 20'000);
  storage::Reader reader(options_.store);
  EXPECT_EQ(reader.stored_sweep(id).trials, 20'000);

  // A search asks for the first round of 20,000 on a thread of its own.
  const auto search = fake::fake_search(10'000, 2);
  const std::string searching = coordinator_->submit(fake::fake_dataset(), search).id;
  const auto grow = [&] { EXPECT_TRUE(test::eventually([&] { return reader.stored_sweep(searching).rounds > 0; })); };
  EXPECT_LT(longest_hold_ms(*coordinator_, grow), kMost);
  EXPECT_TRUE(test::eventually([&] { return coordinator_->status().sweeps.at(2).trials > 0; }));
}

TEST_F(CoordinatorTest, ASweepOfWhichOnlyAPartWasSubmittedIsNotThere) {
  const storage::SweepSubmission sweep = fake::fake_sweep(3);
  {
    storage::Writer writer(options_.store);
    storage::Writer::Group group(writer);
    writer.register_dataset(fake::fake_dataset(), 1);
    const auto begun = writer.begin_sweep(sweep);
    EXPECT_TRUE(begun.created);
    writer.add_configs(begun.id, sweep, {0, 3});
    writer.add_trials(begun.id, sweep, {0, 4});
    group.commit();
    EXPECT_TRUE(storage::Reader(options_.store).sweeps().empty());
  }
  open();
  EXPECT_TRUE(coordinator_->status().sweeps.empty());
  EXPECT_TRUE(coordinator_->submit(fake::fake_dataset(), sweep).created);
  EXPECT_EQ(coordinator_->status().sweeps.at(0).trials, 6);
  EXPECT_EQ(coordinator_->status().sweeps.at(0).name, sweep.name) << "the part did not keep the name";
}

TEST_F(CoordinatorTest, AThousandSilentConnectionsKeepNoWorkerOut) {
  start(1);
  asio::io_context io;
  std::vector<tcp::socket> strangers;
  for (int i = 0; i < 1'000; ++i) {
    strangers.emplace_back(io).connect({asio::ip::address_v4::loopback(), coordinator_->port()});
  }
  FakeWorker worker(coordinator_->port(), token());
  ASSERT_TRUE(worker.accepted);
  worker.join();
  EXPECT_FALSE(worker.expect<protocol::Assign>().trials.empty());
  // The first of them has been closed, for the last ones.
  std::array<std::uint8_t, 1024> bytes;
  boost::system::error_code error;
  asio::read(strangers.front(), asio::buffer(bytes), error);
  EXPECT_TRUE(error == asio::error::eof || error == asio::error::connection_reset) << error.message();
}

TEST_F(CoordinatorTest, RecordsAnAssignmentBeforeItIsSentAndAResultBeforeItIsConfirmed) {
  start(1);
  FakeWorker worker = connect();
  EXPECT_EQ(worker.join(2).checkpoint_folder, fs::absolute(options_.store / "checkpoints").string());
  const auto assign = worker.expect<protocol::Assign>();
  ASSERT_EQ(assign.trials.size(), 2u);
  EXPECT_EQ(assign.dataset_fingerprint, fake::fake_dataset().fingerprint);
  EXPECT_EQ(assign.dataset_folder, "/nowhere/fake");
  storage::Reader reader(options_.store);
  for (const auto& trial : assign.trials) {
    const auto detail = reader.find_trial(trial.spec.id);
    ASSERT_EQ(detail->attempts.size(), 1u);
    EXPECT_EQ(detail->attempts[0].state, sweep::AttemptState::kRunning);
    EXPECT_EQ(trial.spec.id,
              sweep::trial_id(trial.spec.config, trial.spec.fold, trial.spec.seed, assign.dataset_fingerprint));
  }
  worker.send(FakeWorker::result_of(assign.trials[0]));
  EXPECT_EQ(worker.expect<protocol::ResultReceived>().attempt.trial, assign.trials[0].spec.id);
  EXPECT_EQ(reader.find_trial(assign.trials[0].spec.id)->state, sweep::TrialState::kFinished);
  worker.send(FakeWorker::result_of(assign.trials[1]));
  worker.expect<protocol::ResultReceived>();
  worker.expect<protocol::Dismiss>();
  worker.send(protocol::Leave{"dismissed"});
  EXPECT_EQ(run_.get().how, Coordinator::End::How::kDone);
  EXPECT_EQ(reader.find_sweep(submitted_.id)->state, sweep::SweepState::kFinished);
}

TEST_F(CoordinatorTest, AResultSentTwiceIsConfirmedTwiceAndCountedOnce) {
  start(2);
  FakeWorker worker = connect();
  worker.join(1);
  const auto assign = worker.expect<protocol::Assign>();
  const auto result = FakeWorker::result_of(assign.trials[0]);
  worker.send(result);
  worker.send(result);
  int confirmed = 0, assigned = 0;
  while (confirmed < 2) {
    const Message message = worker.receive();
    confirmed += std::holds_alternative<protocol::ResultReceived>(message);
    assigned += std::holds_alternative<protocol::Assign>(message);
  }
  EXPECT_EQ(assigned, 1);
  storage::Reader reader(options_.store);
  EXPECT_EQ(reader.find_sweep(submitted_.id)->finished, 1);
  EXPECT_EQ(reader.find_trial(assign.trials[0].spec.id)->attempts.size(), 1u);
}

TEST_F(CoordinatorTest, AWrongTokenAndAnotherVersionAreRefusedWithTheReasonAndNothingElseIsRead) {
  start(1);
  FakeWorker stranger(coordinator_->port(), protocol::random_token());
  EXPECT_FALSE(stranger.accepted);
  EXPECT_NE(stranger.refusal.find("wrong token"), std::string::npos);
  FakeWorker old(coordinator_->port(), token(), protocol::kVersion + 1);
  EXPECT_FALSE(old.accepted);
  EXPECT_NE(old.refusal.find("protocol version"), std::string::npos);
  EXPECT_TRUE(coordinator_->status().workers.empty());
}

TEST_F(CoordinatorTest, NonsenseEndsOneConnectionOnly) {
  start(1);
  FakeWorker good = connect();
  good.join(1);
  const auto assign = good.expect<protocol::Assign>();
  for (const Message& wrong : std::vector<Message>{protocol::Heartbeat{}, protocol::Welcome{}, protocol::Leave{"x"}}) {
    FakeWorker bad = connect();
    ASSERT_TRUE(bad.accepted);
    bad.send(wrong);  // before hello
    EXPECT_TRUE(bad.closed());
  }
  good.send(FakeWorker::result_of(assign.trials[0]));
  good.expect<protocol::ResultReceived>();
}

TEST_F(CoordinatorTest, ResultsThatCannotBeCountAgainstTheWorkerAndNeverTheTrial) {
  start(1);
  FakeWorker liar = connect();
  liar.join(2);
  const auto assign = liar.expect<protocol::Assign>();
  ASSERT_EQ(assign.trials.size(), 2u);
  const std::string trial = assign.trials[0].spec.id;
  const auto refused = [&](int attempt, std::vector<std::uint8_t> bytes) {
    liar.send(protocol::Result{{trial, attempt}, std::move(bytes)});
    EXPECT_EQ(liar.expect<protocol::ResultReceived>().attempt.number, attempt) << "it is not wanted again";
  };
  refused(1, {1, 2, 3});
  liar.send(FakeWorker::result_of(assign.trials[1]));
  liar.expect<protocol::ResultReceived>();
  // More often than the budget of 2, and the trial is not failed: as another trial, and with hits out of nothing.
  EXPECT_EQ(liar.expect<protocol::Assign>().trials.at(0).attempt, 2);
  refused(2, FakeWorker::result_of(assign.trials[1]).bytes);
  EXPECT_EQ(liar.expect<protocol::Assign>().trials.at(0).attempt, 3);
  sweep::TrialResult perfect = fake::fake_result(assign.trials[0].spec);
  perfect.paper.validation = {};
  perfect.paper.surface.clips = perfect.paper.surface.blends = 1'000'000;
  perfect.paper.surface.presence_hits.fill(1'000'000);
  perfect.paper.surface.salience_hits.fill(1'000'000);
  refused(3, sweep::encode_result(perfect));

  FakeWorker good = connect();
  good.join(2);
  const auto again = good.expect<protocol::Assign>();
  ASSERT_EQ(again.trials.size(), 1u) << "the other is quarantined";
  const auto workers = storage::Reader(options_.store).workers();
  EXPECT_TRUE(std::any_of(workers.begin(), workers.end(), [&](const storage::WorkerRow& row) {
    return row.worker.id == liar.instance && row.reason == "sent 3 results that cannot be true";
  }));
  EXPECT_EQ(again.trials[0].attempt, 4);
  // What was given to it cannot be answered by another, unless that one said that it holds it.
  liar.send(FakeWorker::result_of(again.trials[0]));
  liar.expect<protocol::ResultReceived>();
  EXPECT_EQ(storage::Reader(options_.store).find_trial(trial)->state, sweep::TrialState::kPending);
  good.send(FakeWorker::result_of(again.trials[0]));
  good.expect<protocol::ResultReceived>();
  good.expect<protocol::Dismiss>();
  good.send(protocol::Leave{""});
  liar.send(protocol::Leave{""});
  run_.get();
  storage::Reader reader(options_.store);
  const auto detail = reader.find_trial(trial);
  EXPECT_EQ(detail->state, sweep::TrialState::kFinished);
  EXPECT_EQ(detail->attempts.size(), 4u);
  EXPECT_NE(detail->attempts[2].reason.find("its result was refused: paper.validation has predictions of 0 clips"),
            std::string::npos)
      << detail->attempts[2].reason;
}

TEST_F(CoordinatorTest, AWorkerOfOtherNumericsOrOfAnotherMinorReleaseIsToldWhyAndGetsNothing) {
  start(1);
  const std::string ours = sweep::version();
  const std::string remedy = ": use the same release of Medley on both sides";
  EXPECT_EQ(connect().refused("other", ours), "its trainer has numerics version other, this coordinator needs " +
                                                  std::string(sweep::kNumericsVersion) + remedy);
  EXPECT_EQ(connect().refused(sweep::kNumericsVersion, "0.999.3"),
            "the worker is of Medley 0.999.3, this coordinator of " + ours + remedy);
  EXPECT_TRUE(coordinator_->status().workers.empty());
  FakeWorker patched = connect();  // another patch release of the same line
  patched.greet(1, {}, sweep::kNumericsVersion, sweep::release_line(ours) + ".77");
  patched.expect<protocol::Welcome>();
}

TEST_F(CoordinatorTest, AWorkerThatComesBackKeepsItsAttempts) {
  start(1);
  auto worker = std::make_unique<FakeWorker>(coordinator_->port(), token());
  worker->join(2);
  const auto assign = worker->expect<protocol::Assign>();
  FakeWorker again = connect();
  again.instance = worker->instance;
  std::vector<protocol::Held> held;
  for (const auto& trial : assign.trials)
    held.push_back({{trial.spec.id, trial.attempt}, protocol::Held::Stage::kRunning, 1, 2});
  again.join(2, held);
  EXPECT_TRUE(worker->closed()) << "the older connection";
  for (const auto& trial : assign.trials) {
    again.send(FakeWorker::result_of(trial));
    again.expect<protocol::ResultReceived>();
  }
  again.expect<protocol::Dismiss>();
  again.send(protocol::Leave{""});
  run_.get();
  storage::Reader reader(options_.store);
  for (const auto& row : reader.trials(submitted_.id)) EXPECT_EQ(row.attempts, 1);
}

TEST_F(CoordinatorTest, PauseResumeStopAndRetryAnswerWhatTheyDid) {
  options_.exit_when_done = false;
  start(1);
  EXPECT_FALSE(coordinator_->pause("nonsense").done);
  EXPECT_TRUE(coordinator_->pause(submitted_.id).done);
  EXPECT_EQ(coordinator_->pause(submitted_.id).message, "sweep fake is paused");
  FakeWorker worker = connect();
  worker.join(2);
  worker.send(protocol::Heartbeat{});
  worker.expect<protocol::Alive>();  // and no Assign before it
  EXPECT_TRUE(coordinator_->resume(submitted_.id).done);
  auto assign = worker.expect<protocol::Assign>();
  EXPECT_TRUE(coordinator_->stop(submitted_.id).done);
  for (std::size_t i = 0; i < assign.trials.size(); ++i) {
    const auto cancel = worker.expect<protocol::Cancel>();
    worker.send(protocol::AttemptFailed{cancel.attempts.at(0), "cancelled"});
  }
  EXPECT_EQ(sweep().state, sweep::SweepState::kStopped);
  EXPECT_TRUE(coordinator_->resume(submitted_.id).done);
  // One failure in a pack of two counts not, and two alone spend the budget of 2; then a retry gives a new one.
  const std::string trial = assign.trials[0].spec.id;
  for (int failures = 0; failures < 3;) {
    for (const auto& t : worker.expect<protocol::Assign>().trials) {
      if (t.spec.id == trial) {
        EXPECT_FALSE(coordinator_->retry(trial).done) << "it has not failed yet";
        worker.send(protocol::AttemptFailed{{trial, t.attempt}, "told to"});
        ++failures;
      } else {
        worker.send(FakeWorker::result_of(t));
        worker.expect<protocol::ResultReceived>();
      }
    }
  }
  test::eventually([&] { return sweep().failed != 0; });
  EXPECT_EQ(sweep().failed, 1);
  EXPECT_EQ(sweep().state, sweep::SweepState::kFinished);
  EXPECT_TRUE(coordinator_->retry(trial).done);
  for (int failures = 0; failures < 2; ++failures) {
    const auto retried = worker.expect<protocol::Assign>();
    const protocol::AttemptId again{trial, retried.trials.at(0).attempt};
    worker.send(protocol::AttemptFailed{again, "told to"});
  }
  test::eventually([&] { return sweep().failed != 0; });
  EXPECT_FALSE(coordinator_->retry_sweep("nonsense").done);
  const auto all = coordinator_->retry_sweep(submitted_.id);
  EXPECT_EQ(all.message, "1 trial of sweep fake will be trained again");
  EXPECT_FALSE(coordinator_->retry_sweep(submitted_.id).done) << "none has failed now";
  const auto last = worker.expect<protocol::Assign>();
  worker.send(FakeWorker::result_of(last.trials.at(0)));
  worker.expect<protocol::ResultReceived>();
  EXPECT_EQ(storage::Reader(options_.store).find_sweep(submitted_.id)->finished, 2);
}

TEST_F(CoordinatorTest, ASweepIsRemovedWhenNobodyTrainsItAndItsResultsStay) {
  options_.exit_when_done = false;
  start(1);
  FakeWorker worker = connect();
  worker.join(2);
  auto assign = worker.expect<protocol::Assign>();
  EXPECT_EQ(coordinator_->remove_sweep(submitted_.id).message, "sweep fake is running: stop it first");
  worker.send(FakeWorker::result_of(assign.trials.at(0)));
  worker.expect<protocol::ResultReceived>();
  EXPECT_TRUE(coordinator_->stop(submitted_.id).done);
  worker.expect<protocol::Cancel>();
  const auto removed = coordinator_->remove_sweep(submitted_.id);
  EXPECT_TRUE(removed.done) << removed.message;
  EXPECT_FALSE(coordinator_->remove_sweep(submitted_.id).done) << "there is none";
  EXPECT_FALSE(coordinator_->resume(submitted_.id).done);
  EXPECT_FALSE(coordinator_->mark_sweep(submitted_.id, {}).done);
  EXPECT_TRUE(coordinator_->status().sweeps.empty());
  EXPECT_TRUE(storage::Reader(options_.store).sweeps().empty());
  // What was in training is delivered all the same, and the sweep has it when it is submitted again.
  worker.send(FakeWorker::result_of(assign.trials.at(1)));
  worker.expect<protocol::ResultReceived>();
  const auto again = coordinator_->submit(fake::fake_dataset(), fake::fake_sweep(1, "fake", 1));
  EXPECT_TRUE(again.created);
  EXPECT_EQ(again.finished, 2);
  EXPECT_EQ(sweep().state, sweep::SweepState::kFinished);
  // Its Scores are measured meanwhile: whichever comes first.
  EXPECT_TRUE(coordinator_->remove_sweep(again.id).done);
  coordinator_->write([](storage::Writer&) {});
  EXPECT_TRUE(storage::Reader(options_.store).sweeps().empty());
}

TEST_F(CoordinatorTest, ShowsWhatAWorkerHasInHandAndTakesOfItsHost) {
  start(2);
  FakeWorker worker = connect();
  const auto status = [&] {
    const auto workers = coordinator_->status().workers;
    return workers.empty() ? WorkerStatus() : workers.front();
  };
  worker.join(2);
  const auto assign = worker.expect<protocol::Assign>();
  test::eventually([&] { return status().running != 0; });
  EXPECT_EQ(status().running, 2);
  EXPECT_FALSE(status().usage) << "no heartbeat yet";
  sweep::Usage usage;
  usage.cpu = 1.25;
  usage.resident_bytes = 1 << 20;
  usage.gpu = sweep::Usage::Gpu{0.5, 1, 2};
  std::vector<protocol::Held> held;
  for (const auto& trial : assign.trials) {
    held.push_back({{trial.spec.id, trial.attempt}, protocol::Held::Stage::kRunning, 3, 12});
  }
  worker.send(protocol::Heartbeat{held, usage});
  worker.expect<protocol::Alive>();
  test::eventually([&] { return status().usage.has_value(); });
  ASSERT_TRUE(status().usage && status().usage->gpu);
  EXPECT_EQ(status().usage->cpu, 1.25);
  EXPECT_EQ(status().usage->resident_bytes, 1 << 20);
  EXPECT_EQ(status().usage->gpu->busy, 0.5);
  EXPECT_EQ(status().first_trial, assign.trials[0].spec.id);
  EXPECT_DOUBLE_EQ(status().progress, 3.0 / 12);
  worker.send(protocol::Heartbeat{held, std::nullopt});
  test::eventually([&] { return !status().usage; });
  EXPECT_FALSE(status().usage) << "the newest word counts";
}

TEST_F(CoordinatorTest, WorkersThatLeftCostNoMemory) {
  options_.exit_when_done = false;
  open();
  run_ = std::async(std::launch::async, [this] { return coordinator_->run(); });
  const auto come_and_go = [&](long workers) {
    for (long i = 0; i < workers; ++i) {
      FakeWorker worker = connect();
      worker.join(1);
      worker.send(protocol::Leave{});
    }
    EXPECT_TRUE(test::eventually([&] { return coordinator_->status().workers.empty(); }));
    // Bytes in use but those of SQLite, whose cache of pages is bounded. A sanitizer counts none.
    return static_cast<long>(mallinfo2().uordblks) - static_cast<long>(sqlite3_memory_used());
  };
  const long joins = test::amount("MEDLEY_JOINS", 600);
  const long before = come_and_go(200);
  const long after = come_and_go(joins);
  EXPECT_LT((after - before) / joins, 64) << "bytes for each";
  RecordProperty("bytes", std::to_string(after - before));
}

TEST_F(CoordinatorTest, TellsTheEpochsOfTrialsInTrainingWhileTheyTrain) {
  start(2, 9);
  FakeWorker worker = connect();
  worker.join(2);
  const auto assign = worker.expect<protocol::Assign>();
  const protocol::AttemptId one{assign.trials.at(0).spec.id, 1}, two{assign.trials.at(1).spec.id, 1};
  const std::string sweep = coordinator_->status().sweeps.at(0).id;
  const auto beat = [&](const protocol::AttemptId& attempt, int epoch, double loss, double share) {
    protocol::Heartbeat heartbeat{
        {{one, protocol::Held::Stage::kRunning, epoch, 9}, {two, protocol::Held::Stage::kRunning, epoch, 9}},
        std::nullopt};
    protocol::NewEpoch told{attempt, {}};
    told.metrics.epoch = epoch;
    told.metrics.loss = loss;
    told.metrics.validation = {share, share};
    heartbeat.epochs = {told};
    worker.send(heartbeat);
    worker.expect<protocol::Alive>();
  };
  EXPECT_TRUE(coordinator_->live_of_sweep(sweep).empty());
  const int last = sweep::last_epoch(assign.trials.at(0).spec.config);
  ASSERT_EQ(last, 9);
  beat(one, 1, 2.5, 0.25);
  beat(one, 1, 9.0, 0.75);         // the same epoch again
  beat(one, last + 1, 9.0, 0.75);  // it has no such epoch
  beat({one.trial, 2}, 2, 9.0, 0.75);
  beat({"00000000000000aa", 1}, 2, 9.0, 0.75);
  beat(one, 2, 1.5, 0.5);
  const auto live = coordinator_->live_of_sweep(sweep);
  ASSERT_EQ(live.size(), 1u);
  EXPECT_EQ(live[0].attempt, one);
  EXPECT_EQ(live[0].worker, worker.instance);
  EXPECT_EQ(live[0].config, sweep::config_id(assign.trials.at(0).spec.config));
  EXPECT_EQ(live[0].fold, assign.trials.at(0).spec.fold);
  EXPECT_EQ(live[0].seed, assign.trials.at(0).spec.seed);
  EXPECT_EQ(live[0].epochs, last);
  ASSERT_EQ(live[0].heard.size(), 2u);
  EXPECT_EQ(live[0].heard[0].loss, 2.5);
  EXPECT_EQ(live[0].heard[1].epoch, 2);
  EXPECT_EQ(live[0].heard[1].validation.score(), 0.5);
  EXPECT_TRUE(live[0].eta_seconds.has_value());
  EXPECT_EQ(coordinator_->live_of_trial(one.trial).size(), 1u);
  EXPECT_TRUE(coordinator_->live_of_trial(two.trial).empty());
  EXPECT_TRUE(coordinator_->live_of_sweep("ffff").empty());
  worker.send(protocol::AttemptFailed{one, "an end", sweep::Blame::kTrial});
  EXPECT_TRUE(test::eventually([&] { return coordinator_->live_of_trial(one.trial).empty(); }));
}

TEST(WorkerServer, NobodyIsSilentWhileItStandsStill) {
  const test::Folder scratch;
  const protocol::Token token = protocol::read_or_create_token(scratch.path() / "token");
  boost::asio::io_context io;
  int joined = 0, received = 0, lost = 0;
  WorkerServer::Callbacks callbacks;
  callbacks.joined = [&](const protocol::Hello&) { ++joined; };
  callbacks.received = [&](const std::string&, protocol::Message&&) { ++received; };
  callbacks.lost = [&](const std::string&, const std::string&) { ++lost; };
  WorkerServer::Options options;
  options.silence_limit = options.handshake_limit = 1'000ms;
  options.late = 50ms;
  WorkerServer server(io, options, token, callbacks);
  auto connecting = std::async(std::launch::async, [&] {
    FakeWorker worker(server.port(), token);
    protocol::Hello hello;
    hello.instance = worker.instance;
    worker.send(hello);
    return worker;
  });
  while (joined == 0) io.run_one();
  FakeWorker worker = connecting.get();
  worker.send(protocol::Heartbeat{});
  std::this_thread::sleep_for(1'300ms);
  io.poll();
  EXPECT_EQ(received, 1);
  EXPECT_EQ(lost, 0);
  server.close();
}

TEST_F(CoordinatorTest, APauseOfTheCoordinatorCostsNoAttempt) {
  options_.limits.lease_ms = 1'500;
  options_.limits.longest_step_ms = 100;
  start(1);
  FakeWorker worker = connect();
  worker.join(1);
  const auto assign = worker.expect<protocol::Assign>();
  const protocol::AttemptId attempt{assign.trials.at(0).spec.id, 1};
  // It stands still for longer than a lease, as on a slow disk. What the worker says meanwhile is read afterwards.
  std::promise<void> paused;
  auto pause = std::async(std::launch::async, [&] {
    coordinator_->write([&](storage::Writer&) {
      paused.set_value();
      std::this_thread::sleep_for(1'800ms);
    });
  });
  paused.get_future().wait();
  worker.send(protocol::Heartbeat{{{attempt, protocol::Held::Stage::kRunning, 1, 9}}, std::nullopt});
  pause.get();
  worker.expect<protocol::Alive>();
  worker.send(protocol::Heartbeat{{{attempt, protocol::Held::Stage::kRunning, 2, 9}}, std::nullopt});
  worker.expect<protocol::Alive>();  // what came before has been judged
  storage::Reader reader(options_.store);
  const auto row = reader.find_trial(attempt.trial);
  ASSERT_TRUE(row);
  ASSERT_EQ(row->attempts.size(), 1u);
  EXPECT_EQ(row->attempts.at(0).state, sweep::AttemptState::kRunning);
}

TEST_F(CoordinatorTest, OneWorkerIsPausedAndOneLeaves) {
  start(1);
  FakeWorker paused = connect();
  paused.join(1);
  const auto first = paused.expect<protocol::Assign>();
  EXPECT_TRUE(coordinator_->pause_worker(paused.instance).done);
  EXPECT_EQ(coordinator_->pause_worker(paused.instance).message, "worker elsewhere:1 gets no trials already");
  EXPECT_FALSE(coordinator_->pause_worker("nobody").done);
  EXPECT_FALSE(coordinator_->send_away("nobody").done);
  paused.send(FakeWorker::result_of(first.trials.at(0)));
  paused.expect<protocol::ResultReceived>();

  FakeWorker other = connect();
  other.join(1);
  other.expect<protocol::Assign>();  // the one that is left
  const auto told = coordinator_->send_away(other.instance);
  EXPECT_EQ(told.message, "worker elsewhere:1 saves what it trains, and leaves");
  EXPECT_EQ(other.expect<protocol::Dismiss>().reason, "told to leave");
  other.send(protocol::Leave{"told to leave"});
  EXPECT_TRUE(other.closed());
  paused.send(protocol::Heartbeat{});
  paused.expect<protocol::Alive>();  // and no Assign before it
  EXPECT_TRUE(coordinator_->release(paused.instance).done);
  paused.send(FakeWorker::result_of(paused.expect<protocol::Assign>().trials.at(0)));
  paused.expect<protocol::ResultReceived>();
  const auto left = storage::Reader(options_.store).find_trial(fake::fake_sweep(1).trials.at(1).id);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->attempts.at(0).state, sweep::AttemptState::kCancelled) << "which costs no retry";
}

TEST_F(CoordinatorTest, AQuarantinedWorkerStaysAndGetsTrialsAgainWhenItIsReleased) {
  options_.limits.quarantine_after = 1;
  start(1);
  FakeWorker worker = connect();
  worker.join(1);
  const auto refused = coordinator_->release(worker.instance);
  EXPECT_FALSE(refused.done);
  EXPECT_NE(refused.message.find("is not quarantined"), std::string::npos) << refused.message;
  EXPECT_FALSE(coordinator_->release("nobody").done);
  const auto first = worker.expect<protocol::Assign>();
  worker.send(protocol::Result{{first.trials.at(0).spec.id, 1}, {1, 2, 3}});
  worker.expect<protocol::ResultReceived>();
  storage::Reader reader(options_.store);
  const auto state = [&] { return reader.workers().at(0).state; };
  test::eventually([&] { return state() == sweep::WorkerState::kQuarantined; });
  ASSERT_EQ(state(), sweep::WorkerState::kQuarantined);
  const auto released = coordinator_->release(worker.instance);
  EXPECT_TRUE(released.done) << released.message;
  EXPECT_EQ(state(), sweep::WorkerState::kJoined);
  for (int trial = 0; trial < 2; ++trial) {  // nothing but packs came since: it was not dismissed
    const auto assign = worker.expect<protocol::Assign>();
    worker.send(FakeWorker::result_of(assign.trials.at(0)));
    worker.expect<protocol::ResultReceived>();
  }
  worker.expect<protocol::Dismiss>();
  worker.send(protocol::Leave{""});
  EXPECT_EQ(run_.get().how, Coordinator::End::How::kDone);
}

TEST_F(CoordinatorTest, QuarantineAndReleaseOutliveTheCoordinator) {
  options_.limits.quarantine_after = 1;
  options_.exit_when_done = false;
  start(2);
  const std::string instance = protocol::random_instance();
  const auto join = [&](FakeWorker& worker) {
    worker.instance = instance;
    worker.join(1);
  };
  const auto restart = [&] {
    coordinator_->request_stop(Coordinator::Stop::kNow, "a restart");
    run_.get();
    coordinator_.reset();
    open();
    run_ = std::async(std::launch::async, [this] { return coordinator_->run(); });
  };
  storage::Reader reader(options_.store);
  const auto state = [&] { return reader.workers().at(0).state; };
  {
    FakeWorker worker = connect();
    join(worker);
    const auto assign = worker.expect<protocol::Assign>();
    worker.send(protocol::Result{{assign.trials.at(0).spec.id, 1}, {1, 2, 3}});
    worker.expect<protocol::ResultReceived>();
    test::eventually([&] { return state() == sweep::WorkerState::kQuarantined; });
  }
  restart();
  EXPECT_EQ(state(), sweep::WorkerState::kQuarantined);
  {
    FakeWorker worker = connect();
    join(worker);
    worker.send(protocol::Heartbeat{});
    worker.expect<protocol::Alive>();  // and no Assign before it
    EXPECT_EQ(state(), sweep::WorkerState::kQuarantined);
    EXPECT_EQ(reader.workers().at(0).reason, "sent 1 results that cannot be true");
  }
  restart();
  const auto released = coordinator_->release(instance);  // before it is back
  EXPECT_TRUE(released.done) << released.message;
  EXPECT_EQ(released.message, "worker elsewhere:1 gets trials again");
  EXPECT_EQ(state(), sweep::WorkerState::kAway);
  restart();
  FakeWorker worker = connect();
  join(worker);
  const auto assign = worker.expect<protocol::Assign>();
  worker.send(FakeWorker::result_of(assign.trials.at(0)));
  worker.expect<protocol::ResultReceived>();
}

TEST_F(CoordinatorTest, WhatCannotBeRecordedIsNotAssignedAndTheRunEnds) {
  start(1);
  FakeWorker worker = connect();
  ASSERT_TRUE(worker.accepted);
  std::future_status ended;
  {
    const FullDisk full(fs::file_size(options_.store / "medley.db-wal"));
    worker.join(2);
    EXPECT_TRUE(worker.closed()) << "nothing is assigned";
    ended = run_.wait_for(test::kPatience * 5s);
  }
  ASSERT_EQ(ended, std::future_status::ready);
  EXPECT_THROW(run_.get(), storage::Error);
  storage::Reader reader(options_.store);
  for (const auto& row : reader.trials(submitted_.id)) EXPECT_EQ(row.attempts, 0);
}

TEST_F(CoordinatorTest, ThePortIsTheSameAfterARestartAndABusyOneIsNamed) {
  open();
  const std::uint16_t port = coordinator_->port();
  CoordinatorOptions second;
  second.store = folder_ / "other";
  second.port = port;
  try {
    Coordinator other(second);
    FAIL();
  } catch (const std::exception& e) {
    EXPECT_NE(std::string(e.what()).find(std::to_string(port) + " of 127.0.0.1 is in use"), std::string::npos)
        << e.what();
  }
  coordinator_.reset();
  open();
  EXPECT_EQ(coordinator_->port(), port);
}

TEST_F(CoordinatorTest, TwoCoordinatorsOfOneStoreAreRefused) {
  open();
  EXPECT_THROW(Coordinator second(options_), storage::Error);
}

}  // namespace
}  // namespace medley::coordinator
