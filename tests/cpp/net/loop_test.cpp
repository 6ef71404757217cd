#include "llmroute/net/loop.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/manual_clock.h"
#include "support/on_loop.h"

namespace llmroute::net {
namespace {

using test::ManualClock;
using test::on_loop;
using test::Watched;

TEST(Loop, RunsPostsInOrderOnItsOwnThread) {
  Loop loop(system_clock(), "order");
  std::vector<int> order;
  bool inside = false;
  for (int i = 0; i < 100; ++i) {
    loop.post([&order, i] { order.push_back(i); });
  }
  on_loop(loop, [&] { inside = loop.on_loop_thread(); });
  EXPECT_TRUE(inside);
  EXPECT_FALSE(loop.on_loop_thread());
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(Loop, LosesNothingFromManyThreads) {
  constexpr int kThreads = 8;
  constexpr int kEach = 5'000;
  Loop loop(system_clock(), "many");
  int count = 0;  // loop thread only
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) loop.post([&count] { ++count; });
    });
  }
  for (auto& thread : threads) thread.join();
  int seen = 0;
  on_loop(loop, [&] { seen = count; });
  EXPECT_EQ(seen, kThreads * kEach);
}

TEST(Loop, PostsFromATaskRunToo) {
  Loop loop(system_clock(), "nested");
  Watched<int> depth;
  loop.post([&] { loop.post([&] { loop.post([&] { depth.change([](int& d) { d = 3; }); }); }); });
  EXPECT_TRUE(depth.wait([](int d) { return d == 3; }));
}

TEST(Loop, StopRunsWhatWasPostedAndRefusesMore) {
  Loop loop(system_clock(), "stop");
  std::atomic<int> ran = 0;
  for (int i = 0; i < 1'000; ++i) loop.post([&] { ++ran; });
  loop.stop();
  EXPECT_EQ(ran, 1'000);
  EXPECT_FALSE(loop.post([&] { ++ran; }));
  loop.stop();
  loop.poke();
  EXPECT_EQ(ran, 1'000);
}

TEST(Loop, StopDestroysPendingTimersWithoutRunningThem) {
  const auto token = std::make_shared<int>(1);
  bool ran = false;
  {
    Loop loop(system_clock(), "pending");
    on_loop(loop, [&] {
      loop.call_at(loop.now() + std::chrono::hours(1), [token, &ran] { ran = true; });
    });
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Loop, RealTimersFireInOrderAndNotEarly) {
  Loop loop(system_clock(), "timers");
  Watched<std::vector<int>> order;
  const Instant begin = system_clock().now();
  std::atomic<bool> early = false;
  on_loop(loop, [&] {
    for (const int ms : {30, 10, 20}) {
      loop.call_at(begin + milliseconds(ms), [&, ms] {
        if (loop.now() < begin + milliseconds(ms)) early = true;
        order.change([&](auto& o) { o.push_back(ms); });
      });
    }
  });
  ASSERT_TRUE(order.wait([](const auto& o) { return o.size() == 3; }));
  EXPECT_EQ(order.get(), (std::vector<int>{10, 20, 30}));
  EXPECT_FALSE(early);
}

TEST(Loop, AnEarlierTimerOvertakesAnArmedOne) {
  Loop loop(system_clock(), "overtake");
  Watched<int> fired;
  on_loop(loop, [&] {
    loop.call_at(loop.now() + std::chrono::hours(1), [] { FAIL(); });
    loop.call_at(loop.now() + milliseconds(5), [&] { fired.change([](int& f) { ++f; }); });
  });
  EXPECT_TRUE(fired.wait([](int f) { return f == 1; }));
}

TEST(Loop, ManualClockMovesTimersOnlyWhenPoked) {
  ManualClock clock;
  Loop loop(clock, "manual");
  std::vector<int> fired;  // loop thread only
  on_loop(loop, [&] {
    loop.call_at(clock.now() + seconds(5), [&] { fired.push_back(5); });
    loop.call_at(clock.now() + seconds(2), [&] { fired.push_back(2); });
    loop.call_at(clock.now() + seconds(2), [&] { fired.push_back(20); });
  });
  on_loop(loop, [&] { EXPECT_TRUE(fired.empty()); });
  clock.advance(seconds(3));
  loop.poke();
  on_loop(loop, [&] { EXPECT_EQ(fired, (std::vector<int>{2, 20})); });
  clock.advance(seconds(2));
  loop.poke();
  on_loop(loop, [&] { EXPECT_EQ(fired, (std::vector<int>{2, 20, 5})); });
}

TEST(Loop, ATimerThatIsDueAlreadyRunsWithoutAPoke) {
  ManualClock clock;
  Loop loop(clock, "due");
  Watched<int> fired;
  bool inline_call = true;
  on_loop(loop, [&] {
    loop.call_at(clock.now(), [&] { fired.change([](int& f) { ++f; }); });
    inline_call = fired.get() != 0;
  });
  EXPECT_FALSE(inline_call);
  EXPECT_TRUE(fired.wait([](int f) { return f == 1; }));
}

TEST(Loop, ATimerThatFeedsItselfDoesNotStarveTheLoop) {
  ManualClock clock;
  std::function<void()> again;
  int rounds = 0;
  Loop loop(clock, "feed");  // its last turns still use the two
  again = [&] {
    ++rounds;
    loop.call_at(clock.now(), again);
  };
  on_loop(loop, [&] { again(); });
  // Would never come if timers due at once were run until there are none.
  for (int i = 0; i < 10; ++i) on_loop(loop, [] {});
  int seen = 0;
  on_loop(loop, [&] {
    again = [] {};  // a timer that was set before still runs once
    seen = rounds;
  });
  EXPECT_GT(seen, 1);
}

TEST(Loop, CancelledTimersDoNotRun) {
  ManualClock clock;
  Loop loop(clock, "cancel");
  std::vector<int> fired;
  std::uint64_t c = 0;
  on_loop(loop, [&] {
    const auto a = loop.call_at(clock.now() + seconds(1), [&] { fired.push_back(1); });
    loop.call_at(clock.now() + seconds(1), [&] {
      fired.push_back(2);
      loop.cancel_timer(c);  // due in the same batch
    });
    c = loop.call_at(clock.now() + seconds(1), [&] { fired.push_back(3); });
    loop.cancel_timer(a);
    loop.cancel_timer(a);
    loop.cancel_timer(0);
    loop.cancel_timer(~std::uint64_t{0});
  });
  clock.advance(seconds(1));
  loop.poke();
  on_loop(loop, [&] { EXPECT_EQ(fired, (std::vector<int>{2})); });
}

TEST(Loop, AWriteToAClosedPipeDoesNotKill) {
  Loop loop(system_clock(), "pipe");
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  int error = 0;
  on_loop(loop, [&] {
    if (::write(ends[1], "x", 1) < 0) error = errno;
  });
  ::close(ends[1]);
  EXPECT_EQ(error, EPIPE);
}

TEST(Loop, LeavesSignalsToOtherThreads) {
  sigset_t here;
  Loop loop(system_clock(), "signals");
  pthread_sigmask(SIG_SETMASK, nullptr, &here);
  EXPECT_EQ(sigismember(&here, SIGINT), 0);
  on_loop(loop, [] {
    sigset_t there;
    pthread_sigmask(SIG_SETMASK, nullptr, &there);
    EXPECT_EQ(sigismember(&there, SIGINT), 1);
  });
}

TEST(Loop, NamesItsThread) {
  Loop loop(system_clock(), "a-name-that-is-too-long");
  std::string name(64, '\0');
  on_loop(loop, [&] { pthread_getname_np(pthread_self(), name.data(), name.size()); });
  EXPECT_STREQ(name.c_str(), "a-name-that-is-");
}

TEST(LoopDeathTest, StoppingOnItsOwnThreadIsAMistake) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Loop loop(system_clock(), "self");
        loop.post([&] { loop.stop(); });
        std::promise<void>().get_future().wait();
      },
      "its own thread");
}

}  // namespace
}  // namespace llmroute::net
