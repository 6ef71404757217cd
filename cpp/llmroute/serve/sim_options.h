// What a simulated provider is like, from strict JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/model/price.h"

namespace llmroute {

LLMROUTE_ENUM(SimDialect, openai, anthropic);

LLMROUTE_ENUM(FaultKind,
              rate_limit,       // 429 with Retry-After
              server_error,     // 500
              overloaded,       // 529 (anthropic) or 503 (openai)
              reset,            // the connection is reset before a byte of the answer
              stall,            // the request is taken and never answered
              slow_first_byte,  // delay_ms more before the answer begins
              cut,              // the connection closes after after_chunks pieces
              no_terminator,    // the stream ends cleanly, but without the dialect's end mark
              malformed_chunk,  // after after_chunks pieces comes one that is not JSON
              error_event,      // after after_chunks pieces comes an error, inside the 200
              auth,             // 401
              quota,            // out of credit, as the dialect says it
              html,             // a page, as a proxy in the way would send
              not_json,         // a 200 whose body is not JSON
              error_in_200);    // an error object with status 200

}  // namespace llmroute

namespace llmroute::serve {

// Applies to a request where the request's number and time are in its window and its chance
// strikes. Windows count from when the faults were set.
struct Fault {
  FaultKind kind = FaultKind::server_error;
  double chance = 1.0;
  Duration from = Duration::zero();
  std::optional<Duration> to;
  std::uint64_t from_request = 1;  // the first one is 1; both ends included
  std::optional<std::uint64_t> to_request;
  double retry_after_s = 1.0;         // rate_limit, overloaded
  std::uint32_t after_chunks = 2;     // cut, malformed_chunk, error_event
  Duration delay = Duration::zero();  // before the fault shows; of slow_first_byte: the delay
  int status = 0;                     // instead of the usual one; 0: the usual one
};

struct SimOptions {
  SimDialect dialect = SimDialect::openai;
  std::vector<std::string> models;  // known ones; empty: every name is
  std::uint64_t seed = 0;
  double ttft_ms = 20.0;              // median
  double ttft_sigma = 0.0;            // of the logarithm (log-normal); 0: always the median
  double tokens_per_second = 0.0;     // 0: all at once
  std::uint32_t output_tokens = 32;   // of an answer that nothing cuts short
  std::vector<std::string> api_keys;  // accepted; empty: all, and none
  std::optional<Tokens> context_tokens;
  std::optional<std::uint32_t> requests_per_minute;  // more are answered with 429
  Price price;                                       // for the statistics only
  std::uint16_t port = 0;                            // 0: the system chooses
  std::vector<Fault> faults;                         // the first that applies to a request counts
};

// ErrorKind::config with path ("faults[0].kind") and nearest.
Result<SimOptions> parse_sim_options(std::string_view json);
Result<std::vector<Fault>> parse_faults(std::string_view json);  // a JSON array

}  // namespace llmroute::serve
