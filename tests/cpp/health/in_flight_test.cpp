#include "llmroute/health/in_flight.h"

#include <gtest/gtest.h>

#include <vector>

namespace llmroute::health {
namespace {

Instant at(double s) { return Instant{} + from_ms(s * 1e3); }

double share(const InFlight& signal, double s, const Work& work) {
  return signal.shared_s(at(s)) - work.shared_s;
}

TEST(InFlight, OneAloneGetsAllOfItsTime) {
  InFlight signal;
  Work work;
  signal.on_start(at(10), work);
  EXPECT_NEAR(share(signal, 13, work), 3, 1e-9);
  signal.on_outcome(at(13), {}, work);
  EXPECT_NEAR(share(signal, 99, work), 3, 1e-9) << "idle time is nobody's";
}

TEST(InFlight, TwoShareTheTimeThatTheyAreTogether) {
  InFlight signal;
  Work first, second;
  signal.on_start(at(0), first);
  signal.on_start(at(4), second);
  signal.on_outcome(at(10), {}, first);
  EXPECT_NEAR(share(signal, 10, first), 4 + 3, 1e-9);
  EXPECT_NEAR(share(signal, 12, second), 3 + 2, 1e-9);
}

TEST(InFlight, SharesAddUpToTheBusyTime) {
  InFlight signal;
  struct Attempt {
    double from, to;
    Work work{};
    double share = 0;
  };
  std::vector<Attempt> all = {{0, 7}, {1, 2}, {1, 5}, {3, 6}, {20, 21}, {20.5, 30}};
  for (double s = 0; s <= 31; s += 0.5) {
    for (Attempt& a : all) {
      if (a.to == s) {
        a.share = share(signal, s, a.work);
        signal.on_outcome(at(s), {}, a.work);
      }
    }
    for (Attempt& a : all) {
      if (a.from == s) signal.on_start(at(s), a.work);
    }
  }
  double sum = 0;
  for (const Attempt& a : all) sum += a.share;
  EXPECT_NEAR(sum, 7 + 10, 1e-9);
  EXPECT_EQ(signal.attempts(), 0U);
}

TEST(InFlight, AnOutcomeTooManyChangesNothing) {
  InFlight signal;
  signal.on_outcome(at(1), {}, {});
  EXPECT_EQ(signal.attempts(), 0U);
  EXPECT_EQ(signal.shared_s(at(5)), 0);
}

}  // namespace
}  // namespace llmroute::health
