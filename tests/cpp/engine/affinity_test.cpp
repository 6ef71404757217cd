#include "llmroute/cache/affinity.h"

#include <gtest/gtest.h>

#include "engine/drive.h"

namespace llmroute::engine {
namespace {

Inventory affine(std::vector<std::string> names, const std::string& policy = "ordered") {
  Inventory inventory = make_inventory(names, policy);
  inventory.cache.affinity.emplace();
  return inventory;
}

// As many marks as messages, each 1,000 tokens; equal words are equal messages.
std::shared_ptr<ChatRequest> messages(const std::string& words) {
  auto request = std::make_shared<ChatRequest>();
  request->options.model = "main";
  std::uint64_t hash = 7;
  for (const char word : words) {
    hash = hash * 31 + static_cast<std::uint64_t>(word);
    request->prefixes.push_back(
        {hash, Tokens{1'000 * static_cast<std::int64_t>(request->prefixes.size() + 1)}});
  }
  if (!words.empty()) request->facts.prompt_tokens = request->prefixes.back().tokens;
  return request;
}

std::string send(Drive& d, std::shared_ptr<ChatRequest> request) {
  Actions actions;
  d.focus(d.dispatcher().submit(std::move(request), d.now(), WallTime{}, actions));
  return d.take(actions);
}

std::string say(Drive& d, const std::string& conversation, std::vector<std::string> exclude = {}) {
  RequestOptions options;
  options.conversation = conversation;
  options.exclude = std::move(exclude);
  return d.submit(std::move(options));
}

TEST(AffinityInDispatcher, AConversationStaysWhereItWasAnswered) {
  Drive d(affine({"a", "b", "c"}, "round_robin"));
  EXPECT_EQ(say(d, "x"), "start a; ");
  d.ok();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(say(d, "x"), "start a; ");
    EXPECT_EQ(d.ok(), "ok a; ");
    EXPECT_EQ(d.decision().affinity.kind, AffinityKind::conversation);
    EXPECT_EQ(d.decision().affinity.deployment, DeploymentIndex{0});
  }
  std::string others;
  for (int i = 0; i < 3; ++i) {
    others += say(d, "y" + std::to_string(i));
    d.ok();
    EXPECT_EQ(d.decision().affinity.kind, AffinityKind::none);
  }
  EXPECT_NE(others.find("start b"), std::string::npos) << "others go around: " << others;
}

TEST(AffinityInDispatcher, WithoutTheSettingNothingStays) {
  Drive d(make_inventory({"a", "b"}, "round_robin"));
  std::string seen;
  for (int i = 0; i < 4; ++i) {
    seen += say(d, "x");
    d.ok();
  }
  EXPECT_EQ(seen, "start a; start b; start a; start b; ");
}

TEST(AffinityInDispatcher, AConversationMovesWhenItsPlaceFailsAndStaysThere) {
  Drive d(affine({"a", "b", "c"}));
  EXPECT_EQ(say(d, "x"), "start a; ");
  d.ok();
  EXPECT_EQ(say(d, "x"), "start a; ");
  EXPECT_EQ(d.fail(ErrorKind::server_error), "start b; ");
  EXPECT_EQ(d.ok(), "ok b; ");
  d.pass(seconds(120));  // a's failure is forgotten
  EXPECT_EQ(say(d, "x"), "start b; ");
  EXPECT_EQ(d.ok(), "ok b; ");
  EXPECT_EQ(say(d, "y"), "start a; ");
}

TEST(AffinityInDispatcher, AFailedOrCancelledRequestDoesNotMoveIt) {
  Drive d(affine({"a", "b"}));
  say(d, "x");
  d.ok();
  EXPECT_EQ(say(d, "x", {"a"}), "start b; ");
  d.fail(ErrorKind::bad_request);
  EXPECT_EQ(say(d, "x", {"a"}), "start b; ");
  d.cancel();
  EXPECT_EQ(say(d, "x"), "start a; ");
}

TEST(AffinityInDispatcher, TheCallersExclusionWins) {
  Drive d(affine({"a", "b"}));
  say(d, "x");
  d.ok();
  EXPECT_EQ(say(d, "x", {"a"}), "start b; ");
  d.ok();
  EXPECT_EQ(d.decision().affinity.kind, AffinityKind::none);
  EXPECT_EQ(say(d, "x"), "start b; ") << "and there it is now";
}

TEST(AffinityInDispatcher, MessagesAreAConversationToo) {
  Drive d(affine({"a", "b"}, "round_robin"));
  EXPECT_EQ(send(d, messages("su")), "start a; ");
  d.ok();
  EXPECT_EQ(send(d, messages("suau")), "start a; ");
  d.ok();
  EXPECT_EQ(send(d, messages("suauau")), "start a; ");
  d.ok();
  EXPECT_EQ(d.decision().affinity.kind, AffinityKind::conversation);
  EXPECT_EQ(d.decision().affinity.warm, Tokens{4'000}) << "what the request before it had";
}

// a costs 1.0 and b 1.5 USD per million input tokens, 0.5 where cached.
Inventory priced() {
  Inventory inventory = affine({"a", "b"}, "least_cost");
  inventory.deployments[1].price.input_usd_per_million = 1.5;
  for (Deployment& d : inventory.deployments) d.price.cached_input_usd_per_million = 0.5;
  return inventory;
}

TEST(AffinityInDispatcher, AWarmPrefixIsWorthWhatItSaves) {
  Drive d(priced());
  auto first = messages("sab");
  first->options.exclude = {"a"};
  EXPECT_EQ(send(d, first), "start b; ");
  d.ok();
  // 2,000 of 3,000 tokens are warm at b: 2.5 against 3 at a.
  EXPECT_EQ(send(d, messages("sac")), "start b; ");
  d.ok();
  EXPECT_EQ(d.decision().affinity.kind, AffinityKind::prefix);
  EXPECT_EQ(d.decision().affinity.warm, Tokens{2'000});
  // 2,000 of 5,000: 5.5 against 5.
  EXPECT_EQ(send(d, messages("saxyz")), "start a; ");
  d.ok();
  EXPECT_EQ(d.decision().affinity.kind, AffinityKind::none);
  d.pass(seconds(300));
  EXPECT_EQ(send(d, messages("sad")), "start a; ") << "nothing is warm any more";
}

TEST(AffinityInDispatcher, AStreamIsWarmFromItsFirstContentOn) {
  Drive d(priced());
  auto first = messages("sab");
  first->options.exclude = {"a"};
  send(d, first);
  EXPECT_EQ(d.dispatcher().explain(*messages("sac"), d.now(), WallTime{})->affinity.kind,
            AffinityKind::none);
  d.content();
  const DecisionPtr seen = d.dispatcher().explain(*messages("sac"), d.now(), WallTime{});
  EXPECT_EQ(seen->affinity.kind, AffinityKind::prefix);
  EXPECT_EQ(seen->affinity.deployment, DeploymentIndex{1});
}

TEST(AffinityInDispatcher, ANamedReplyIsContinuedWhereItWasGiven) {
  Drive d(affine({"a", "b"}));
  auto first = messages("s");
  first->options.exclude = {"a"};
  send(d, first);
  Outcome outcome;
  outcome.reply_id = "resp_1";
  EXPECT_EQ(d.end(outcome), "ok b; ");
  auto next = messages("t");
  next->previous_reply = "resp_1";
  EXPECT_EQ(send(d, next), "start b; ");
  EXPECT_EQ(d.fail(ErrorKind::server_error), "") << "not to a, even now";
  EXPECT_EQ(d.pass(seconds(10)), "start b; ");
  d.ok();
  EXPECT_EQ(d.decision().candidates[0].reason, Reason::bound_elsewhere);
  EXPECT_EQ(d.decision().affinity.kind, AffinityKind::bound);
  next = messages("t");
  next->previous_reply = "resp_2";
  EXPECT_EQ(send(d, next), "start a; ") << "nobody knows that one";
}

TEST(AffinityInDispatcher, SealedReasoningIsReadWhereItWasSealed) {
  Drive d(affine({"a", "b"}));
  auto first = messages("s");
  first->options.exclude = {"a"};
  send(d, first);
  d.ok();
  auto next = messages("sau");
  next->sealed_reasoning = true;
  next->options.exclude = {"b"};
  EXPECT_EQ(send(d, next), "failed no_candidate; ") << "excluded there, bound elsewhere";
  EXPECT_EQ(d.decision().candidates[0].reason, Reason::bound_elsewhere);
  EXPECT_EQ(d.decision().candidates[1].reason, Reason::excluded);
}

TEST(AffinityInDispatcher, AReloadKeepsConversations) {
  Drive d(affine({"a", "b"}));
  EXPECT_EQ(say(d, "x", {"a"}), "start b; ");
  d.ok();
  ASSERT_TRUE(d.dispatcher().configure(std::make_shared<const Inventory>(affine({"c", "a", "b"}))));
  EXPECT_EQ(say(d, "x"), "start b; ");
  EXPECT_EQ(d.ok(), "ok b; ");
  EXPECT_EQ(d.decision().affinity.deployment, DeploymentIndex{2});
}

TEST(AffinityInDispatcher, AnAnswerThatComesAfterAReloadStillCounts) {
  Drive d(affine({"a", "b"}));
  say(d, "x", {"a"});
  ASSERT_TRUE(d.dispatcher().configure(std::make_shared<const Inventory>(affine({"b", "a"}))));
  d.ok();
  EXPECT_EQ(say(d, "x"), "start b; ");
  EXPECT_EQ(d.decision().affinity.kind, AffinityKind::none) << "of the one before";
  d.ok();
  EXPECT_EQ(d.decision().affinity.deployment, DeploymentIndex{0});
}

TEST(AffinityInDispatcher, ExplainingRemembersNothing) {
  Drive d(affine({"a", "b"}, "round_robin"));
  ChatRequest request;
  request.options.model = "main";
  request.options.conversation = "x";
  for (int i = 0; i < 3; ++i) d.dispatcher().explain(request, d.now(), WallTime{});
  say(d, "x");
  d.ok();
  EXPECT_EQ(d.decision().affinity.kind, AffinityKind::none);
}

}  // namespace
}  // namespace llmroute::engine
