#include "llmroute/runtime/notices.h"

#include <gtest/gtest.h>

#include <thread>

#include "llmroute/model/defaults.h"

namespace llmroute::runtime {
namespace {

TEST(Notices, AreTakenOnceInOrder) {
  Notices notices;
  EXPECT_TRUE(notices.take().empty());
  notices.add("one");
  notices.add("two");
  EXPECT_EQ(notices.take(), (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(notices.take().empty());
  notices.add("three");
  EXPECT_EQ(notices.take(), std::vector<std::string>{"three"});
}

TEST(Notices, OfTooManyTheOldestGo) {
  Notices notices;
  const std::size_t more = defaults::kMaxNotices + 3;
  for (std::size_t i = 0; i < more; ++i) notices.add(std::to_string(i));
  const auto taken = notices.take();
  ASSERT_EQ(taken.size(), defaults::kMaxNotices);
  EXPECT_EQ(taken.front(), "3");
  EXPECT_EQ(taken.back(), std::to_string(more - 1));
}

TEST(Notices, ThreadsLoseNone) {
  Notices notices;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&notices] {
      for (int turn = 0; turn < 5; ++turn) notices.add("x");
    });
  }
  std::size_t taken = 0;
  while (taken < 20) taken += notices.take().size();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 20U);
  EXPECT_TRUE(notices.take().empty());
}

}  // namespace
}  // namespace llmroute::runtime
