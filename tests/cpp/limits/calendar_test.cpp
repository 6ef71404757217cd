#include "llmroute/limits/calendar.h"

#include <gtest/gtest.h>

namespace llmroute::limits {
namespace {

WallTime utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  using namespace std::chrono;
  const sys_days date{std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)};
  return WallTime(date.time_since_epoch() + hours(hour) + minutes(minute));
}

std::int64_t unix_s(WallTime at) {
  return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

// Central Europe around 2026: summer time from 29 March, 01:00 UTC, to 25 October, 01:00 UTC.
std::vector<ZoneOffset> berlin() {
  return {{unix_s(utc(2025, 10, 26, 1)), 3'600},
          {unix_s(utc(2026, 3, 29, 1)), 7'200},
          {unix_s(utc(2026, 10, 25, 1)), 3'600}};
}

TEST(Calendar, PeriodsInUtc) {
  struct Case {
    BudgetPeriod per;
    const char* name;
    WallTime begins, ends;
  };
  const Case cases[] = {
      {BudgetPeriod::hour, "2026-02-28T23", utc(2026, 2, 28, 23), utc(2026, 3, 1)},
      {BudgetPeriod::day, "2026-02-28", utc(2026, 2, 28), utc(2026, 3, 1)},
      {BudgetPeriod::month, "2026-02", utc(2026, 2, 1), utc(2026, 3, 1)},
  };
  for (const Case& c : cases) {
    const Period period = period_of(c.per, {}, utc(2026, 2, 28, 23, 59));
    EXPECT_EQ(period.name, c.name);
    EXPECT_EQ(period.begins, c.begins) << c.name;
    EXPECT_EQ(period.ends, c.ends) << c.name;
  }
  EXPECT_EQ(period_of(BudgetPeriod::month, {}, utc(2026, 12, 31, 23)).ends, utc(2027, 1, 1));
}

TEST(Calendar, DaysOfAZoneAreAsLongAsTheyAre) {
  const Period winter = period_of(BudgetPeriod::day, berlin(), utc(2026, 1, 10, 23, 30));
  EXPECT_EQ(winter.name, "2026-01-11") << "midnight has passed there";
  EXPECT_EQ(winter.begins, utc(2026, 1, 10, 23));
  const Period spring = period_of(BudgetPeriod::day, berlin(), utc(2026, 3, 29, 12));
  EXPECT_EQ(spring.ends - spring.begins, std::chrono::hours(23));
  const Period autumn = period_of(BudgetPeriod::day, berlin(), utc(2026, 10, 25, 12));
  EXPECT_EQ(autumn.ends - autumn.begins, std::chrono::hours(25));
}

TEST(Calendar, PeriodsNeitherOverlapNorLeaveGaps) {
  for (const auto& zone :
       {std::vector<ZoneOffset>{}, berlin(), std::vector<ZoneOffset>{{0, -12'600}}}) {
    for (const auto per : {BudgetPeriod::hour, BudgetPeriod::day, BudgetPeriod::month}) {
      Period last = period_of(per, zone, utc(2026, 3, 1));
      for (int i = 0; i < 900 && last.ends < utc(2026, 12, 1); ++i) {
        const Period next = period_of(per, zone, last.ends);
        EXPECT_EQ(next.begins, last.ends) << last.name << " -> " << next.name;
        EXPECT_GT(next.ends, next.begins);
        EXPECT_NE(next.name, last.name);
        const Period inside = period_of(per, zone, next.ends - seconds(1));
        EXPECT_EQ(inside.name, next.name);
        last = next;
      }
    }
  }
}

TEST(SteadyWall, GoesWithTheMonotonicClock) {
  SteadyWall wall;
  const Instant begin{seconds(5)};
  EXPECT_EQ(wall.read(begin, utc(2026, 1, 1)), utc(2026, 1, 1)) << "the first is believed";
  EXPECT_EQ(wall.read(begin + seconds(60), utc(2026, 1, 1, 0, 1)), utc(2026, 1, 1, 0, 1));
  EXPECT_EQ(wall.at(begin + seconds(120)), utc(2026, 1, 1, 0, 2));
}

TEST(SteadyWall, AStepNeitherBeginsNorHoldsAPeriod) {
  for (const int step : {-86'400, 86'400, 40 * 86'400}) {
    SteadyWall wall;
    const Instant begin{seconds(5)};
    wall.read(begin, utc(2026, 1, 10, 12));
    const WallTime after = wall.read(begin + seconds(10), utc(2026, 1, 10, 12) + seconds(step));
    EXPECT_LE(after, utc(2026, 1, 10, 12) + milliseconds(10'500));
    EXPECT_GE(after, utc(2026, 1, 10, 12) + milliseconds(9'500));
  }
}

TEST(SteadyWall, ComesRoundToTheWallInTime) {
  SteadyWall wall;
  Instant now{seconds(5)};
  WallTime real = utc(2026, 1, 1);
  wall.read(now, real);
  real += seconds(60);  // stepped forward by a minute
  for (int i = 0; i < 2'000; ++i) {
    now += seconds(1);
    real += seconds(1);
    wall.read(now, real);
  }
  EXPECT_EQ(wall.at(now), real);
}

}  // namespace
}  // namespace llmroute::limits
