// Every signal of a deployment, listed once. A line here is what makes a signal heard and shown.
#pragma once

#include <tuple>

#include "llmroute/health/breaker.h"
#include "llmroute/health/cold_start.h"
#include "llmroute/health/cooldown.h"
#include "llmroute/health/error_rate.h"
#include "llmroute/health/in_flight.h"
#include "llmroute/health/keys.h"
#include "llmroute/health/lacks.h"
#include "llmroute/health/latency.h"
#include "llmroute/health/load.h"
#include "llmroute/health/rate_limits.h"
#include "llmroute/health/token_ratio.h"

namespace llmroute::health {

using SignalList = std::tuple<InFlight, ColdStart, Latency, ErrorRate, Breaker, Cooldown,
                              RateLimits, Keys, Lacks, Load, TokenRatio>;

struct DeploymentHealth {
  SignalList signals;

  template <class S>
  S& get() {
    return std::get<S>(signals);
  }
  template <class S>
  const S& get() const {
    return std::get<S>(signals);
  }
  template <class F>
  void each(F&& f) {
    std::apply([&f](auto&... signal) { (f(signal), ...); }, signals);
  }
  template <class F>
  void each(F&& f) const {
    std::apply([&f](const auto&... signal) { (f(signal), ...); }, signals);
  }
};

}  // namespace llmroute::health
