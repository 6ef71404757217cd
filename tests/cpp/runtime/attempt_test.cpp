// Attempts as a router runs them: streams, timeouts, bounds.
#include "llmroute/runtime/attempt.h"

#include "router_probe.h"
#include "support/manual_clock.h"

namespace llmroute::runtime {
namespace {

using test::chat_request;
using test::chunk_of;
using test::config_for;
using test::event_stream;
using test::Gathered;
using test::HttpServer;
using test::kDone;
using test::kFinishChunk;
using test::RouterProbe;
using test::whole_reply;

// A server that writes these pieces and then ends, resets or waits.
enum class Then { end, reset, hang };
HttpServer streaming(std::vector<std::string> pieces, Then then,
                     test::Watched<int>* arrived = nullptr, test::Watched<int>* gone = nullptr) {
  return HttpServer([=](net::ServerRequest, net::Responder responder) {
    responder.on_close([=] {
      if (gone != nullptr) gone->change([](int& n) { ++n; });
      static_cast<void>(responder);
    });
    responder.begin(200, event_stream());
    for (const std::string& piece : pieces) responder.write(piece);
    if (then == Then::end) responder.end();
    if (then == Then::reset) responder.reset();
    if (arrived != nullptr) arrived->change([](int& n) { ++n; });
  });
}

TEST(Attempt, StreamsDeltasInOrder) {
  const auto server =
      streaming({chunk_of("one "), chunk_of("two"), kFinishChunk, kDone}, Then::end);
  RouterProbe probe(config_for({{"a", server.url("")}}));
  const Gathered got = probe.run(chat_request(true));
  EXPECT_EQ(got.text(), "one two");
  EXPECT_EQ(got.deltas.back().kind, DeltaKind::finish);
  EXPECT_FALSE(got.last.reply);
  const Outcome& outcome = got.last.decision->attempts.at(0).outcome;
  EXPECT_TRUE(outcome.content_started);
  EXPECT_TRUE(outcome.ttft.has_value());
  EXPECT_EQ(outcome.finish_reason, "stop");
  EXPECT_FALSE(outcome.usage.reported);
  EXPECT_EQ(outcome.usage.output.count, 2);  // seven bytes
}

TEST(Attempt, AStreamThatIsCutIsInterrupted) {
  for (const Then then : {Then::end, Then::reset}) {
    const auto server = streaming({chunk_of("one")}, then);
    RouterProbe probe(config_for({{"a", server.url("")}}));
    const Gathered got = probe.run(chat_request(true));
    EXPECT_EQ(got.failure(), ErrorKind::stream_interrupted);
    EXPECT_EQ(got.last.decision->attempts.size(), 1U);
  }
}

TEST(Attempt, BeforeTheFirstContentAStreamFailsOverSilently) {
  const auto cut = streaming({": comment\n\n"}, Then::end);
  const auto good = streaming({chunk_of("fine"), kFinishChunk, kDone}, Then::end);
  RouterProbe probe(config_for({{"a", cut.url("")}, {"b", good.url("")}}));
  const Gathered got = probe.run(chat_request(true));
  EXPECT_EQ(got.last.decision->status, DecisionStatus::ok);
  EXPECT_EQ(got.text(), "fine");
  for (const Delta& delta : got.deltas) EXPECT_NE(delta.kind, DeltaKind::restart);
}

TEST(Attempt, ARestartTellsTheReaderToDiscard) {
  const auto cut = streaming({chunk_of("wrong")}, Then::end);
  const auto good = streaming({chunk_of("right"), kFinishChunk, kDone}, Then::end);
  RouterProbe probe(config_for({{"a", cut.url("")}, {"b", good.url("")}}));
  auto request = chat_request(true);
  request->options.on_interrupt = OnInterrupt::restart;
  const Gathered got = probe.run(request);
  EXPECT_EQ(got.last.decision->status, DecisionStatus::ok);
  EXPECT_EQ(got.last.decision->restarts, 1U);
  EXPECT_EQ(got.text(), "right");
}

TEST(Attempt, AnErrorEventIsClassifiedLikeAnyError) {
  const auto server = streaming(
      {"data: {\"error\":{\"message\":\"busy\",\"type\":\"overloaded_error\"}}\n\n"}, Then::hang);
  RouterProbe probe(config_for({{"a", server.url("")}}, R"("attempts":1)"));
  const Gathered got = probe.run(chat_request(true));
  EXPECT_EQ(got.last.decision->attempts.at(0).outcome.failure->kind, ErrorKind::overloaded);
}

// A connection that stays open behind the end mark must not hold up the reader.
TEST(Attempt, EndsWithTheEndMarkAndLetsTheConnectionGoLater) {
  test::ManualClock clock;
  test::Watched<int> gone;
  const auto server = streaming({chunk_of("all"), kFinishChunk, kDone}, Then::hang, nullptr, &gone);
  RouterOptions options;
  options.clock = &clock;
  RouterProbe probe(config_for({{"a", server.url("")}}), options);
  const Gathered got = probe.run(chat_request(true));
  EXPECT_EQ(got.last.decision->status, DecisionStatus::ok);
  EXPECT_EQ(gone.get(), 0);
  clock.advance(seconds(1));
  probe.router->poke();
  EXPECT_TRUE(gone.wait([](int n) { return n == 1; }));
}

struct TimeoutCase {
  const char* name;
  bool stream;
  std::vector<std::string> pieces;  // empty: not even a head
  Duration wait;
  const char* blamed;
};

TEST(Attempt, EachTimeoutIsKeptExactly) {
  const std::vector<TimeoutCase> cases = {
      {"no answer at all", false, {}, seconds(5), "attempt_ms"},
      {"no answer to a stream", true, {}, milliseconds(300), "ttft_ms"},
      {"a comment is no token", true, {": hello\n\n"}, milliseconds(300), "ttft_ms"},
      {"silence after a token", true, {chunk_of("x")}, milliseconds(200), "idle_ms"},
  };
  for (const TimeoutCase& c : cases) {
    SCOPED_TRACE(c.name);
    test::ManualClock clock;
    test::Watched<int> arrived, gone;
    HttpServer server([&](net::ServerRequest, net::Responder responder) {
      responder.on_close([&, responder] { gone.change([](int& n) { ++n; }); });
      if (!c.pieces.empty()) responder.begin(200, event_stream());
      for (const std::string& piece : c.pieces) responder.write(piece);
      arrived.change([](int& n) { ++n; });
    });
    RouterOptions options;
    options.clock = &clock;
    RouterProbe probe(
        config_for({{"a", server.url("")}},
                   R"("attempts":1,"timeouts":{"ttft_ms":300,"idle_ms":200,"attempt_ms":5000})"),
        options);
    const Ticket ticket = probe.submit(chat_request(c.stream));
    ASSERT_TRUE(arrived.wait([](int n) { return n == 1; }));
    Gathered early;
    if (std::string(c.blamed) == "idle_ms") probe.gather_some(ticket, early);
    clock.advance(c.wait - milliseconds(1));
    probe.router->poke();
    EXPECT_EQ(probe.router->in_flight(), 1U);
    clock.advance(milliseconds(1));
    probe.router->poke();
    const Gathered got = probe.gather(ticket);
    const Outcome& outcome = got.last.decision->attempts.at(0).outcome;
    ASSERT_TRUE(outcome.failure.has_value());
    EXPECT_EQ(outcome.failure->kind, ErrorKind::attempt_timeout);
    EXPECT_NE(outcome.failure->message.find(c.blamed), std::string::npos)
        << outcome.failure->message;
    EXPECT_EQ(outcome.total, c.wait);
    EXPECT_TRUE(gone.wait([](int n) { return n == 1; }));
  }
}

TEST(Attempt, TheWholeAttemptHasALimitHoweverLivelyItIs) {
  test::ManualClock clock;
  test::Watched<std::vector<net::Responder>> held;
  HttpServer server([&](net::ServerRequest, net::Responder responder) {
    responder.begin(200, event_stream());
    held.change([&](auto& all) { all.push_back(responder); });
  });
  RouterOptions options;
  options.clock = &clock;
  RouterProbe probe(config_for({{"a", server.url("")}},
                               R"("attempts":1,"timeouts":{"idle_ms":200,"attempt_ms":1000})"),
                    options);
  const Ticket ticket = probe.submit(chat_request(true));
  ASSERT_TRUE(held.wait([](const auto& all) { return all.size() == 1; }));
  for (int i = 0; i < 10; ++i) {
    test::on_loop(server.loop(), [&] { held.get()[0].write(chunk_of("x")); });
    Gathered some;
    probe.gather_some(ticket, some);
    ASSERT_FALSE(some.deltas.empty());
    clock.advance(milliseconds(100));
    probe.router->poke();
  }
  const Gathered got = probe.gather(ticket);
  const Outcome& outcome = got.last.decision->attempts.at(0).outcome;
  EXPECT_NE(outcome.failure->message.find("attempt_ms"), std::string::npos);
  EXPECT_EQ(outcome.total, milliseconds(1000));
}

// A reader that does not read stops the provider instead of filling the memory.
TEST(Attempt, AnUnreadStreamStopsTheSocket) {
  constexpr std::size_t kPieces = 400;
  const std::string big(20'000, 'x');
  test::Watched<std::vector<net::Responder>> held;
  HttpServer server([&](net::ServerRequest, net::Responder responder) {
    responder.begin(200, event_stream());
    for (std::size_t i = 0; i < kPieces; ++i) responder.write(chunk_of(big));
    responder.write(kDone);
    responder.end();
    held.change([&](auto& all) { all.push_back(responder); });
  });
  RouterProbe probe(config_for({{"a", server.url("")}}));
  const Ticket ticket = probe.submit(chat_request(true));
  ASSERT_TRUE(held.wait([](const auto& all) { return all.size() == 1; }));
  std::size_t weight = 0, characters = 0;
  bool ended = false;
  const auto take = [&] {
    for (const Completion& completion : probe.queue->take()) {
      for (const Delta& delta : completion.deltas) {
        weight += weight_of(delta);
        characters += delta.text.size();
      }
      ended = completion.last;
    }
  };
  // Without a word from the reader no more comes than the bound and what was on its way: the rest
  // waits at the server and in the kernel.
  while (!ended && probe.queue->wait(milliseconds(200))) take();
  EXPECT_FALSE(ended);
  EXPECT_LE(weight, defaults::kMaxQueuedDeltaBytes + 4 * big.size());
  while (!ended) {
    probe.router->resume(ticket, std::exchange(weight, 0));
    ASSERT_TRUE(probe.queue->wait(test::kPatience));
    take();
  }
  EXPECT_EQ(characters, kPieces * big.size());
}

TEST(Attempt, AnEndlessErrorPageIsCut) {
  HttpServer server([](net::ServerRequest, net::Responder responder) {
    responder.begin(503, {});
    for (int i = 0; i < 100; ++i) responder.write(std::string(10'000, 'e'));
    responder.on_close([responder] {});  // never ends
  });
  RouterProbe probe(config_for({{"a", server.url("")}}, R"("attempts":1)"));
  const Gathered got = probe.run(chat_request());
  EXPECT_EQ(got.last.decision->attempts.at(0).outcome.failure->status, 503);
}

struct BrokenReply {
  const char* name;
  std::string body;
};

TEST(Attempt, WhatIsNoReplyIsAProtocolError) {
  const std::vector<BrokenReply> cases = {
      {"a page", "<html>proxy</html>"},
      {"cut JSON", whole_reply("x").substr(0, 60)},
      {"no choices", R"({"object":"list"})"},
      {"empty", ""},
  };
  for (const BrokenReply& c : cases) {
    SCOPED_TRACE(c.name);
    const auto server = HttpServer::fixed(200, c.body);
    RouterProbe probe(config_for({{"a", server.url("")}}, R"("attempts":1)"));
    const Gathered got = probe.run(chat_request());
    EXPECT_EQ(got.last.decision->attempts.at(0).outcome.failure->kind, ErrorKind::protocol);
  }
}

TEST(Attempt, UsageIsEstimatedWhereNoneIsReported) {
  const auto server =
      HttpServer::fixed(200, R"({"choices":[{"message":{"role":"assistant","content":"hi"}}]})");
  RouterProbe probe(config_for({{"a", server.url("")}}));
  const Usage usage = probe.run(chat_request()).last.decision->usage;
  EXPECT_FALSE(usage.reported);
  EXPECT_GT(usage.input.count, 0);
  EXPECT_GT(usage.output.count, 0);
}

TEST(Attempt, ARefusedRequestCostsNothingForCertain) {
  const auto server = HttpServer::fixed(400, R"({"error":{"message":"no","code":"x"}})");
  RouterProbe probe(
      config_for({{"a", server.url("")}}, R"("attempts":1)",
                 R"(,"price":{"input_usd_per_million":1,"output_usd_per_million":2})"));
  const DecisionPtr decision = probe.run(chat_request()).last.decision;
  EXPECT_EQ(decision->cost.kind, CostKind::exact);
  EXPECT_EQ(decision->cost.usd.pico, 0);
}

TEST(Attempt, ConnectionsAreUsedAgain) {
  const auto server = streaming({chunk_of("x"), kFinishChunk, kDone}, Then::end);
  RouterProbe probe(config_for({{"a", server.url("")}}));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(probe.run(chat_request(true)).last.decision->status, DecisionStatus::ok);
  }
  // The reader is told at the end mark, maybe before the connection is free again.
  EXPECT_LE(server.accepted(), 3U);
}

}  // namespace
}  // namespace llmroute::runtime
