// How a simulated provider speaks its dialect: bytes of replies, streams and errors.
//
// Stateless; shared by all threads. Everything is appended to a string that the caller owns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "llmroute/base/time.h"
#include "llmroute/serve/sim_request.h"
#include "llmroute/wire/http.h"

namespace llmroute::serve {

struct SimReply {
  int status = 200;
  std::string body;
};

// What a provider announces about its limits.
struct SimLimits {
  std::int64_t requests_limit = 0, requests_remaining = 0;
  std::int64_t tokens_limit = 0, tokens_remaining = 0;
  Duration reset{};  // until both are whole again
  WallTime now{};
};

class SimVoice {
 public:
  virtual ~SimVoice() = default;
  virtual std::string whole(const SimAnswer& answer) const = 0;
  virtual std::string models(const SimOptions& options) const = 0;
  // A stream is open() once, piece() for each piece, close() once; end mark and all in close().
  virtual void open(const SimAnswer& answer, std::string& out) const = 0;
  virtual void piece(const SimAnswer& answer, std::size_t index, std::string& out) const = 0;
  virtual void close(const SimAnswer& answer, std::string& out) const = 0;
  // close() without the end mark of the dialect.
  virtual void trail_off(const SimAnswer& answer, std::string& out) const = 0;
  virtual void error_event(const SimError& error, std::string& out) const = 0;
  virtual void malformed(std::string& out) const = 0;
  virtual SimReply error(const SimError& error, std::string_view id) const = 0;
  virtual void headers(std::string_view id, const SimLimits& limits, wire::Headers& out) const = 0;
  // The key that a request brought, or empty.
  virtual std::string_view key_of(const wire::Headers& headers) const = 0;
  // Path of chat requests, without what a base URL may put in front of it.
  virtual std::string_view path() const = 0;
};

const SimVoice& openai_voice();
const SimVoice& anthropic_voice();
const SimVoice& voice_of(SimDialect dialect);

// "2026-01-31T12:00:00Z", as Anthropic's reset headers have it.
std::string utc_seconds(WallTime time);

}  // namespace llmroute::serve
