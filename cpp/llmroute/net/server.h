// HTTP/1.1 server on Boost.Beast: keep-alive, chunked, server-sent events, bounded bodies.
//
// The handler runs on the loop thread and answers through the Responder now or later, from the same
// thread. A Responder that is dropped unfinished closes its connection. The server stops in stop()
// or its destructor, on any thread but the loop's.
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
  std::string target;      // path and query
  wire::Headers headers;
  std::string body;
};

// One answer. Copies share the same answer. All methods after the connection is gone do nothing.
class Responder {
 public:
  void respond(int status, const wire::Headers& headers, std::string body);  // whole
  void begin(int status, const wire::Headers& headers);                      // chunked
  void write(std::string_view bytes);   // one chunk, flushed; after begin
  void write_raw(std::string bytes);    // bytes as they are, below chunking: for faults
  void end();                           // last chunk
  void reset();                         // closes with RST where the system allows it
  bool open() const;                    // the client is still there
  void on_close(std::function<void()> listener);  // the client went away before end()
  std::size_t unsent_bytes() const;     // queued for a slow client; the caller holds back

  class Connection;
  explicit Responder(std::shared_ptr<Connection> connection);

 private:
  std::shared_ptr<Connection> connection_;
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;          // 0: the system chooses
  std::size_t max_body_bytes = 64U << 20;
  std::size_t max_header_bytes = 64U << 10;
  std::size_t max_connections = 20'000;
  Duration keep_alive = seconds(75);
};

class Server {
 public:
  using Handler = std::function<void(ServerRequest, Responder)>;
  // Listening when it returns; ErrorKind::connect names address and cause.
  static Result<std::unique_ptr<Server>> listen(Loop& loop, const ServerOptions& options,
                                                Handler handler);
  ~Server();
  std::uint16_t port() const;
  std::size_t connections() const;  // open now; any thread
  std::uint64_t accepted() const;   // in all; any thread
  void stop();                      // closes the listener and every connection

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace llmroute::net
