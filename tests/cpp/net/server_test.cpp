#include "llmroute/net/server.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/http_server.h"
#include "support/manual_clock.h"
#include "support/raw_socket.h"

namespace llmroute::net {
namespace {

using test::HttpServer;
using test::ManualClock;
using test::on_loop;
using test::RawSocket;
using test::Watched;

// Says back what was asked, as "METHOD target body".
HttpServer echo(const ServerOptions& options = {}, const Clock& clock = system_clock()) {
  return HttpServer(
      [](ServerRequest request, Responder responder) {
        responder.respond(200, {}, request.method + " " + request.target + " " + request.body);
      },
      options, clock);
}

std::string body_of(const std::string& reply) {
  const auto head = reply.find("\r\n\r\n");
  return head == std::string::npos ? "" : reply.substr(head + 4);
}

std::string ask(std::uint16_t port, const std::string& bytes) {
  const RawSocket socket = RawSocket::connect(port);
  EXPECT_TRUE(socket.send(bytes));
  return socket.read_to_end();
}

// --- requests --------------------------------------------------------------------------------------

TEST(Server, AnswersAndKeepsTheConnection) {
  HttpServer server = echo();
  const RawSocket socket = RawSocket::connect(server.port());
  for (int i = 0; i < 3; ++i) {
    socket.send("POST /a?b=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    const std::string reply = socket.read_until("abc");
    EXPECT_EQ(reply.substr(0, 15), "HTTP/1.1 200 OK");
    EXPECT_EQ(body_of(reply), "POST /a?b=1 abc");
    EXPECT_NE(reply.find("Content-Length: 15\r\n"), std::string::npos);
    EXPECT_EQ(reply.find("Connection:"), std::string::npos);
  }
  EXPECT_EQ(server.accepted(), 1U);
  EXPECT_EQ(server.server().connections(), 1U);
}

struct Exchange {
  const char* name;
  std::string sent;
  std::string status;  // begin of the reply
  std::string body;    // its end
};

// Every one of these ends with the server closing the connection.
TEST(Server, ReadsWhatIsARequestAndRefusesWhatIsNot) {
  ServerOptions options;
  options.max_header_bytes = 2'000;
  options.max_body_bytes = 100;
  HttpServer server = echo(options);
  const std::string close = "Connection: close\r\n";
  const std::string big(3'000, 'h');
  const std::vector<Exchange> cases = {
      {"close asked for", "GET / HTTP/1.1\r\n" + close + "\r\n", "HTTP/1.1 200", "GET / "},
      {"line ends first", "\r\n\r\nGET / HTTP/1.1\r\n" + close + "\r\n", "HTTP/1.1 200", "GET / "},
      {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "GET / "},
      {"chunked",
       "POST / HTTP/1.1\r\n" + close +
           "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
       "HTTP/1.1 200", "POST / abcde"},
      {"HEAD", "HEAD / HTTP/1.1\r\n" + close + "\r\n", "HTTP/1.1 200", "Length: 7\r\n\r\n"},
      {"no HTTP", "hello\r\n\r\n", "HTTP/1.1 400", "Bad Request\n"},
      {"TLS on a plain port", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
       "HTTP/1.1 400", "Bad Request\n"},
      {"bad version", "GET / HTTP/3.7\r\n\r\n", "HTTP/1.1 505", "Supported\n"},
      {"bad header name", "GET / HTTP/1.1\r\nX Y: 1\r\n\r\n", "HTTP/1.1 400", ""},
      {"NUL in a value", std::string("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", 27), "HTTP/1.1 400", ""},
      {"two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
       "HTTP/1.1 400", ""},
      {"length and chunks",
       "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "HTTP/1.1 400", ""},
      {"negative length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400", ""},
      {"bad chunk", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400",
       ""},
      {"header too large", "GET / HTTP/1.1\r\nX: " + big + "\r\n\r\n", "HTTP/1.1 431", "Large\n"},
      {"target too large", "GET /" + big + " HTTP/1.1\r\n\r\n", "HTTP/1.1 431", "Large\n"},
      {"endless first line", big, "HTTP/1.1 431", "Large\n"},
      {"body too large", "POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'b'),
       "HTTP/1.1 413", "Large\n"},
      {"chunks too large",
       "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n80\r\n" + std::string(128, 'b'),
       "HTTP/1.1 413", "Large\n"},
      {"unknown expectation", "GET / HTTP/1.1\r\nExpect: magic\r\n\r\n", "HTTP/1.1 417", ""},
  };
  for (const Exchange& exchange : cases) {
    const std::string reply = ask(server.port(), exchange.sent);
    EXPECT_EQ(reply.substr(0, exchange.status.size()), exchange.status) << exchange.name;
    EXPECT_NE(reply.find("Connection: close\r\n"), std::string::npos) << exchange.name;
    ASSERT_GE(reply.size(), exchange.body.size()) << exchange.name;
    EXPECT_EQ(reply.substr(reply.size() - exchange.body.size()), exchange.body) << exchange.name;
  }
}

TEST(Server, ReadsARequestThatComesByteByByte) {
  HttpServer server = echo();
  const RawSocket socket = RawSocket::connect(server.port());
  for (const char c : std::string("POST /slow HTTP/1.1\r\nContent-Length: 2\r\n\r\nok")) {
    ASSERT_TRUE(socket.send({&c, 1}));
    on_loop(server.loop(), [] {});  // gives the server its turn
  }
  EXPECT_EQ(body_of(socket.read_until("ok")), "POST /slow ok");
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  HttpServer server = echo();
  const RawSocket socket = RawSocket::connect(server.port());
  std::string all;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
  }
  all += "GET /last HTTP/1.1\r\nConnection: close\r\n\r\n";
  ASSERT_TRUE(socket.send(all));
  const std::string replies = socket.read_to_end();
  std::size_t place = 0;
  for (int i = 0; i < 200; ++i) {
    place = replies.find("GET /" + std::to_string(i) + " ", place);
    ASSERT_NE(place, std::string::npos) << i;
  }
  EXPECT_NE(replies.find("GET /last ", place), std::string::npos);
}

TEST(Server, AnswersPipelinedRequestsThatAreAnsweredLater) {
  Watched<std::vector<std::string>> asked;
  std::vector<Responder> held;  // server loop
  HttpServer server([&](ServerRequest request, Responder responder) {
    held.push_back(std::move(responder));
    asked.change([&](auto& a) { a.push_back(request.target); });
  });
  const RawSocket socket = RawSocket::connect(server.port());
  socket.send("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(asked.wait([](const auto& a) { return a.size() == 1; }));
  on_loop(server.loop(), [&] {
    EXPECT_EQ(asked.get().size(), 1U) << "one at a time";
    held[0].respond(200, {}, "first!");
  });
  ASSERT_TRUE(asked.wait([](const auto& a) { return a.size() == 2; }));
  on_loop(server.loop(), [&] {
    held[0].respond(200, {}, "too late");  // ended: does nothing
    held[1].respond(200, {}, "second!");
    held.clear();
  });
  const std::string replies = socket.read_until("second!");
  EXPECT_NE(replies.find("first!"), std::string::npos);
  EXPECT_EQ(replies.find("too late"), std::string::npos);
}

TEST(Server, TellsAWaitingClientToGoOn) {
  HttpServer server = echo();
  const RawSocket socket = RawSocket::connect(server.port());
  socket.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("hi");
  EXPECT_EQ(body_of(socket.read_until("hi")), "POST / hi");
}

// --- answers ------------------------------------------------------------------------------------------

TEST(Server, WritesChunksAtOnce) {
  Watched<std::optional<Responder>> out;
  HttpServer server([&](ServerRequest, Responder responder) {
    wire::Headers headers;
    headers.add("Content-Type", "text/event-stream");
    headers.add("Transfer-Encoding", "mine");  // left out: framing is the server's
    responder.begin(200, headers);
    out.change([&](auto& o) { o = responder; });
  });
  const RawSocket socket = RawSocket::connect(server.port());
  socket.send("GET / HTTP/1.1\r\n\r\n");
  const std::string head = socket.read_until("\r\n\r\n");
  EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(head.find("mine"), std::string::npos);
  ASSERT_TRUE(out.wait([](const auto& o) { return o.has_value(); }));
  on_loop(server.loop(), [&] { out.get()->write("data: 1\n\n"); });
  EXPECT_EQ(socket.read_until("\n\n\r\n"), "9\r\ndata: 1\n\n\r\n");
  on_loop(server.loop(), [&] {
    out.get()->write("");  // would end the body
    out.get()->write(std::string(20, 'x'));
    out.get()->end();
    EXPECT_FALSE(out.get()->open());
    out.get()->write("late");
  });
  EXPECT_EQ(socket.read_until("0\r\n\r\n"), "14\r\n" + std::string(20, 'x') + "\r\n0\r\n\r\n");
  // The connection goes on.
  socket.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(socket.read_until("\r\n\r\n").empty());
  on_loop(server.loop(), [&] { out.change([](auto& o) { o.reset(); }); });
}

TEST(Server, StreamsToOldClientsWithoutChunks) {
  HttpServer server([](ServerRequest, Responder responder) {
    responder.begin(200, {});
    responder.write("a");
    responder.write("b");
    responder.end();
  });
  const std::string reply = ask(server.port(), "GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(reply), "ab");
  EXPECT_EQ(reply.find("chunked"), std::string::npos);
}

TEST(Server, SendsNoBodyWhereThereIsNone) {
  HttpServer server([](ServerRequest request, Responder responder) {
    responder.respond(request.target == "/204" ? 204 : 200, {}, "body");
  });
  const std::string end = "Connection: close\r\n\r\n";
  const std::string no_content = ask(server.port(), "GET /204 HTTP/1.1\r\n" + end);
  EXPECT_EQ(body_of(no_content), "");
  EXPECT_EQ(no_content.find("Content-Length"), std::string::npos);
  const std::string head = ask(server.port(), "HEAD / HTTP/1.1\r\n" + end);
  EXPECT_EQ(body_of(head), "");
  EXPECT_NE(head.find("Content-Length: 4\r\n"), std::string::npos);
}

TEST(Server, DoesNotSendHeadersThatSmuggle) {
  HttpServer server([](ServerRequest, Responder responder) {
    wire::Headers headers;
    headers.add("X-A", "1\r\nX-Evil: 2");
    responder.respond(200, headers, "x");
  });
  const std::string reply = ask(server.port(), "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(reply.substr(0, 12), "HTTP/1.1 500");
  EXPECT_EQ(reply.find("Evil"), std::string::npos);
}

TEST(Server, CanBreakOnPurpose) {
  HttpServer server([](ServerRequest request, Responder responder) {
    if (request.target == "/dropped") return;
    if (request.target == "/garbage") {
      responder.write_raw("no HTTP at all");
      return responder.end();
    }
    responder.begin(200, {});
    responder.write("part");
    if (request.target == "/reset") return responder.reset();
    if (request.target == "/cut") return responder.close();
    responder.write_raw("zz\r\n");
    responder.end();
  });
  const auto get = [&](const std::string& path) {
    return ask(server.port(), "GET " + path + " HTTP/1.1\r\n\r\n");
  };
  EXPECT_EQ(get("/dropped"), "");
  EXPECT_EQ(get("/garbage"), "no HTTP at all");
  EXPECT_EQ(body_of(get("/cut")), "4\r\npart\r\n");
  EXPECT_EQ(body_of(get("/malformed")), "4\r\npart\r\nzz\r\n");

  const RawSocket socket = RawSocket::connect(server.port());
  socket.send("GET /reset HTTP/1.1\r\n\r\n");
  std::string all;
  while (true) {
    char c = 0;
    const ssize_t n = ::recv(socket.fd(), &c, 1, 0);
    if (n == 1) continue;
    EXPECT_EQ(n, -1);
    EXPECT_EQ(errno, ECONNRESET);
    break;
  }
}

// --- clients that misbehave ------------------------------------------------------------------------------

TEST(Server, NoticesAClientThatGoesAway) {
  Watched<int> asked;
  Watched<int> closed;
  std::optional<Responder> held;  // server loop
  HttpServer server([&](ServerRequest, Responder responder) {
    responder.on_close([&] {
      EXPECT_FALSE(held->open());
      held->write("nobody there");
      closed.change([](int& c) { ++c; });
    });
    held = responder;
    asked.change([](int& a) { ++a; });
  });
  for (int round = 1; round <= 2; ++round) {
    RawSocket socket = RawSocket::connect(server.port());
    socket.send("GET / HTTP/1.1\r\n\r\nGET /pipelined HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(asked.wait([&](int a) { return a == round; }));
    if (round == 1) socket.close();
    if (round == 2) socket.close_with_reset();
    EXPECT_TRUE(closed.wait([&](int c) { return c == round; }));
  }
  on_loop(server.loop(), [&] { held.reset(); });
}

TEST(Server, QueuesForASlowClientAndSaysSo) {
  constexpr std::size_t kPiece = 1U << 20;
  constexpr int kPieces = 32;
  Watched<std::optional<Responder>> out;
  HttpServer server([&](ServerRequest, Responder responder) {
    responder.begin(200, {});
    for (int i = 0; i < kPieces; ++i) responder.write(std::string(kPiece, 's'));
    out.change([&](auto& o) { o = responder; });
  });
  const RawSocket socket = RawSocket::connect(server.port());
  socket.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(out.wait([](const auto& o) { return o.has_value(); }));
  std::size_t unsent = 0;
  on_loop(server.loop(), [&] {
    unsent = out.get()->unsent_bytes();
    out.get()->end();
    out.change([](auto& o) { o.reset(); });
  });
  EXPECT_GT(unsent, kPiece);
  EXPECT_LE(unsent, kPieces * (kPiece + 16));
  const std::string reply = socket.read_until("0\r\n\r\n");
  EXPECT_GT(reply.size(), kPieces * kPiece);
}

TEST(Server, ClosesWhoeverTakesTooLong) {
  ManualClock clock;
  ServerOptions options;
  options.keep_alive = seconds(5);
  options.request_timeout = seconds(2);
  HttpServer server = echo(options, clock);
  // An idle connection: closed after keep_alive without a word.
  const RawSocket idle = RawSocket::connect(server.port());
  idle.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(idle.read_until("GET / ").empty());
  // One byte at a time buys no time.
  const RawSocket slow = RawSocket::connect(server.port());
  slow.send("GET / HT");
  const auto pass = [&](Duration time) {
    on_loop(server.loop(), [] {});
    clock.advance(time);
    server.loop().poke();
    on_loop(server.loop(), [] {});
  };
  // The server must have read the first bytes before time passes.
  const RawSocket witness = RawSocket::connect(server.port());
  witness.send("GET /w HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(witness.read_until("GET /w ").empty());
  pass(seconds(1));
  slow.send("T");
  pass(milliseconds(1'100));
  EXPECT_EQ(slow.read_to_end().substr(0, 12), "HTTP/1.1 408");
  EXPECT_EQ(server.server().connections(), 3U) << "the idle ones still have time";
  pass(seconds(3));
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_EQ(witness.read_to_end(), "");
}

TEST(Server, ClosesAClientThatNeverReads) {
  ManualClock clock;
  ServerOptions options;
  options.write_timeout = seconds(3);
  Watched<int> closed;
  Watched<int> asked;
  std::optional<Responder> held;  // server loop
  HttpServer server(
      [&](ServerRequest, Responder responder) {
        responder.on_close([&] { closed.change([](int& c) { ++c; }); });
        responder.begin(200, {});
        responder.write(std::string(32U << 20, 'x'));
        held = responder;
        asked.change([](int& a) { ++a; });
      },
      options, clock);
  const RawSocket socket = RawSocket::connect(server.port());
  socket.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(asked.wait([](int a) { return a == 1; }));
  // The system's buffers may take a little more between two looks; once they are full, time counts.
  for (int i = 0; i < 1000 && closed.get() == 0; ++i) {
    clock.advance(seconds(1));
    server.loop().poke();
    on_loop(server.loop(), [] {});
  }
  EXPECT_TRUE(closed.wait([](int c) { return c == 1; }));
  on_loop(server.loop(), [&] { held.reset(); });
}

TEST(Server, AcceptsOnlySoManyAtOnce) {
  ServerOptions options;
  options.max_connections = 2;
  HttpServer server = echo(options);
  const std::string request = "GET / HTTP/1.1\r\n\r\n";
  auto first = std::make_unique<RawSocket>(RawSocket::connect(server.port()));
  const RawSocket second = RawSocket::connect(server.port());
  first->send(request);
  second.send(request);
  EXPECT_FALSE(first->read_until("GET / ").empty());
  EXPECT_FALSE(second.read_until("GET / ").empty());
  const RawSocket third = RawSocket::connect(server.port());  // waits in the system's queue
  third.send(request);
  second.send(request);
  EXPECT_FALSE(second.read_until("GET / ").empty());
  EXPECT_EQ(server.accepted(), 2U);
  first.reset();
  EXPECT_FALSE(third.read_until("GET / ").empty());
  EXPECT_EQ(server.accepted(), 3U);
}

// --- starting and stopping ---------------------------------------------------------------------------------

TEST(Server, SaysWhyItCannotListen) {
  HttpServer server = echo();
  ServerOptions taken;
  taken.port = server.port();
  ServerOptions nonsense;
  nonsense.host = "not-an-address";
  for (const auto& options : {taken, nonsense}) {
    const auto second = Server::listen(server.loop(), options, nullptr);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().kind, ErrorKind::connect);
    EXPECT_NE(second.error().message.find(options.host), std::string::npos);
  }
}

TEST(Server, StopsWithAnswersPending) {
  Watched<int> asked;
  std::vector<Responder> held;
  int told = 0;
  Loop loop(system_clock(), "stopping");
  auto listening = Server::listen(loop, {}, [&](ServerRequest, Responder responder) {
    responder.on_close([&] { ++told; });
    held.push_back(std::move(responder));
    asked.change([](int& a) { ++a; });
  });
  ASSERT_TRUE(listening.has_value());
  const auto server = std::move(*listening);
  const RawSocket socket = RawSocket::connect(server->port());
  socket.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(asked.wait([](int a) { return a == 1; }));
  server->stop();
  EXPECT_EQ(server->connections(), 0U);
  EXPECT_EQ(socket.read_to_end(), "");
  on_loop(loop, [&] {
    EXPECT_FALSE(held[0].open());
    held[0].respond(200, {}, "too late");
    held.clear();
  });
  server->stop();
  loop.stop();
  EXPECT_EQ(told, 0);
}

TEST(Server, StopsAfterItsLoop) {
  Loop loop(system_clock(), "early");
  auto listening = Server::listen(loop, {}, [](ServerRequest, Responder) {});
  ASSERT_TRUE(listening.has_value());
  const RawSocket socket = RawSocket::connect((*listening)->port());
  loop.stop();
  listening->reset();
}

}  // namespace
}  // namespace llmroute::net
