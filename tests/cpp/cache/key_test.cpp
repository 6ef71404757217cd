#include "llmroute/cache/key.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace llmroute::cache {
namespace {

constexpr std::string_view kPlain =
    R"({"messages":[{"role":"user","content":"hi, \"you\" "}],"temperature":0.5,"seed":1})";

ChatRequest request_of(std::string_view body, bool stream = false) {
  ChatRequest request;
  request.body = std::string(body);
  request.options.stream = stream;
  return request;
}

std::optional<Key> key_of(std::string_view body, bool stream = false, const Asked& asked = {}) {
  return request_key(request_of(body, stream), asked);
}

TEST(RequestKey, IsTheSameForTheSameQuestion) {
  const auto plain = key_of(kPlain);
  ASSERT_TRUE(plain);
  const char* same[] = {
      // Another order of the members.
      R"({"seed":1,"temperature":0.5,"messages":[{"role":"user","content":"hi, \"you\" "}]})",
      // White space between tokens.
      "{ \"messages\" :\n[ { \"role\": \"user\",\t\"content\":\"hi, \\\"you\\\" \" } ] ,"
      "\"temperature\" : 0.5 , \"seed\":1 }\n",
      // Members that change no answer, and explicit nulls.
      R"({"messages":[{"role":"user","content":"hi, \"you\" "}],"temperature":0.5,"seed":1,)"
      R"("model":"m","stream":true,"stream_options":{"include_usage":true},"store":false,)"
      R"("metadata":{"a":"b"},"user":"u","safety_identifier":"s","prompt_cache_key":"k",)"
      R"("service_tier":"auto","tools":null,"stop":null})",
  };
  for (const char* body : same) EXPECT_EQ(key_of(body), plain) << body;
  EXPECT_EQ(key_of(kPlain, true), plain) << "a stream may be answered from a whole reply";
}

TEST(RequestKey, DiffersWhereTheAnswerMay) {
  const char* bodies[] = {
      R"({"messages":[{"role":"user","content":"hi"}]})",
      R"({"messages":[{"role":"user","content":"h i"}]})",
      R"({"messages":[{"role":"user","content":"hi "}]})",
      R"({"messages":[{"role":"system","content":"hi"}]})",
      R"({"messages":[{"role":"user","content":"hi"},{"role":"user","content":"hi"}]})",
      R"({"messages":[{"role":"user","content":"hi"}],"temperature":0})",
      R"({"messages":[{"role":"user","content":"hi"}],"temperature":1})",
      R"({"messages":[{"role":"user","content":"hi"}],"top_p":1})",
      R"({"messages":[{"role":"user","content":"hi"}],"seed":1})",
      R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":1})",
      R"({"messages":[{"role":"user","content":"hi"}],"max_tokens":11})",
      R"({"messages":[{"role":"user","content":"hi"}],"n":1})",
      R"({"messages":[{"role":"user","content":"hi"}],"stop":["a"]})",
      R"({"messages":[{"role":"user","content":"hi"}],"stop":["a",null]})",
      R"({"messages":[{"role":"user","content":"hi"}],"stop":"a"})",
      R"({"messages":[{"role":"user","content":"hi"}],"tools":[]})",
      R"({"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function"}]})",
      R"({"messages":[{"role":"user","content":"hi"}],"response_format":{"type":"text"}})",
      R"({"messages":[{"role":"user","content":"hi"}],"reasoning_effort":"low"})",
      R"({"messages":[{"role":"user","content":"hi"}],"something_new":true})",
      // As written, but for white space: cautious.
      R"({"messages":[{"content":"hi","role":"user"}]})",
      R"({"messages":[{"role":"user","content":"h\u0069"}]})",
  };
  std::set<Key> seen;
  for (const char* body : bodies) {
    const auto key = key_of(body);
    ASSERT_TRUE(key) << body;
    EXPECT_TRUE(seen.insert(*key).second) << body;
  }
}

TEST(RequestKey, DiffersByPartitionGroupAndModels) {
  Asked asked{"acme", "fast", sha256("a"), false};
  const auto first = key_of(kPlain, false, asked);
  EXPECT_EQ(key_of(kPlain, false, asked), first);
  Asked other = asked;
  other.partition = "emca";
  EXPECT_NE(key_of(kPlain, false, other), first);
  other = asked;
  other.group = "slow";
  EXPECT_NE(key_of(kPlain, false, other), first);
  other = asked;
  other.fingerprint = sha256("b");
  EXPECT_NE(key_of(kPlain, false, other), first);
  // Nothing can be moved from one text into its neighbour.
  EXPECT_NE(key_of(kPlain, false, {"ab", "c", {}, false}),
            key_of(kPlain, false, {"a", "bc", {}, false}));
}

TEST(RequestKey, DiffersByWhatChoosesTheModel) {
  std::set<Key> seen;
  const auto distinct = [&](auto change) {
    ChatRequest request = request_of(kPlain);
    change(request.options);
    const auto key = request_key(request, {});
    return key && seen.insert(*key).second;
  };
  EXPECT_TRUE(distinct([](RequestOptions&) {}));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.drop_unsupported = true; }));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.exclude = {"a"}; }));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.exclude = {"a", "b"}; }));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.policy = "least_cost"; }));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.order = {"a", "b"}; }));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.order = {"a"}; }));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.fallbacks.emplace(); }));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.fallbacks = {"a"}; }));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.fallbacks = {"a", "b"}; }));
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.fallbacks = {"b", "a"}; }));  // as it is written
  EXPECT_TRUE(distinct([](RequestOptions& o) { o.fallbacks = {"ab"}; }));
  // The order of names says nothing about what may answer, nor do a deadline or a priority.
  EXPECT_FALSE(distinct([](RequestOptions& o) { o.exclude = {"b", "a", "a"}; }));
  EXPECT_FALSE(distinct([](RequestOptions& o) { o.order = {"b", "a"}; }));
  EXPECT_FALSE(distinct([](RequestOptions& o) {
    o.deadline = seconds(1);
    o.priority = kBatch;
    o.attempts = 2;
  }));
}

TEST(RequestKey, CountsHeadersThatMayBeSent) {
  const std::vector<std::string> forwarded = {"anthropic-beta", "x-title"};
  std::set<Key> seen;
  const auto distinct = [&](const Metadata& headers) {
    ChatRequest request = request_of(kPlain);
    request.options.headers = headers;
    Asked asked;
    asked.forwarded = forwarded;
    const auto key = request_key(request, asked);
    return key && seen.insert(*key).second;
  };
  EXPECT_TRUE(distinct({}));
  EXPECT_TRUE(distinct({{"anthropic-beta", "a"}}));
  EXPECT_TRUE(distinct({{"anthropic-beta", "b"}}));
  EXPECT_TRUE(distinct({{"x-title", "a"}}));
  EXPECT_TRUE(distinct({{"anthropic-beta", "a"}, {"x-title", "a"}}));
  EXPECT_TRUE(distinct({{"openai-beta", "a"}})) << "that nobody takes it does not make it nothing";
  // What stays here changes no answer.
  EXPECT_FALSE(distinct({{"x-request-id", "1"}}));
  EXPECT_FALSE(distinct({{"anthropic-beta", "a"}, {"x-request-id", "2"}}));
}

TEST(ForwardedHeaders, AreThoseOfAllDeployments) {
  Inventory inventory;
  for (const auto& names : std::vector<std::vector<std::string>>{{"b", "c"}, {"a", "b"}, {}}) {
    inventory.deployments.emplace_back().forward_headers = names;
    const auto d = static_cast<DeploymentIndex>(inventory.groups.size());
    inventory.groups.emplace_back().members = {{d}};
  }
  EXPECT_EQ(forwarded_headers(inventory), (std::vector<std::string>{"a", "b", "c"}));
  const auto before = fingerprints(inventory);
  inventory.deployments[2].forward_headers = {"d"};
  EXPECT_NE(fingerprints(inventory)[2], before[2]);
}

TEST(RequestKey, CountsThePriorityWhereItDecidesWhoMayAnswer) {
  ChatRequest request = request_of(kPlain);
  const auto standard = request_key(request, {"", "g", {}, true});
  request.options.priority = kBatch;
  EXPECT_NE(request_key(request, {"", "g", {}, true}), standard);
}

TEST(RequestKey, ThereIsNoneForWhatCannotBeKeptWhole) {
  struct Case {
    const char* more;
    bool whole, streamed;  // may be kept
  };
  const Case cases[] = {
      {R"("n":1)", true, true},
      {R"("n":2)", true, false},
      {R"("logprobs":false)", true, true},
      {R"("logprobs":true)", true, false},
      {R"("web_search_options":{})", true, false},
      {R"("audio":{"voice":"x"})", false, false},
      {R"("audio":null)", true, true},
      {R"("tools":[{"audio":1,"n":2}])", true, true},
      {R"("\u006e":2)", false, false},  // could be any name
  };
  for (const Case& c : cases) {
    const std::string body = std::string(R"({"messages":[{"role":"user"}],)") + c.more + "}";
    EXPECT_EQ(key_of(body).has_value(), c.whole) << body;
    EXPECT_EQ(key_of(body, true).has_value(), c.streamed) << body;
  }
  for (const char* body : {"", "[1]", "null", "\"text\"", "{\"a\":", "{} x", "7"}) {
    EXPECT_FALSE(key_of(body)) << body;
  }
  EXPECT_TRUE(key_of("{}"));
}

TEST(PartitionOf, IsTheTenant) {
  const Metadata metadata = {{"team", "blue"}, {"tenant", "acme"}};
  EXPECT_EQ(partition_of(std::nullopt, metadata), "");
  EXPECT_EQ(partition_of(CountedBy{Scope::all, ""}, metadata), "");
  EXPECT_EQ(partition_of(CountedBy{Scope::metadata, "tenant"}, metadata), "acme");
  EXPECT_FALSE(partition_of(CountedBy{Scope::metadata, "region"}, metadata));
  EXPECT_FALSE(partition_of(CountedBy{Scope::metadata, "tenant"}, {}));
  EXPECT_FALSE(partition_of(CountedBy{Scope::key, ""}, metadata));
}

// Group 0 holds deployments 0 and 1, group 1 deployment 2.
Inventory two_groups() {
  Inventory inventory;
  for (const char* name : {"a", "b", "c"}) {
    Deployment deployment;
    deployment.name = name;
    deployment.model = "m";
    inventory.deployments.push_back(deployment);
  }
  Group first, second;
  first.name = "first";
  first.members = {{0, 1}, {1, 1}};
  second.name = "second";
  second.members = {{2, 1}};
  inventory.groups = {first, second};
  return inventory;
}

TEST(Fingerprints, ChangeWithWhatMayAnswer) {
  const auto before = fingerprints(two_groups());
  ASSERT_EQ(before.size(), 2U);
  EXPECT_NE(before[0], before[1]);
  EXPECT_EQ(fingerprints(two_groups()), before);
  const auto changed = [&](auto change) {
    Inventory inventory = two_groups();
    change(inventory);
    const auto after = fingerprints(inventory);
    EXPECT_EQ(after[1], before[1]) << "the other group has nothing to do with it";
    return after[0] != before[0];
  };
  EXPECT_TRUE(changed([](Inventory& i) { i.deployments[1].model = "other"; }));
  EXPECT_TRUE(changed([](Inventory& i) { i.deployments[1].base_url = "http://x"; }));
  EXPECT_TRUE(changed([](Inventory& i) { i.deployments[0].name = "z"; }));
  EXPECT_TRUE(changed([](Inventory& i) { i.deployments[0].headers = {{"beta", "1"}}; }));
  EXPECT_TRUE(changed([](Inventory& i) { i.groups[0].members.pop_back(); }));
  EXPECT_TRUE(changed([](Inventory& i) { i.groups[0].fallbacks = {1}; }));
  EXPECT_TRUE(changed([](Inventory& i) { i.groups[0].on_context_too_long = {1}; }));
  EXPECT_TRUE(changed([](Inventory& i) {
    ExhaustedStep step;
    step.action = ExhaustedAction::group;
    step.group = 1;
    i.groups[0].on_exhausted = {step};
  }));
  // A share of a budget may lead anywhere.
  EXPECT_TRUE(changed([](Inventory& i) {
    BudgetRule budget;
    budget.at = {{0.8, 1}};
    i.budgets = {budget};
  }));
  EXPECT_FALSE(changed([](Inventory& i) { i.groups[0].members = {{1, 5}, {0, 1}}; }));
  EXPECT_FALSE(changed([](Inventory& i) { i.deployments[0].price.input_usd_per_million = 1; }));
  EXPECT_FALSE(changed([](Inventory& i) { i.groups[0].on_exhausted = {ExhaustedStep{}}; }));
}

TEST(Fingerprints, OfARequestHasWhatItsListLeadsTo) {
  Inventory inventory = two_groups();
  inventory.group_index = {{"first", 0}, {"second", 1}};
  const auto of = [](const Inventory& i, std::optional<std::vector<std::string>> list) {
    RequestOptions options;
    options.fallbacks = std::move(list);
    return fingerprint_of(i, fingerprints(i), 0, options);
  };
  EXPECT_EQ(of(inventory, std::nullopt), fingerprints(inventory)[0]);
  const auto before = of(inventory, {{"second"}});
  EXPECT_EQ(of(inventory, {{"second"}}), before);
  EXPECT_NE(of(inventory, {std::vector<std::string>()}), before);
  Inventory changed = inventory;
  changed.deployments[2].model = "other";
  EXPECT_NE(of(changed, {{"second"}}), before);
  EXPECT_EQ(of(changed, std::nullopt), of(inventory, std::nullopt));
}

TEST(Fingerprints, FollowGroupsInCircles) {
  Inventory inventory = two_groups();
  inventory.groups[0].fallbacks = {1};
  inventory.groups[1].fallbacks = {0};
  const auto both = fingerprints(inventory);
  EXPECT_EQ(both[0], both[1]);
}

}  // namespace
}  // namespace llmroute::cache
