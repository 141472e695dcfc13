// The link against a coordinator that a test plays word by word.
#include "worker/link.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <future>
#include <limits>
#include <thread>
#include <utility>

#include <boost/asio.hpp>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/folder.h"
#include "tests/support/patience.h"
#include "tests/support/spooled.h"
#include "tests/worker/blocking_end.h"
#include "tests/worker/fake_trainer.h"

namespace medley::worker {
namespace {
namespace fs = std::filesystem;
namespace asio = boost::asio;
using asio::ip::tcp;
using protocol::Message;
using namespace std::chrono_literals;

/// The coordinator's end of one connection.
class Peer : public protocol::BlockingEnd {
 public:
  Peer(tcp::socket&& socket, const protocol::Token& token, std::uint16_t version = protocol::kVersion)
      : BlockingEnd(std::move(socket)) {
    const protocol::ServerHandshake handshake(token, version);
    asio::write(socket_, asio::buffer(handshake.challenge()));
    std::array<std::uint8_t, protocol::kResponseBytes> response;
    read(response.data(), response.size());
    const auto verdict = handshake.judge(response);
    asio::write(socket_, asio::buffer(verdict.answer));
    accepted = verdict.accepted;
  }

  void send_raw(const std::vector<std::uint8_t>& bytes) { asio::write(socket_, asio::buffer(bytes)); }

  /// The next message of this type; heartbeats before it are answered, everything else before it fails the test.
  template <class M>
  M expect() {
    for (;;) {
      const Message message = receive();
      if (const auto* m = std::get_if<M>(&message)) return *m;
      if (!std::holds_alternative<protocol::Heartbeat>(message)) {
        throw std::runtime_error(std::string("unexpected ") + protocol::message_name(message));
      }
      send(protocol::Alive{});
    }
  }
  bool closed_by_peer() {
    try {
      for (;;) receive();
    } catch (const boost::system::system_error&) {
      return true;
    }
  }

  bool accepted = false;
};

class LinkTest : public testing::Test {
 protected:
  LinkTest() : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    options_.port = acceptor_.local_endpoint().port();
    options_.token = token_;
    options_.spool = folder_ / "spool";
    options_.identity.host = "here";
    options_.identity.version = "0.2.0";
    options_.identity.numerics = "1";
    options_.identity.capacity = 4;
    options_.first_contact = 5s;
    options_.first_retry = 5ms;
    options_.largest_retry = 20ms;
    train_ = [this](const Pack& pack) {
      ++packs_;
      std::vector<sweep::TrialResult> results;
      for (const auto& trial : pack.trials) results.push_back(fake::fake_result(trial));
      return results;
    };
  }

  void start() {
    ending_ = std::async(std::launch::async, [this] { return serve(options_, train_); });
  }
  Ending end() {
    if (ending_.wait_for(test::kPatience * 10s) != std::future_status::ready) {
      ADD_FAILURE() << "the link does not end";
      std::abort();  // its thread cannot be ended
    }
    return ending_.get();
  }
  Peer accept() {
    pollfd wait{acceptor_.native_handle(), POLLIN, 0};
    if (poll(&wait, 1, test::kPatience * 5'000) != 1) throw std::runtime_error("the worker does not connect");
    return Peer(acceptor_.accept(), token_);
  }
  Peer welcome(protocol::Hello* hello = nullptr, int fencing_ms = 5'000) {
    Peer peer = accept();
    const auto said = peer.expect<protocol::Hello>();
    if (hello) *hello = said;
    peer.send(protocol::Welcome{1, 20, fencing_ms, (folder_ / "checkpoints").string()});
    return peer;
  }
  static sweep::TrialSpec trial(int n) {
    sweep::TrialSpec spec;
    spec.config.encoders = {"a"};
    spec.config.top_n = 1;
    spec.seed = static_cast<std::uint64_t>(n);
    spec.id = sweep::trial_id(spec.config, 0, spec.seed, "data");
    return spec;
  }
  static protocol::Assign pack(std::initializer_list<int> trials, int attempt = 1) {
    protocol::Assign assign{"/data", "data", "", {}};
    for (const int n : trials) assign.trials.push_back({attempt, trial(n)});
    return assign;
  }
  int spooled() const { return test::spooled_results(options_.spool); }

  asio::io_context io_;
  tcp::acceptor acceptor_;
  const test::Folder scratch_;
  const fs::path folder_ = scratch_.path();
  protocol::Token token_ = protocol::random_token();
  LinkOptions options_;
  TrainPack train_;
  std::atomic<int> packs_{0};
  std::future<Ending> ending_;
};

TEST_F(LinkTest, TrainsWhatItIsAssignedAndForgetsResultsOnlyWhenConfirmed) {
  start();
  protocol::Hello hello;
  Peer peer = welcome(&hello);
  EXPECT_EQ(hello.host, "here");
  EXPECT_EQ(hello.capacity, 4);
  EXPECT_TRUE(hello.held.empty());
  peer.send(pack({1, 2}, 3));
  for (const int n : {1, 2}) {
    const auto result = peer.expect<protocol::Result>();
    // Attempts are delivered in order of their ids.
    const bool first = result.attempt.trial == trial(1).id;
    EXPECT_EQ(result.attempt.number, 3);
    EXPECT_EQ(result.bytes, sweep::encode_result(fake::fake_result(trial(first ? 1 : 2)))) << n;
  }
  EXPECT_EQ(spooled(), 2);
  peer.send(protocol::ResultReceived{{trial(1).id, 3}});
  peer.send(protocol::ResultReceived{{trial(2).id, 3}});
  peer.send(protocol::Drain{});
  EXPECT_EQ(peer.expect<protocol::Leave>().reason, "drained");
  EXPECT_TRUE(peer.closed_by_peer());
  EXPECT_EQ(end().how, Ending::How::kDrained);
  EXPECT_TRUE(fs::is_empty(options_.spool));
}

TEST_F(LinkTest, HeartbeatsGoOnWhileItTrainsAndTellProgress) {
  std::promise<void> go;
  train_ = [&](const Pack& p) {
    p.progress(2, 7);
    go.get_future().wait();
    return std::vector<sweep::TrialResult>{fake::fake_result(p.trials[0])};
  };
  start();
  Peer peer = welcome();
  peer.send(pack({1}));
  int beats = 0;
  while (beats < 3) {
    const auto beat = peer.expect<protocol::Heartbeat>();
    peer.send(protocol::Alive{});
    if (beat.held.empty() || beat.held[0].epoch == 0) continue;
    EXPECT_EQ(beat.held[0].attempt, (protocol::AttemptId{trial(1).id, 1}));
    EXPECT_EQ(beat.held[0].epoch, 2);
    EXPECT_EQ(beat.held[0].epochs, 7);
    ++beats;
  }
  go.set_value();
  const auto result = peer.expect<protocol::Result>();
  peer.send(protocol::ResultReceived{result.attempt});
  peer.send(protocol::Dismiss{"done"});
  peer.expect<protocol::Leave>();
  EXPECT_EQ(end().how, Ending::How::kDismissed);
}

TEST_F(LinkTest, AHeartbeatTellsTheNewestEpochOfEachTrialOnceAndWhatCannotBeSentNever) {
  std::promise<void> go;
  train_ = [&](const Pack& p) {
    sweep::EpochMetrics metrics;
    for (metrics.epoch = 1; metrics.epoch <= 3; ++metrics.epoch) {
      metrics.loss = 6.0 / metrics.epoch;
      metrics.terms = {{"presence", 1}};
      p.epoch_ended(1, metrics);
    }
    metrics.validation_loss = std::numeric_limits<double>::infinity();
    p.epoch_ended(0, metrics);
    go.get_future().wait();
    return std::vector<sweep::TrialResult>{fake::fake_result(p.trials[0]), fake::fake_result(p.trials[1])};
  };
  start();
  Peer peer = welcome();
  peer.send(pack({1, 2}));
  std::vector<protocol::NewEpoch> told;
  for (int after = 0; after < 3;) {
    const auto beat = peer.expect<protocol::Heartbeat>();
    peer.send(protocol::Alive{});
    for (const auto& one : beat.epochs) told.push_back(one);
    after += told.empty() ? 0 : 1;
  }
  // The training thread may be overtaken between two epochs; the newest comes last, and none twice.
  ASSERT_FALSE(told.empty());
  EXPECT_LE(told.size(), 3u);
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].attempt, (protocol::AttemptId{trial(2).id, 1}));
    EXPECT_GT(told[i].metrics.epoch, i > 0 ? told[i - 1].metrics.epoch : 0);
  }
  EXPECT_EQ(told.back().metrics.epoch, 3);
  EXPECT_EQ(told.back().metrics.loss, 2.0);
  go.set_value();
  for (int i = 0; i < 2; ++i) {
    const auto result = peer.expect<protocol::Result>();
    peer.send(protocol::ResultReceived{result.attempt});
  }
  peer.send(protocol::Dismiss{"done"});
  peer.expect<protocol::Leave>();
  end();
}

TEST_F(LinkTest, EachHeartbeatSaysAnewWhatTheWorkerTakes) {
  std::atomic<int> asked{0};
  options_.usage = [&asked] {
    sweep::Usage usage;
    usage.cpu = ++asked == 1 ? -0.5 : asked.load();  // the first: a clock that was set back
    usage.resident_bytes = 1000 + asked;
    return usage;
  };
  start();
  Peer peer = welcome();
  for (int n = 1; n <= 3; ++n) {
    const auto beat = peer.expect<protocol::Heartbeat>();
    peer.send(protocol::Alive{});
    ASSERT_TRUE(beat.usage);
    EXPECT_EQ(beat.usage->cpu, n == 1 ? 0 : n);
    EXPECT_EQ(beat.usage->resident_bytes, 1000 + n);
    EXPECT_FALSE(beat.usage->gpu);
  }
  peer.send(protocol::Dismiss{"done"});
  peer.expect<protocol::Leave>();
  end();
}

TEST_F(LinkTest, TrainsOnWithoutTheCoordinatorAndDeliversWhenItIsBack) {
  std::promise<void> go;
  train_ = [&](const Pack& p) {
    go.get_future().wait();
    return std::vector<sweep::TrialResult>{fake::fake_result(p.trials[0])};
  };
  start();
  protocol::Hello first, second, third;
  {
    Peer peer = welcome(&first);
    peer.send(pack({1}, 2));
    while (peer.expect<protocol::Heartbeat>().held.empty()) peer.send(protocol::Alive{});
  }  // gone
  {
    Peer peer = welcome(&second);
    EXPECT_EQ(second.instance, first.instance);
    ASSERT_EQ(second.held.size(), 1u);
    EXPECT_EQ(second.held[0].attempt, (protocol::AttemptId{trial(1).id, 2}));
    EXPECT_EQ(second.held[0].stage, protocol::Held::Stage::kRunning);
    go.set_value();
    peer.expect<protocol::Result>();
  }  // gone before it could confirm
  Peer peer = welcome(&third);
  ASSERT_EQ(third.held.size(), 1u);
  EXPECT_EQ(third.held[0].stage, protocol::Held::Stage::kSpooled);
  const auto result = peer.expect<protocol::Result>();
  EXPECT_EQ(result.bytes, sweep::encode_result(fake::fake_result(trial(1))));
  peer.send(protocol::ResultReceived{result.attempt});
  peer.send(protocol::Drain{});
  peer.expect<protocol::Leave>();
  end();
}

TEST_F(LinkTest, AnExceptionFailsThePackWithItsTextAndTheNextOneIsTrained) {
  train_ = [&](const Pack& p) -> std::vector<sweep::TrialResult> {
    if (++packs_ == 1) throw std::runtime_error("out of memory: \xff");
    return {fake::fake_result(p.trials[0])};
  };
  start();
  Peer peer = welcome();
  peer.send(pack({1, 2}));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(peer.expect<protocol::AttemptFailed>().reason, "out of memory: ?");
  peer.send(pack({3}));
  const auto result = peer.expect<protocol::Result>();
  EXPECT_EQ(result.attempt.trial, trial(3).id);
  peer.send(protocol::ResultReceived{result.attempt});
  peer.send(protocol::Drain{});
  peer.expect<protocol::Leave>();
  end();
}

TEST_F(LinkTest, APackThatDoesNotFitInMemoryIsSaidToBeNoFaultOfTheTrial) {
  train_ = [&](const Pack&) -> std::vector<sweep::TrialResult> {
    switch (++packs_) {
      case 1:
        throw std::bad_alloc();
      case 2:
        throw std::runtime_error(
            "rank 1 of 2: DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes");
      case 3:
        throw std::runtime_error("CUDA out of memory. Tried to allocate 2.00 GiB");
      default:
        throw std::runtime_error("no such encoder");
    }
  };
  start();
  Peer peer = welcome();
  for (int i = 0; i < 4; ++i) {
    peer.send(pack({1}));
    EXPECT_EQ(peer.expect<protocol::AttemptFailed>().blame, i < 3 ? sweep::Blame::kMemory : sweep::Blame::kTrial);
  }
  peer.send(protocol::Drain{});
  peer.expect<protocol::Leave>();
  end();
}

TEST_F(LinkTest, AReasonComesWithoutTheStackOfLibTorch) {
  train_ = [](const Pack&) -> std::vector<sweep::TrialResult> {
    throw std::runtime_error(
        "shape '[2]' is invalid for input of size 3\nException raised from infer_size_impl at "
        "./aten/src/ATen/InferSize.h:45 (most recent call first):\nframe #0: c10::Error::Error() + 0x57");
  };
  start();
  Peer peer = welcome();
  peer.send(pack({1}));
  EXPECT_EQ(peer.expect<protocol::AttemptFailed>().reason, "shape '[2]' is invalid for input of size 3");
  peer.send(protocol::Drain{});
  peer.expect<protocol::Leave>();
  end();
}

TEST_F(LinkTest, AChangedDatasetIsSaidToBeNoFaultOfTheTrial) {
  train_ = [&](const Pack&) -> std::vector<sweep::TrialResult> {
    throw DatasetChanged(++packs_ == 1 ? sweep::Blame::kNobody : sweep::Blame::kDataset, "other files");
  };
  start();
  Peer peer = welcome();
  for (const sweep::Blame blame : {sweep::Blame::kNobody, sweep::Blame::kDataset}) {
    peer.send(pack({1}));
    const auto failed = peer.expect<protocol::AttemptFailed>();
    EXPECT_EQ(failed.blame, blame);
    EXPECT_EQ(failed.reason, "other files");
  }
  peer.send(protocol::Drain{});
  peer.expect<protocol::Leave>();
  end();
}

TEST_F(LinkTest, ATrainerThatGivesOtherResultsThanAskedForFailsThePack) {
  train_ = [&](const Pack&) { return std::vector<sweep::TrialResult>{fake::fake_result(trial(99))}; };
  start();
  Peer peer = welcome();
  peer.send(pack({1}));
  EXPECT_EQ(peer.expect<protocol::AttemptFailed>().reason, "the trainer gave a result of another trial");
  peer.send(pack({1, 2}, 2));
  EXPECT_NE(peer.expect<protocol::AttemptFailed>().reason.find("1 results for 2 trials"), std::string::npos);
  peer.expect<protocol::AttemptFailed>();
  peer.send(protocol::Drain{});
  peer.expect<protocol::Leave>();
  end();
}

TEST_F(LinkTest, CancelStopsThePackOnceNobodyWantsAnyOfIt) {
  std::atomic<bool> stopped{false};
  train_ = [&](const Pack& p) -> std::vector<sweep::TrialResult> {
    while (p.stop() == Stop::kNo) std::this_thread::sleep_for(1ms);
    stopped = true;
    throw std::runtime_error("stopped");
  };
  start();
  Peer peer = welcome();
  peer.send(pack({1, 2}));
  peer.send(protocol::Cancel{{{trial(1).id, 1}}});
  const auto first = peer.expect<protocol::AttemptFailed>();
  EXPECT_EQ(first.attempt.trial, trial(1).id);
  EXPECT_EQ(first.reason, "cancelled");
  EXPECT_FALSE(stopped) << "trial 2 is still wanted";
  auto beat = peer.expect<protocol::Heartbeat>();
  ASSERT_EQ(beat.held.size(), 1u);
  EXPECT_EQ(beat.held[0].attempt.trial, trial(2).id);
  peer.send(protocol::Cancel{{{trial(2).id, 1}}});
  EXPECT_EQ(peer.expect<protocol::AttemptFailed>().attempt.trial, trial(2).id);
  EXPECT_TRUE(stopped);
  peer.send(protocol::Drain{});
  peer.expect<protocol::Leave>();
  end();
}

TEST_F(LinkTest, SilenceFencesItAndResultsStay) {
  std::atomic<bool> told{false};
  train_ = [&](const Pack& p) -> std::vector<sweep::TrialResult> {
    if (++packs_ == 1) return {fake::fake_result(p.trials[0])};
    while (p.stop() == Stop::kNo) std::this_thread::sleep_for(1ms);
    told = true;
    throw std::runtime_error("stopped");
  };
  start();
  Peer peer = welcome(nullptr, 250);
  peer.send(pack({1}));
  peer.send(pack({2}));
  peer.expect<protocol::Result>();  // neither confirmed nor anything else said from here on
  const Ending ending = end();
  EXPECT_EQ(ending.how, Ending::How::kFenced);
  EXPECT_EQ(ending.exit_code(), 75);
  EXPECT_TRUE(told);
  EXPECT_EQ(spooled(), 1);
}

TEST_F(LinkTest, ACoordinatorThatStandsStillIsWaitedForBeyondTheFencingTime) {
  train_ = [&](const Pack& p) -> std::vector<sweep::TrialResult> {
    while (p.stop() == Stop::kNo) std::this_thread::sleep_for(1ms);
    throw std::runtime_error("stopped");
  };
  start();
  Peer peer = welcome(nullptr, 6'000);
  peer.send(pack({1}));
  while (peer.expect<protocol::Heartbeat>().held.empty()) peer.send(protocol::Alive{});
  // After 5 s of silence it opens another connection, which the system takes.
  std::this_thread::sleep_for(8s);
  Peer later = accept();
  EXPECT_EQ(later.expect<protocol::Hello>().held.size(), 1u);
  later.send(protocol::Dismiss{"the test is over"});
  end();
}

TEST_F(LinkTest, AnAssignmentThatIsSentAgainIsTrainedOnce) {
  start();
  Peer peer = welcome();
  peer.send(pack({1, 2}));
  peer.send(pack({1, 2}));
  const auto one = peer.expect<protocol::Result>().attempt, two = peer.expect<protocol::Result>().attempt;
  peer.send(pack({1, 2}));
  for (const auto& attempt : {one, two}) peer.send(protocol::ResultReceived{attempt});
  peer.send(protocol::Dismiss{"the test is over"});
  EXPECT_EQ(end().how, Ending::How::kDismissed);
  EXPECT_EQ(packs_, 1);
}

TEST_F(LinkTest, WithoutAnyCoordinatorItGivesUp) {
  acceptor_.close();
  options_.first_contact = 100ms;
  start();
  EXPECT_EQ(end().how, Ending::How::kFenced);
}

TEST_F(LinkTest, AWrongTokenEndsItWithTheReason) {
  options_.token = protocol::random_token();
  start();
  EXPECT_FALSE(accept().accepted);
  const Ending ending = end();
  EXPECT_EQ(ending.how, Ending::How::kRefused);
  EXPECT_EQ(ending.exit_code(), 1);
  EXPECT_NE(ending.reason.find("wrong token"), std::string::npos);
}

TEST_F(LinkTest, AnotherVersionEndsItWithTheReason) {
  start();
  Peer peer(acceptor_.accept(), token_, 77);
  EXPECT_FALSE(peer.accepted);
  EXPECT_NE(end().reason.find("version " + std::to_string(protocol::kVersion) + ", this coordinator 77"),
            std::string::npos);
}

TEST_F(LinkTest, DismissedInPlaceOfAWelcomeItWasRefused) {
  start();
  Peer peer = accept();
  peer.expect<protocol::Hello>();
  peer.send(protocol::Dismiss{"the worker is of Medley 0.2.0, this coordinator of 0.3.0"});
  const Ending ending = end();
  EXPECT_EQ(ending.how, Ending::How::kRefused);
  EXPECT_EQ(ending.exit_code(), 1);
  EXPECT_EQ(ending.reason, "the coordinator refused: the worker is of Medley 0.2.0, this coordinator of 0.3.0");
}

TEST_F(LinkTest, ACoordinatorThatDoesNotKnowTheTokenIsLeft) {
  start();
  tcp::socket socket = acceptor_.accept();
  const protocol::ServerHandshake handshake(protocol::random_token());
  asio::write(socket, asio::buffer(handshake.challenge()));
  std::array<std::uint8_t, protocol::kResponseBytes> response;
  asio::read(socket, asio::buffer(response));
  std::vector<std::uint8_t> lie(33, 1);
  asio::write(socket, asio::buffer(lie));
  const Ending ending = end();
  EXPECT_EQ(ending.how, Ending::How::kRefused);
  EXPECT_NE(ending.reason.find("does not know the token"), std::string::npos);
}

TEST_F(LinkTest, NonsenseEndsTheConnectionNotTheWorker) {
  start();
  for (const auto& nonsense :
       std::vector<std::vector<std::uint8_t>>{{0, 0, 0, 0},
                                              {255, 255, 255, 255},
                                              {0, 0, 0, 1, 0x81},
                                              protocol::encode_frame(protocol::Leave{"I am a worker"})}) {
    Peer peer = welcome();
    peer.send_raw(nonsense);
    EXPECT_TRUE(peer.closed_by_peer());
  }
  Peer peer = welcome();
  peer.send(protocol::Drain{});
  peer.expect<protocol::Leave>();
  EXPECT_EQ(end().how, Ending::How::kDrained);
}

class LinkTestOfSignal : public LinkTest, public testing::WithParamInterface<std::pair<int, const char*>> {};

TEST_P(LinkTestOfSignal, HasThePackSavedAndGivesItUpAndSaysSo) {
  std::atomic<Stop> asked{Stop::kNo};
  train_ = [&](const Pack& p) -> std::vector<sweep::TrialResult> {
    while (p.stop() == Stop::kNo) std::this_thread::sleep_for(1ms);
    asked = p.stop();
    throw std::runtime_error("stopped");
  };
  start();
  Peer peer = welcome();
  peer.send(pack({1}));
  while (peer.expect<protocol::Heartbeat>().held.empty()) peer.send(protocol::Alive{});
  kill(getpid(), GetParam().first);  // the link takes it over
  EXPECT_EQ(peer.expect<protocol::Leave>().reason, GetParam().second);
  EXPECT_EQ(end().how, Ending::How::kTerminated);
  EXPECT_EQ(asked, Stop::kSave);
}

INSTANTIATE_TEST_SUITE_P(Signals, LinkTestOfSignal,
                         testing::Values(std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGUSR1, "SIGUSR1"}),
                         [](const auto& signal) { return std::string(signal.param.second); });

TEST_F(LinkTest, WhatIsAssignedToAWorkerThatIsLeavingIsGivenUpByItsGoodbyeNotFailed) {
  std::atomic<bool> asked{false}, go{false};
  train_ = [&](const Pack& p) -> std::vector<sweep::TrialResult> {
    while (p.stop() == Stop::kNo) std::this_thread::sleep_for(1ms);
    asked = true;
    while (!go) std::this_thread::sleep_for(1ms);  // it is still saving
    throw std::runtime_error("stopped");
  };
  start();
  Peer peer = welcome();
  peer.send(pack({1}));
  while (peer.expect<protocol::Heartbeat>().held.empty()) peer.send(protocol::Alive{});
  kill(getpid(), SIGUSR1);
  while (!asked) std::this_thread::sleep_for(1ms);
  peer.send(pack({2}));  // sent before the coordinator could know
  peer.expect<protocol::Heartbeat>();
  go = true;
  EXPECT_EQ(peer.expect<protocol::Leave>().reason, "SIGUSR1");  // and no attempt failed before it
  EXPECT_EQ(end().how, Ending::How::kTerminated);
}

TEST_F(LinkTest, AResultThatCannotBeKeptEndsTheWorkerAndFailsNoTrial) {
  train_ = [&](const Pack& p) {
    std::vector<sweep::TrialResult> results;
    for (const auto& spec : p.trials) results.push_back(fake::fake_result(spec));
    if (p.trials[0].id != trial(1).id) {  // where the second pack should be is a folder
      const fs::path own = fs::directory_iterator(options_.spool)->path();
      fs::create_directory(own / ("results-" + own.filename().string().substr(2) + "-2"));
    }
    return results;
  };
  start();
  Peer peer = welcome();
  peer.send(pack({1}));
  EXPECT_EQ(peer.expect<protocol::Result>().attempt.trial, trial(1).id);
  peer.send(pack({2, 3}));
  const std::string why = peer.expect<protocol::Leave>().reason;
  EXPECT_NE(why.find("-2: cannot write: not a regular file"), std::string::npos) << why;
  const Ending ending = end();
  EXPECT_EQ(ending.how, Ending::How::kSpoolFailed);
  EXPECT_EQ(ending.exit_code(), 1);
}

TEST_F(LinkTest, DismissedInTheMiddleOfAPackItStopsAndLeaves) {
  train_ = [&](const Pack& p) -> std::vector<sweep::TrialResult> {
    while (p.stop() == Stop::kNo) std::this_thread::sleep_for(1ms);
    throw std::runtime_error("stopped");
  };
  start();
  Peer peer = welcome();
  peer.send(pack({1}));
  peer.send(protocol::Dismiss{"the coordinator was stopped"});
  EXPECT_EQ(peer.expect<protocol::Leave>().reason, "the coordinator was stopped");
  EXPECT_EQ(end().exit_code(), 0);
}

}  // namespace
}  // namespace medley::worker
