// How an attempt ended, as the engine and the health signals see it: no HTTP, no bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/model/announced.h"
#include "llmroute/model/usage.h"

namespace llmroute {

// Whose fault a failure is; decides what it may do to a deployment's health.
LLMROUTE_ENUM(Fault, nobody, caller, deployment, key, router);
Fault fault_of(ErrorKind kind);

struct Failure {
  ErrorKind kind = ErrorKind::server_error;
  std::string message;                  // the provider's words, shortened and scrubbed; or ours
  int status = 0;                       // HTTP status; 0 where there was none
  std::string provider_code;            // e.g. "rate_limit_exceeded"
  std::optional<Duration> retry_after;  // believable ones only
  bool ambiguous = false;               // sent, and no answer: the provider may have done the work
};

inline Failure make_failure(ErrorKind kind, std::string message) {
  Failure failure;
  failure.kind = kind;
  failure.message = std::move(message);
  return failure;
}

struct Outcome {
  std::optional<Failure> failure;  // empty: success
  bool cancelled = false;          // by the caller or as a loser; says nothing about health
  bool content_started = false;    // the caller has seen content of this attempt
  Usage usage;
  std::optional<Duration> connect;  // absent on a reused connection
  std::optional<Duration> ttft;     // first content; for whole replies the first body byte
  Duration total{};
  std::optional<Duration> load;  // that the server spent on loading the model, where it says so
  AnnouncedLimits limits;
  std::string finish_reason;      // canonical, OpenAI's words
  std::string raw_finish_reason;  // the provider's own word
  std::string reply_id;  // the provider's; only of whole replies and where affinity is asked for
  bool ok() const { return !failure && !cancelled; }
};

}  // namespace llmroute
