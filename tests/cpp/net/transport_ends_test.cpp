// Connections that died idle, cancelling and pausing.
#include "llmroute/net/transport.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <vector>

#include "llmroute/net/server.h"
#include "support/exchange_probe.h"
#include "support/gzip.h"
#include "support/http_server.h"
#include "support/manual_clock.h"
#include "support/raw_socket.h"

namespace llmroute::net {
namespace {

using test::Client;
using test::ExchangeProbe;
using test::gzip_of_repeated;
using test::HttpServer;
using test::kPatience;
using test::ManualClock;
using test::on_loop;
using test::RawServer;
using test::RawSocket;
using test::reply_and_close;
using test::Seen;
using test::Watched;

HttpServer encoded(const std::string& encoding, std::string body) {
  return HttpServer([encoding, body = std::move(body)](ServerRequest, Responder responder) {
    wire::Headers headers;
    headers.add("Content-Encoding", encoding);
    responder.respond(200, headers, body);
  });
}

// Answers the first request of every connection; at the second of the first connection it closes
// without a word, as a server does whose keep-alive time ends in that very moment.
RawServer::Script forgets_its_first_connection() {
  return [](RawSocket socket, int number) {
    for (int i = 0; i < 2; ++i) {
      if (socket.read_until("\r\n\r\n").empty()) return;
      if (number == 0 && i == 1) return;
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  };
}

TEST(TransportStale, AConnectionThatDiedIdleIsNoFailure) {
  RawServer server(forgets_its_first_connection());
  ManualClock clock;
  Client client(clock);
  EXPECT_FALSE(client.get(server.url()).error);
  clock.advance(seconds(10));
  const Seen seen = client.get(server.url());
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_EQ(seen.body, "ok");
  EXPECT_TRUE(seen.times.resent);
  EXPECT_EQ(server.accepted(), 2);
}

TEST(TransportStale, ABusyConnectionThatDiesIsReportedAndNotSentAgain) {
  RawServer server(forgets_its_first_connection());
  ManualClock clock;
  Client client(clock);
  EXPECT_FALSE(client.get(server.url()).error);
  const Seen seen = client.get(server.url());
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::stream_interrupted);
  EXPECT_TRUE(seen.error->sent);
  EXPECT_FALSE(seen.times.resent);
  EXPECT_FALSE(client.get(server.url()).error) << "the next one gets a new connection";
}

TEST(TransportStale, AConnectionClosedBeforeTheRequestIsNotUsed) {
  auto server = std::make_unique<HttpServer>(HttpServer::fixed(200, "ok"));
  const std::string url = server->url();
  ServerOptions same_port;
  same_port.port = server->port();
  Client client;
  EXPECT_FALSE(client.post(url, "x").error);
  server.reset();  // closes the kept connection
  HttpServer again([](ServerRequest, Responder r) { r.respond(200, {}, "new"); }, same_port);
  const Seen seen = client.post(url, "x");
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_EQ(seen.body, "new");
}

// --- cancelling, pausing, callbacks
// --------------------------------------------------------------------

TEST(TransportCancel, ClosesTheSocketAtOnce) {
  Watched<int> closed;
  Watched<int> asked;
  std::optional<Responder> held;  // server loop
  HttpServer server([&](ServerRequest, Responder responder) {
    responder.on_close([&] {
      held.reset();
      closed.change([](int& c) { ++c; });
    });
    held = std::move(responder);
    asked.change([](int& a) { ++a; });
  });
  Client client;
  ExchangeProbe probe;
  const auto id = client.start({"POST", server.url(), {}, "x"}, probe);
  ASSERT_TRUE(asked.wait([](int a) { return a == 1; }));
  client.cancel(id);
  client.cancel(id);
  EXPECT_TRUE(closed.wait([](int c) { return c == 1; }));
  on_loop(client.loop(), [&] { EXPECT_EQ(client.transport().in_flight(), 0U); });
  EXPECT_EQ(probe.seen.get().dones, 0);
}

TEST(TransportCancel, InsideCallbacksIsSafe) {
  HttpServer server([](ServerRequest, Responder responder) {
    responder.begin(200, {});
    for (int i = 0; i < 100; ++i) responder.write(std::string(10'000, 'x'));
    responder.end();
  });
  Client client;
  for (const bool in_head : {true, false}) {
    auto probe = std::make_unique<ExchangeProbe>();
    Watched<int> gone;
    const auto cancel_and_die = [&] {
      client.transport().cancel(probe->id);
      client.loop().post([&] {
        probe.reset();
        gone.change([](int& g) { ++g; });
      });
    };
    if (in_head) {
      probe->head_hook = cancel_and_die;
    } else {
      probe->body_hook = [&](std::string_view) {
        cancel_and_die();
        return true;
      };
    }
    ExchangeProbe& watched = *probe;
    on_loop(client.loop(), [&] {
      watched.id = client.transport().start({"GET", server.url(), {}, ""}, {}, watched);
    });
    EXPECT_TRUE(gone.wait([](int g) { return g == 1; }));
    on_loop(client.loop(), [&] { EXPECT_EQ(client.transport().in_flight(), 0U); });
  }
}

TEST(TransportCancel, OneExchangeMayCancelAndStartOthers) {
  HttpServer server([](ServerRequest request, Responder responder) {
    if (request.target == "/wait") {
      responder.on_close([responder] {});  // keeps the answer open until the client goes
      return;
    }
    responder.respond(200, {}, request.target);
  });
  Client client;
  ExchangeProbe waiting;
  ExchangeProbe first;
  ExchangeProbe second;
  ExchangeProbe third;
  const auto start = [&](const char* path, ExchangeProbe& probe) {
    probe.id = client.transport().start({"GET", server.url(path), {}, ""}, {}, probe);
  };
  first.body_hook = [&](std::string_view) {
    client.transport().cancel(waiting.id);
    start("/second", second);
    return true;
  };
  first.done_hook = [&] { start("/third", third); };
  on_loop(client.loop(), [&] {
    start("/wait", waiting);
    start("/first", first);
  });
  EXPECT_EQ(first.wait().body, "/first");
  EXPECT_EQ(second.wait().body, "/second");
  EXPECT_EQ(third.wait().body, "/third");
  EXPECT_EQ(waiting.seen.get().dones, 0);
  on_loop(client.loop(), [&] { EXPECT_EQ(client.transport().in_flight(), 0U); });
}

TEST(TransportCancel, WhileANameIsBeingResolvedDoesNotWait) {
  Client client;
  for (int i = 0; i < 20; ++i) {
    ExchangeProbe probe;
    on_loop(client.loop(), [&] {
      const auto id =
          client.transport().start({"GET", "http://no-such-host.invalid/", {}, ""}, {}, probe);
      client.loop().post([&client, id] { client.transport().cancel(id); });
    });
    // Cancelled, or failed already where the system says no at once.
    on_loop(client.loop(), [&] { EXPECT_EQ(client.transport().in_flight(), 0U); });
  }
}

TEST(TransportPause, StopsReadingUntilResumed) {
  constexpr std::size_t kAll = 64U << 20;
  Watched<std::size_t> unsent;
  std::optional<Responder> out;  // server loop
  HttpServer server([&](ServerRequest, Responder responder) {
    responder.begin(200, {});
    const std::string piece(1U << 20, 'p');
    for (std::size_t i = 0; i < kAll; i += piece.size()) responder.write(piece);
    unsent.change([&](auto& u) { u = responder.unsent_bytes(); });
    responder.end();
  });
  Client client;
  ExchangeProbe probe;
  std::atomic<bool> pause = true;
  probe.body_hook = [&](std::string_view) { return !pause; };
  client.start({"GET", server.url(), {}, ""}, probe);
  ASSERT_TRUE(probe.seen.wait([](const Seen& s) { return s.pieces == 1; }));
  // A stuck client shows at the server as bytes that were not taken.
  ASSERT_TRUE(unsent.wait([](std::size_t u) { return u > 0; }));
  EXPECT_EQ(probe.seen.get().pieces, 1) << "one piece, then silence";
  for (int round = 2; round < 5; ++round) {
    client.resume(probe.id);
    ASSERT_TRUE(probe.seen.wait([&](const Seen& s) { return s.pieces == round; }));
  }
  pause = false;
  client.resume(probe.id);
  const Seen seen = probe.wait();
  EXPECT_FALSE(seen.error);
  EXPECT_EQ(seen.body.size(), kAll);
}

TEST(TransportPause, APausedExchangeCanBeCancelled) {
  Watched<int> closed;
  std::optional<Responder> held;
  HttpServer server([&](ServerRequest, Responder responder) {
    responder.on_close([&] { closed.change([](int& c) { ++c; }); });
    responder.begin(200, {});
    responder.write(std::string(1U << 20, 'x'));
    held = responder;
  });
  Client client;
  ExchangeProbe probe;
  probe.body_hook = [](std::string_view) { return false; };
  const auto id = client.start({"GET", server.url(), {}, ""}, probe);
  ASSERT_TRUE(probe.seen.wait([](const Seen& s) { return s.pieces == 1; }));
  client.cancel(id);
  client.resume(id);
  EXPECT_TRUE(closed.wait([](int c) { return c == 1; }));
  on_loop(server.loop(), [&] { held.reset(); });
}

TEST(TransportPause, CompressedBytesWaitToo) {
  const std::string plain(3'000'000, 'q');
  HttpServer server = encoded("gzip", gzip_of_repeated(plain[0], plain.size()));
  Client client;
  ExchangeProbe probe;
  probe.body_hook = [&](std::string_view) {
    // Asked for inside the very callback that pauses: must not be lost.
    client.transport().resume(probe.id);
    return false;
  };
  client.start({"GET", server.url(), {}, ""}, probe);
  const Seen seen = probe.wait();
  EXPECT_FALSE(seen.error);
  EXPECT_TRUE(seen.body == plain);
}

TEST(Transport, IgnoresUnknownIds) {
  Client client;
  on_loop(client.loop(), [&] {
    for (const ExchangeId id : {ExchangeId{0}, ExchangeId{1}, ~ExchangeId{0}}) {
      client.transport().cancel(id);
      client.transport().resume(id);
    }
    EXPECT_EQ(client.transport().in_flight(), 0U);
  });
}

}  // namespace
}  // namespace llmroute::net
