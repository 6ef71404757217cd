// A clock that moves only when a test says so. Thread-safe.
#pragma once

#include <atomic>

#include "llmroute/base/time.h"

namespace llmroute::test {

class ManualClock final : public Clock {
 public:
  Instant now() const override { return Instant(Duration(elapsed_.load())); }
  WallTime wall_now() const override { return WallTime(Duration(elapsed_.load())); }
  bool runs_by_itself() const override { return false; }
  void advance(Duration by) { elapsed_ += by.count(); }

 private:
  std::atomic<std::int64_t> elapsed_ = 0;
};

}  // namespace llmroute::test
