#include "llmroute/model/outcome.h"

namespace llmroute {

Fault fault_of(ErrorKind kind) {
  switch (kind) {
    // The request is to blame: it would fail on any healthy deployment, or on this one at any time.
    case ErrorKind::invalid_argument:
    case ErrorKind::bad_request:
    case ErrorKind::context_length:
    case ErrorKind::content_filter: return Fault::caller;
    // Tied to the account behind the key. A rate limit cools the deployment too, but is no sign of
    // ill health: it must not count as a failure there.
    case ErrorKind::authentication:
    case ErrorKind::permission_denied:
    case ErrorKind::quota_exhausted:
    case ErrorKind::rate_limit: return Fault::key;
    case ErrorKind::connect:
    case ErrorKind::protocol:
    case ErrorKind::attempt_timeout:
    case ErrorKind::not_found:  // a model or path this deployment names and the provider lacks
    case ErrorKind::overloaded:
    case ErrorKind::server_error:
    case ErrorKind::stream_interrupted: return Fault::deployment;
    case ErrorKind::config:
    case ErrorKind::no_candidate:
    case ErrorKind::policy:
    case ErrorKind::capacity:
    case ErrorKind::budget_exceeded:
    case ErrorKind::rejected:
    case ErrorKind::all_attempts_failed:
    case ErrorKind::closed: return Fault::router;
    // The caller's clock and the caller's wish; no party failed.
    case ErrorKind::deadline_exceeded:
    case ErrorKind::cancelled: return Fault::nobody;
  }
  return Fault::nobody;
}

}  // namespace llmroute
