#include "llmroute/limits/calendar.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace llmroute::limits {

std::int64_t seconds_ahead(const std::vector<ZoneOffset>& zone, std::int64_t utc_s) {
  // Before the first entry the first one holds: nothing older is known.
  std::int64_t ahead = zone.empty() ? 0 : zone.front().ahead_s;
  for (const ZoneOffset& offset : zone) {
    if (offset.from_s > utc_s) break;
    ahead = offset.ahead_s;
  }
  return ahead;
}

namespace {

using Seconds = std::chrono::seconds;
using Local = std::chrono::local_time<Seconds>;

constexpr int kSlewPart = 20;  // of the time that passes

Seconds ahead_at(const std::vector<ZoneOffset>& zone, Seconds utc) {
  return Seconds(seconds_ahead(zone, utc.count()));
}

// The first second whose local time is at or after `local`. Monotone in `local`, also where local time
// jumps or repeats, so that periods neither overlap nor leave gaps.
Seconds first_at(const std::vector<ZoneOffset>& zone, Local local) {
  const Seconds wanted = local.time_since_epoch();
  Seconds low = wanted - std::chrono::hours(26), high = wanted + std::chrono::hours(26);
  // Local time falls back by hours at most, so the first crossing is found from below, in steps that
  // no zone's offset falls between.
  for (Seconds at = low; at < high; at += std::chrono::minutes(15)) {
    if (at + ahead_at(zone, at) >= wanted) {
      high = at;
      break;
    }
    low = at;
  }
  while (high - low > Seconds(1)) {
    const Seconds middle = low + (high - low) / 2;
    (middle + ahead_at(zone, middle) >= wanted ? high : low) = middle;
  }
  return high;
}

struct Bounds {
  Local begins, ends;
};

Bounds bounds_of(BudgetPeriod per, Local local) {
  using namespace std::chrono;
  const auto day = floor<days>(local);
  switch (per) {
    case BudgetPeriod::hour: {
      const auto hour = floor<hours>(local);
      return {Local(hour), Local(hour + hours(1))};
    }
    case BudgetPeriod::day: return {Local(day), Local(day + days(1))};
    case BudgetPeriod::month: break;
  }
  const year_month_day date{local_days(day)};
  const auto month = date.year() / date.month();
  return {Local(local_days(month / 1)), Local(local_days((month + months(1)) / 1))};
}

std::string name_of(BudgetPeriod per, Local begins) {
  using namespace std::chrono;
  const auto day = floor<days>(begins);
  const year_month_day date{local_days(day)};
  const hh_mm_ss clock{begins - Local(day)};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()));
  const std::size_t length = per == BudgetPeriod::hour ? 13 : per == BudgetPeriod::day ? 10 : 7;
  return std::string(text.data()).substr(0, length);
}

}  // namespace

WallTime SteadyWall::read(Instant now, WallTime wall) {
  if (!shown_) {
    shown_ = wall;
    at_ = now;
    return wall;
  }
  const Duration passed = std::max(now - at_, Duration::zero());
  const WallTime expected = *shown_ + passed;
  const Duration most = passed / kSlewPart;
  shown_ = expected + std::clamp(wall - expected, -most, most);
  at_ = std::max(at_, now);
  return *shown_;
}

WallTime SteadyWall::at(Instant now) const {
  return shown_.value_or(WallTime{}) + std::max(now - at_, Duration::zero());
}

Period period_of(BudgetPeriod per, const std::vector<ZoneOffset>& zone, WallTime at) {
  const Seconds utc = std::chrono::floor<Seconds>(at.time_since_epoch());
  const Local local{utc + ahead_at(zone, utc)};
  const Bounds bounds = bounds_of(per, local);
  Period period;
  period.name = name_of(per, bounds.begins);
  period.begins = WallTime(first_at(zone, bounds.begins));
  period.ends = WallTime(first_at(zone, bounds.ends));
  return period;
}

}  // namespace llmroute::limits
