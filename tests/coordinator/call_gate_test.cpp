#include "coordinator/call_gate.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace medley::coordinator {
namespace {
using namespace std::chrono_literals;

TEST(CallGate, DoesNotOpenDuringACallThatBeganBefore) {
  boost::asio::io_context io;
  CallGate gate(io);
  std::promise<void> begun, may_end;
  std::atomic<bool> ended{false};
  auto call = std::async(std::launch::async, [&] {
    gate.call([&] {
      begun.set_value();
      may_end.get_future().wait();
      ended = gate.call([] { return true; });  // one call in another
    });
  });
  begun.get_future().wait();
  auto opening = std::async(std::launch::async, [&] {
    const CallGate::Open open(gate);
    return ended.load();
  });
  EXPECT_EQ(opening.wait_for(50ms), std::future_status::timeout);
  may_end.set_value();
  EXPECT_TRUE(opening.get());
  call.get();
}

TEST(CallGate, ACallIsMadeOnTheThreadThatRunsOrEndsWithTheGate) {
  boost::asio::io_context io;
  const auto work = boost::asio::make_work_guard(io);
  CallGate gate(io);
  std::future<std::thread::id> answered;
  std::future<void> refused;
  {
    const CallGate::Open open(gate);
    answered = std::async(std::launch::async, [&] { return gate.call([] { return std::this_thread::get_id(); }); });
    io.run_one();
    EXPECT_EQ(answered.get(), std::this_thread::get_id());
    EXPECT_EQ(gate.call([] { return 7; }), 7) << "from this thread itself";
    refused = std::async(std::launch::async, [&] { gate.call([] {}); });
  }
  EXPECT_THROW(refused.get(), Error) << "its turn did not come";
  EXPECT_THROW(std::async(std::launch::async, [&] { gate.call([] {}); }).get(), Error);
}

}  // namespace
}  // namespace medley::coordinator
