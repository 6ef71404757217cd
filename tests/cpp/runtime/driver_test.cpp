#include "llmroute/runtime/driver.h"

#include <map>

#include "router_probe.h"

namespace llmroute::runtime {
namespace {

TEST(Driver, ARefusalIsAWholeDecision) {
  auto request = test::chat_request();
  request->id = "abcd-7";
  const InventoryPtr inventory =
      test::inventory_of(test::config_for({{"a", "http://127.0.0.1:9"}}));
  const Completion refused = Driver::refusal({42, request, nullptr}, inventory, ErrorKind::capacity,
                                             "too many", WallTime(seconds(5)));
  EXPECT_EQ(refused.ticket, 42U);
  EXPECT_TRUE(refused.last);
  EXPECT_FALSE(refused.reply);
  const Decision& decision = *refused.decision;
  EXPECT_EQ(decision.request_id, "abcd-7");
  EXPECT_EQ(decision.model_asked, "all");
  EXPECT_EQ(decision.status, DecisionStatus::failed);
  EXPECT_EQ(decision.failure->kind, ErrorKind::capacity);
  EXPECT_EQ(decision.submitted, WallTime(seconds(5)));
  EXPECT_EQ(decision.inventory, inventory);
  EXPECT_NE(to_json(decision).find("too many"), std::string::npos);
}

// Attempts are used again: what one request left behind must not show in the next.
TEST(Driver, AnAttemptUsedAgainRemembersNothing) {
  int count = 0;  // the server's thread only
  test::HttpServer server([&count](net::ServerRequest, net::Responder responder) {
    if (count++ % 2 == 0) {
      responder.respond(400, {}, R"({"error":{"message":"first","code":"x"}})");
    } else {
      responder.respond(200, {}, test::whole_reply("second"));
    }
  });
  test::RouterProbe probe(test::config_for({{"a", server.url("")}}));
  for (int i = 0; i < 4; ++i) {
    const test::Gathered got = probe.run(test::chat_request());
    const Outcome& outcome = got.last.decision->attempts.at(0).outcome;
    if (i % 2 == 0) {
      ASSERT_TRUE(outcome.failure.has_value());
      EXPECT_EQ(outcome.failure->status, 400);
      EXPECT_FALSE(got.last.reply);
    } else {
      EXPECT_TRUE(outcome.ok());
      EXPECT_EQ(got.last.reply->body, test::whole_reply("second"));
      EXPECT_EQ(got.last.reply->status, 200);
    }
  }
}

TEST(Driver, ManyRequestsEndEachOnce) {
  const auto server = test::HttpServer::fixed(200, test::whole_reply("hi"));
  test::RouterProbe probe(test::config_for({{"a", server.url("")}}));
  constexpr std::size_t kMany = 500;
  std::map<Ticket, int> ends;
  for (std::size_t i = 0; i < kMany; ++i) ends.emplace(probe.submit(test::chat_request()), 0);
  ASSERT_EQ(ends.size(), kMany);
  std::size_t ended = 0;
  while (ended < kMany) {
    ASSERT_TRUE(probe.queue->wait(test::kPatience));
    for (const Completion& completion : probe.queue->take()) {
      ASSERT_TRUE(completion.last);
      EXPECT_EQ(completion.decision->status, DecisionStatus::ok);
      EXPECT_EQ(++ends.at(completion.ticket), 1);
      ++ended;
    }
  }
  EXPECT_EQ(probe.router->in_flight(), 0U);
}

}  // namespace
}  // namespace llmroute::runtime
