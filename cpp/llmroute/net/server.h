// HTTP/1.1 server on Boost.Beast: keep-alive, chunked, server-sent events, bounded bodies.
//
// The handler runs on the loop thread and answers through the Responder now or later, from the same
// thread. A Responder that is dropped unfinished closes its connection. Requests of one connection
// are handled one after the other, in order. What is no acceptable request (malformed, too large,
// too slow) is answered by the server itself with 400, 408, 413, 417, 431 or 505 and a short text,
// and its connection is closed. stop() and the destructor may be called on any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "llmroute/base/error.h"
#include "llmroute/net/loop.h"
#include "llmroute/wire/http.h"

namespace llmroute::net {

struct ServerRequest {
  std::string method;
  std::string target;  // path and query
  wire::Headers headers;
  std::string body;
};

// One answer. Copies share the same answer. All methods after the answer has ended or the
// connection is gone do nothing; none calls a listener before it returns.
class Responder {
 public:
  // Whole. Content-Length, Transfer-Encoding and Connection are written by the server ("Connection:
  // close" among `headers` is honoured); headers that could smuggle others make it a 500.
  void respond(int status, const wire::Headers& headers, std::string body);
  void begin(int status, const wire::Headers& headers);  // chunked
  void write(std::string_view bytes);                    // one chunk, flushed; after begin
  void write_raw(std::string bytes);  // bytes as they are, below chunking: for faults
  void end();                         // last chunk; after write_raw the connection closes instead
  void close();                       // cuts the answer: closes once what was written has been sent
  void reset();                       // closes at once, with RST where the system allows it
  bool open() const;                  // unfinished, and the client is still there
  // The client went away before end(); not called when the server stops. One listener.
  void on_close(std::function<void()> listener);
  std::size_t unsent_bytes() const;  // queued for a slow client; the caller holds back

  class Connection;
  explicit Responder(std::shared_ptr<Connection> connection);

 private:
  std::shared_ptr<Connection> connection_;
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: the system chooses
  std::size_t max_body_bytes = 64U << 20;
  std::size_t max_header_bytes = 64U << 10;
  std::size_t max_connections = 20'000;    // more wait in the system's queue
  Duration keep_alive = seconds(75);       // idle between two requests
  Duration request_timeout = seconds(60);  // from a request's first byte to its last
  Duration write_timeout = seconds(60);    // without any progress at a client that does not read
};

class Server {
 public:
  using Handler = std::function<void(ServerRequest, Responder)>;
  // Listening when it returns, on any thread; ErrorKind::connect names address and cause. `host` is
  // an address, or "localhost". The loop outlives the server.
  static Result<std::unique_ptr<Server>> listen(Loop& loop, const ServerOptions& options,
                                                Handler handler);
  ~Server();
  std::uint16_t port() const;
  std::size_t connections() const;  // open now; any thread
  std::uint64_t accepted() const;   // in all; any thread
  void stop();  // closes the listener and every connection; the handler is not called after it

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with its connections
};

}  // namespace llmroute::net
