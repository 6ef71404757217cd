#include "llmroute/cache/lru.h"

#include <gtest/gtest.h>

#include <thread>

namespace llmroute::cache {
namespace {

constexpr Duration kTtl = seconds(60);

Key key_of(int number) { return sha256(std::to_string(number)); }

EntryPtr entry_of(std::size_t bytes, bool streams_only = false) {
  auto entry = std::make_shared<Entry>();
  entry->body.assign(bytes, 'x');
  entry->streams_only = streams_only;
  return entry;
}

Instant at(std::int64_t s) { return Instant(seconds(s)); }

TEST(Lru, FindsWhatIsYoungEnough) {
  Lru lru;
  lru.resize(1U << 20U);
  const EntryPtr entry = entry_of(10);
  EXPECT_FALSE(lru.find(key_of(1), at(0), kTtl, true));
  ASSERT_TRUE(lru.keep(key_of(1), entry, at(100)));
  const auto found = lru.find(key_of(1), at(130), kTtl, true);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->entry, entry);
  EXPECT_EQ(found->age, seconds(30));
  EXPECT_FALSE(lru.find(key_of(2), at(130), kTtl, true));
  // At its time it is gone, also for a longer one that comes after.
  EXPECT_FALSE(lru.find(key_of(1), at(160), kTtl, true));
  EXPECT_FALSE(lru.find(key_of(1), at(160), seconds(1'000), true));
  EXPECT_EQ(lru.counts().entries, 0U);
  EXPECT_EQ(lru.counts().bytes, 0U);
}

TEST(Lru, HasNothingWithoutRoom) {
  Lru lru;
  EXPECT_FALSE(lru.keep(key_of(1), entry_of(1), at(0)));
  EXPECT_FALSE(lru.find(key_of(1), at(0), kTtl, true));
}

TEST(Lru, DropsTheLeastRecentlyUsedByBytes) {
  Lru lru;
  const std::size_t each = entry_of(1'000)->weight() + Lru::kOverhead;
  lru.resize(10 * each);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(lru.keep(key_of(i), entry_of(1'000), at(i)));
  EXPECT_EQ(lru.counts().entries, 10U);
  EXPECT_EQ(lru.counts().bytes, 10 * each);
  EXPECT_TRUE(lru.find(key_of(0), at(10), kTtl, true));  // now 1 is the oldest
  ASSERT_TRUE(lru.keep(key_of(10), entry_of(1'000), at(10)));
  EXPECT_TRUE(lru.find(key_of(0), at(10), kTtl, true));
  EXPECT_FALSE(lru.find(key_of(1), at(10), kTtl, true));
  EXPECT_TRUE(lru.find(key_of(2), at(10), kTtl, true));
  EXPECT_EQ(lru.counts().entries, 10U);
  EXPECT_LE(lru.counts().bytes, 10 * each);
}

TEST(Lru, ALargeAnswerIsNotKeptAndDrivesNothingOut) {
  Lru lru;
  lru.resize(8'000);
  ASSERT_TRUE(lru.keep(key_of(1), entry_of(100), at(0)));
  EXPECT_FALSE(lru.keep(key_of(2), entry_of(1'000), at(0)));
  EXPECT_TRUE(lru.find(key_of(1), at(0), kTtl, true));
  // An old answer does not outlive the news that was too large.
  EXPECT_FALSE(lru.keep(key_of(1), entry_of(1'000), at(0)));
  EXPECT_FALSE(lru.find(key_of(1), at(0), kTtl, true));
}

TEST(Lru, ReplacesAndCountsOnce) {
  Lru lru;
  lru.resize(1U << 20U);
  lru.keep(key_of(1), entry_of(100), at(0));
  const std::size_t small = lru.counts().bytes;
  lru.keep(key_of(1), entry_of(200), at(5));
  EXPECT_EQ(lru.counts().bytes, small + 100);
  EXPECT_EQ(lru.counts().entries, 1U);
  EXPECT_EQ(lru.find(key_of(1), at(5), kTtl, true)->age, Duration::zero());
  lru.clear();
  EXPECT_EQ(lru.counts().bytes, 0U);
  EXPECT_FALSE(lru.find(key_of(1), at(5), kTtl, true));
}

TEST(Lru, WhatIsForStreamsAnswersNoWholeRequest) {
  Lru lru;
  lru.resize(1U << 20U);
  lru.keep(key_of(1), entry_of(100, true), at(0));
  EXPECT_FALSE(lru.find(key_of(1), at(1), kTtl, true));
  EXPECT_TRUE(lru.find(key_of(1), at(1), kTtl, false));
}

TEST(Lru, LessRoomDropsAtOnce) {
  Lru lru;
  lru.resize(1U << 20U);
  for (int i = 0; i < 20; ++i) lru.keep(key_of(i), entry_of(1'000), at(i));
  lru.resize(5'000);
  EXPECT_LE(lru.counts().bytes, 5'000U);
  EXPECT_TRUE(lru.find(key_of(19), at(20), kTtl, true));
  lru.resize(0);
  EXPECT_EQ(lru.counts().entries, 0U);
}

TEST(Lru, ThreadsShareIt) {
  Lru lru;
  lru.resize(100'000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&lru, t] {
      for (int i = 0; i < 2'000; ++i) {
        const Key key = key_of((i * 7 + t) % 100);
        if (!lru.find(key, at(i), kTtl, true)) lru.keep(key, entry_of(2'000), at(i));
        if (i % 500 == 0) lru.clear();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(lru.counts().bytes, 100'000U);
}

}  // namespace
}  // namespace llmroute::cache
