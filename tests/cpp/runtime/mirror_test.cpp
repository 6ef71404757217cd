#include "llmroute/runtime/mirror.h"

#include <gtest/gtest.h>

#include <thread>

#include "router_probe.h"

namespace llmroute::runtime {
namespace {

using test::chat_request;
using test::config_for;
using test::HttpServer;
using test::RouterProbe;
using test::whole_reply;

// Once it holds these words; else how it stands when patience ends.
std::string until(const Mirror& mirror, const std::string& words) {
  const Instant give_up = system_clock().now() + test::kPatience;
  while (mirror.json().find(words) == std::string::npos && system_clock().now() < give_up) {
    std::this_thread::yield();
  }
  return mirror.json();
}

struct Pair {
  explicit Pair(double share)
      : here(HttpServer::fixed(200, whole_reply("here"))),
        there(HttpServer::fixed(500, "{}")),
        probe(config_for({{"a", here.url("")}})),
        other(RouterProbe(config_for({{"b", there.url("")}}, R"("attempts":1)")).router.release()),
        mirror(std::make_shared<Mirror>(other, share)) {
    probe.router->set_mirror(mirror);
  }
  HttpServer here, there;
  RouterProbe probe;
  std::shared_ptr<Router> other;
  std::shared_ptr<Mirror> mirror;
};

TEST(Mirror, ComparesTheSameRequests) {
  Pair pair(1);
  EXPECT_EQ(pair.probe.run(chat_request()).last.reply->body, whole_reply("here"));
  pair.probe.run(chat_request());
  const std::string report = until(*pair.mirror, R"("there":{"requests":2)");
  EXPECT_NE(report.find(R"("here":{"requests":2)"), std::string::npos) << report;
  EXPECT_NE(report.find(R"("there":{"requests":2,"failures":2,"mean_ms":null)"), std::string::npos)
      << report;
  pair.probe.router->set_mirror(nullptr);
  pair.probe.run(chat_request());
  EXPECT_EQ(pair.mirror->json(), report);
}

TEST(Mirror, AShareOfNothingIsNothing) {
  Pair pair(0);
  pair.probe.run(chat_request());
  EXPECT_NE(pair.mirror->json().find(R"("here":{"requests":0)"), std::string::npos);
}

TEST(Mirror, WhatWasNotSentOrIsACopyIsPassedOver) {
  Pair pair(1);
  auto copy = chat_request();
  copy->options.shadow_of = "another";
  pair.probe.run(copy);
  auto unknown = chat_request();
  unknown->options.model = "nobody";
  pair.probe.run(unknown);
  EXPECT_NE(pair.mirror->json().find(R"("here":{"requests":0)"), std::string::npos);
}

TEST(Mirror, AClosedOtherOneIsInNobodysWay) {
  Pair pair(1);
  pair.other->close();
  EXPECT_EQ(pair.probe.run(chat_request()).last.decision->status, DecisionStatus::ok);
  EXPECT_NE(pair.mirror->json().find(R"("there":{"requests":0)"), std::string::npos);
}

}  // namespace
}  // namespace llmroute::runtime
