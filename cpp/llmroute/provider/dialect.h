// A wire format: pure functions between the caller's OpenAI shape and a provider's.
//
// A dialect has no state, no sockets and no clock, and is shared by all threads. Adding one touches
// three files: its .cpp, one line in registry.cpp, its test. What differs between providers of one
// dialect is data (Quirks), not code.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/base/secret.h"
#include "llmroute/base/time.h"
#include "llmroute/model/delta.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/outcome.h"
#include "llmroute/model/request.h"
#include "llmroute/wire/http.h"

namespace llmroute::provider {

struct Encoded {
  wire::Request http;
  // Only where the caller allows it, but for hints that change no answer (an image's detail).
  std::vector<std::string> dropped_parameters;
};

// What the core needs of a whole reply without turning it around.
struct ReplySummary {
  Usage usage;                // usage.reported false where the reply has none
  std::string finish_reason;  // canonical (OpenAI's words); the raw one where it has no counterpart
  std::string raw_finish_reason;  // the provider's own word
  // Of servers that say so: how long loading the model took (next to nothing where it was loaded),
  // and the whole work.
  std::optional<Duration> load, total;
};

// Reads one stream. Not thread-safe, one per attempt; holds at most one event of bytes, and where
// citations name places in the answer, a bounded part of it.
class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;
  // Appends the deltas completed by `bytes`. A Failure is an error event inside a 200, or bytes
  // that break the dialect (kind protocol); deltas before it stay in `out`.
  virtual std::optional<Failure> feed(std::string_view bytes, std::vector<Delta>& out) = 0;
  // The connection closed cleanly after all bytes. A stream without its terminator is a Failure of
  // kind stream_interrupted.
  virtual std::optional<Failure> finish(std::vector<Delta>& out) = 0;
  virtual bool terminated() const = 0;  // the dialect's own end was seen; later bytes are ignored
  virtual const ReplySummary& summary() const = 0;  // usage and finish reason so far
};

class Dialect {
 public:
  virtual ~Dialect() = default;
  virtual std::string_view name() const = 0;
  // Parameters that this wire format has no place for.
  virtual ParameterSet unsupported() const = 0;
  // Headers of a call that whoever speaks this wire format takes, in lower case. By default none.
  virtual std::vector<std::string_view> own_headers(const Deployment&) const { return {}; }

  // Turns the caller's body into an HTTP request for this deployment. The body was validated
  // (JSON object, depth, UTF-8). Kinds: invalid_argument (the request itself is malformed, path
  // says where), bad_request (this dialect cannot carry it and dropping is not allowed).
  // `now` dates a signature, where the dialect has one.
  virtual Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                                 const Secret& key, WallTime now = {}) const = 0;

  // A 2xx body that is not a stream: checks that it is a reply at all (JSON of the right shape,
  // no error object inside) and reads usage and finish reason.
  virtual std::variant<ReplySummary, Failure> read_reply(std::string_view body) const = 0;
  // The same reply in OpenAI's chat.completion shape, JSON text. Called when the caller asks.
  // `model` is the provider's name of it, for replies that do not say theirs.
  virtual Result<std::string> to_openai(std::string_view body,
                                        std::string_view model = {}) const = 0;

  virtual std::unique_ptr<StreamDecoder> stream_decoder(const Deployment& deployment) const = 0;

  // Embeddings (Operation::embeddings; body: OpenAI's `input`, `dimensions`, `encoding_format`,
  // `user`, and `input_type` for providers that tell queries from documents). As the three above.
  // By default a dialect has none: bad_request.
  virtual bool has_embeddings() const { return false; }
  virtual Result<Encoded> encode_embeddings(const ChatRequest& request,
                                            const Deployment& deployment, const Secret& key,
                                            WallTime now = {}) const;
  virtual std::variant<ReplySummary, Failure> read_embeddings(std::string_view body) const;
  virtual Result<std::string> embeddings_to_openai(std::string_view body,
                                                   std::string_view model = {}) const;

  // A response that is not 2xx. Reads status, headers, the error's type and code; its words last
  // and only the error field's own. `now` turns dates into durations. By default what is common to
  // all providers (classify.h).
  virtual Failure classify(const wire::ResponseHead& head, std::string_view body,
                           WallTime now) const;
  // Limits announced by the headers of any response. By default every known family (limit_headers.h),
  // for gateways have their own whatever is behind them.
  virtual AnnouncedLimits read_limits(const wire::Headers& headers, WallTime now) const;
};

// The dialect of that name, or null. Static storage.
const Dialect* find_dialect(std::string_view name);
std::span<const Dialect* const> dialects();

// Marks in every deployment what its dialect and its provider's quirks cannot carry
// (Deployment::unsupported, and embeddings in Deployment::lacks), and completes the list of headers
// that it is sent. ErrorKind::config for an unknown dialect or parameter slug, and for a list that
// names the header of the key.
Result<void> resolve_dialects(Inventory& inventory);

}  // namespace llmroute::provider
