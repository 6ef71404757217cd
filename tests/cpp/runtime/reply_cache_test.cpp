#include "llmroute/runtime/reply_cache.h"

#include "cache_probe.h"
#include "llmroute/wire/json.h"

namespace llmroute::runtime {
namespace {

using test::cached;
using test::CacheProbe;
using test::chat;
using test::config_for;
using test::CountingServer;
using test::Gathered;
using test::whole_reply;

constexpr CacheStatus kHit = CacheStatus::hit, kMiss = CacheStatus::miss, kOff = CacheStatus::off;

ExactCacheSpec by_tenant() {
  ExactCacheSpec spec;
  spec.by = CountedBy{Scope::metadata, "tenant"};
  return spec;
}

TEST(ReplyCache, ASecondAnswerCostsNothing) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  const Gathered first = probe.run(chat("x"));
  EXPECT_EQ(first.last.decision->cache.status, kMiss);
  auto again = chat("x");
  again->id = "r-2";
  again->options.metadata = {{"team", "blue"}};
  again->options.priority = kInteractive;
  const Gathered second = probe.run(again);
  ASSERT_TRUE(second.last.reply);
  EXPECT_EQ(second.last.reply->body, whole_reply("hi"));
  EXPECT_EQ(second.last.reply->status, 200);
  const Decision& decision = *second.last.decision;
  EXPECT_EQ(decision.status, DecisionStatus::ok);
  EXPECT_EQ(decision.cache.status, kHit);
  EXPECT_EQ(decision.cache.answered_by, "r-x");
  EXPECT_EQ(decision.request_id, "r-2");
  EXPECT_EQ(decision.group, "all");
  EXPECT_EQ(decision.model_asked, "all");
  EXPECT_EQ(decision.metadata, again->options.metadata);
  EXPECT_EQ(decision.priority, kInteractive);
  EXPECT_TRUE(decision.attempts.empty());
  EXPECT_EQ(decision.cost.kind, CostKind::exact);
  EXPECT_EQ(decision.cost.usd.pico, 0);
  EXPECT_EQ(decision.usage.output.count, 7);
  EXPECT_EQ(decision.facts.messages, 1U);
  ASSERT_TRUE(decision.chosen);
  EXPECT_EQ(decision.inventory->deployments[*decision.chosen].name, "a");
  EXPECT_EQ(server.requests.get(), 1);
  EXPECT_EQ(probe.router->in_flight(), 0U);
  const CacheStats stats = probe.router->cache_stats();
  EXPECT_EQ(stats.entries, 1U);
  EXPECT_GT(stats.bytes, whole_reply("hi").size());
  EXPECT_EQ(stats.hits, 1U);
  EXPECT_EQ(stats.misses, 1U);
}

TEST(ReplyCache, WithoutOneNothingIsKept) {
  CountingServer server;
  CacheProbe probe(config_for({{"a", server.url()}}));
  EXPECT_EQ(probe.status(chat("x")), kOff);
  EXPECT_EQ(probe.status(chat("x")), kOff);
  EXPECT_EQ(server.requests.get(), 2);
  EXPECT_EQ(probe.router->cache_stats().misses, 0U);
}

TEST(ReplyCache, AnswersGrowOld) {
  test::ManualClock clock;
  CountingServer server;
  ExactCacheSpec spec;
  spec.ttl = seconds(60);
  RouterOptions options;
  options.clock = &clock;
  CacheProbe probe(cached(config_for({{"a", server.url()}}), spec), options);
  EXPECT_EQ(probe.status(chat("x")), kMiss);
  clock.advance(seconds(59));
  const Gathered hit = probe.run(chat("x"));
  EXPECT_EQ(hit.last.decision->cache.status, kHit);
  EXPECT_EQ(hit.last.decision->cache.age, seconds(59));
  clock.advance(seconds(1));
  EXPECT_EQ(probe.status(chat("x")), kMiss);
  EXPECT_EQ(probe.status(chat("x")), kHit);
  EXPECT_EQ(server.requests.get(), 2);
}

TEST(ReplyCache, AnotherQuestionIsAnother) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  const char* more[] = {"",
                        R"(,"temperature":0)",
                        R"(,"temperature":1)",
                        R"(,"seed":4)",
                        R"(,"max_tokens":9)",
                        R"(,"tools":[])"};
  for (const char* m : more) EXPECT_EQ(probe.status(chat("x", false, m)), kMiss) << m;
  for (const char* m : more) EXPECT_EQ(probe.status(chat("x", false, m)), kHit) << m;
  EXPECT_EQ(server.requests.get(), 6);
}

TEST(ReplyCache, TenantsNeverMeet) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}}), by_tenant()));
  const auto of = [](const char* tenant) {
    auto request = chat("x");
    if (*tenant != '\0') request->options.metadata = {{"tenant", tenant}};
    return request;
  };
  EXPECT_EQ(probe.status(of("acme")), kMiss);
  EXPECT_EQ(probe.status(of("acme")), kHit);
  EXPECT_EQ(probe.status(of("emca")), kMiss);
  EXPECT_EQ(probe.status(of("Acme")), kMiss);
  // No tenant: neither answered nor kept.
  EXPECT_EQ(probe.status(of("")), kOff);
  EXPECT_EQ(probe.status(of("")), kOff);
  EXPECT_EQ(server.requests.get(), 5);
  EXPECT_EQ(probe.router->cache_stats().entries, 3U);
}

TEST(ReplyCache, RefreshAsksAnewAndKeeps) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  auto refresh = chat("x");
  refresh->options.cache = CacheUse::refresh;
  EXPECT_EQ(probe.status(refresh), kMiss);
  EXPECT_EQ(probe.status(refresh), kMiss);
  EXPECT_EQ(probe.status(chat("x")), kHit);
  EXPECT_EQ(server.requests.get(), 2);
}

TEST(ReplyCache, OffNeitherLooksNorKeeps) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  auto off = chat("x");
  off->options.cache = CacheUse::off;
  EXPECT_EQ(probe.status(off), kOff);
  EXPECT_EQ(probe.status(chat("x")), kMiss);
  EXPECT_EQ(probe.status(off), kOff);
  EXPECT_EQ(server.requests.get(), 3);
}

TEST(ReplyCache, AStreamIsReplayedAndServesWholeRequestsToo) {
  CountingServer server(
      "a longer text, \\\"quoted\\\" and all, that is cut in more than one piece");
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  const Gathered first = probe.run(chat("x", true));
  EXPECT_EQ(first.last.decision->cache.status, kMiss);
  const Gathered replay = probe.run(chat("x", true));
  EXPECT_EQ(replay.last.decision->cache.status, kHit);
  EXPECT_EQ(replay.text(), first.text());
  EXPECT_FALSE(replay.text().empty());
  EXPECT_FALSE(replay.last.reply);
  EXPECT_EQ(replay.deltas.back().kind, DeltaKind::finish);  // this stream told no usage
  const Gathered whole = probe.run(chat("x"));
  EXPECT_EQ(whole.last.decision->cache.status, kHit);
  ASSERT_TRUE(whole.last.reply);
  const wire::JsonView choice =
      wire::JsonView(whole.last.reply->body)["choices"].first_element().value();
  EXPECT_EQ(choice.at("message", "content").string(), first.text());
  EXPECT_EQ(server.requests.get(), 1);
}

TEST(ReplyCache, AWholeReplyServesStreamsToo) {
  CountingServer server("hello there");
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  EXPECT_EQ(probe.status(chat("x")), kMiss);
  const Gathered stream = probe.run(chat("x", true));
  EXPECT_EQ(stream.last.decision->cache.status, kHit);
  EXPECT_EQ(stream.text(), "hello there");
  ASSERT_GE(stream.deltas.size(), 3U);
  EXPECT_EQ(stream.deltas.back().kind, DeltaKind::usage);
  EXPECT_EQ(stream.deltas.back().usage.output.count, 7);
  EXPECT_EQ(server.requests.get(), 1);
}

TEST(ReplyCache, OnlyWholeSuccessesAreKept) {
  struct Case {
    int status;
    const char* body;
  };
  const Case cases[] = {
      {500, "{}"},
      {400, R"({"error":{"message":"no"}})"},
      {200, "not json"},
      {200, R"({"choices":[{"message":{"content":"x"},"finish_reason":"content_filter"}]})"},
      {200, R"({"choices":[{"message":{"content":"x"}}]})"},
  };
  for (const Case& c : cases) {
    test::Watched<int> requests;
    test::HttpServer server([&](net::ServerRequest, net::Responder responder) {
      requests.change([](int& n) { ++n; });
      responder.respond(c.status, {}, c.body);
    });
    CacheProbe probe(cached(config_for({{"a", server.url("")}}, R"("attempts":1)")));
    probe.run(chat("x"));
    EXPECT_EQ(probe.router->cache_stats().entries, 0U) << c.body;
    const Gathered second = probe.run(chat("x"));
    EXPECT_NE(second.last.decision->cache.status, kHit) << c.body;
  }
}

TEST(ReplyCache, ACutStreamIsNotKept) {
  test::HoldingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}}, R"("attempts":1)")));
  const Ticket ticket = probe.submit(chat("x", true));
  ASSERT_TRUE(server.wait_for(1));
  server.begin(0, "half");
  server.cut(0);
  EXPECT_EQ(probe.gather(ticket).failure(), ErrorKind::stream_interrupted);
  EXPECT_EQ(probe.router->cache_stats().entries, 0U);
}

TEST(ReplyCache, AnthropicRepliesAreKeptInOpenAisShape) {
  const std::string body =
      R"({"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text",)"
      R"("text":"salut"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":4}})";
  const auto server = test::HttpServer::fixed(200, body);
  CacheProbe probe(
      cached(config_for({{"a", server.url("")}}, R"("attempts":1)", R"(,"dialect":"anthropic")")));
  EXPECT_EQ(probe.run(chat("x", false, R"(,"max_tokens":9)")).last.reply->dialect, "anthropic");
  const Gathered hit = probe.run(chat("x", false, R"(,"max_tokens":9)"));
  ASSERT_EQ(hit.last.decision->cache.status, kHit);
  EXPECT_EQ(hit.last.reply->dialect, "openai");
  EXPECT_NE(hit.last.reply->body.find("salut"), std::string::npos);
  EXPECT_EQ(hit.last.decision->usage.output.count, 4);
}

TEST(ReplyCache, OtherModelsNeverAnswerWithTheOldOnesWords) {
  CountingServer before("old"), after("new");
  CacheProbe probe(cached(config_for({{"a", before.url()}})));
  EXPECT_EQ(probe.status(chat("x")), kMiss);
  ASSERT_TRUE(probe.router->configure(cached(config_for({{"a", after.url()}}))));
  const Gathered got = probe.run(chat("x"));
  EXPECT_EQ(got.last.decision->cache.status, kMiss);
  EXPECT_EQ(got.last.reply->body, whole_reply("new"));
  // Back to the old ones: their answers are still good.
  ASSERT_TRUE(probe.router->configure(cached(config_for({{"a", before.url()}}))));
  EXPECT_EQ(probe.run(chat("x")).last.reply->body, whole_reply("old"));
  EXPECT_EQ(before.requests.get(), 1);
  // And without a cache nothing is.
  ASSERT_TRUE(probe.router->configure(test::inventory_of(config_for({{"a", before.url()}}))));
  EXPECT_EQ(probe.router->cache_stats().entries, 0U);
  EXPECT_EQ(probe.status(chat("x")), kOff);
}

TEST(ReplyCache, AnExcludedDeploymentDoesNotAnswerFromIt) {
  CountingServer a("from a"), b("from b");
  CacheProbe probe(cached(config_for({{"a", a.url()}, {"b", b.url()}})));
  EXPECT_EQ(probe.run(chat("x")).last.reply->body, whole_reply("from a"));
  auto excluding = chat("x");
  excluding->options.exclude = {"a"};
  EXPECT_EQ(probe.run(excluding).last.reply->body, whole_reply("from b"));
  EXPECT_EQ(probe.status(excluding), kHit);
}

TEST(ReplyCache, ItsBytesAreBounded) {
  CountingServer server(std::string(2'000, 'x'));
  ExactCacheSpec spec;
  spec.max_bytes = 30'000;
  CacheProbe probe(cached(config_for({{"a", server.url()}}), spec));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(probe.ok(chat(std::to_string(i))));
  const CacheStats stats = probe.router->cache_stats();
  EXPECT_LE(stats.bytes, 30'000U);
  EXPECT_GT(stats.entries, 5U);
  EXPECT_EQ(probe.status(chat("29")), kHit);
  EXPECT_EQ(probe.status(chat("0")), kMiss);
}

TEST(ReplyCache, AnAnswerThatIsTooLongIsNotKept) {
  CountingServer server(std::string(5'000, 'x'));
  ExactCacheSpec spec;
  spec.max_bytes = 30'000;
  CacheProbe probe(cached(config_for({{"a", server.url()}}), spec));
  EXPECT_EQ(probe.status(chat("x")), kMiss);
  EXPECT_EQ(probe.status(chat("x")), kMiss);
  EXPECT_EQ(probe.status(chat("x", true)), kMiss);
  EXPECT_EQ(probe.status(chat("x", true)), kMiss);
  EXPECT_EQ(probe.router->cache_stats().entries, 0U);
}

TEST(ReplyCache, CanBeCleared) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  EXPECT_EQ(probe.status(chat("x")), kMiss);
  probe.router->clear_cache();
  EXPECT_EQ(probe.router->cache_stats().entries, 0U);
  EXPECT_EQ(probe.status(chat("x")), kMiss);
}

TEST(ReplyCache, AClosedRouterAnswersNothing) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  EXPECT_EQ(probe.status(chat("x")), kMiss);
  probe.router->close();
  EXPECT_EQ(probe.run(chat("x")).failure(), ErrorKind::closed);
}

TEST(ReplyCache, RefusalsSayThatTheyWereNotFoundThere) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  auto nobody = chat("x");
  nobody->options.exclude = {"a"};
  const Gathered got = probe.run(nobody);
  EXPECT_EQ(got.failure(), ErrorKind::no_candidate);
  EXPECT_EQ(got.last.decision->cache.status, kMiss);
  auto unknown = chat("x");
  unknown->options.model = "nobody";
  EXPECT_EQ(probe.run(unknown).last.decision->cache.status, kOff);
}

TEST(ReplyCache, ThreadsShareIt) {
  CountingServer server;
  CacheProbe probe(cached(config_for({{"a", server.url()}})));
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto queue = std::make_shared<CompletionQueue>();
      for (int i = 0; i < 100; ++i) {
        probe.router->submit(chat(std::to_string(i % 5), i % 3 == 0), queue);
        for (bool ended = false; !ended;) {
          if (!queue->wait(seconds(60))) return;
          for (const Completion& completion : queue->take()) ended = ended || completion.last;
        }
        answered.fetch_add(1);
        if (t == 0 && i % 25 == 24) probe.router->clear_cache();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered.load(), 400);
  EXPECT_EQ(probe.router->in_flight(), 0U);
  EXPECT_LT(server.requests.get(), 200);
}

}  // namespace
}  // namespace llmroute::runtime
