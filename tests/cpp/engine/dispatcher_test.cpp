#include "llmroute/engine/dispatcher.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/drive.h"

namespace llmroute::engine {
namespace {

TEST(Dispatcher, NamesTheNearestGroup) {
  Drive d(make_inventory({"a"}));
  RequestOptions options;
  options.model = "mian";
  EXPECT_EQ(d.submit(options), "failed invalid_argument; ");
  EXPECT_NE(d.decision().failure->message.find("did you mean \"main\""), std::string::npos);
}

TEST(Dispatcher, TheOnlyGroupNeedsNoName) {
  Inventory inventory = make_inventory({"a"});
  Drive one(inventory);
  auto request = std::make_shared<ChatRequest>();
  Actions actions;
  one.dispatcher().submit(request, one.now(), WallTime{}, actions);
  EXPECT_EQ(one.take(actions), "start a; ");
  add_group(inventory, "other", {"a"});
  Drive two(inventory);
  actions.clear();
  two.dispatcher().submit(request, two.now(), WallTime{}, actions);
  EXPECT_EQ(two.take(actions), "failed invalid_argument; ");
}

TEST(Dispatcher, BoundsWhatIsInFlight) {
  Dispatcher dispatcher(1, 2);
  ASSERT_TRUE(dispatcher.configure(std::make_shared<const Inventory>(make_inventory({"a"}))));
  auto request = std::make_shared<ChatRequest>();
  Actions actions;
  for (int i = 0; i < 3; ++i) dispatcher.submit(request, Instant{}, WallTime{}, actions);
  const auto& last = std::get<Finish>(actions.back());
  EXPECT_EQ(last.decision->failure->kind, ErrorKind::capacity);
  EXPECT_EQ(dispatcher.in_flight(), 2U);
}

TEST(Dispatcher, ABadConfigurationNeverReplacesAGoodOne) {
  Drive d(make_inventory({"a"}));
  EXPECT_FALSE(d.dispatcher().configure(
      std::make_shared<const Inventory>(make_inventory({"b"}, "no_such_policy"))));
  EXPECT_EQ(d.submit(), "start a; ");
}

TEST(Dispatcher, RequestsFinishOnTheConfigurationTheyBeganWith) {
  Drive d(make_inventory({"a", "b"}));
  d.submit();
  Inventory next = make_inventory({"c", "a"});
  next.version = 2;
  ASSERT_TRUE(d.dispatcher().configure(std::make_shared<const Inventory>(next)));
  Outcome outcome;
  outcome.failure = make_failure(ErrorKind::server_error, "");
  Actions actions;
  d.dispatcher().on_outcome(d.id(), 1, d.now(), outcome, {}, actions);
  ASSERT_FALSE(actions.empty());
  EXPECT_EQ(std::get<StartAttempt>(actions[0]).deployment, 1U) << "b of the old one";
  EXPECT_GT(d.dispatcher().board().at(1).get<health::ErrorRate>().counts(d.now()).failed, 0U)
      << "a's failure reached a's new place";
  actions.clear();
  d.dispatcher().on_outcome(d.id(), 2, d.now(), Outcome{}, {}, actions);
  EXPECT_EQ(std::get<Finish>(actions.back()).decision->inventory->version, 1U);
}

TEST(Dispatcher, CountsWhatIsAskedForAndKeepsTheCountsOverAReload) {
  using Counts = std::vector<std::pair<std::string, std::uint64_t>>;
  Inventory inventory = make_inventory({"a", "b"});
  add_group(inventory, "other", {"b"});
  Drive d(inventory);
  EXPECT_EQ(d.dispatcher().traffic(), Counts{});
  RequestOptions options;
  for (const char* model : {"main", "other", "other", "nobody"}) {
    options.model = model;
    d.submit(options);
  }
  ChatRequest only_looked_at;
  only_looked_at.options.model = "main";
  d.dispatcher().explain(only_looked_at, d.now(), WallTime{});
  EXPECT_EQ(d.dispatcher().traffic(), (Counts{{"main", 1}, {"other", 2}}));
  Inventory next = make_inventory({"c"});
  add_group(next, "more", {"c"});
  ASSERT_TRUE(d.dispatcher().configure(std::make_shared<const Inventory>(next)));
  EXPECT_EQ(d.dispatcher().traffic(), (Counts{{"main", 1}})) << "what is gone is forgotten";
}

TEST(Dispatcher, CountsWhatNamesNothingByItself) {
  using Counts = std::vector<std::pair<std::string, std::uint64_t>>;
  Drive d(make_inventory({"a"}));
  Actions actions;
  d.dispatcher().submit(std::make_shared<ChatRequest>(), d.now(), WallTime{}, actions);
  EXPECT_EQ(d.dispatcher().traffic(), (Counts{{"", 1}}));
  ASSERT_TRUE(d.dispatcher().configure(std::make_shared<const Inventory>(make_inventory({"b"}))));
  EXPECT_EQ(d.dispatcher().traffic(), (Counts{{"", 1}}));
}

TEST(Dispatcher, PretendedFailuresCountAsRealOnes) {
  Drive d(make_inventory({"a", "b"}, "ordered"));
  Outcome outcome;
  outcome.failure = make_failure(ErrorKind::server_error, "");
  for (int i = 0; i < defaults::kBreakerFailures; ++i) {
    EXPECT_EQ(d.dispatcher().board().admit(0, d.now()).reason, Reason::kept);
    d.dispatcher().pretend(0, 0, d.now(), outcome);
  }
  EXPECT_EQ(d.dispatcher().board().admit(0, d.now()).reason, Reason::breaker_open);
  EXPECT_EQ(d.dispatcher().board().hot(0).in_flight, 0U);
  EXPECT_EQ(d.submit(), "start b; ");
}

TEST(Dispatcher, SameSeedSameDecisions) {
  const auto run = [](std::uint64_t seed) {
    Drive d(make_inventory({"a", "b", "c", "d"}, "weighted"), seed);
    std::string seen;
    for (int i = 0; i < 50; ++i) {
      seen += d.submit();
      seen += i % 3 == 0 ? d.fail(ErrorKind::server_error) + d.ok() : d.ok();
      d.pass(milliseconds(7));
    }
    return seen;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

TEST(Dispatcher, ExplainsWithoutCallingAnyone) {
  Drive d(make_inventory({"a", "b"}));
  ChatRequest request;
  request.options.model = "main";
  request.options.exclude = {"a"};
  const DecisionPtr decision = d.dispatcher().explain(request, d.now(), WallTime{});
  EXPECT_EQ(decision->status, DecisionStatus::pending);
  EXPECT_EQ(decision->candidates[0].reason, Reason::excluded);
  EXPECT_EQ(decision->candidates[1].rank, 0);
  EXPECT_EQ(d.in_flight(1), 0U);
}

TEST(Dispatcher, WithoutAConfigurationEveryModelIsUnknown) {
  Dispatcher dispatcher(1);
  for (const char* model : {"", "fast"}) {
    auto request = std::make_shared<ChatRequest>();
    request->options.model = model;
    Actions actions;
    dispatcher.submit(request, Instant{}, WallTime{}, actions);
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_EQ(std::get<Finish>(actions[0]).decision->failure->kind, ErrorKind::invalid_argument);
    EXPECT_EQ(dispatcher.explain(*request, Instant{}, WallTime{})->status, DecisionStatus::failed);
  }
}

TEST(Dispatcher, ExplainingForetellsTheNextAndChangesNothing) {
  const auto run = [](bool look) {
    Drive d(make_inventory({"a", "b", "c", "d"}, "weighted"), 3);
    std::string seen;
    for (int i = 0; i < 30; ++i) {
      ChatRequest request;
      request.options.model = "main";
      std::string foretold;
      if (look) {
        const DecisionPtr decision = d.dispatcher().explain(request, d.now(), WallTime{});
        for (const CandidateRecord& c : decision->candidates) {
          if (c.rank == 0) foretold = decision->inventory->deployments[c.deployment].name;
        }
      }
      const std::string started = d.submit();
      EXPECT_TRUE(!look || started == "start " + foretold + "; ") << started << foretold;
      seen += started + d.ok();
    }
    return seen;
  };
  EXPECT_EQ(run(true), run(false));
}

TEST(Dispatcher, StrangersEventsAreIgnored) {
  Drive d(make_inventory({"a"}));
  d.submit();
  Actions actions;
  for (const RequestId id : {RequestId{0}, RequestId{99}}) {
    d.dispatcher().on_content(id, 1, d.now(), milliseconds(1), actions);
    d.dispatcher().on_outcome(id, 1, d.now(), Outcome{}, {}, actions);
    d.dispatcher().on_timer(id, d.now(), actions);
    d.dispatcher().cancel(id, d.now(), actions);
    d.dispatcher().note_planned(id, milliseconds(1));
  }
  d.dispatcher().on_outcome(d.id(), 2, d.now(), Outcome{}, {}, actions);
  d.dispatcher().on_timer(d.id(), d.now(), actions);
  EXPECT_TRUE(actions.empty());
  EXPECT_EQ(d.ok(), "ok a; ");
}

}  // namespace
}  // namespace llmroute::engine
