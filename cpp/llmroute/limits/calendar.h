// Hours, days and months of a time zone, and a wall clock that cannot be made to jump.
//
// Single-threaded, under the ledger's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmroute/base/time.h"
#include "llmroute/model/limits.h"

namespace llmroute::limits {

// The wall clock as budgets see it: it goes with the monotonic clock and follows steps of the wall clock
// at 5 % of the time that passes, so that a step neither begins a new period nor holds an old one. The
// first reading is believed.
class SteadyWall {
 public:
  WallTime read(Instant now, WallTime wall);
  // The same without a new reading.
  WallTime at(Instant now) const;

 private:
  std::optional<WallTime> shown_;
  Instant at_{};
};

// How far the zone is ahead of UTC at that second since 1970.
std::int64_t seconds_ahead(const std::vector<ZoneOffset>& zone, std::int64_t utc_s);

struct Period {
  std::string name;  // in the zone's own time: "2026-11-25T14", "2026-11-25", "2026-11"
  WallTime begins{}, ends{};
};
// The period that holds `at`. An hour that the zone repeats in autumn is one period of two hours.
Period period_of(BudgetPeriod per, const std::vector<ZoneOffset>& zone, WallTime at);

}  // namespace llmroute::limits
