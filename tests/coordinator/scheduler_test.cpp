// States the world as text. Lines with '>' are events, and '@MS' sets the clock. The other lines are the commands that
// the event before them must give, all of them and in this order. A reason after ": " may be left out.
#include "coordinator/scheduler/scheduler.h"

#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/coordinator/commands.h"

namespace medley::coordinator {
namespace {

/// "a#2" with "*" for spooled or "@7" for progress.
HeldAttempt parse_held(std::string text) {
  HeldAttempt held;
  if (text.back() == '*') {
    held.stage = HeldAttempt::Stage::kSpooled;
    text.pop_back();
  }
  if (const auto at = text.find('@'); at != std::string::npos) {
    held.progress = std::stol(text.substr(at + 1));
    text.resize(at);
  }
  const auto hash = text.find('#');
  held.attempt = {text.substr(0, hash), std::stoi(text.substr(hash + 1))};
  return held;
}

/// "a:key", with "/finished", "/failed", "/failures=2", "/attempts=3", "/on=w1", "/pack=2" as the store knows it.
SubmittedTrial parse_trial(const std::string& text) {
  std::istringstream in(text);
  std::string part;
  std::getline(in, part, '/');
  SubmittedTrial trial;
  trial.id = part.substr(0, part.find(':'));
  trial.pack_key = part.substr(part.find(':') + 1);
  while (std::getline(in, part, '/')) {
    const std::string value = part.substr(part.find('=') + 1);
    if (part == "finished")
      trial.state = sweep::TrialState::kFinished;
    else if (part == "failed")
      trial.state = sweep::TrialState::kFailed;
    else if (part.rfind("data=", 0) == 0)
      trial.dataset = value;
    else if (part.rfind("failures=", 0) == 0)
      trial.failures = std::stoi(value);
    else if (part.rfind("attempts=", 0) == 0)
      trial.attempts = std::stoi(value);
    else if (part.rfind("on=", 0) == 0)
      trial.running_worker = value;
    else if (part.rfind("pack=", 0) == 0)
      trial.running_pack = std::stoi(value);
    else
      throw std::runtime_error("bad test: " + text);
  }
  return trial;
}

Event parse_event(const std::string& line) {
  std::istringstream in(line);
  std::string verb, who, word;
  in >> verb >> who;
  std::vector<std::string> rest;
  while (in >> word) rest.push_back(word);
  auto held = [&](std::size_t from) {
    std::vector<HeldAttempt> all;
    for (std::size_t i = from; i < rest.size(); ++i) all.push_back(parse_held(rest[i]));
    return all;
  };
  if (verb == "submit") {
    SweepSubmitted e;
    e.sweep = who;
    for (const std::string& text : rest) {
      if (text.rfind("priority=", 0) == 0)
        e.priority = std::stoi(text.substr(9));
      else
        e.trials.push_back(parse_trial(text));
    }
    return e;
  }
  if (verb == "join") {  // "join w 2 on=host memory=100 a#1"
    WorkerJoined e;
    e.worker = who;
    e.capacity = std::stoi(rest.at(0));
    e.kind = "cpu";
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (rest[i].rfind("on=", 0) == 0) {
        e.host = rest[i].substr(3);
        e.name = e.host + ":" + who;
      } else if (rest[i].rfind("memory=", 0) == 0) {
        e.memory_bytes = std::stol(rest[i].substr(7));
      } else {
        e.held.push_back(parse_held(rest[i]));
      }
    }
    return e;
  }
  if (verb == "measure") return PackSizeMeasured{who, rest.at(0), std::stoi(rest.at(1))};
  if (verb == "beat") return HeartbeatReceived{who, held(0)};
  if (verb == "result") return ResultReceived{who, parse_held(rest.at(0)).attempt};
  if (verb == "lie") return ResultRefused{who, parse_held(rest.at(0)).attempt, "it cannot be"};
  if (verb == "fail") return AttemptFailed{who, parse_held(rest.at(0)).attempt, "it broke"};
  if (verb == "full") return AttemptFailed{who, parse_held(rest.at(0)).attempt, "no room", sweep::Blame::kMemory};
  if (verb == "stale") return AttemptFailed{who, parse_held(rest.at(0)).attempt, "it changed", sweep::Blame::kNobody};
  if (verb == "unfit") return AttemptFailed{who, parse_held(rest.at(0)).attempt, "other files", sweep::Blame::kDataset};
  if (verb == "gone") return WorkerLost{who, WorkerLost::How::kGone, ""};
  if (verb == "leave") return WorkerLost{who, WorkerLost::How::kLeft, ""};
  if (verb == "disconnect") return WorkerLost{who, WorkerLost::How::kDisconnected, ""};
  if (verb == "pause") return SweepPaused{who};
  if (verb == "resume") return SweepResumed{who};
  if (verb == "stop") return SweepStopped{who};
  if (verb == "remove") return SweepRemoved{who};
  if (verb == "prioritise") return SweepPrioritised{who, std::stoi(rest.at(0))};
  if (verb == "retry") return TrialRetried{who};
  if (verb == "recall") return WorkerQuarantined{who, "failed 3 distinct trials in a row"};
  if (verb == "expect") return WorkerExpected{who};
  if (verb == "hold") return WorkerPaused{who};
  if (verb == "release") return WorkerReleased{who};
  if (verb == "drain") return DrainRequested{};
  if (verb == "tick") return Ticked{};
  throw std::runtime_error("bad test: " + line);
}

bool matches(const std::string& expected, const std::string& actual) {
  if (actual.rfind(expected, 0) != 0) return false;
  return actual.size() == expected.size() || actual.compare(expected.size(), 2, ": ") == 0;
}

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() {
    limits_.lease_ms = 1000;
    limits_.longest_step_ms = 1'000'000;  // scripts jump
    limits_.stall_ms = 5000;
    limits_.retry_delay_ms = 100;
    limits_.largest_retry_delay_ms = 400;
  }

  void play(const std::string& script) {
    if (!scheduler_) scheduler_.emplace(limits_);
    std::istringstream in(script);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
      const auto first = line.find_first_not_of(' ');
      if (first != std::string::npos) lines.push_back(line.substr(first));
    }
    for (std::size_t i = 0; i < lines.size();) {
      if (lines[i][0] == '@') {
        now_ = std::stol(lines[i++].substr(1));
        continue;
      }
      ASSERT_EQ(lines[i][0], '>') << "bad test: " << lines[i];
      const std::string event = lines[i++].substr(2);
      std::vector<std::string> expected;
      while (i < lines.size() && lines[i][0] != '>' && lines[i][0] != '@') expected.push_back(lines[i++]);
      std::string actual_text, expected_text;
      const auto commands = scheduler_->handle(parse_event(event), now_);
      scheduler_->sanity_check();
      bool same = commands.size() == expected.size();
      for (std::size_t k = 0; k < commands.size(); ++k) {
        actual_text += "  " + to_string(commands[k]) + "\n";
        same = same && matches(expected[k], to_string(commands[k]));
      }
      for (const std::string& line : expected) expected_text += "  " + line + "\n";
      ASSERT_TRUE(same) << "after '" << event << "' expected\n" << expected_text << "but got\n" << actual_text;
    }
  }

  Limits limits_;
  std::optional<Scheduler> scheduler_;
  std::int64_t now_ = 0;
};

TEST_F(SchedulerTest, RecordsAnAssignmentBeforeItSendsIt) {
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    FinishSweep s finished 1 failed 0
  )");
  EXPECT_TRUE(scheduler_->done());
}

TEST_F(SchedulerTest, PacksFusibleTrialsInTrialOrder) {
  play(R"(
    > submit s a:k b:other c:k d:k e:k f:k g:other h:k
    > join w 3
    RecordWorker w joined
    RecordAssignment w pack 1: a#1 c#1 d#1
    Assign w pack 1: a#1 c#1 d#1
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    > result w c#1
    RecordResult w c#1
    AcknowledgeResult w c#1
    > result w d#1
    RecordResult w d#1
    AcknowledgeResult w d#1
    RecordAssignment w pack 2: b#1 g#1
    Assign w pack 2: b#1 g#1
  )");
}

TEST_F(SchedulerTest, TheTailIsSharedByAllWorkers) {
  play(R"(
    > join big 8
    RecordWorker big joined
    > join large 8
    RecordWorker large joined
    > join one 1
    RecordWorker one joined
    > submit s a:k b:k c:k d:k e:k f:k g:k
    RecordAssignment one pack 1: a#1
    Assign one pack 1: a#1
    RecordAssignment big pack 2: b#1 c#1 d#1
    Assign big pack 2: b#1 c#1 d#1
    RecordAssignment large pack 3: e#1 f#1 g#1
    Assign large pack 3: e#1 f#1 g#1
  )");
}

TEST_F(SchedulerTest, FillsWorkersWhenThereIsEnough) {
  play(R"(
    > join v 2
    RecordWorker v joined
    > join w 2
    RecordWorker w joined
    > submit s a:k b:k c:k d:k e:k
    RecordAssignment v pack 1: a#1 b#1
    Assign v pack 1: a#1 b#1
    RecordAssignment w pack 2: c#1 d#1
    Assign w pack 2: c#1 d#1
  )");
}

TEST_F(SchedulerTest, HigherPriorityGoesFirst) {
  play(R"(
    > submit low a:k b:k
    > submit high priority=2 c:k b:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: c#1
    Assign w pack 1: c#1
    > prioritise low 3
    > result w c#1
    RecordResult w c#1
    AcknowledgeResult w c#1
    RecordAssignment w pack 2: a#1
    Assign w pack 2: a#1
  )");
}

TEST_F(SchedulerTest, SweepsOfOnePriorityTakeTurns) {
  play(R"(
    > submit large a:k b:k c:k d:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > submit small x:l y:l
    > submit minor priority=-1 z:m
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    RecordAssignment w pack 2: x#1
    Assign w pack 2: x#1
    > result w x#1
    RecordResult w x#1
    AcknowledgeResult w x#1
    RecordAssignment w pack 3: b#1
    Assign w pack 3: b#1
    > join v 1
    RecordWorker v joined
    RecordAssignment v pack 4: y#1
    Assign v pack 4: y#1
    > result w b#1
    RecordResult w b#1
    AcknowledgeResult w b#1
    RecordAssignment w pack 5: c#1
    Assign w pack 5: c#1
  )");
}

TEST_F(SchedulerTest, ATrialOfTwoSweepsTrainsOnce) {
  play(R"(
    > submit s a:k
    > submit t a:k a:k
    > join w 4
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    FinishSweep s finished 1 failed 0
    FinishSweep t finished 1 failed 0
    > submit u a:k
    FinishSweep u finished 1 failed 0
    > submit u a:k
  )");
}

TEST_F(SchedulerTest, ASweepIsRemovedOnceItIsOverAndItsTrialsAreKnownYet) {
  play(R"(
    > submit s a:k b:k
    > submit t b:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > remove s
    > stop s
    RecordSweepState s stopped
    EndAttempt a#1 cancelled
    Cancel w a#1
    > remove s
    > resume s
    > fail w a#1
    RecordAssignment w pack 2: b#1
    Assign w pack 2: b#1
    > result w b#1
    RecordResult w b#1
    AcknowledgeResult w b#1
    FinishSweep t finished 1 failed 0
    > result w a#1
    RecordResult w a#1 adopted
    AcknowledgeResult w a#1
    > submit s a:k b:k
    FinishSweep s finished 2 failed 0
    > remove t
    > remove t
  )");
  EXPECT_FALSE(scheduler_->progress("t"));
  EXPECT_EQ(scheduler_->progress("s")->finished, 2);
}

TEST_F(SchedulerTest, AnExpiredLeaseIsRetriedElsewhereAndItsLateResultAdopted) {
  play(R"(
    > submit s a:k
    > join v 1
    RecordWorker v joined
    RecordAssignment v pack 1: a#1
    Assign v pack 1: a#1
    > join w 1
    RecordWorker w joined
    > beat v a#1@1
    @1000
    > beat w
    > tick
    RecordWorker v away
    EndAttempt a#1 lost uncounted
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
    > result v a#1
    RecordWorker v joined
    EndAttempt a#2 cancelled
    Cancel w a#2
    RecordResult v a#1 adopted
    AcknowledgeResult v a#1
    FinishSweep s finished 1 failed 0
    > result w a#2
    Discard w a#2
    > result v a#1
    AcknowledgeResult v a#1
  )");
}

TEST_F(SchedulerTest, AWrittenOffAttemptThatIsAliveGoesOnWhenNobodyElseHasIt) {
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > disconnect w
    RecordWorker w away
    @1000
    > tick
    EndAttempt a#1 lost uncounted
    > join w 1 a#1@7
    RecordWorker w joined
    @1200
    > tick
    > result w a#1
    RecordResult w a#1 adopted
    AcknowledgeResult w a#1
    FinishSweep s finished 1 failed 0
  )");
}

TEST_F(SchedulerTest, ADisconnectedWorkerKeepsItsLeases) {
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > disconnect w
    RecordWorker w away
    @900
    > join w 1 a#1@5
    RecordWorker w joined
    @1500
    > tick
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    FinishSweep s finished 1 failed 0
  )");
}

TEST_F(SchedulerTest, ADisconnectedWorkerHasLessThanALeaseToComeBack) {
  limits_.reconnect_ms = 300;
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > disconnect w
    RecordWorker w away
    @299
    > tick
    @300
    > tick
    EndAttempt a#1 lost: worker w lost its connection and did not come back
    @310
    > join w 1 a#1@5
    RecordWorker w joined
    ExcuseAttempt a#1
    > result w a#1
    RecordResult w a#1 adopted
    AcknowledgeResult w a#1
    FinishSweep s finished 1 failed 0
  )");
}

TEST_F(SchedulerTest, AWorkerThatCameBackInTimeHasWholeLeasesAgain) {
  limits_.reconnect_ms = 300;
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > disconnect w
    RecordWorker w away
    @200
    > join w 1 a#1@5
    RecordWorker w joined
    @1199
    > tick
    @1200
    > tick
    RecordWorker w away
    EndAttempt a#1 lost uncounted: no heartbeat of worker w listed it for 1000 ms
  )");
}

TEST_F(SchedulerTest, AnAssignmentThatNeverArrivedIsSentAgainWhenTheWorkerComesBack) {
  limits_.retry_budget = 3;
  play(R"(
    > submit s a:k b:k
    > join w 2
    RecordWorker w joined
    RecordAssignment w pack 1: a#1 b#1
    Assign w pack 1: a#1 b#1
    > disconnect w
    RecordWorker w away
    > join w 2
    RecordWorker w joined
    Assign w pack 1: a#1 b#1
    > join w 2 b#1*
    RecordWorker w joined
    Assign w pack 1: a#1
    > join w 2 b#1*
    RecordWorker w joined
    EndAttempt a#1 lost uncounted: worker w came back without it
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
    > beat w a#2
    > join w 2
    RecordWorker w joined
    EndAttempt a#2 lost uncounted: worker w came back without it
    EndAttempt b#1 lost uncounted: worker w came back without it
    RecordAssignment w pack 3: a#3 b#2
    Assign w pack 3: a#3 b#2
  )");
}

TEST_F(SchedulerTest, ALeaseOfAnEarlierCoordinatorIsSentAgainToAWorkerThatHasNotHeardOfIt) {
  play(R"(
    > submit s a:k/attempts=1/on=w/pack=7
    > join w 2
    RecordWorker w joined
    Assign w pack 7: a#1
    > beat w a#1
    > drain
    > disconnect w
    RecordWorker w away
    > join w 2
    RecordWorker w joined
    EndAttempt a#1 lost uncounted: worker w came back without it
    Dismiss w: the coordinator is ending
    Shutdown
  )");
}

TEST_F(SchedulerTest, AWorkerThatComesBackAfterAllWasNotKilledByItsTrial) {
  limits_.retry_budget = 2;
  limits_.reconnect_ms = 300;
  play(R"(
    > submit s a:k
    > join w 1 on=h
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > disconnect w
    RecordWorker w away
    @300
    > tick
    EndAttempt a#1 lost
    > join w 1 on=h
    RecordWorker w joined
    ExcuseAttempt a#1
    @500
    > tick
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
    > fail w a#2
    EndAttempt a#2 failed
    @1000
    > tick
    RecordAssignment w pack 3: a#3
    Assign w pack 3: a#3
    > fail w a#3
    EndAttempt a#3 failed
    FailTrial a: 2 attempts failed, on worker h:w; the last: it broke
    FinishSweep s finished 0 failed 1
  )");
}

TEST_F(SchedulerTest, AHungAttemptIsLostThoughTheHeartbeatLives) {
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > beat w a#1@1
    @4500
    > beat w a#1@1
    @5000
    > tick
    Cancel w a#1
    EndAttempt a#1 lost
    > beat w a#1@1
    Cancel w a#1
    @5100
    > tick
    > fail w a#1
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
  )");
}

TEST_F(SchedulerTest, WhatWaitsBehindAHungPackIsNotHung) {
  play(R"(
    > submit s a:k b:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > beat w a#1*
    RecordAssignment w pack 2: b#1
    Assign w pack 2: b#1
    > beat w a#1@0 b#1@0
    @5000
    > beat w a#1@0 b#1@0
    > tick
    Cancel w a#1
    EndAttempt a#1 lost uncounted
    @5500
    > beat w a#1@0 b#1@0
    Cancel w a#1
    > tick
    > fail w a#1
    @10000
    > beat w b#1@0
    @10400
    > tick
    @10500
    > tick
    Cancel w b#1
    EndAttempt b#1 lost
  )");
}

TEST_F(SchedulerTest, AFailedTrialWaitsTwiceAsLongEachTimeThenFailsWithItsBudget) {
  limits_.retry_budget = 3;
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > fail w a#1
    EndAttempt a#1 failed: it broke
    @99
    > tick
    @100
    > tick
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
    > fail w a#1
    > fail w a#2
    EndAttempt a#2 failed
    @299
    > tick
    @300
    > tick
    RecordAssignment w pack 3: a#3
    Assign w pack 3: a#3
    > fail w a#3
    EndAttempt a#3 failed
    FailTrial a: 3 attempts failed, on worker w; the last: it broke
    FinishSweep s finished 0 failed 1
    > retry a
    RecordRetry a
    RecordSweepState s running
    RecordAssignment w pack 4: a#4
    Assign w pack 4: a#4
    > result w a#4
    RecordResult w a#4
    AcknowledgeResult w a#4
    FinishSweep s finished 1 failed 0
    > retry a
  )");
}

TEST_F(SchedulerTest, PacksAreAsLargeAsWasMeasuredOnAnyWorkerOfTheKind) {
  play(R"(
    > submit s a:k b:k c:k d:k e:k f:k g:k h:k i:k j:k
    > join u 4
    RecordWorker u joined
    RecordAssignment u pack 1: a#1 b#1 c#1 d#1
    Assign u pack 1: a#1 b#1 c#1 d#1
    > measure u a 2
    > join v 4
    RecordWorker v joined
    RecordAssignment v pack 2: e#1 f#1
    Assign v pack 2: e#1 f#1
    > measure v e 8
    > measure stranger e 1
    > measure v nothing 1
    > join w 4
    RecordWorker w joined
    RecordAssignment w pack 3: g#1 h#1
    Assign w pack 3: g#1 h#1
  )");
}

TEST_F(SchedulerTest, AWorkerThatLeavesCostsNoRetryHoweverOften) {
  std::string script = "> submit s a:k\n";
  for (int attempt = 1; attempt <= 8; ++attempt) {  // the budget is below
    const std::string worker = "w" + std::to_string(attempt), number = std::to_string(attempt);
    script += "> join " + worker + " 1\nRecordWorker " + worker + " joined\nRecordAssignment " + worker + " pack " +
              number + ": a#" + number + "\nAssign " + worker + " pack " + number + ": a#" + number + "\n> leave " +
              worker + "\nRecordWorker " + worker + " left\nEndAttempt a#" + number + " cancelled\n";
  }
  play(script);
}

/// Trials that take one unit of time each, in packs one after another, on workers that are there from the start: when
/// the last one ends.
std::int64_t time_to_train(int trials, int workers, int capacity) {
  Scheduler scheduler;
  std::map<std::pair<std::int64_t, std::string>, std::vector<AttemptId>> ends;  // packs, by when they end
  std::int64_t now = 0;
  const auto handle = [&](const Event& event) {
    for (const Command& command : scheduler.handle(event, now)) {
      const auto* assign = as<Assign>(command);
      if (assign) ends[{now + static_cast<std::int64_t>(assign->attempts.size()), assign->worker}] = assign->attempts;
    }
  };
  for (int w = 0; w < workers; ++w) handle(WorkerJoined{"w" + std::to_string(w), capacity, "", {}, "", "", 0});
  SweepSubmitted sweep{"s", 0, sweep::SweepState::kRunning, {}};
  for (int t = 0; t < trials; ++t) {
    sweep.trials.push_back({});
    sweep.trials.back().id = "t" + std::to_string(t);
    sweep.trials.back().pack_key = "k";
  }
  handle(sweep);
  while (!ends.empty()) {
    const auto [end, attempts] = *ends.begin();
    ends.erase(ends.begin());
    now = end.first;
    for (const AttemptId& attempt : attempts) handle(ResultReceived{end.second, attempt});
  }
  EXPECT_TRUE(scheduler.done());
  return now;
}

TEST(SchedulerTail, WorkersEndTogetherWhateverThePacksThatTheyHold) {
  for (const int workers : {1, 2, 3, 8}) {
    for (const int capacity : {1, 4, 16, 100}) {
      for (int trials = 1; trials <= 150; ++trials) {
        // No schedule of whole trials is shorter than this.
        const std::int64_t shortest = (trials + workers - 1) / workers;
        EXPECT_LE(time_to_train(trials, workers, capacity), shortest + 1)
            << trials << " trials, " << workers << " workers, packs of " << capacity;
      }
    }
  }
}

TEST_F(SchedulerTest, AWorkerThatAnEarlierCoordinatorQuarantinedStaysSoUntilItIsReleased) {
  play(R"(
    > submit s a:k/attempts=1/on=w b:k
    > recall w
    > recall v
    > join w 2 a#1@1
    RecordWorker w joined
    RecordWorker w quarantined: failed 3 distinct trials in a row
    Quarantine w: failed 3 distinct trials in a row
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    > recall w
    > release v
    RecordWorker v away: released from quarantine
    > release w
    RecordWorker w joined: released from quarantine
    RecordAssignment w pack 1: b#1
    Assign w pack 1: b#1
    > recall w
    > result w b#1
    RecordResult w b#1
    AcknowledgeResult w b#1
    FinishSweep s finished 2 failed 0
  )");
}

TEST_F(SchedulerTest, AFailedTrialGoesToAnotherWorkerFirst) {
  play(R"(
    > submit s a:k
    > join v 1
    RecordWorker v joined
    RecordAssignment v pack 1: a#1
    Assign v pack 1: a#1
    > join w 1
    RecordWorker w joined
    > fail v a#1
    EndAttempt a#1 failed
    @100
    > tick
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
  )");
}

TEST_F(SchedulerTest, PauseLetsTrainingEndAndStopDoesNot) {
  play(R"(
    > submit s a:k b:k c:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > pause s
    RecordSweepState s paused
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    > resume s
    RecordSweepState s running
    RecordAssignment w pack 2: b#1
    Assign w pack 2: b#1
    > stop s
    RecordSweepState s stopped
    EndAttempt b#1 cancelled
    Cancel w b#1
    > resume s
    RecordSweepState s running
    > fail w b#1
    RecordAssignment w pack 3: b#2
    Assign w pack 3: b#2
  )");
}

TEST_F(SchedulerTest, StoppingASweepSparesTrialsThatAnotherWants) {
  play(R"(
    > submit s a:k
    > submit t a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > stop s
    RecordSweepState s stopped
    > stop t
    RecordSweepState t stopped
    EndAttempt a#1 cancelled
    Cancel w a#1
  )");
}

TEST_F(SchedulerTest, DrainWaitsForWhatRunsAndAssignsNothing) {
  play(R"(
    > submit s a:k b:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > join v 1
    RecordWorker v joined
    RecordAssignment v pack 2: b#1
    Assign v pack 2: b#1
    > drain
    > result v b#1
    RecordResult v b#1
    AcknowledgeResult v b#1
    Dismiss v
    > fail w a#1
    EndAttempt a#1 failed
    Dismiss w
    Shutdown
    > tick
    > join u 1
    RecordWorker u joined
    Dismiss u
  )");
}

TEST_F(SchedulerTest, RecoveryGivesEachWorkerOneLeaseToComeBack) {
  play(R"(
    > submit s a:k/attempts=2/failures=1/on=v b:k/attempts=1/on=w c:k/finished/attempts=1 d:k/failed/attempts=5/failures=5
    @500
    > join v 2 a#2@40
    RecordWorker v joined
    @1000
    > tick
    EndAttempt b#1 lost uncounted
    > result v a#2
    RecordResult v a#2
    AcknowledgeResult v a#2
    RecordAssignment v pack 1: b#2
    Assign v pack 1: b#2
    > result v b#2
    RecordResult v b#2
    AcknowledgeResult v b#2
    FinishSweep s finished 3 failed 1
    > result v c#1
    Discard v c#1
  )");
}

TEST_F(SchedulerTest, AnyMessageOfAnyoneIsAnswered) {
  play(R"(
    > submit s a:k
    > beat ghost a#1@3
    > fail ghost a#1
    > result ghost a#1
    Discard ghost a#1
    > result ghost nobody#1
    Discard ghost nobody#1
    > gone ghost
    > pause nothing
    > stop nothing
    > resume s
    > retry a
    > join w -5 a#9@1 nobody#1@1 nobody#2*
    RecordWorker w joined
    Cancel w a#9
    Cancel w nobody#1
    Discard w nobody#2
    > beat w
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > submit empty
    FinishSweep empty finished 0 failed 0
  )");
}

TEST_F(SchedulerTest, ATakenOverSpoolKeepsItsAttemptLeased) {
  play(R"(
    > submit s a:k
    > join v 1
    RecordWorker v joined
    RecordAssignment v pack 1: a#1
    Assign v pack 1: a#1
    > disconnect v
    RecordWorker v away
    @900
    > join w 1 a#1*
    RecordWorker w joined
    @1500
    > tick
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    FinishSweep s finished 1 failed 0
  )");
}

TEST_F(SchedulerTest, ManyTrialsAreQuick) {
  scheduler_.emplace(limits_);
  SweepSubmitted sweep{"s", 0, sweep::SweepState::kRunning, {}};
  constexpr int kTrials = 100'000;
  for (int i = 0; i < kTrials; ++i) sweep.trials.push_back({"t" + std::to_string(i), "k", {}, 0, 0, "", 0, ""});
  scheduler_->handle(sweep, 0);
  std::vector<Command> commands = scheduler_->handle(WorkerJoined{"w", 8, "", {}, "", "", 0}, 0);
  int results = 0;
  while (!commands.empty()) {
    std::vector<AttemptId> attempts;
    for (const Command& command : commands) {
      if (const auto* assign = as<Assign>(command)) attempts = assign->attempts;
    }
    commands.clear();
    for (const AttemptId& attempt : attempts) {
      commands = scheduler_->handle(ResultReceived{"w", attempt}, 0);
      ++results;
    }
  }
  EXPECT_EQ(results, kTrials);
  EXPECT_TRUE(scheduler_->done());
}

TEST_F(SchedulerTest, AWorkerThatLeftIsForgotten) {
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > leave w
    RecordWorker w left
    EndAttempt a#1 cancelled: worker w left
    > beat w a#1
    > fail w a#1
  )");
  EXPECT_TRUE(scheduler_->workers().empty());
}

TEST_F(SchedulerTest, FilesThatChangeWhileItTrainsCostNobodyAnything) {
  limits_.retry_budget = 1;
  limits_.quarantine_after = 1;
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > stale w a#1
    EndAttempt a#1 cancelled: it changed
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
    > result w a#2
    RecordResult w a#2
    AcknowledgeResult w a#2
    FinishSweep s finished 1 failed 0
  )");
}

TEST_F(SchedulerTest, ASweepStopsWhenTheLastWorkerThatHasItsDatasetIsGone) {
  play(R"(
    > submit s a:k/data=x b:k/data=x
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > join v 1
    RecordWorker v joined
    RecordAssignment v pack 2: b#1
    Assign v pack 2: b#1
    > unfit v b#1
    EndAttempt b#1 cancelled: other files
    > leave v
    RecordWorker v left
    > leave w
    RecordWorker w left
    EndAttempt a#1 cancelled: worker w left
    > tick
    > join u 1
    RecordWorker u joined
    RecordAssignment u pack 3: a#2
    Assign u pack 3: a#2
    > join x 1
    RecordWorker x joined
    RecordAssignment x pack 4: b#2
    Assign x pack 4: b#2
    > unfit x b#2
    EndAttempt b#2 cancelled: other files
    > result u a#2
    RecordResult u a#2
    AcknowledgeResult u a#2
    RecordAssignment u pack 5: b#3
    Assign u pack 5: b#3
    > leave u
    RecordWorker u left
    EndAttempt b#3 cancelled: worker u left
    > tick
    RecordSweepState s stopped: other files
  )");
}

TEST_F(SchedulerTest, WhoDoesNotHaveADatasetTrainsAnotherAndASweepThatNobodyCanTrainStops) {
  play(R"(
    > submit s a:k/data=x b:l/data=x
    > submit t priority=-1 c:m/data=y
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > join v 1
    RecordWorker v joined
    RecordAssignment v pack 2: b#1
    Assign v pack 2: b#1
    > unfit w a#1
    EndAttempt a#1 cancelled: other files
    RecordAssignment w pack 3: c#1
    Assign w pack 3: c#1
    > unfit v b#1
    EndAttempt b#1 cancelled: other files
    RecordSweepState s stopped: other files
    > result w c#1
    RecordResult w c#1
    AcknowledgeResult w c#1
    FinishSweep t finished 1 failed 0
    > resume s
    RecordSweepState s running
    RecordAssignment v pack 4: a#2
    Assign v pack 4: a#2
    RecordAssignment w pack 5: b#2
    Assign w pack 5: b#2
  )");
}

// ---- Blame ----------------------------------------------------------------------------------------------------

TEST_F(SchedulerTest, APauseOfTheCoordinatorIsNoEvidence) {
  limits_.longest_step_ms = 100;
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    @14000
    > tick
    > beat w a#1@1
    @28000
    > tick
    @42000
    > tick
    > disconnect w
    RecordWorker w away
    @56000
    > tick
    > join w 1 a#1@2
    RecordWorker w joined
  )");
  // In steps of 100 ms the lease of 1000 ms ends as usual.
  for (int tick = 1; tick < 10; ++tick) play("@" + std::to_string(56'000 + 100 * tick) + "\n> tick\n");
  play(R"(
    @57000
    > tick
    RecordWorker w away
    EndAttempt a#1 lost uncounted: no heartbeat of worker w listed it for 1000 ms
  )");
}

TEST_F(SchedulerTest, SilenceCountsOnlyWhenItComesAgainAndAgain) {
  limits_.retry_budget = 2;
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > beat w a#1
    > join w 1
    RecordWorker w joined
    EndAttempt a#1 lost uncounted: worker w came back without it
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
    > beat w a#2
    > join w 1
    RecordWorker w joined
    EndAttempt a#2 lost uncounted
    RecordAssignment w pack 3: a#3
    Assign w pack 3: a#3
    > beat w a#3
    > join w 1
    RecordWorker w joined
    EndAttempt a#3 lost
    @100
    > tick
    RecordAssignment w pack 4: a#4
    Assign w pack 4: a#4
    > beat w a#4
    > join w 1
    RecordWorker w joined
    EndAttempt a#4 lost
    FailTrial a: 2 attempts failed, on worker w; the last: worker w came back without it
    FinishSweep s finished 0 failed 1
  )");
}

TEST_F(SchedulerTest, AHostWhoseProcessDiesAndReturnsAsAnotherTakesATrialOnce) {
  limits_.retry_budget = 2;
  limits_.retry_delay_ms = 0;
  play(R"(
    > submit s a:k b:k
    > join good 1 on=h
    RecordWorker good joined
    RecordAssignment good pack 1: a#1
    Assign good pack 1: a#1
    > join x1 1 on=x
    RecordWorker x1 joined
    RecordAssignment x1 pack 2: b#1
    Assign x1 pack 2: b#1
    > gone x1
    RecordWorker x1 left
    EndAttempt b#1 lost: worker x:x1 ended
    > join x2 1 on=x
    RecordWorker x2 joined
    > tick
    > result good a#1
    RecordResult good a#1
    AcknowledgeResult good a#1
    RecordAssignment good pack 3: b#2
    Assign good pack 3: b#2
  )");
}

TEST_F(SchedulerTest, ATrialFailsByTheEvidenceOfTwoHosts) {
  limits_.retry_budget = 2;
  play(R"(
    > submit s a:k/attempts=2/failures=2
    > join u 1 on=h
    RecordWorker u joined
    RecordAssignment u pack 1: a#3
    Assign u pack 1: a#3
    > join v 1 on=i
    RecordWorker v joined
    > gone u
    RecordWorker u left
    EndAttempt a#3 lost: worker h:u ended
    @1000
    > beat v
    RecordAssignment v pack 2: a#4
    Assign v pack 2: a#4
    > fail v a#4
    EndAttempt a#4 failed: it broke
    FailTrial a: 4 attempts failed, on worker h:u, worker i:v; the last: it broke
    FinishSweep s finished 0 failed 1
  )");
}

TEST_F(SchedulerTest, OnOneHostAProcessThatWasThereBeforeIsAskedFirst) {
  limits_.retry_budget = 1;
  limits_.retry_delay_ms = 0;
  play(R"(
    > submit s a:k b:k
    > join old 1 on=h
    RecordWorker old joined
    RecordAssignment old pack 1: a#1
    Assign old pack 1: a#1
    > join x1 1 on=h
    RecordWorker x1 joined
    RecordAssignment x1 pack 2: b#1
    Assign x1 pack 2: b#1
    > gone x1
    RecordWorker x1 left
    EndAttempt b#1 lost: worker h:x1 ended
    > join x2 1 on=h
    RecordWorker x2 joined
    > result old a#1
    RecordResult old a#1
    AcknowledgeResult old a#1
    RecordAssignment old pack 3: b#2
    Assign old pack 3: b#2
    > gone old
    RecordWorker old left
    EndAttempt b#2 lost: worker h:old ended
    FailTrial b: 2 attempts failed, on worker h:old; the last: worker h:old ended
    FinishSweep s finished 1 failed 1
  )");
}

TEST_F(SchedulerTest, ACrashedPackIsHalvedAtNoCostUntilTheCulpritIsAlone) {
  limits_.retry_delay_ms = 0;
  limits_.quarantine_after = 9;
  play(R"(
    > submit s a:k b:k c:k d:k e:k f:k
    > join u 4 on=h
    RecordWorker u joined
    RecordAssignment u pack 1: a#1 b#1 c#1 d#1
    Assign u pack 1: a#1 b#1 c#1 d#1
    > gone u
    RecordWorker u left
    EndAttempt a#1 lost uncounted: worker h:u ended
    EndAttempt b#1 lost uncounted
    EndAttempt c#1 lost uncounted
    EndAttempt d#1 lost uncounted
    > join v 4 on=i
    RecordWorker v joined
    RecordAssignment v pack 2: a#2 b#2
    Assign v pack 2: a#2 b#2
    > gone v
    RecordWorker v left
    EndAttempt a#2 lost uncounted
    EndAttempt b#2 lost uncounted
    > join w 4 on=j
    RecordWorker w joined
    RecordAssignment w pack 3: a#3
    Assign w pack 3: a#3
    > gone w
    RecordWorker w left
    EndAttempt a#3 lost: worker j:w ended
    > join x 4 on=k
    RecordWorker x joined
    RecordAssignment x pack 4: a#4
    Assign x pack 4: a#4
    > join y 4 on=l
    RecordWorker y joined
    RecordAssignment y pack 5: b#3 c#2 d#2
    Assign y pack 5: b#3 c#2 d#2
  )");
}

TEST_F(SchedulerTest, APackThatFailsIsHalvedAndItsHalvesDoNotMix) {
  limits_.retry_delay_ms = 0;
  play(R"(
    > submit s a:k b:k c:k d:k
    > join w 3
    RecordWorker w joined
    RecordAssignment w pack 1: a#1 b#1 c#1
    Assign w pack 1: a#1 b#1 c#1
    > fail w a#1
    EndAttempt a#1 failed uncounted
    > fail w b#1
    EndAttempt b#1 failed uncounted
    > fail w c#1
    EndAttempt c#1 failed uncounted
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
    > result w a#2
    RecordResult w a#2
    AcknowledgeResult w a#2
    RecordAssignment w pack 3: b#2
    Assign w pack 3: b#2
    > result w b#2
    RecordResult w b#2
    AcknowledgeResult w b#2
    RecordAssignment w pack 4: c#2
    Assign w pack 4: c#2
    > result w c#2
    RecordResult w c#2
    AcknowledgeResult w c#2
    RecordAssignment w pack 5: d#1
    Assign w pack 5: d#1
  )");
}

TEST_F(SchedulerTest, AHostThatKillsInARowGetsOneCanaryUntilItSucceeds) {
  limits_.quarantine_after = 2;
  limits_.retry_delay_ms = 0;
  play(R"(
    > submit s a:k b:l c:m d:m e:m f:m
    > join x1 2 on=x
    RecordWorker x1 joined
    RecordAssignment x1 pack 1: a#1
    Assign x1 pack 1: a#1
    > gone x1
    RecordWorker x1 left
    EndAttempt a#1 lost
    > pause s
    RecordSweepState s paused
    > join x2 2 on=x
    RecordWorker x2 joined
    > resume s
    RecordSweepState s running
    RecordAssignment x2 pack 2: a#2
    Assign x2 pack 2: a#2
    > gone x2
    RecordWorker x2 left
    EndAttempt a#2 lost
    > join x3 2 on=x
    RecordWorker x3 joined
    RecordAssignment x3 pack 3: b#1
    Assign x3 pack 3: b#1
    > join x4 2 on=x
    RecordWorker x4 joined
    > result x3 b#1
    RecordResult x3 b#1
    AcknowledgeResult x3 b#1
    RecordAssignment x3 pack 4: a#3
    Assign x3 pack 4: a#3
    RecordAssignment x4 pack 5: c#1 d#1
    Assign x4 pack 5: c#1 d#1
  )");
}

TEST_F(SchedulerTest, WorkersThatDieTogetherAreOneDeathOfTheirHost) {
  limits_.quarantine_after = 2;
  limits_.retry_delay_ms = 0;
  play(R"(
    > submit s a:k b:l c:m d:m
    > join x1 1 on=x
    RecordWorker x1 joined
    RecordAssignment x1 pack 1: a#1
    Assign x1 pack 1: a#1
    > join x2 1 on=x
    RecordWorker x2 joined
    RecordAssignment x2 pack 2: b#1
    Assign x2 pack 2: b#1
    > gone x1
    RecordWorker x1 left
    EndAttempt a#1 lost
    > gone x2
    RecordWorker x2 left
    EndAttempt b#1 lost
    > stop s
    RecordSweepState s stopped
    > join x3 2 on=x
    RecordWorker x3 joined
    > submit t e:m f:m
    RecordAssignment x3 pack 3: e#1 f#1
    Assign x3 pack 3: e#1 f#1
  )");
}

TEST_F(SchedulerTest, ACanaryWaitsLongerEachTimeAndCostsItsTrialNothingWhileOthersCanTryIt) {
  limits_.quarantine_after = 1;
  play(R"(
    > submit s a:k b:k c:k d:k
    > join good 1 on=h
    RecordWorker good joined
    RecordAssignment good pack 1: a#1
    Assign good pack 1: a#1
    > join x1 2 on=x
    RecordWorker x1 joined
    RecordAssignment x1 pack 2: b#1 c#1
    Assign x1 pack 2: b#1 c#1
    > gone x1
    RecordWorker x1 left
    EndAttempt b#1 lost uncounted
    EndAttempt c#1 lost uncounted
    > join x2 2 on=x
    RecordWorker x2 joined
    @99
    > tick
    @100
    > tick
    RecordAssignment x2 pack 3: d#1
    Assign x2 pack 3: d#1
    > gone x2
    RecordWorker x2 left
    EndAttempt d#1 lost uncounted: worker x:x2 ended
    > join x3 2 on=x
    RecordWorker x3 joined
    @299
    > tick
    @300
    > tick
    > result good a#1
    RecordResult good a#1
    AcknowledgeResult good a#1
    RecordAssignment good pack 4: b#2
    Assign good pack 4: b#2
  )");
}

TEST_F(SchedulerTest, AWorkerIsQuarantinedByWhatOthersFinish) {
  limits_.quarantine_after = 2;
  play(R"(
    > submit s a:k b:l c:m
    > join bad 1 on=h
    RecordWorker bad joined
    RecordAssignment bad pack 1: a#1
    Assign bad pack 1: a#1
    > fail bad a#1
    EndAttempt a#1 failed
    RecordAssignment bad pack 2: b#1
    Assign bad pack 2: b#1
    > join good 1 on=i
    RecordWorker good joined
    RecordAssignment good pack 3: c#1
    Assign good pack 3: c#1
    > fail bad b#1
    EndAttempt b#1 failed uncounted
    @100
    > tick
    > result good c#1
    RecordResult good c#1
    AcknowledgeResult good c#1
    RecordAssignment good pack 4: a#2
    Assign good pack 4: a#2
    > result good a#2
    RecordResult good a#2
    AcknowledgeResult good a#2
    RecordAssignment good pack 5: b#2
    Assign good pack 5: b#2
    > result good b#2
    RecordResult good b#2
    AcknowledgeResult good b#2
    RecordWorker bad quarantined: failed 2 trials alone that others finished, the last by worker i:good
    Quarantine bad: failed 2 trials alone that others finished, the last by worker i:good
    FinishSweep s finished 3 failed 0
    > submit t d:k
    RecordAssignment good pack 6: d#1
    Assign good pack 6: d#1
    > submit u e:k
    @500
    > beat bad
    > disconnect bad
    > release bad
    RecordWorker bad away: released from quarantine
    > join bad 1 on=h
    RecordWorker bad joined
    RecordAssignment bad pack 7: e#1
    Assign bad pack 7: e#1
  )");
}

TEST_F(SchedulerTest, NeitherPoisonedTrialsNorItsOwnFailuresQuarantineTheLastWorker) {
  limits_.quarantine_after = 1;
  limits_.retry_budget = 2;
  limits_.retry_delay_ms = 0;
  play(R"(
    > submit s a:k b:l
    > join w 1 on=h
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > fail w a#1
    EndAttempt a#1 failed
    RecordAssignment w pack 2: b#1
    Assign w pack 2: b#1
    > join v 1 on=i
    RecordWorker v joined
    RecordAssignment v pack 3: a#2
    Assign v pack 3: a#2
    > fail w b#1
    EndAttempt b#1 failed uncounted
    > leave v
    RecordWorker v left
    EndAttempt a#2 cancelled
    RecordAssignment w pack 4: a#3
    Assign w pack 4: a#3
    > result v a#2
    EndAttempt a#3 cancelled
    Cancel w a#3
    RecordResult v a#2 adopted
    AcknowledgeResult v a#2
    > fail w a#3
    RecordAssignment w pack 5: b#2
    Assign w pack 5: b#2
    > fail w b#2
    EndAttempt b#2 failed
    RecordAssignment w pack 6: b#3
    Assign w pack 6: b#3
    > fail w b#3
    EndAttempt b#3 failed
    FailTrial b: 2 attempts failed, on worker h:w; the last: it broke
    FinishSweep s finished 1 failed 1
  )");
}

TEST_F(SchedulerTest, WhatDoesNotFitIsHalvedAndATrialThatDoesNotFitAloneFailsAtOnce) {
  limits_.quarantine_after = 1;
  limits_.retry_budget = 1;
  play(R"(
    > submit s a:k b:k c:k
    > submit t priority=-1 d:l
    > join w 3 memory=100
    RecordWorker w joined
    RecordAssignment w pack 1: a#1 b#1 c#1
    Assign w pack 1: a#1 b#1 c#1
    > full w a#1
    EndAttempt a#1 cancelled: no room
    > full w b#1
    EndAttempt b#1 cancelled
    > full w c#1
    EndAttempt c#1 cancelled
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
    > full w a#2
    EndAttempt a#2 cancelled
    FailTrial a: does not fit in 100 bytes, the most that a worker has
    RecordAssignment w pack 3: b#2
    Assign w pack 3: b#2
    > full w b#2
    EndAttempt b#2 cancelled
    FailTrial b: does not fit in 100 bytes, the most that a worker has
    RecordAssignment w pack 4: c#2
    Assign w pack 4: c#2
    > full w c#2
    EndAttempt c#2 cancelled
    FailTrial c: does not fit in 100 bytes, the most that a worker has
    FinishSweep s finished 0 failed 3
    RecordAssignment w pack 5: d#1
    Assign w pack 5: d#1
  )");
}

TEST_F(SchedulerTest, WhatDoesNotFitWaitsForALargerWorkerWhoseNetworkIsCut) {
  limits_.reconnect_ms = 600;
  play(R"(
    > submit s a:k
    > join small 1 memory=100
    RecordWorker small joined
    RecordAssignment small pack 1: a#1
    Assign small pack 1: a#1
    > join large 1 memory=200
    RecordWorker large joined
    > disconnect large
    RecordWorker large away
    @ 900
    > beat small a#1
    @ 1800
    > beat small a#1
    > full small a#1
    EndAttempt a#1 cancelled
    > tick
    @ 4900
    > beat small
    > tick
    @ 5000
    > tick
    FailTrial a: does not fit in 100 bytes, the most that a worker has
    FinishSweep s finished 0 failed 1
  )");
}

TEST_F(SchedulerTest, WhatDoesNotFitWaitsForTheWorkersOfAnEarlierCoordinator) {
  play(R"(
    > expect large
    > expect dead
    > submit s a:k
    > join small 1 memory=100
    RecordWorker small joined
    RecordAssignment small pack 1: a#1
    Assign small pack 1: a#1
    > full small a#1
    EndAttempt a#1 cancelled
    > tick
    > gone dead
    > tick
    > join large 1 memory=200
    RecordWorker large joined
    RecordAssignment large pack 2: a#2
    Assign large pack 2: a#2
    > full large a#2
    EndAttempt a#2 cancelled
    FailTrial a: does not fit in 200 bytes, the most that a worker has
    FinishSweep s finished 0 failed 1
  )");
}

TEST_F(SchedulerTest, WhoTookOverASpoolIsNotBlamedForItsResults) {
  limits_.quarantine_after = 1;
  play(R"(
    > submit s a:k
    > join liar 1 on=h
    RecordWorker liar joined
    RecordAssignment liar pack 1: a#1
    Assign liar pack 1: a#1
    > join w 1 on=h
    RecordWorker w joined
    > disconnect liar
    RecordWorker liar away
    > beat w a#1*
    > lie w a#1
    EndAttempt a#1 cancelled: its result was refused: it cannot be
    RecordWorker liar quarantined: sent 1 results that cannot be true
    Quarantine liar
    RecordAssignment w pack 2: a#2
    Assign w pack 2: a#2
  )");
}

TEST_F(SchedulerTest, WhatDoesNotFitWaitsForALargerWorkerWhileOneIsThereAndForAnotherInItsPlace) {
  play(R"(
    > submit s a:k b:k
    > join large 1 memory=200
    RecordWorker large joined
    RecordAssignment large pack 1: a#1
    Assign large pack 1: a#1
    > join small 1 memory=100
    RecordWorker small joined
    RecordAssignment small pack 2: b#1
    Assign small pack 2: b#1
    > full small b#1
    EndAttempt b#1 cancelled
    > tick
    > leave large
    RecordWorker large left
    EndAttempt a#1 cancelled
    RecordAssignment small pack 3: a#2
    Assign small pack 3: a#2
    > tick
    @ 1000
    > beat small a#2@1
    @ 2000
    > beat small a#2@2
    @ 3000
    > beat small a#2@3
    @ 4000
    > beat small a#2@4
    @ 4900
    > beat small a#2@5
    > tick
    @ 5000
    > tick
    FailTrial b: does not fit in 100 bytes, the most that a worker has
    > retry b
    RecordRetry b
    > join larger 1 memory=300
    RecordWorker larger joined
    RecordAssignment larger pack 4: b#2
    Assign larger pack 4: b#2
  )");
}

TEST_F(SchedulerTest, AFailureThatNoOtherExplainsKeepsATrialAlone) {
  play(R"(
    > submit s a:k/attempts=1/failures=1 b:k c:k
    > join w 3
    RecordWorker w joined
    RecordAssignment w pack 1: a#2
    Assign w pack 1: a#2
    > join v 3
    RecordWorker v joined
    RecordAssignment v pack 2: b#1
    Assign v pack 2: b#1
  )");
}

TEST_F(SchedulerTest, AfterAPauseNothingIsAssignedBeforeTheWorkersWereHeard) {
  limits_.longest_step_ms = 100;
  limits_.catch_up_ms = 50;
  play(R"(
    > submit s a:k b:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    @5000
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    > disconnect w
    RecordWorker w away
    > join w 1
    RecordWorker w joined
    @5040
    > tick
    @5060
    > tick
    RecordAssignment w pack 2: b#1
    Assign w pack 2: b#1
  )");
}

TEST_F(SchedulerTest, PausesInARowPassForTicks) {
  limits_.longest_step_ms = 100;
  play(R"(
    > submit s a:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
  )");
  // 99 of them, for 10 ms each: the lease of 1000 ms has not ended.
  for (int pause = 1; pause < 100; ++pause) play("@" + std::to_string(5000 * pause) + "\n> tick\n");
  play("> beat w a#1\n");
}

TEST_F(SchedulerTest, APausedWorkerEndsItsPackAndGetsNoOtherUntilItIsReleased) {
  play(R"(
    > submit s a:k b:k
    > join w 1
    RecordWorker w joined
    RecordAssignment w pack 1: a#1
    Assign w pack 1: a#1
    > hold w
    RecordWorker w quarantined: paused by hand
    > hold w
    > hold nobody
    > result w a#1
    RecordResult w a#1
    AcknowledgeResult w a#1
    > tick
    > release w
    RecordWorker w joined: released from quarantine
    RecordAssignment w pack 2: b#1
    Assign w pack 2: b#1
  )");
}

}  // namespace
}  // namespace medley::coordinator
