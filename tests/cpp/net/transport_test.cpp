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

// --- the plain way -----------------------------------------------------------------------------

TEST(Transport, SendsAndReceives) {
  HttpServer server([](ServerRequest request, Responder responder) {
    wire::Headers headers;
    headers.add("Content-Type", "text/plain");
    headers.add("X-Method", request.method);
    headers.add("X-Target", request.target);
    headers.add("X-Key", std::string(request.headers.find("x-key").value_or("none")));
    headers.add("X-Empty", request.headers.find("x-empty") == "" ? "there" : "missing");
    headers.add("X-Expect", std::string(request.headers.find("expect").value_or("none")));
    headers.add("X-Length", std::string(request.headers.find("content-length").value_or("none")));
    responder.respond(201, headers, "got " + request.body);
  });
  Client client;
  wire::Request request{"POST", server.url("/v1/chat?x=1"), {}, "hello"};
  request.headers.add("X-Key", "k1");
  request.headers.add("X-Empty", "");
  request.headers.add("Content-Length", "99");
  const Seen seen = client.run(std::move(request));
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_EQ(seen.heads, 1);
  EXPECT_EQ(seen.dones, 1);
  EXPECT_EQ(seen.head.status, 201);
  EXPECT_EQ(seen.body, "got hello");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"x-method", "POST"}, {"x-target", "/v1/chat?x=1"}, {"x-key", "k1"},
      {"x-empty", "there"}, {"x-expect", "none"},         {"x-length", "5"}};
  for (const auto& [name, value] : expected) {
    EXPECT_EQ(seen.head.headers.find(name), value) << name;
  }
  EXPECT_TRUE(seen.times.connect.has_value());
  EXPECT_FALSE(seen.times.resent);
}

TEST(Transport, SpeaksEveryMethodOnOneHandle) {
  HttpServer server([](ServerRequest request, Responder responder) {
    wire::Headers headers;
    headers.add("X-Method", request.method);
    responder.respond(200, headers, request.body);
  });
  Client client;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"POST", "a"}, {"GET", ""}, {"PUT", "b"}, {"DELETE", ""},
      {"HEAD", ""},  {"GET", ""}, {"POST", ""}, {"PATCH", "c"}};
  for (const auto& [method, body] : cases) {
    const Seen seen = client.run({method, server.url(), {}, body});
    ASSERT_FALSE(seen.error) << method << ": " << seen.error->message;
    EXPECT_EQ(seen.head.headers.find("x-method"), method);
    EXPECT_EQ(seen.body, body) << method;
  }
  EXPECT_EQ(server.accepted(), 1U);
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

TEST(Transport, CarriesLargeBodiesBothWays) {
  HttpServer server([](ServerRequest request, Responder responder) {
    responder.respond(200, {}, std::move(request.body));
  });
  Client client;
  std::string body(5'000'000, 'x');
  for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i % 26);
  const Seen seen = client.post(server.url(), body);
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_TRUE(seen.body == body);
  EXPECT_GT(seen.pieces, 1);
}

TEST(Transport, DeliversChunksAsTheyCome) {
  Watched<std::optional<Responder>> out;
  HttpServer server([&](ServerRequest, Responder responder) {
    responder.begin(200, {});
    out.change([&](auto& o) { o = responder; });
  });
  Client client;
  ExchangeProbe probe;
  client.start({"POST", server.url(), {}, "x"}, probe);
  ASSERT_TRUE(out.wait([](const auto& o) { return o.has_value(); }));
  std::string expected;
  for (const std::string piece : {"one", "two", "three"}) {
    on_loop(server.loop(), [&] { out.get()->write(piece); });
    expected += piece;
    // The next piece is written only after this one has arrived.
    ASSERT_TRUE(probe.seen.wait([&](const Seen& s) { return s.body == expected; }));
  }
  EXPECT_EQ(probe.seen.get().dones, 0);
  on_loop(server.loop(), [&] {
    out.get()->end();
    out.change([](auto& o) { o.reset(); });
  });
  EXPECT_FALSE(probe.wait().error);
}

TEST(Transport, SkipsInterimAnswersAndTrailers) {
  RawServer server(
      reply_and_close("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                      "HTTP/1.1 200 OK\r\nX-A:  1 \r\nTransfer-Encoding: chunked\r\n"
                      "Connection: close\r\n\r\n"
                      "2\r\nok\r\n0\r\nX-Trailer: t\r\n\r\n"));
  Client client;
  const Seen seen = client.get(server.url());
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_EQ(seen.heads, 1);
  EXPECT_EQ(seen.head.status, 200);
  EXPECT_EQ(seen.head.headers.find("x-a"), "1");
  EXPECT_FALSE(seen.head.headers.find("link"));
  EXPECT_EQ(seen.body, "ok");
}

TEST(Transport, DoesNotFollowRedirects) {
  HttpServer server([](ServerRequest, Responder responder) {
    wire::Headers headers;
    headers.add("Location", "/elsewhere");
    responder.respond(307, headers, "moved");
  });
  Client client;
  const Seen seen = client.post(server.url(), "x");
  ASSERT_FALSE(seen.error);
  EXPECT_EQ(seen.head.status, 307);
  EXPECT_EQ(seen.body, "moved");
}

// --- encodings and bounds ------------------------------------------------------------------------

TEST(Transport, DecodesGzip) {
  const std::string plain(100'000, 'z');
  HttpServer server = encoded("gzip", gzip_of_repeated(plain[0], plain.size()));
  Client client;
  const Seen seen = client.get(server.url());
  ASSERT_FALSE(seen.error) << seen.error->message;
  EXPECT_TRUE(seen.body == plain);
}

TEST(Transport, BoundsTheDecodedBody) {
  // 200 KB on the wire, 32 MB after it: the bound must hold for what is delivered.
  HttpServer server = encoded("gzip", gzip_of_repeated('b', 32U << 20));
  Client client;
  ExchangeOptions options;
  options.max_response_bytes = 1U << 20;
  const Seen seen = client.get(server.url(), options);
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::protocol);
  EXPECT_TRUE(seen.error->sent);
  EXPECT_NE(seen.error->message.find("1048576"), std::string::npos) << seen.error->message;
  EXPECT_LE(seen.body.size(), options.max_response_bytes);
}

TEST(Transport, BoundsAreInclusive) {
  HttpServer server = HttpServer::fixed(200, std::string(1000, 'x'));
  Client client;
  ExchangeOptions options;
  options.max_response_bytes = 1000;
  EXPECT_FALSE(client.get(server.url(), options).error);
  options.max_response_bytes = 999;
  EXPECT_TRUE(client.get(server.url(), options).error);
}

TEST(Transport, BoundsTheHeaders) {
  HttpServer server([](ServerRequest, Responder responder) {
    wire::Headers headers;
    for (int i = 0; i < 200; ++i) headers.add("X-" + std::to_string(i), std::string(100, 'h'));
    responder.respond(200, headers, "x");
  });
  Client client;
  ExchangeOptions options;
  EXPECT_FALSE(client.get(server.url(), options).error);
  options.max_header_bytes = 10'000;
  const Seen seen = client.get(server.url(), options);
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::protocol);
  EXPECT_EQ(seen.heads, 0);
}

// --- what is not sent
// ------------------------------------------------------------------------------

TEST(Transport, RefusesBadRequestsBeforeSending) {
  HttpServer server = HttpServer::fixed(200, "ok");
  const auto with_header = [&](const char* name, std::string value) {
    wire::Request request{"POST", server.url(), {}, "x"};
    request.headers.add(name, std::move(value));
    return request;
  };
  const std::vector<wire::Request> cases = {
      with_header("X-A", "1\r\nX-Evil: 2"),
      with_header("X-A", "1\n2"),
      with_header("X-A", std::string("1\0", 2)),
      with_header("X A", "1"),
      with_header("X:A", "1"),
      with_header("", "1"),
      {"PO ST", server.url(), {}, "x"},
      {"", server.url(), {}, "x"},
      {"GET", "ftp://127.0.0.1/x", {}, ""},
      {"GET", "file:///etc/passwd", {}, ""},
      {"GET", "127.0.0.1", {}, ""},
      {"GET", "http://", {}, ""},
      {"GET", "http://127.0.0.1:99999/", {}, ""},
      {"GET", "http://127.0.0.1/\r\nX-Evil: 1", {}, ""},
  };
  Client client;
  for (const auto& request : cases) {
    const Seen seen = client.run(request);
    ASSERT_TRUE(seen.error) << request.method << " " << request.url;
    EXPECT_EQ(seen.error->kind, ErrorKind::invalid_argument) << seen.error->message;
    EXPECT_FALSE(seen.error->sent);
    EXPECT_EQ(seen.error->message.find("Evil"), std::string::npos);
  }
  EXPECT_EQ(server.accepted(), 0U);
}

TEST(Transport, ARefusedRequestCanBeCancelled) {
  Client client;
  ExchangeProbe probe;
  on_loop(client.loop(), [&] {
    const auto id = client.transport().start({"GET", "nonsense", {}, ""}, {}, probe);
    client.transport().cancel(id);
    EXPECT_EQ(client.transport().in_flight(), 0U);
  });
  on_loop(client.loop(), [] {});
  EXPECT_EQ(probe.seen.get().dones, 0);
}

// --- failures
// ----------------------------------------------------------------------------------------

std::uint16_t closed_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = RawSocket::loopback(0);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

TEST(TransportFailure, ConnectionRefused) {
  Client client;
  const std::string port = std::to_string(closed_port());
  const Seen seen = client.post("http://user:pass@127.0.0.1:" + port + "/secret?key=1", "x");
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::connect);
  EXPECT_FALSE(seen.error->sent);
  EXPECT_NE(seen.error->message.find("127.0.0.1:" + port), std::string::npos);
  for (const char* hidden : {"secret", "key=", "pass"}) {
    EXPECT_EQ(seen.error->message.find(hidden), std::string::npos) << seen.error->message;
  }
}

TEST(TransportFailure, UnknownName) {
  Client client;
  const Seen seen = client.get("http://no-such-host.invalid/");
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::connect);
  EXPECT_NE(seen.error->message.find("no-such-host.invalid"), std::string::npos);
  EXPECT_FALSE(seen.error->sent);
}

// A listener that never accepts: once its queue is full the system answers no further SYN.
class FullListener {
 public:
  FullListener() {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = RawSocket::loopback(0);
    socklen_t size = sizeof address;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(fd_, 0);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    for (int i = 0; i < 4; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      ::connect(fd, reinterpret_cast<sockaddr*>(&address), size);
      fillers_.emplace_back(fd);
    }
  }
  ~FullListener() { ::close(fd_); }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;
  std::uint16_t port = 0;

 private:
  int fd_;
  std::vector<RawSocket> fillers_;
};

TEST(TransportFailure, ConnectTimeout) {
  const FullListener listener;
  Client client;
  ExchangeOptions options;
  options.connect_timeout = milliseconds(80);
  const Seen seen = client.get("http://127.0.0.1:" + std::to_string(listener.port) + "/", options);
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::attempt_timeout) << seen.error->message;
  EXPECT_FALSE(seen.error->sent);
  EXPECT_NE(seen.error->message.find("80 ms"), std::string::npos);
}

struct BadReply {
  const char* name;
  std::string bytes;
  ErrorKind kind;
  int heads;
};

TEST(TransportFailure, RepliesThatAreCutOrNoHttp) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<BadReply> cases = {
      {"nothing", "", ErrorKind::stream_interrupted, 0},
      {"half a head", "HTTP/1.1 200 OK\r\nX-A", ErrorKind::stream_interrupted, 0},
      {"short body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
       ErrorKind::stream_interrupted, 1},
      {"chunks without end", chunked + "3\r\nabc\r\n", ErrorKind::stream_interrupted, 1},
      {"half a chunk", chunked + "30\r\nabc", ErrorKind::stream_interrupted, 1},
      {"malformed chunk", chunked + "3\r\nabc\r\nzz\r\n", ErrorKind::protocol, 1},
      {"garbage", "\x16\x03\x01 hello, I am no HTTP server", ErrorKind::protocol, 0},
      {"bad length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", ErrorKind::protocol, 0},
      {"not gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
       ErrorKind::protocol, 1},
  };
  for (const BadReply& bad : cases) {
    RawServer server(reply_and_close(bad.bytes));
    Client client;
    const Seen seen = client.post(server.url(), "{}");
    ASSERT_TRUE(seen.error) << bad.name;
    EXPECT_EQ(seen.error->kind, bad.kind) << bad.name << ": " << seen.error->message;
    EXPECT_TRUE(seen.error->sent) << bad.name;
    EXPECT_EQ(seen.heads, bad.heads) << bad.name;
    EXPECT_EQ(server.accepted(), 1) << bad.name << ": must not be sent twice";
  }
}

TEST(TransportFailure, ResetInTheMiddle) {
  RawServer server([](RawSocket socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
    // The client must have seen the head before the reset, which discards what is unread.
    socket.close_with_reset();
  });
  Client client;
  const Seen seen = client.get(server.url());
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::stream_interrupted) << seen.error->message;
}

TEST(TransportFailure, ProxyThatIsNotThere) {
  HttpServer server = HttpServer::fixed(200, "direct");
  Client client;
  ExchangeOptions options;
  options.proxy = "http://127.0.0.1:" + std::to_string(closed_port());
  const Seen seen = client.get(server.url(), options);
  ASSERT_TRUE(seen.error);
  EXPECT_EQ(seen.error->kind, ErrorKind::connect);
  EXPECT_EQ(server.accepted(), 0U);
  // The same handle without a proxy goes directly again.
  EXPECT_FALSE(client.get(server.url()).error);
}

TEST(Transport, UsesTheProxyItIsGivenAndNoOther) {
  HttpServer proxy([](ServerRequest request, Responder responder) {
    responder.respond(200, {}, "proxied " + request.target);
  });
  HttpServer server = HttpServer::fixed(200, "direct");
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  ::setenv("no_proxy", "*", 1);
  Client client;
  ExchangeOptions options;
  EXPECT_EQ(client.get(server.url(), options).body, "direct");
  options.proxy = proxy.url("");
  EXPECT_EQ(client.get("http://example.invalid/a", options).body,
            "proxied http://example.invalid/a");
  ::unsetenv("http_proxy");
  ::unsetenv("no_proxy");
}

// --- kept connections that died
// ----------------------------------------------------------------------

TEST(Transport, EndsWithExchangesInFlight) {
  Watched<int> asked;
  std::vector<Responder> held;  // server loop
  HttpServer server([&](ServerRequest, Responder responder) {
    held.push_back(std::move(responder));
    asked.change([](int& a) { ++a; });
  });
  ExchangeProbe probes[3];
  {
    Client client;
    for (auto& probe : probes) client.start({"GET", server.url(), {}, ""}, probe);
    ASSERT_TRUE(asked.wait([](int a) { return a == 3; }));
  }
  for (auto& probe : probes) EXPECT_EQ(probe.seen.get().dones, 0);
  on_loop(server.loop(), [&] { held.clear(); });
}

// --- many
// ------------------------------------------------------------------------------------------------

std::size_t spare_descriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

TEST(TransportMany, TwoThousandAtOnce) {
  constexpr std::size_t kCount = 2'000;
  if (spare_descriptors() < 2 * kCount + 200)
    GTEST_SKIP() << "the file descriptor limit is too low";
  std::vector<Responder> held;  // server loop
  Watched<std::size_t> asked;
  HttpServer server([&](ServerRequest, Responder responder) {
    held.push_back(std::move(responder));
    asked.change([](std::size_t& a) { ++a; });
  });
  Client client;
  std::vector<std::unique_ptr<ExchangeProbe>> probes;
  for (std::size_t i = 0; i < kCount; ++i) probes.push_back(std::make_unique<ExchangeProbe>());
  on_loop(client.loop(), [&] {
    for (auto& probe : probes) {
      probe->id = client.transport().start({"POST", server.url(), {}, "x"}, {}, *probe);
    }
    EXPECT_EQ(client.transport().in_flight(), kCount);
  });
  // All are in flight before the first is answered.
  ASSERT_TRUE(asked.wait([](std::size_t a) { return a == kCount; }));
  on_loop(server.loop(), [&] {
    for (auto& responder : held) responder.respond(200, {}, "ok");
    held.clear();
  });
  for (auto& probe : probes) {
    const Seen seen = probe->wait();
    ASSERT_FALSE(seen.error) << seen.error->message;
    ASSERT_EQ(seen.body, "ok");
  }
  EXPECT_EQ(server.accepted(), kCount);
}

}  // namespace
}  // namespace llmroute::net
