// HTTP client: libcurl's multi interface on one Asio loop, on the loop's own thread.
//
// All methods but the constructor, which reads SSL_CERT_FILE and SSL_CERT_DIR from the environment,
// run on the loop thread. Destroy a Transport on the loop thread, or on any thread once the loop is
// stopped; exchanges that are still in flight then end without a callback. Connections are kept and reused; HTTP/2 is used where an https server offers it.
//
// Callbacks run on the loop thread, never from inside start(), cancel() or resume(). Inside any
// callback a sink may call start(), resume() and cancel() for any exchange, its own too. A sink may
// be destroyed inside on_done, or elsewhere as soon as its exchange is cancelled; the Transport
// itself must not be destroyed inside a callback.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "llmroute/base/error.h"
#include "llmroute/base/time.h"
#include "llmroute/model/defaults.h"
#include "llmroute/net/loop.h"
#include "llmroute/wire/http.h"

namespace llmroute::net {

struct ExchangeOptions {
  Duration connect_timeout = defaults::kConnectTimeout;  // zero: none
  std::string proxy;    // URL; empty: none (the environment's proxies are not read by themselves)
  std::string ca_file;  // explicit bundle; empty: SSL_CERT_FILE, SSL_CERT_DIR, system places
  std::size_t max_response_bytes = defaults::kMaxResponseBytes;  // decoded
  std::size_t max_header_bytes = defaults::kMaxHeaderBytes;
};

struct ExchangeTimes {
  std::optional<Duration> connect;  // name, TCP and TLS; absent on a reused connection
  // A kept connection turned out to be closed and the request was sent once more on another one.
  // Happens only where nothing of a reply had come and the connection had been idle for a while.
  bool resent = false;
};

// Why an exchange ended without a whole response.
struct TransportError {
  // connect, protocol, attempt_timeout (connect timeout), stream_interrupted; invalid_argument
  // for a request that cannot be sent as it is.
  ErrorKind kind = ErrorKind::connect;
  std::string message;  // says what was tried and what to do; no secrets
  bool sent = false;    // the request may have reached the provider
};

// Receives one exchange. Owned by the caller; must stay alive until on_done or cancel().
class ExchangeSink {
 public:
  virtual ~ExchangeSink() = default;
  virtual void on_head(const wire::ResponseHead& head) = 0;  // final response only, no 1xx
  // Decoded bytes. Return false to pause (the socket is not read until resume()); the bytes were
  // taken all the same.
  virtual bool on_body(std::string_view bytes) = 0;
  // Exactly once unless cancelled. `error` empty: the response came whole.
  virtual void on_done(std::optional<TransportError> error, const ExchangeTimes& times) = 0;
};

using ExchangeId = std::uint64_t;  // never reused

class Transport {
 public:
  explicit Transport(Loop& loop);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Takes the request; its body is moved in, not copied. Refused headers, methods and URLs are
  // reported through on_done like any failure (kind invalid_argument). Content-Length and
  // Transfer-Encoding are the transport's own: given ones are left out.
  ExchangeId start(wire::Request request, const ExchangeOptions& options, ExchangeSink& sink);
  void cancel(ExchangeId id);  // closes the socket; no callback after it; unknown ids are ignored
  void resume(ExchangeId id);  // after a pause
  std::size_t in_flight() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace llmroute::net
