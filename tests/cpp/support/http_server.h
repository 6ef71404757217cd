// Our own HTTP server on its own loop, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "llmroute/net/server.h"
#include "support/on_loop.h"

namespace llmroute::test {

class HttpServer {
 public:
  explicit HttpServer(net::Server::Handler handler, const net::ServerOptions& options = {},
                      const Clock& clock = system_clock())
      : loop_(std::make_unique<net::Loop>(clock, "test-server")) {
    auto listening = net::Server::listen(*loop_, options, std::move(handler));
    EXPECT_TRUE(listening.has_value());
    if (listening) server_ = std::move(*listening);
  }
  // The same answer to everything.
  static HttpServer fixed(int status, std::string body) {
    return HttpServer(
        [status, body = std::move(body)](net::ServerRequest, net::Responder responder) {
          responder.respond(status, {}, body);
        });
  }

  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + path;
  }
  std::uint16_t port() const { return server_->port(); }
  std::uint64_t accepted() const { return server_->accepted(); }
  net::Server& server() { return *server_; }
  net::Loop& loop() { return *loop_; }

 private:
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Server> server_;  // destroyed before its loop
};

}  // namespace llmroute::test
