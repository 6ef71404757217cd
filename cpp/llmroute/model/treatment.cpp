#include "llmroute/model/treatment.h"

#include <array>

#include "llmroute/model/defaults.h"

namespace llmroute {

namespace {

using enum Reaction;

// As long as Retry-After asks, else a little, and longer each time it happens again.
constexpr Treatment cooling(Reaction reaction, Fault fault, Cools cools, Duration base) {
  return {reaction, fault, cools, base, true, true};
}
// As long, whatever the provider asks for.
constexpr Treatment parking(Reaction reaction, Cools cools, Duration time) {
  return {reaction, Fault::key, cools, time, false, false};
}
constexpr Treatment plain(Reaction reaction, Fault fault) { return {reaction, fault}; }

// Where a cause changes what its kind alone would bring.
struct Finer {
  ErrorKind kind;
  Cause cause;
  Treatment treatment;
};
constexpr std::array kFiner = {
    // Slower growth helps; the usual pause would only run into it again.
    Finer{ErrorKind::rate_limit, Cause::ramp,
          cooling(next_key, Fault::key, Cools::key, defaults::kRampCooldown)},
    Finer{ErrorKind::rate_limit, Cause::daily_quota,
          Treatment{next_key, Fault::key, Cools::key, defaults::kDailyCooldown, true, false}},
    // A smaller request may still pass, so one that asks for too much must not park the account.
    Finer{ErrorKind::quota_exhausted, Cause::beyond_credit, plain(other_key, Fault::key)},
    // A refusal without the provider's own word for it may be about this prompt: no key suffers.
    Finer{ErrorKind::permission_denied, Cause::key_refused,
          parking(other_key, Cools::key, defaults::kRefusedKeyPark)},
    Finer{ErrorKind::permission_denied, Cause::before_provider, plain(leave, Fault::deployment)},
    // The model drew badly: the same deployment is as healthy as before.
    Finer{ErrorKind::server_error, Cause::tool_generation, plain(stay, Fault::nobody)},
};

Treatment treatment_of_kind(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::connect:
    case ErrorKind::protocol:
    case ErrorKind::attempt_timeout:
    case ErrorKind::server_error:
    case ErrorKind::stream_interrupted: return plain(move_on, Fault::deployment);
    case ErrorKind::overloaded:
      return cooling(move_on, Fault::deployment, Cools::deployment, defaults::kCooldown);
    // Tied to the account behind the key: no sign of ill health of the deployment.
    case ErrorKind::rate_limit:
      return cooling(next_key, Fault::key, Cools::key, defaults::kCooldown);
    case ErrorKind::authentication: return parking(other_key, Cools::account, kForever);
    case ErrorKind::quota_exhausted:
      return parking(other_key, Cools::account, defaults::kQuotaPark);
    case ErrorKind::permission_denied: return plain(other_key, Fault::key);
    // A model or path that this deployment names and the provider lacks.
    case ErrorKind::not_found: return plain(leave, Fault::deployment);
    // The request is to blame: it would fail on any healthy deployment, or on this one at any time.
    case ErrorKind::capability_mismatch: return plain(leave, Fault::caller);
    case ErrorKind::context_length: return plain(larger_window, Fault::caller);
    case ErrorKind::content_filter: return plain(other_filter, Fault::caller);
    case ErrorKind::invalid_argument:
    case ErrorKind::bad_request: return plain(end, Fault::caller);
    case ErrorKind::config:
    case ErrorKind::no_candidate:
    case ErrorKind::policy:
    case ErrorKind::capacity:
    case ErrorKind::budget_exceeded:
    case ErrorKind::rejected:
    case ErrorKind::all_attempts_failed:
    case ErrorKind::closed: return plain(end, Fault::router);
    // The caller's clock and the caller's wish; no party failed.
    case ErrorKind::deadline_exceeded:
    case ErrorKind::cancelled: return plain(end, Fault::nobody);
  }
  return plain(end, Fault::nobody);
}

}  // namespace

Treatment treatment_of(ErrorKind kind, Cause cause) {
  for (const Finer& finer : kFiner) {
    if (finer.kind == kind && finer.cause == cause) return finer.treatment;
  }
  return treatment_of_kind(kind);
}

Duration first_cooling(const Failure& failure) {
  const Treatment treatment = treatment_of(failure);
  if (treatment.cools == Cools::nothing) return Duration::zero();
  return treatment.believed ? failure.retry_after.value_or(treatment.cooling) : treatment.cooling;
}

Fault fault_of(ErrorKind kind) { return treatment_of(kind).fault; }
Fault fault_of(const Failure& failure) { return treatment_of(failure).fault; }

}  // namespace llmroute
