#include "llmroute/sim/callers.h"

#include <gtest/gtest.h>

namespace llmroute::sim {
namespace {

TEST(Callers, TenantsAreNumberedAsTheyAppear) {
  const Callers callers(
      {{}, {{"tenant", "b"}}, {{"task", "x"}, {"tenant", "a"}}, {{"tenant", "b"}}});
  EXPECT_EQ(callers.tenants(), (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(callers.tenant(0), -1);
  EXPECT_EQ(callers.tenant(1), 0);
  EXPECT_EQ(callers.tenant(2), 1);
  EXPECT_EQ(callers.tenant(3), 0);
  EXPECT_EQ(callers.task(2), "x");
  EXPECT_EQ(callers.task(1), "");
}

TEST(Callers, ARequestIsItsRow) {
  Traffic traffic;
  traffic.models = {"f", "g"};
  traffic.labels = {{}, {{"tenant", "a"}}};
  traffic.stream = false;
  traffic.deadline = seconds(3);
  TrafficRow row;
  row.model = 1;
  row.prompt_tokens = 9;
  row.max_output_tokens = 7;
  row.labels = 1;
  row.priority = 3;
  const auto request = make_request(traffic, row, true);
  EXPECT_EQ(request->options.model, "g");
  EXPECT_FALSE(request->options.stream);
  EXPECT_EQ(request->options.deadline, Duration(seconds(3)));
  EXPECT_EQ(request->options.metadata, traffic.labels[1]);
  EXPECT_EQ(request->options.priority, 3);
  EXPECT_EQ(request->options.conversation, "");
  EXPECT_EQ(request->facts.prompt_tokens, Tokens{9});
  EXPECT_EQ(request->facts.max_output_tokens, Tokens{7});
  EXPECT_TRUE(request->prefixes.empty());
  EXPECT_EQ(request->options.cache, CacheUse::off) << "contents are not modelled";
}

TEST(Callers, TurnsShareTheirBeginnings) {
  Traffic traffic;
  traffic.models = {"g"};
  TrafficRow first, second, other;
  first.conversation = second.conversation = 4;
  other.conversation = 5;
  first.prompt_tokens = second.known_tokens = 100;
  second.turn = 2;
  second.prompt_tokens = 300;
  const auto a = make_request(traffic, first, true);
  const auto b = make_request(traffic, second, true);
  ASSERT_EQ(a->prefixes.size(), 1U);
  ASSERT_EQ(b->prefixes.size(), 2U);
  EXPECT_EQ(b->prefixes[0].hash, a->prefixes[0].hash);
  EXPECT_EQ(b->prefixes[0].tokens, Tokens{100});
  EXPECT_EQ(b->prefixes[1].tokens, Tokens{300});
  EXPECT_NE(make_request(traffic, other, true)->prefixes[0].hash, a->prefixes[0].hash);
  EXPECT_EQ(a->options.conversation, b->options.conversation);
  EXPECT_EQ(b->facts.messages, 3U);
  EXPECT_TRUE(make_request(traffic, second, false)->prefixes.empty());
}

}  // namespace
}  // namespace llmroute::sim
