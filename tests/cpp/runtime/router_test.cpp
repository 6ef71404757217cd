#include "llmroute/runtime/router.h"

#include <atomic>
#include <thread>

#include "llmroute/wire/json.h"
#include "router_probe.h"
#include "support/manual_clock.h"

namespace llmroute::runtime {
namespace {

using test::chat_request;
using test::config_for;
using test::Gathered;
using test::HttpServer;
using test::RouterProbe;
using test::whole_reply;

TEST(Router, AnswersAChat) {
  const auto server = HttpServer::fixed(200, whole_reply("hi"));
  RouterProbe probe(config_for({{"a", server.url("")}}));
  const Gathered got = probe.run(chat_request());
  ASSERT_TRUE(got.last.reply);
  EXPECT_EQ(got.last.reply->body, whole_reply("hi"));
  EXPECT_EQ(got.last.reply->dialect, "openai");
  const Decision& decision = *got.last.decision;
  EXPECT_EQ(decision.status, DecisionStatus::ok);
  EXPECT_EQ(decision.usage.output.count, 7);
  ASSERT_EQ(decision.attempts.size(), 1U);
  EXPECT_GT(decision.attempts[0].outcome.total, Duration::zero());
  EXPECT_GT(decision.planned, Duration::zero());
  EXPECT_LT(decision.planned, decision.total);
  EXPECT_TRUE(decision.attempts[0].outcome.connect.has_value());
}

TEST(Router, FailsOverAndSaysSo) {
  const auto broken = HttpServer::fixed(500, "{}");
  const auto good = HttpServer::fixed(200, whole_reply("hi"));
  RouterProbe probe(config_for({{"a", broken.url("")}, {"b", good.url("")}}));
  const Gathered got = probe.run(chat_request());
  const Decision& decision = *got.last.decision;
  EXPECT_EQ(decision.status, DecisionStatus::ok);
  ASSERT_GE(decision.attempts.size(), 2U);
  EXPECT_EQ(decision.attempts[0].outcome.failure->kind, ErrorKind::server_error);
  EXPECT_EQ(decision.attempts[0].outcome.failure->status, 500);
  EXPECT_EQ(decision.inventory->deployments[*decision.chosen].name, "b");
}

TEST(Router, CountsWhatIsAskedFor) {
  const auto server = HttpServer::fixed(200, whole_reply("hi"));
  RouterProbe probe(config_for({{"a", server.url("")}}));
  EXPECT_TRUE(probe.router->traffic().empty());
  probe.run(chat_request());
  probe.router->explain(*chat_request());
  const auto traffic = probe.router->traffic();
  ASSERT_EQ(traffic.size(), 1U);
  EXPECT_EQ(traffic[0].first, "all");
  EXPECT_EQ(traffic[0].second, 1U);
}

TEST(Router, BelievesWhatIsPretendedUntilItIsEnough) {
  const auto server = HttpServer::fixed(200, whole_reply("hi"));
  struct Case {
    ErrorKind kind;
    std::size_t most;
    Reason reason;
  };
  for (const Case& one : {Case{ErrorKind::server_error, 1'000, Reason::breaker_open},
                          Case{ErrorKind::server_error, 2, Reason::kept},
                          Case{ErrorKind::rate_limit, 1'000, Reason::cooling_down}}) {
    test::ManualClock clock;
    RouterOptions options;
    options.clock = &clock;
    RouterProbe probe(config_for({{"a", server.url("")}, {"b", server.url("")}}), options);
    probe.router->pretend(0, make_failure(one.kind, ""), one.most);
    const DecisionPtr decision = probe.router->explain(*chat_request());
    ASSERT_EQ(decision->candidates.size(), 2U);
    EXPECT_EQ(decision->candidates[0].reason, one.reason);
    EXPECT_EQ(decision->candidates[1].reason, Reason::kept);
  }
}

TEST(Router, NothingListensIsAConnectError) {
  std::string nobody;
  {
    const auto server = HttpServer::fixed(200, "");
    nobody = server.url("");
  }
  RouterProbe probe(config_for({{"a", nobody}}, R"("attempts":1)"));
  const Gathered got = probe.run(chat_request());
  EXPECT_FALSE(got.last.reply);
  ASSERT_EQ(got.last.decision->attempts.size(), 1U);
  EXPECT_EQ(got.last.decision->attempts[0].outcome.failure->kind, ErrorKind::connect);
}

TEST(Router, RefusesWhatItCannotPlan) {
  const auto server = HttpServer::fixed(200, whole_reply("hi"));
  RouterProbe probe(config_for({{"a", server.url("")}}));
  auto unknown = chat_request();
  unknown->options.model = "nobody";
  EXPECT_EQ(probe.run(unknown).failure(), ErrorKind::invalid_argument);
  auto excluded = chat_request();
  excluded->options.exclude = {"a"};
  const Gathered got = probe.run(excluded);
  EXPECT_EQ(got.failure(), ErrorKind::no_candidate);
  EXPECT_EQ(got.last.decision->candidates.at(0).reason, Reason::excluded);
  EXPECT_EQ(server.accepted(), 0U);
}

TEST(Router, AMissingKeyFailsBeforeAnySocket) {
  const auto server = HttpServer::fixed(200, whole_reply("hi"));
  RouterProbe probe(config_for({{"a", server.url("")}}, R"("attempts":1)",
                               R"(,"api_key":"env:LLMROUTE_TEST_UNSET")"));
  const Gathered got = probe.run(chat_request());
  ASSERT_FALSE(got.last.decision->attempts.empty());
  const Failure& failure = *got.last.decision->attempts[0].outcome.failure;
  EXPECT_EQ(failure.kind, ErrorKind::authentication);
  EXPECT_NE(failure.message.find("LLMROUTE_TEST_UNSET"), std::string::npos);
  EXPECT_EQ(server.accepted(), 0U);
}

TEST(Router, ScrubsKeysFromWhatProvidersSay) {
  HttpServer server([](net::ServerRequest request, net::Responder responder) {
    const std::string key(request.headers.find("authorization").value_or(""));
    responder.respond(400, {}, R"({"error":{"message":"bad: )" + key + R"(","code":"x"}})");
  });
  RouterProbe probe(config_for({{"a", server.url("")}}, R"("attempts":1)",
                               R"(,"api_key":"sk-very-secret-text")"));
  const Gathered got = probe.run(chat_request());
  const std::string document = to_json(*got.last.decision);
  EXPECT_EQ(document.find("sk-very-secret-text"), std::string::npos) << document;
  EXPECT_NE(document.find("[secret]"), std::string::npos) << document;
}

TEST(Router, ACallablesKeyIsHandedIn) {
  test::Watched<std::string> seen;
  HttpServer server([&](net::ServerRequest request, net::Responder responder) {
    seen.change([&](std::string& s) { s = request.headers.find("authorization").value_or(""); });
    responder.respond(200, {}, whole_reply("hi"));
  });
  RouterProbe probe(
      config_for({{"a", server.url("")}}, R"("attempts":1)", R"(,"api_key":"callable:token")"));
  probe.router->set_secret(0, 0, Secret("sk-called"));
  EXPECT_TRUE(probe.run(chat_request()).last.reply);
  EXPECT_EQ(seen.get(), "Bearer sk-called");
}

TEST(Router, BoundsWhatIsInFlight) {
  HttpServer server([](net::ServerRequest, net::Responder responder) {
    responder.on_close([responder] {});  // kept, never answered
  });
  RouterOptions options;
  options.max_in_flight = 1;
  RouterProbe probe(config_for({{"a", server.url("")}}), options);
  probe.submit(chat_request());
  EXPECT_EQ(probe.router->in_flight(), 1U);
  EXPECT_EQ(probe.run(chat_request()).failure(), ErrorKind::capacity);
  EXPECT_EQ(probe.router->in_flight(), 1U);
}

TEST(Router, CancelClosesTheSocket) {
  test::Watched<int> arrived, gone;
  HttpServer server([&](net::ServerRequest, net::Responder responder) {
    responder.on_close([&, responder] { gone.change([](int& n) { ++n; }); });
    arrived.change([](int& n) { ++n; });
  });
  RouterProbe probe(config_for({{"a", server.url("")}}));
  const Ticket ticket = probe.submit(chat_request());
  ASSERT_TRUE(arrived.wait([](int n) { return n == 1; }));
  probe.router->cancel(ticket);
  const Gathered got = probe.gather(ticket);
  EXPECT_EQ(got.last.decision->status, DecisionStatus::cancelled);
  EXPECT_TRUE(gone.wait([](int n) { return n == 1; }));
  EXPECT_EQ(probe.router->in_flight(), 0U);
  probe.router->cancel(ticket);  // over already: nothing happens
  probe.router->resume(ticket, 1);
}

TEST(Router, CloseEndsWhatIsInFlightAndRefusesTheRest) {
  test::Watched<int> arrived;
  HttpServer server([&](net::ServerRequest, net::Responder responder) {
    responder.on_close([responder] {});
    arrived.change([](int& n) { ++n; });
  });
  RouterProbe probe(config_for({{"a", server.url("")}}));
  const Ticket ticket = probe.submit(chat_request());
  ASSERT_TRUE(arrived.wait([](int n) { return n == 1; }));
  probe.router->close();
  EXPECT_EQ(probe.gather(ticket).failure(), ErrorKind::closed);
  EXPECT_TRUE(probe.router->closed());
  EXPECT_EQ(probe.run(chat_request()).failure(), ErrorKind::closed);
  probe.router->close();
}

TEST(Router, AnUnknownPolicyOfTheInventoryIsAnErrorWithoutAThread) {
  Inventory inventory = *test::inventory_of(config_for({{"a", "http://127.0.0.1:9"}}));
  inventory.groups[0].policy.name = "no_such_policy";
  const auto made =
      Router::create(std::make_shared<const Inventory>(std::move(inventory)), RouterOptions{});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().kind, ErrorKind::config);
}

TEST(Router, ExplainsWithoutCalling) {
  const auto server = HttpServer::fixed(200, whole_reply("hi"));
  RouterProbe probe(config_for({{"a", server.url("")}, {"b", server.url("")}}));
  const DecisionPtr decision = probe.router->explain(*chat_request());
  EXPECT_EQ(decision->status, DecisionStatus::pending);
  ASSERT_EQ(decision->candidates.size(), 2U);
  EXPECT_EQ(decision->candidates[0].rank, 0);
  EXPECT_EQ(server.accepted(), 0U);
}

TEST(Router, ShowsCandidatesWithTheirNumbers) {
  RouterProbe probe(config_for({{"a", "http://127.0.0.1:9"}, {"b", "http://127.0.0.1:9"}}));
  auto request = chat_request();
  request->options.exclude = {"b"};
  const auto views = probe.router->candidates(*request);
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].record.deployment, 0U);
  EXPECT_DOUBLE_EQ(views[0].weight, 1.0);
  EXPECT_FALSE(views[0].signals.empty());
}

TEST(Router, HealthIsJsonByDeployment) {
  const auto server = HttpServer::fixed(200, whole_reply("hi"));
  RouterProbe probe(config_for({{"a", server.url("")}}));
  probe.run(chat_request());
  const std::string text = probe.router->health_json();
  ASSERT_TRUE(wire::validate_json(text).has_value()) << text;
  const wire::JsonView health(text);
  EXPECT_TRUE(health.at("a", "usable").boolean().value_or(false));
  EXPECT_EQ(health.at("a", "reason").string(), "kept");
  EXPECT_EQ(health.at("a", "in_flight").integer(), 0);
}

TEST(Router, ChangesItsConfigurationUnderRequestsInFlight) {
  test::Watched<std::vector<net::Responder>> held;
  HttpServer slow([&](net::ServerRequest, net::Responder responder) {
    held.change([&](auto& all) { all.push_back(responder); });
  });
  const auto other = HttpServer::fixed(200, whole_reply("new"));
  RouterProbe probe(config_for({{"a", slow.url("")}}));
  const Ticket old = probe.submit(chat_request());
  ASSERT_TRUE(held.wait([](const auto& all) { return all.size() == 1; }));
  ASSERT_TRUE(probe.router->configure(test::inventory_of(config_for({{"b", other.url("")}}))));
  const Gathered fresh = probe.run(chat_request());
  EXPECT_EQ(fresh.last.reply->body, whole_reply("new"));
  test::on_loop(slow.loop(), [&] { held.get()[0].respond(200, {}, whole_reply("old")); });
  // The old request's last completion may have been dropped by the gathering above only if it came
  // before the answer was sent, which it cannot.
  EXPECT_EQ(probe.gather(old).last.reply->body, whole_reply("old"));
  EXPECT_FALSE(probe.router->configure(std::make_shared<const Inventory>(Inventory{})) &&
               probe.router->inventory()->deployments.size() == 1);
}

TEST(Router, ThreadsShareIt) {
  const auto server = HttpServer::fixed(200, whole_reply("hi"));
  RouterProbe probe(config_for({{"a", server.url("")}}));
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const auto queue = std::make_shared<CompletionQueue>();
      for (int i = 0; i < 50; ++i) {
        const Ticket ticket = probe.router->submit(chat_request(), queue);
        if (i % 10 == 9) probe.router->cancel(ticket);
        for (bool ended = false; !ended;) {
          if (!queue->wait(seconds(60))) return;
          for (const Completion& completion : queue->take()) ended = completion.last;
        }
        answered.fetch_add(1);
        probe.router->health_json();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered.load(), 200);
  EXPECT_EQ(probe.router->in_flight(), 0U);
}

TEST(Router, HoldsADeadline) {
  test::ManualClock clock;
  test::Watched<int> arrived;
  HttpServer server([&](net::ServerRequest, net::Responder responder) {
    responder.on_close([responder] {});
    arrived.change([](int& n) { ++n; });
  });
  RouterOptions options;
  options.clock = &clock;
  RouterProbe probe(config_for({{"a", server.url("")}}), options);
  auto request = chat_request();
  request->options.deadline = milliseconds(500);
  const Ticket ticket = probe.submit(request);
  ASSERT_TRUE(arrived.wait([](int n) { return n == 1; }));
  clock.advance(milliseconds(500));
  probe.router->poke();
  const Gathered got = probe.gather(ticket);
  EXPECT_EQ(got.failure(), ErrorKind::deadline_exceeded);
  EXPECT_EQ(got.last.decision->total, milliseconds(500));
}

}  // namespace
}  // namespace llmroute::runtime
