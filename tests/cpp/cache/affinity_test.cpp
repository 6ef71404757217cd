#include "llmroute/cache/affinity.h"

#include <gtest/gtest.h>

#include <string>

namespace llmroute::cache {
namespace {

Deployment deployment(const std::string& name) {
  Deployment d;
  d.name = name;
  d.provider = "p";
  d.model = "m";
  d.base_url = "http://" + name;
  return d;
}

struct World {
  explicit World(std::size_t most = 1'000) : affinity(most) {
    inventory.cache.affinity.emplace();
    for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
      inventory.deployments.push_back(deployment(name));
    }
    affinity.configure(inventory);
  }
  const Deployment& at(std::size_t i) const { return inventory.deployments[i]; }
  void answer(const ChatRequest& request, std::size_t d, const std::string& id = "") {
    affinity.note_answer(request, at(d), id, now);
  }
  Preference ask(const ChatRequest& request) { return affinity.look_up(request, now); }
  std::optional<DeploymentIndex> holder(const ChatRequest& request) {
    return ask(request).conversation;
  }

  Inventory inventory;
  Affinity affinity;
  Instant now{seconds(1'000)};
};

using Index = std::optional<DeploymentIndex>;

ChatRequest talk(const std::string& conversation, const std::string& tenant = "",
                 const std::string& model = "fast") {
  ChatRequest request;
  request.options.conversation = conversation;
  request.options.model = model;
  if (!tenant.empty()) request.options.metadata = {{"tenant", tenant}};
  return request;
}

// One mark per message, each 1,000 tokens long; equal words are equal messages.
ChatRequest messages(const std::string& words) {
  ChatRequest request;
  std::uint64_t hash = 7;
  for (const char word : words) {
    hash = hash * 31 + static_cast<std::uint64_t>(word);
    request.prefixes.push_back(
        {hash, Tokens{1'000 * static_cast<std::int64_t>(request.prefixes.size() + 1)}});
  }
  return request;
}

TEST(Affinity, AConversationIsWhereItWasAnsweredLast) {
  World w;
  EXPECT_EQ(w.holder(talk("x")), Index());
  w.answer(talk("x"), 1);
  EXPECT_EQ(w.holder(talk("x")), Index(1));
  EXPECT_EQ(w.holder(talk("y")), Index());
  w.answer(talk("x"), 2);
  EXPECT_EQ(w.holder(talk("x")), Index(2));
}

TEST(Affinity, TenantsAndModelsDoNotMeet) {
  World w;
  w.answer(talk("x", "acme"), 1);
  w.answer(talk("x", "other"), 2);
  w.answer(talk("x", "acme", "judge"), 3);
  EXPECT_EQ(w.holder(talk("x", "acme")), Index(1));
  EXPECT_EQ(w.holder(talk("x", "other")), Index(2));
  EXPECT_EQ(w.holder(talk("x", "acme", "judge")), Index(3));
  EXPECT_EQ(w.holder(talk("x")), Index());
  w.inventory.queue.by = {Scope::all, ""};
  w.affinity.configure(w.inventory);
  w.answer(talk("z", "acme"), 1);
  EXPECT_EQ(w.holder(talk("z", "other")), Index(1)) << "nobody asked for tenants";
}

TEST(Affinity, WithoutAnIdTheMessagesTell) {
  World w;
  w.answer(messages("su"), 1);
  EXPECT_EQ(w.holder(messages("suau")), Index(1));
  EXPECT_EQ(w.holder(messages("su")), Index()) << "the same question is not a conversation";
  EXPECT_EQ(w.holder(messages("sv")), Index()) << "nor is the same system message";
  EXPECT_EQ(w.holder(messages("s")), Index());
  w.answer(messages("suau"), 2);
  EXPECT_EQ(w.holder(messages("suauau")), Index(2)) << "the longest that is known";
  EXPECT_EQ(w.holder(messages("subu")), Index(1)) << "a branch from further up";
}

TEST(Affinity, ConversationsExpireLongAfterWarmth) {
  World w;
  w.answer(talk("x"), 1);
  w.now += seconds(12 * 300 - 1);
  EXPECT_EQ(w.holder(talk("x")), Index(1));
  w.answer(talk("x"), 1);
  w.now += seconds(12 * 300 - 1);
  EXPECT_EQ(w.holder(talk("x")), Index(1)) << "an answer begins it anew";
  w.now += seconds(1);
  EXPECT_EQ(w.holder(talk("x")), Index());
}

TEST(Affinity, WarmIsTheLongestThatEachWasSent) {
  World w;
  w.answer(messages("sabc"), 0);
  w.answer(messages("sax"), 1);
  w.answer(messages("t"), 2);
  const Preference seen = w.ask(messages("sabd"));
  ASSERT_EQ(seen.warm.size(), 2U);
  EXPECT_EQ(seen.warm_at(0).count, 3'000);
  EXPECT_EQ(seen.warm_at(1).count, 2'000);
  EXPECT_EQ(seen.warm_at(2).count, 0);
}

TEST(Affinity, WarmthNeedsTheLeastLengthAndExpires) {
  World w;
  w.affinity.note_warm(messages("sa"), w.at(0), w.now);
  EXPECT_EQ(w.ask(messages("sb")).warm.size(), 0U) << "1,000 tokens are less than 1,024";
  EXPECT_EQ(w.ask(messages("sab")).warm_at(0).count, 2'000);
  w.now += seconds(299);
  EXPECT_TRUE(w.ask(messages("sab")).any());
  w.affinity.note_warm(messages("sac"), w.at(0), w.now);
  w.now += seconds(299);
  EXPECT_EQ(w.ask(messages("sab")).warm_at(0).count, 2'000) << "what shares it keeps it warm";
  w.now += seconds(1);
  EXPECT_FALSE(w.ask(messages("sab")).any());
}

TEST(Affinity, OfManyHoldersTheLatestAreRemembered) {
  World w;
  for (std::size_t d = 0; d < 6; ++d) {
    w.affinity.note_warm(messages("sa"), w.at(d), w.now);
    w.now += seconds(1);
  }
  const Preference seen = w.ask(messages("sa"));
  EXPECT_EQ(seen.warm.size(), 4U);
  EXPECT_EQ(seen.warm_at(1).count, 0);
  for (const DeploymentIndex d : {2U, 3U, 4U, 5U}) EXPECT_EQ(seen.warm_at(d).count, 2'000) << d;
}

TEST(Affinity, AReplysIdBindsWhateverItsAge) {
  World w;
  w.answer(talk("x"), 1, "resp_1");
  ChatRequest next = talk("another");
  next.previous_reply = "resp_1";
  w.now += seconds(1'000'000);
  EXPECT_EQ(w.ask(next).bound, Index(1));
  next.previous_reply = "resp_2";
  EXPECT_EQ(w.ask(next).bound, Index()) << "not known: nothing is bound";
}

TEST(Affinity, SealedReasoningBindsToItsConversationUnderAnyModel) {
  World w;
  w.answer(talk("x", "acme", "fast"), 1);
  ChatRequest next = talk("x", "acme", "clever");
  EXPECT_EQ(w.ask(next).bound, Index());
  next.sealed_reasoning = true;
  EXPECT_EQ(w.ask(next).bound, Index(1));
  EXPECT_EQ(w.ask(next).conversation, Index()) << "that is for the model it was answered under";
  ChatRequest unnamed = messages("suau");
  unnamed.sealed_reasoning = true;
  EXPECT_EQ(w.ask(unnamed).bound, Index());
  w.answer(messages("su"), 2);
  EXPECT_EQ(w.ask(unnamed).bound, Index(2));
}

TEST(Affinity, TheSettingsSwitchPreferencesButNotWhatIsBound) {
  World w;
  w.inventory.cache.affinity->conversations = false;
  w.inventory.cache.affinity->prefixes = false;
  w.affinity.configure(w.inventory);
  ChatRequest request = messages("sa");
  request.options.conversation = "x";
  w.answer(request, 1, "resp_1");
  EXPECT_FALSE(w.ask(request).any());
  request.sealed_reasoning = true;
  EXPECT_EQ(w.ask(request).bound, Index(1));
  request.sealed_reasoning = false;
  request.previous_reply = "resp_1";
  EXPECT_EQ(w.ask(request).bound, Index(1));
}

TEST(Affinity, SurvivesAReloadForThoseThatStayWhatTheyAre) {
  World w;
  w.answer(talk("x"), 1);
  w.answer(talk("y"), 2);
  w.answer(talk("z"), 3);
  Inventory next = w.inventory;
  std::swap(next.deployments[1], next.deployments[5]);
  next.deployments[2].model = "another";
  next.deployments.erase(next.deployments.begin() + 3);
  w.affinity.configure(next);
  EXPECT_EQ(w.holder(talk("x")), Index(4)) << "it moved";
  EXPECT_EQ(w.holder(talk("y")), Index()) << "another model under the name";
  EXPECT_EQ(w.holder(talk("z")), Index()) << "gone";
  w.affinity.configure(w.inventory);
  EXPECT_EQ(w.holder(talk("z")), Index(3)) << "and back";
}

TEST(Affinity, OffMeansForgotten) {
  World w;
  w.answer(talk("x"), 1);
  Inventory off = w.inventory;
  off.cache.affinity.reset();
  w.affinity.configure(off);
  EXPECT_FALSE(w.ask(talk("x")).any());
  w.answer(talk("y"), 1);
  w.affinity.configure(w.inventory);
  EXPECT_FALSE(w.ask(talk("x")).any());
  EXPECT_FALSE(w.ask(talk("y")).any());
}

TEST(Affinity, EveryTableIsBounded) {
  World w(10);
  for (int i = 0; i < 100; ++i) {
    w.answer(talk("x" + std::to_string(i)), 1, "resp_" + std::to_string(i));
  }
  int conversations = 0, replies = 0;
  for (int i = 0; i < 100; ++i) {
    conversations += w.holder(talk("x" + std::to_string(i))) ? 1 : 0;
    ChatRequest next;
    next.previous_reply = "resp_" + std::to_string(i);
    replies += w.ask(next).bound ? 1 : 0;
  }
  EXPECT_EQ(conversations, 5) << "two entries each";
  EXPECT_EQ(replies, 10);
  EXPECT_TRUE(w.holder(talk("x99")));
}

TEST(Affinity, LookingChangesNothing) {
  World w(4);
  w.answer(talk("x"), 1);
  w.answer(talk("y"), 2);
  for (int i = 0; i < 10; ++i) w.ask(talk("x"));
  w.answer(talk("z"), 3);
  EXPECT_EQ(w.holder(talk("x")), Index()) << "touched longest ago, however often looked at";
}

TEST(Affinity, AStepBackInTimeExpiresNothing) {
  World w;
  w.answer(talk("x"), 1);
  w.now -= seconds(500);
  EXPECT_EQ(w.holder(talk("x")), Index(1));
}

TEST(SameAccount, IsProviderEndpointAndKeys) {
  const Deployment a = deployment("a");
  Deployment b = a;
  b.name = "b";
  b.model = "another";
  EXPECT_TRUE(same_account(a, b));
  b.base_url = "http://elsewhere";
  EXPECT_FALSE(same_account(a, b));
  b = a;
  b.provider = "q";
  EXPECT_FALSE(same_account(a, b));
  b = a;
  b.keys = {parse_secret("env:KEY")};
  EXPECT_FALSE(same_account(a, b));
  Deployment c = b;
  EXPECT_TRUE(same_account(b, c));
  c.keys = {parse_secret("literal-one")};
  b.keys = {parse_secret("literal-two")};
  EXPECT_FALSE(same_account(b, c));
}

}  // namespace
}  // namespace llmroute::cache
