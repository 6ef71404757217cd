// What can go wrong, as a value.
//
// An Error travels inside Result<T> and becomes a Python exception only at the binding edge, where
// its kind alone chooses the class. It never holds a secret: whoever builds a message from foreign
// text scrubs it first (see secret.h).
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "llmroute/base/enum.h"

namespace llmroute {

LLMROUTE_ENUM(ErrorKind,
              config,               // a configuration that cannot be used; nothing was changed
              invalid_argument,     // the caller's own arguments; nothing was sent
              no_candidate,         // every deployment was dropped, each with its reason
              policy,               // a policy could not be built or has no stand-in
              capacity,             // a limit or bound of this router is reached
              budget_exceeded,      // money
              rejected,             // by a rule of the configuration
              connect,              // name, TCP or TLS; the provider never saw the request
              protocol,             // what came back is not what the dialect promises
              attempt_timeout,      // one of the four timeouts of an attempt
              bad_request,          // 400-like: would fail everywhere
              context_length,       // prompt too long for this model
              capability_mismatch,  // this model lacks what the request needs; another may have it
              content_filter,       // refused by the provider's filter
              authentication,       // this key is not accepted
              permission_denied,    // key known, but not allowed here
              not_found,            // model or path unknown at the provider
              quota_exhausted,      // credit or hard quota gone; waiting does not help
              rate_limit,           // 429: waiting helps
              overloaded,           // 503/529: the provider says it is too busy
              server_error,         // other 5xx
              stream_interrupted,   // cut before the dialect's terminator
              all_attempts_failed,  // the plan or its attempt budget ended
              deadline_exceeded,    // the caller's own deadline over all attempts
              cancelled,            // the caller went away
              closed);              // the router was closed

struct Error {
  ErrorKind kind = ErrorKind::invalid_argument;
  std::string message;  // one sentence, names the fix where there is one
  std::string path;  // where in the configuration or request, e.g. "groups.fast.policy"; or empty
  std::string nearest;  // the nearest valid name for an unknown one; or empty
};

template <class T>
using Result = boost::system::result<T, Error>;

// Called by Result<T>::value() on an error; reachable only by a programming mistake, because the
// core tests before it reads.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::logic_error(error.message);
}

inline Error make_error(ErrorKind kind, std::string message, std::string path = {},
                        std::string nearest = {}) {
  return Error{kind, std::move(message), std::move(path), std::move(nearest)};
}

}  // namespace llmroute
