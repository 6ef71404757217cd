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

// --- invariants over random orders of events, judged by counting alone ---------------------------

struct Watched {
  int attempts_allowed = 0;
  int started = 0;
  bool running = false, content = false, finished = false, restart = false;
  Instant deadline = kNever;
};

class Oracle {
 public:
  void check(const Actions& actions, Instant now) {
    for (const Action& action : actions) {
      if (const auto* start = std::get_if<StartAttempt>(&action)) {
        Watched& w = all[start->request];
        EXPECT_FALSE(w.finished) << "an attempt after the end";
        EXPECT_FALSE(w.running) << "two attempts at once";
        EXPECT_FALSE(w.content && !w.restart) << "a fallback after content";
        EXPECT_LT(now, w.deadline) << "an attempt after the deadline";
        EXPECT_LE(++w.started, w.attempts_allowed);
        w.running = true;
        w.content = false;
      } else if (const auto* stop = std::get_if<CancelAttempt>(&action)) {
        EXPECT_TRUE(all[stop->request].running);
        all[stop->request].running = false;
      } else if (const auto* finish = std::get_if<Finish>(&action)) {
        Watched& w = all[finish->request];
        EXPECT_FALSE(w.finished) << "a second end";
        w.finished = true;
      }
    }
  }
  std::map<RequestId, Watched> all;
};

TEST(Dispatcher, HoldsItsInvariantsUnderAnyOrderOfEvents) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random chance(seed);
    Inventory inventory = make_inventory({"a", "b", "c"}, "power_of_two");
    const GroupIndex spare = split_off(inventory, "spare", {"c"});
    inventory.groups[0].fallbacks = {spare};
    inventory.groups[0].on_context_too_long = {spare};
    Dispatcher dispatcher(seed);
    ASSERT_TRUE(dispatcher.configure(std::make_shared<const Inventory>(inventory)));
    Oracle oracle;
    std::map<RequestId, AttemptId> attempt;
    std::map<RequestId, Instant> timers;
    Instant now{seconds(50)};
    RequestId submitted = 0;
    const auto apply = [&](Actions& actions) {
      oracle.check(actions, now);
      for (const Action& action : actions) {
        if (const auto* s = std::get_if<StartAttempt>(&action)) attempt[s->request] = s->attempt;
        if (const auto* t = std::get_if<SetTimer>(&action)) timers[t->request] = t->when;
      }
    };
    for (int step = 0; step < 400; ++step) {
      Actions actions;
      now += milliseconds(static_cast<std::int64_t>(chance.below(400)));
      for (auto& [id, when] : timers) {
        if (when > now) continue;
        when = kNever;
        dispatcher.on_timer(id, now, actions);
        apply(actions);
        actions.clear();
      }
      const RequestId any = 1 + chance.below(submitted + 1);
      const AttemptId which = chance.below(8) == 0 ? 7 : attempt[any];
      switch (chance.below(6)) {
        case 0: {
          auto request = std::make_shared<ChatRequest>();
          request->options.model = "main";
          request->options.attempts = 1 + static_cast<int>(chance.below(4));
          if (chance.below(2) == 0) request->options.on_interrupt = OnInterrupt::restart;
          if (chance.below(2) == 0) {
            request->options.deadline = milliseconds(static_cast<std::int64_t>(chance.below(2000)));
          }
          Watched w;
          w.attempts_allowed = *request->options.attempts;
          w.restart = request->options.on_interrupt == OnInterrupt::restart;
          if (request->options.deadline) w.deadline = now + *request->options.deadline;
          oracle.all[++submitted] = w;
          dispatcher.submit(request, now, WallTime{}, actions);
          break;
        }
        case 1: dispatcher.cancel(any, now, actions); break;
        case 2:
          dispatcher.on_content(any, which, now, milliseconds(3), actions);
          if (oracle.all[any].running && which == attempt[any]) oracle.all[any].content = true;
          break;
        default: {
          Outcome outcome;
          if (chance.below(3) != 0) {
            const auto kinds = slugs<ErrorKind>().size();
            outcome.failure = make_failure(static_cast<ErrorKind>(chance.below(kinds)), "");
          }
          if (oracle.all.count(any) && which == attempt[any]) oracle.all[any].running = false;
          dispatcher.on_outcome(any, which, now, outcome, {}, actions);
          break;
        }
      }
      apply(actions);
      if (HasFailure()) return;
    }
    for (auto& [id, w] : oracle.all) {
      Actions actions;
      dispatcher.cancel(id, now, actions);
      oracle.check(actions, now);
      EXPECT_TRUE(w.finished || w.attempts_allowed == 0) << "request " << id;
    }
    for (DeploymentIndex d = 0; d < 3; ++d) {
      EXPECT_EQ(dispatcher.board().hot(d).in_flight, 0U) << "a gauge did not return to zero";
    }
    EXPECT_EQ(dispatcher.in_flight(), 0U);
  }
}

TEST(Dispatcher, ATotalOutageDoesNotMultiplyTraffic) {
  Inventory inventory = make_inventory({"a", "b", "c", "d", "e", "f"});
  const GroupIndex second = split_off(inventory, "second", {"c", "d"});
  const GroupIndex third = split_off(inventory, "third", {"e", "f"});
  inventory.groups[0].fallbacks = {second, third};
  Drive d(inventory);
  for (int i = 0; i < 1000; ++i) {  // a healthy past saves up as much budget as can be saved
    d.submit();
    d.ok();
    d.pass(milliseconds(10));
  }
  const auto starts = [](const std::string& seen) {
    int count = 0;
    for (std::size_t at = 0; (at = seen.find("start", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  int attempts = 0;
  const int requests = 6000;
  for (int i = 0; i < requests; ++i) {
    std::string seen = d.submit();
    while (seen.find("start") != std::string::npos) {
      attempts += starts(seen);
      seen = d.fail(ErrorKind::connect);
    }
    // What waits for a backoff goes on while others come.
    attempts += starts(d.pass(milliseconds(10)));
  }
  EXPECT_LE(attempts, requests * 5 / 4);
}

TEST(Dispatcher, ADeathAmongHealthyOnesCostsNoUserAFailure) {
  Drive d(make_inventory({"a", "b", "c"}));
  std::vector<RequestId> hit;
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(d.submit(), "start a; ");
    hit.push_back(d.id());
  }
  for (RequestId id : hit) {
    d.focus(id);
    EXPECT_EQ(d.fail(ErrorKind::connect), "start b; ");
  }
  for (RequestId id : hit) {
    d.focus(id);
    EXPECT_EQ(d.ok(), "ok b; ");
  }
  EXPECT_EQ(d.submit(), "start b; ") << "the breaker of a is open";
}

}  // namespace
}  // namespace llmroute::engine
