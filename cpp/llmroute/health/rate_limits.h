// What the provider's headers say is left of its rate limits. Units: requests, tokens.
//
//   left(t) = announced - what was started since + what has come back, where that is known
//
// A window with nothing left keeps the deployment out: until its reset, where all comes back at once;
// until there is enough for one more like the last, where it comes back gradually (limit x time /
// reset); and where the provider does not say how it comes back, until the reset only if that is
// within kMaxRetryAfter: a distant one is the end of a slow refill as often as not. Without a reset,
// and with a pool of keys (the numbers are one key's), nothing is kept out. Without data: the same.
#pragma once

#include <array>

#include "llmroute/health/signal.h"

namespace llmroute::health {

class RateLimits : public Signal {
 public:
  void configure(const Deployment& deployment, const Resilience&);
  void on_start(Instant, Work& work);
  void on_outcome(Instant now, const Outcome& outcome, Work work);
  void describe(Instant now, NumberSink& sink) const;

  // When something is left again; a time in the past where something is.
  Instant exhausted_until() const { return exhausted_until_; }
  // The window that says so, see window_code.
  std::uint16_t exhausted_window() const { return exhausted_window_; }
  // The largest share used up, 0 to 1; 0 where the provider did not say how much there is in all.
  double used(Instant now) const;

 private:
  struct Window {
    LimitUnit unit{};
    LimitPeriod period{};
    bool blocks = false;
    double limit = 0;   // 0: unknown
    double left = 0;    // as of `at`
    double per_ms = 0;  // that comes back
    Instant at{}, reset{};

    double left_at(Instant now) const;
    double amount(const Work& work) const;
  };

  void take(Instant now, const AnnouncedWindow& said, const Work& work);
  void look(Instant now, const Window& window, double need);

  std::array<Window, AnnouncedLimits::kMost> windows_{};
  std::size_t count_ = 0;
  Instant exhausted_until_{};
  std::uint16_t exhausted_window_ = 0;
  bool pooled_ = false;
};

}  // namespace llmroute::health
