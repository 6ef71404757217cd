#include "llmroute/policy/planner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

namespace llmroute::policy {
namespace {

Deployment deployment(const std::string& name) {
  Deployment d;
  d.name = name;
  return d;
}

Price by_token(double input, double output) {
  Price price;
  price.input_usd_per_million = input;
  price.output_usd_per_million = output;
  return price;
}

struct World {
  World() {
    for (const char* name : {"a", "b", "c", "d"}) add(name);
    group("main", {0, 1});
    group("spare", {1, 2});
    group("long", {3});
    inventory.groups[0].fallbacks = {1};
  }
  void add(const std::string& name) {
    inventory.deployment_index[name] = static_cast<DeploymentIndex>(inventory.deployments.size());
    inventory.deployments.push_back(deployment(name));
  }
  void group(const std::string& name, std::vector<DeploymentIndex> members) {
    Group g;
    g.name = name;
    g.policy.name = "ordered";
    for (DeploymentIndex d : members) g.members.push_back({d, 1.0});
    inventory.group_index[name] = static_cast<GroupIndex>(inventory.groups.size());
    inventory.groups.push_back(g);
  }
  std::string plan() {
    EXPECT_TRUE(planner.configure(std::make_shared<const Inventory>(inventory)));
    if (board.size() == 0) board.configure(inventory);
    records.clear();
    steps.clear();
    affinity = planner.plan(0, request, board, now, random, records, steps, preference, utc_minute);
    return text();
  }
  int utc_minute = Charge::kSomeTime;
  std::string text() {
    std::string out;
    for (const PlanStep& step : steps) {
      out += inventory.deployments[step.deployment].name + "@" + inventory.groups[step.group].name +
             " ";
    }
    return out;
  }
  Reason reason(const std::string& name) {
    for (const CandidateRecord& r : records) {
      if (inventory.deployments[r.deployment].name == name) return r.reason;
    }
    return Reason::kept;
  }
  void fail(DeploymentIndex d, int times) {
    if (board.size() == 0) board.configure(inventory);
    for (int i = 0; i < times; ++i) {
      health::Work work;
      Outcome outcome;
      outcome.failure = make_failure(ErrorKind::connect, "");
      board.on_start(d, now, work);
      board.on_outcome(d, 0, now, outcome, work);
    }
  }

  Inventory inventory;
  health::Board board;
  Planner planner;
  Random random{1};
  Instant now{seconds(10)};
  ChatRequest request;
  cache::Preference preference;
  AffinityRecord affinity;
  std::vector<CandidateRecord> records;
  std::vector<PlanStep> steps;
};

TEST(Planner, TakesEachDeploymentOnceWhereItFirstOccurs) {
  World s;
  EXPECT_EQ(s.plan(), "a@main b@main c@spare ");
  EXPECT_EQ(s.records[2].rank, 2);
}

TEST(Planner, DropsWithTheReasonAndItsNumbers) {
  World s;
  s.inventory.deployments[0].context_tokens = Tokens{100};
  s.inventory.deployments[1].lacks.set(static_cast<std::size_t>(Capability::vision));
  s.request.facts.prompt_tokens = Tokens{90};
  s.request.facts.max_output_tokens = Tokens{20};
  s.request.facts.needs.set(static_cast<std::size_t>(Capability::vision));
  EXPECT_EQ(s.plan(), "c@spare ");
  EXPECT_EQ(s.reason("a"), Reason::context_too_short);
  EXPECT_EQ(s.records[0].a, 110);
  EXPECT_EQ(s.records[0].b, 100);
  EXPECT_EQ(s.records[0].rank, -1);
  EXPECT_EQ(s.reason("b"), Reason::vision_not_supported);
}

TEST(Planner, DropsForParametersUnlessTheyMayBeDropped) {
  World s;
  s.inventory.deployments[0].unsupported.set(static_cast<std::size_t>(Parameter::seed));
  s.inventory.deployments[1].max_output_tokens = Tokens{10};
  s.request.facts.parameters.set(static_cast<std::size_t>(Parameter::seed));
  s.request.facts.max_output_tokens = Tokens{11};
  EXPECT_EQ(s.plan(), "c@spare ");
  EXPECT_EQ(s.reason("a"), Reason::parameter_not_supported);
  EXPECT_EQ(s.records[0].a, static_cast<float>(Parameter::seed));
  EXPECT_EQ(s.reason("b"), Reason::output_too_short);
  s.request.options.drop_unsupported = true;
  EXPECT_EQ(s.plan(), "a@main c@spare ");
}

TEST(Planner, LeavesOutWhomTheCallerExcludes) {
  World s;
  s.request.options.exclude = {"a", "c"};
  EXPECT_EQ(s.plan(), "b@main ");
  EXPECT_EQ(s.reason("a"), Reason::excluded);
}

TEST(Planner, TheLastUsableIsKeptButNotWhileOthersWork) {
  World s;
  s.fail(0, 5);
  EXPECT_EQ(s.plan(), "b@main c@spare ");
  s.now += milliseconds(5);
  s.fail(1, 5);
  s.fail(2, 5);
  s.now += milliseconds(200);
  EXPECT_EQ(s.plan(), "a@main ") << "its breaker opened first";
  EXPECT_TRUE(s.records[0].last_usable);
  s.fail(0, 1);
  EXPECT_EQ(s.plan(), "");
  EXPECT_EQ(s.reason("a"), Reason::throttled);
}

TEST(Planner, FollowsAPythonOrderOfTheFirstGroup) {
  World s;
  s.request.options.order = std::vector<std::string>{"b", "x", "c"};
  EXPECT_EQ(s.plan(), "b@main c@spare ");
  EXPECT_EQ(s.reason("a"), Reason::not_in_order);
  s.request.options.order = std::vector<std::string>{"x"};
  EXPECT_EQ(s.plan(), "a@main b@main c@spare ") << "none is there any more: the built-in decides";
}

TEST(Planner, TheRequestsOwnListComesInsteadOfTheFallbacks) {
  World s;
  s.group("d", {3});
  struct Case {
    std::vector<std::string> fallbacks;
    const char* plan;
  };
  const Case cases[] = {
      {{}, "a@main b@main "},
      {{"spare"}, "a@main b@main c@spare "},
      {{"d", "spare"}, "a@main b@main d@d c@spare "},
      {{"spare", "long", "d"}, "a@main b@main c@spare d@long "},
      {{"d", "main", "d"}, "a@main b@main d@d "},
      {{"nobody", "d"}, "a@main b@main d@d "},
  };
  for (const Case& c : cases) {
    s.request.options.fallbacks = c.fallbacks;
    EXPECT_EQ(s.plan(), c.plan) << ::testing::PrintToString(c.fallbacks);
  }
}

TEST(Planner, AListedGroupBringsItsMembersAndNotItsFallbacks) {
  World s;
  std::swap(s.inventory.groups[0].members, s.inventory.groups[2].members);  // main: d, long: a, b
  s.inventory.groups[2].fallbacks = {1};
  s.request.options.fallbacks = {"long"};
  EXPECT_EQ(s.plan(), "d@main a@long b@long ");
}

TEST(Planner, AListOpensNoDoor) {
  World s;
  s.request.options.fallbacks = {"spare", "long"};
  s.request.options.exclude = {"c"};
  s.inventory.deployments[3].context_tokens = Tokens{10};
  s.request.facts.prompt_tokens = Tokens{90};
  EXPECT_EQ(s.plan(), "a@main b@main ");
  EXPECT_EQ(s.reason("c"), Reason::excluded);
  EXPECT_EQ(s.reason("d"), Reason::context_too_short);
}

TEST(Planner, APolicyForOneCallRanksListedGroupsToo) {
  World s;
  s.inventory.deployments[2].price = by_token(1.0, 1.0);
  s.request.options.policy = "least_cost";
  s.request.options.fallbacks = {"long", "spare"};
  s.request.options.order = std::vector<std::string>{"b", "a"};
  s.inventory.groups[2].members = {{3, 1.0}, {2, 1.0}};
  EXPECT_EQ(s.plan(), "b@main a@main c@long d@long ") << "the order is that of the first group";
}

TEST(Planner, APolicyForOneCallReplacesTheGroups) {
  World s;
  s.inventory.deployments[1].price = by_token(1.0, 1.0);
  s.request.options.policy = "least_cost";
  EXPECT_EQ(s.plan(), "b@main a@main c@spare ");
  s.request.options.policy = "no_such";
  EXPECT_EQ(s.plan(), "a@main b@main c@spare ");
}

TEST(Planner, ExtendsWithAnotherGroup) {
  World s;
  s.plan();
  s.planner.extend(2, s.request, s.board, s.now, s.random, s.records, s.steps);
  EXPECT_EQ(s.text(), "a@main b@main c@spare d@long ");
  s.planner.extend(1, s.request, s.board, s.now, s.random, s.records, s.steps);
  EXPECT_EQ(s.steps.size(), 4U) << "they are in the plan already";
}

TEST(Planner, RefusesAnUnknownPolicyAndKeepsWhatItHad) {
  World s;
  s.plan();
  Inventory broken = s.inventory;
  broken.groups[1].policy.name = "fastest";
  const auto result = s.planner.configure(std::make_shared<const Inventory>(broken));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().path, "groups.spare.policy");
  s.records.clear();
  s.steps.clear();
  s.planner.plan(0, s.request, s.board, s.now, s.random, s.records, s.steps);
  EXPECT_EQ(s.steps.size(), 3U);
}

TEST(Planner, APythonPolicysGroupHasItsStandIn) {
  World s;
  s.inventory.groups[0].policy = {"mine", {}, true, "least_cost"};
  s.inventory.deployments[1].price = by_token(1.0, 1.0);
  EXPECT_EQ(s.plan(), "b@main a@main c@spare ");
}

TEST(OrderByScore, PutsTheBestInFrontAndUnknownLast) {
  std::vector<Ranked> many(40);
  Random random(3);
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i].deployment = static_cast<DeploymentIndex>(i);
    many[i].score = i % 5 == 0 ? std::nan("") : random.unit();
  }
  order_by_score(many);
  for (std::size_t i = 1; i < kExactlyRanked; ++i) EXPECT_LE(many[i - 1].score, many[i].score);
  std::vector<Ranked> few(2);
  few[0].score = std::nan("");
  order_by_score(few);
  EXPECT_EQ(few[0].score, 0.0);
}

// --- affinity -------------------------------------------------------------------------------------

TEST(Planner, AConversationStaysAtTheFrontOfTheWholePlan) {
  World s;
  EXPECT_EQ(s.plan(), "a@main b@main c@spare ");
  EXPECT_EQ(s.affinity.kind, AffinityKind::none);
  s.preference.conversation = 1;
  EXPECT_EQ(s.plan(), "b@main a@main c@spare ");
  EXPECT_EQ(s.affinity.kind, AffinityKind::conversation);
  EXPECT_EQ(s.affinity.deployment, DeploymentIndex{1});
  EXPECT_EQ(s.records[0].rank, 1);
  EXPECT_EQ(s.records[1].rank, 0);
  s.preference.conversation = 2;
  EXPECT_EQ(s.plan(), "c@spare a@main b@main ") << "where its own group failed it before";
  EXPECT_EQ(s.records[2].rank, 0);
}

TEST(Planner, AConversationMovesWhereItsPlaceIsNotOneOfThePlan) {
  World s;
  s.preference.conversation = 3;
  EXPECT_EQ(s.plan(), "a@main b@main c@spare ");
  EXPECT_EQ(s.affinity.kind, AffinityKind::none) << "of another group";
  s.preference.conversation = 1;
  s.request.options.exclude = {"b"};
  EXPECT_EQ(s.plan(), "a@main c@spare ");
  EXPECT_EQ(s.reason("b"), Reason::excluded);
  s.request.options.exclude.clear();
  s.fail(1, 1);
  EXPECT_EQ(s.plan(), "a@main b@main c@spare ") << "admitted, but attempts fail there";
  EXPECT_EQ(s.affinity.kind, AffinityKind::none);
  s.fail(1, 4);
  EXPECT_EQ(s.plan(), "a@main c@spare ");
}

TEST(Planner, AConversationDoesNotOverruleAPythonOrder) {
  World s;
  s.preference.conversation = 1;
  s.request.options.order = std::vector<std::string>{"a", "b"};
  EXPECT_EQ(s.plan(), "a@main b@main c@spare ");
  EXPECT_EQ(s.affinity.kind, AffinityKind::none);
}

TEST(Planner, AConversationIsLeftAloneInExtensions) {
  World s;
  s.preference.conversation = 3;
  s.plan();
  s.planner.extend(2, s.request, s.board, s.now, s.random, s.records, s.steps, s.preference);
  EXPECT_EQ(s.text(), "a@main b@main c@spare d@long ");
}

// 1,000 prompt tokens; a costs 1.0 and b 1.2 USD per million of them, 0.2 where they are cached.
struct Prices : World {
  Prices() {
    inventory.groups[0].policy.name = "least_cost";
    request.facts.prompt_tokens = Tokens{1'000};
    request.facts.max_output_tokens = Tokens{0};
    for (const auto& [d, usd] : {std::pair(0U, 1.0), std::pair(1U, 1.2)}) {
      Price& price = inventory.deployments[d].price;
      price.input_usd_per_million = usd;
      price.output_usd_per_million = 1.0;
      price.cached_input_usd_per_million = 0.2;
    }
  }
  std::string plan_with(std::vector<cache::Warm> known) {
    warm = std::move(known);
    preference.warm = warm;
    return plan();
  }
  std::vector<cache::Warm> warm;
};

TEST(Planner, PricesDependOnTheTimeTheTierAndTheSize) {
  Prices s;
  Price& price = s.inventory.deployments[1].price;
  price.windows = {{60, 120, {{}, 0.5}}};
  price.tiers = {{{2'000}, {{}, 2}}};
  price.service_tiers = {{ServiceTier::flex, {{}, 0.1}}};
  s.plan();
  EXPECT_NEAR(s.records[1].estimated_usd, 1.2e-3, 1e-12);
  s.utc_minute = 90;
  EXPECT_EQ(s.plan().substr(0, 7), "b@main ");
  EXPECT_NEAR(s.records[1].estimated_usd, 0.6e-3, 1e-12);
  s.request.facts.service_tier = ServiceTier::flex;
  s.plan();
  EXPECT_NEAR(s.records[1].estimated_usd, 0.06e-3, 1e-12);
  s.request.facts.prompt_tokens = Tokens{3'000};
  s.plan();
  EXPECT_NEAR(s.records[1].estimated_usd, 0.36e-3, 1e-12);
}

TEST(Planner, ByTheHourItWeighsTheTimeAndWhoSharesIt) {
  Prices s;
  s.inventory.deployments[1].price = {};
  s.inventory.deployments[1].price.usd_per_hour = 3.6;
  s.request.facts.max_output_tokens = Tokens{256};
  s.plan();
  EXPECT_NEAR(s.records[1].estimated_usd, 1e-6 * defaults::kPriorTotalMs, 1e-9);
  health::Work work;
  s.board.on_start(1, s.now, work);
  s.plan();
  EXPECT_NEAR(s.records[1].estimated_usd, 1e-6 * defaults::kPriorTotalMs / 2, 1e-9);
}

// Deployment 1 counts half as many tokens again as were estimated.
void teach(World& s) {
  s.plan();
  Outcome answer;
  answer.usage.reported = true;
  answer.usage.input = Tokens{1'500};
  for (int i = 0; i < defaults::kTokenRatioAnswers; ++i) {
    health::Work work{Tokens{1'000}, Tokens{1}};
    s.board.on_start(1, s.now, work);
    s.board.on_outcome(1, 0, s.now, answer, work);
  }
}

TEST(Planner, EstimatesPromptsAsTheModelCountsThem) {
  Prices s;
  teach(s);
  s.inventory.deployments[1].context_tokens = Tokens{1'499};
  s.plan();
  EXPECT_NEAR(s.records[0].estimated_usd, 1.0e-3, 1e-9);
  EXPECT_NEAR(s.records[1].estimated_usd, 1.8e-3, 1e-9);
  EXPECT_EQ(s.reason("b"), Reason::context_too_short) << "1,500 tokens there";
  s.inventory.deployments[1].context_tokens = Tokens{1'500};
  s.plan();
  EXPECT_EQ(s.reason("b"), Reason::kept);
}

TEST(Planner, WarmTokensCostWhatCachedInputCosts) {
  Prices s;
  EXPECT_EQ(s.plan_with({}).substr(0, 7), "a@main ");
  EXPECT_NEAR(s.records[1].estimated_usd, 1.2e-3, 1e-12);
  EXPECT_EQ(s.plan_with({{1, Tokens{500}}}).substr(0, 7), "b@main ");
  EXPECT_NEAR(s.records[1].estimated_usd, 0.7e-3, 1e-12);
  EXPECT_NEAR(s.records[1].score, 0.7e-3, 1e-9) << "the policy saw it";
  EXPECT_EQ(s.affinity.kind, AffinityKind::prefix);
  EXPECT_EQ(s.affinity.deployment, DeploymentIndex{1});
  EXPECT_EQ(s.affinity.warm, Tokens{500});
}

TEST(Planner, WarmTokensAreCountedAsTheModelCountsThem) {
  Prices s;
  teach(s);
  s.plan_with({{1, Tokens{500}}});
  EXPECT_NEAR(s.records[1].estimated_usd, 1.8e-3 - 0.75e-3, 1e-9);
}

TEST(Planner, WarmWinsExactlyWhereItSavesMoreThanThePriceGap) {
  Prices s;  // the gap is 200 of a millionth, each warm token saves 1.0 of it
  EXPECT_EQ(s.plan_with({{1, Tokens{199}}}).substr(0, 7), "a@main ");
  EXPECT_EQ(s.affinity.kind, AffinityKind::none) << "it would not be used";
  EXPECT_EQ(s.plan_with({{1, Tokens{201}}}).substr(0, 7), "b@main ");
  EXPECT_EQ(s.plan_with({{1, Tokens{500}}, {0, Tokens{500}}}).substr(0, 7), "a@main ")
      << "0.6 against 0.7 where both are warm";
  EXPECT_EQ(s.affinity.deployment, DeploymentIndex{0});
}

TEST(Planner, NothingIsPretendedWhereThePriceOfCachedInputIsUnknown) {
  Prices s;
  s.inventory.deployments[1].price.cached_input_usd_per_million.reset();
  EXPECT_EQ(s.plan_with({{1, Tokens{1'000}}}).substr(0, 7), "a@main ");
  EXPECT_NEAR(s.records[1].estimated_usd, 1.2e-3, 1e-12);
  s.inventory.deployments[1].price.cached_input_usd_per_million = 5.0;
  EXPECT_EQ(s.plan_with({{1, Tokens{1'000}}}).substr(0, 7), "a@main ");
  EXPECT_NEAR(s.records[1].estimated_usd, 1.2e-3, 1e-12) << "dearer than input: no saving";
  s.inventory.deployments[1].price = {};
  s.plan_with({{1, Tokens{1'000}}});
  EXPECT_TRUE(std::isnan(s.records[1].estimated_usd)) << "unknown stays unknown";
}

TEST(Planner, WarmthIsOnlyMoney) {
  Prices s;
  s.inventory.groups[0].policy.name = "ordered";
  EXPECT_EQ(s.plan_with({{1, Tokens{1'000}}}).substr(0, 14), "a@main b@main ");
}

TEST(Planner, ABoundRequestLeavesOutAllOtherAccounts) {
  World s;
  s.preference.bound = 1;
  s.inventory.deployments[0].provider = "another";
  s.inventory.deployments[2].keys = {parse_secret("env:KEY")};
  EXPECT_EQ(s.plan(), "b@main ");
  EXPECT_EQ(s.reason("a"), Reason::bound_elsewhere);
  EXPECT_EQ(s.reason("c"), Reason::bound_elsewhere);
  EXPECT_EQ(s.affinity.kind, AffinityKind::bound);
  EXPECT_EQ(s.affinity.deployment, DeploymentIndex{1});
  s.inventory.deployments[2].keys.clear();
  EXPECT_EQ(s.plan(), "b@main c@spare ") << "the same account";
  s.preference.conversation = 2;
  EXPECT_EQ(s.plan(), "c@spare b@main ");
  EXPECT_EQ(s.affinity.kind, AffinityKind::bound);
  s.preference = {};
  EXPECT_EQ(s.plan(), "a@main b@main c@spare ");
}

TEST(Planner, ABoundRequestDoesNotGoElsewhereWhenItsPlaceIsDown) {
  World s;
  s.inventory.deployments[0].provider = s.inventory.deployments[2].provider = "another";
  s.preference.bound = 1;
  s.fail(1, 5);
  s.fail(0, 5);
  s.now += milliseconds(200);
  EXPECT_EQ(s.plan(), "b@main ") << "throttled as the last usable one";
  EXPECT_TRUE(s.records[1].last_usable);
  EXPECT_EQ(s.reason("a"), Reason::bound_elsewhere) << "no reserve either";
  s.request.options.exclude = {"b"};
  EXPECT_EQ(s.plan(), "");
  EXPECT_EQ(s.reason("b"), Reason::excluded);
  EXPECT_EQ(s.affinity.kind, AffinityKind::bound) << "which says why nobody is left";
}

}  // namespace
}  // namespace llmroute::policy
