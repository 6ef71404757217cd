#include "llmroute/cache/single_flight.h"

#include <gtest/gtest.h>

namespace llmroute::cache {
namespace {

using Ids = std::vector<SingleFlight::Id>;

FlightKey key_of(const char* name, bool stream = false) { return {sha256(name), stream}; }

TEST(SingleFlight, FollowersAreHandedBackInOrder) {
  SingleFlight flights;
  EXPECT_FALSE(flights.leader_of(key_of("a")));
  flights.lead(key_of("a"), 1);
  EXPECT_EQ(flights.leader_of(key_of("a")), 1U);
  flights.follow(1, 5);
  flights.follow(1, 3);
  flights.follow(1, 4);
  EXPECT_EQ(flights.followers(1), (Ids{5, 3, 4}));
  flights.leave(1, 3);
  EXPECT_EQ(flights.land(1), (Ids{5, 4}));
  EXPECT_FALSE(flights.leader_of(key_of("a")));
  EXPECT_EQ(flights.flights(), 0U);
}

TEST(SingleFlight, KeysAndKindsAreApart) {
  SingleFlight flights;
  flights.lead(key_of("a"), 1);
  flights.lead(key_of("b"), 2);
  flights.lead(key_of("a", true), 3);
  flights.follow(2, 4);
  EXPECT_EQ(flights.leader_of(key_of("a")), 1U);
  EXPECT_EQ(flights.leader_of(key_of("a", true)), 3U);
  EXPECT_TRUE(flights.land(1).empty());
  EXPECT_EQ(flights.leader_of(key_of("b")), 2U);
  EXPECT_EQ(flights.followers(2), (Ids{4}));
  EXPECT_EQ(flights.flights(), 2U);
}

TEST(SingleFlight, KnowsNothingOfStrangers) {
  SingleFlight flights;
  EXPECT_TRUE(flights.followers(9).empty());
  EXPECT_TRUE(flights.land(9).empty());
  flights.leave(9, 1);
  flights.lead(key_of("a"), 1);
  flights.leave(1, 7);
  EXPECT_TRUE(flights.land(1).empty());
  EXPECT_TRUE(flights.land(1).empty());
}

}  // namespace
}  // namespace llmroute::cache
