#include "llmroute/net/transport.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "llmroute/net/server.h"
#include "support/exchange_probe.h"
#include "support/http_server.h"

namespace llmroute::net {
namespace {

using test::Client;
using test::HttpServer;
using test::Seen;

TEST(Transport, SendsAndReceives) {
  HttpServer server([](ServerRequest request, Responder responder) {
    wire::Headers headers;
    headers.add("Content-Type", "text/plain");
    headers.add("X-Method", request.method);
    headers.add("X-Target", request.target);
    headers.add("X-Key", std::string(request.headers.find("x-key").value_or("none")));
    responder.respond(201, headers, "got " + request.body);
  });
  Client client;
  wire::Request request{"POST", server.url("/v1/chat?x=1"), {}, "hello"};
  request.headers.add("X-Key", "k1");
  const Seen seen = client.run(std::move(request));
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_EQ(seen.heads, 1);
  EXPECT_EQ(seen.head.status, 201);
  EXPECT_EQ(seen.body, "got hello");
  EXPECT_EQ(seen.head.headers.find("x-method"), "POST");
  EXPECT_EQ(seen.head.headers.find("x-target"), "/v1/chat?x=1");
  EXPECT_EQ(seen.head.headers.find("x-key"), "k1");
  EXPECT_TRUE(seen.times.connect.has_value());
}

TEST(Transport, KeepsConnections) {
  HttpServer server = HttpServer::fixed(200, "ok");
  Client client;
  for (int i = 0; i < 20; ++i) {
    const Seen seen = client.post(server.url(), "x");
    ASSERT_FALSE(seen.error) << seen.error->message;
    EXPECT_EQ(seen.times.connect.has_value(), i == 0);
  }
  EXPECT_EQ(server.accepted(), 1U);
}

}  // namespace
}  // namespace llmroute::net
