#include "llmroute/engine/reaction.h"

namespace llmroute::engine {

Reaction reaction_to(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::connect:
    case ErrorKind::protocol:
    case ErrorKind::attempt_timeout:
    case ErrorKind::rate_limit:
    case ErrorKind::overloaded:
    case ErrorKind::server_error:
    case ErrorKind::stream_interrupted: return Reaction::move_on;
    case ErrorKind::permission_denied:
    case ErrorKind::not_found: return Reaction::leave;
    case ErrorKind::authentication:
    case ErrorKind::quota_exhausted: return Reaction::other_key;
    case ErrorKind::context_length: return Reaction::larger_window;
    case ErrorKind::content_filter: return Reaction::other_filter;
    case ErrorKind::config:
    case ErrorKind::invalid_argument:
    case ErrorKind::no_candidate:
    case ErrorKind::policy:
    case ErrorKind::capacity:
    case ErrorKind::budget_exceeded:
    case ErrorKind::rejected:
    case ErrorKind::bad_request:
    case ErrorKind::all_attempts_failed:
    case ErrorKind::deadline_exceeded:
    case ErrorKind::cancelled:
    case ErrorKind::closed: return Reaction::end;
  }
  return Reaction::end;
}

}  // namespace llmroute::engine
