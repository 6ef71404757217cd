// Limits, budgets, waiting, caches and state: what they become, and every way they can be wrong.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/model/config.h"
#include "support/config_texts.h"

namespace llmroute {
namespace {

using testing::kCatalogue;
using testing::kPolicies;

Inventory whole() {
  auto inventory = parse_config(testing::kWholeConfig, kCatalogue, kPolicies);
  EXPECT_TRUE(inventory.has_value())
      << (inventory ? "" : inventory.error().path + ": " + inventory.error().message);
  return inventory ? *inventory : Inventory{};
}

std::string with(const std::string& tables) {
  return R"({"groups": {"g": {"deployments": ["openai/a"]}, "cheap": {"deployments": ["openai/b"]}},
            )" +
         tables + "}";
}
std::string in_limit(const std::string& members) {
  return with(R"("limits": {"l": {)" + members + "}}");
}
std::string in_budget(const std::string& members) {
  return with(R"("budgets": {"b": {"limit_usd": 1, )" + members + "}}");
}
std::string in_group(const std::string& members) {
  return R"({"groups": {"g": {"deployments": ["openai/a"], )" + members +
         R"(}, "cheap": {"deployments": ["openai/b"]}}})";
}
std::string member(const std::string& members) {
  return R"({"groups": {"g": {"deployments": [{"use": "openai/a", )" + members + "}]}}}";
}

Inventory parsed(const std::string& json) {
  auto inventory = parse_config(json, kCatalogue, kPolicies);
  EXPECT_TRUE(inventory.has_value())
      << json << (inventory ? "" : inventory.error().path + ": " + inventory.error().message);
  return inventory ? *inventory : Inventory{};
}

struct Case {
  std::string json;
  const char* path;
  const char* nearest;
  const char* words;  // part of the message
};

void expect_errors(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const auto result = parse_config(c.json, kCatalogue, kPolicies);
    ASSERT_TRUE(result.has_error()) << c.json;
    const Error& error = result.error();
    EXPECT_EQ(error.kind, ErrorKind::config) << c.json;
    EXPECT_EQ(error.path, c.path) << c.json << "\n" << error.message;
    EXPECT_EQ(error.nearest, c.nearest) << c.json << "\n" << error.message;
    EXPECT_NE(error.message.find(c.words), std::string::npos) << c.json << "\n" << error.message;
  }
}

// --- what they become -----------------------------------------------------------------------------

TEST(ConfigLimits, OfADeploymentAndOfRules) {
  const Inventory inventory = whole();
  const auto eu = inventory.find_deployment("eu");
  ASSERT_TRUE(eu);
  EXPECT_EQ(inventory.deployments[*eu].limits.slow_start, milliseconds(5'000));
  ASSERT_EQ(inventory.limits.size(), 2U);
  const LimitRule& tenants = inventory.limits[0];
  EXPECT_EQ(tenants.name, "tenants");
  EXPECT_EQ(tenants.by, (CountedBy{Scope::metadata, "tenant"}));
  EXPECT_EQ(tenants.only, (std::vector<std::string>{"acme", "umbrella"}));
  const LimitsSpec all = {30, 1'000, 500, 9'000, 4, milliseconds(100)};
  EXPECT_EQ(tenants.limits, all);
  EXPECT_EQ(inventory.limits[1].by, (CountedBy{Scope::provider, ""}));
  EXPECT_FALSE(inventory.limits[1].limits.in_flight);
}

TEST(ConfigLimits, CountTogetherWhereNothingElseIsSaid) {
  for (const char* by : {"all", "deployment", "provider", "group", "key", "metadata.a b"}) {
    const Inventory inventory =
        parsed(in_limit(R"("in_flight": 1, "by": ")" + std::string(by) + "\""));
    EXPECT_EQ(to_text(inventory.limits.at(0).by), by);
  }
  EXPECT_EQ(parsed(in_limit(R"("in_flight": 1)")).limits.at(0).by, CountedBy{});
}

TEST(ConfigLimits, KeysAreNamedByTheirSource) {
  const std::string deployments =
      R"({"deployments": {"d": {"provider": "openai", "model": "m", "api_keys": ["env:A", "sk-x"]}},)"
      R"( "limits": {"l": {"in_flight": 1, "by": "key", "only": [)";
  const Inventory inventory = parsed(deployments + R"("env:A", "d #2"]}}})");
  EXPECT_EQ(inventory.limits.at(0).only, (std::vector<std::string>{"env:A", "d #2"}));
  const auto wrong = parse_config(deployments + R"("env:B"]}}})", kCatalogue, kPolicies);
  ASSERT_TRUE(wrong.has_error());
  EXPECT_EQ(wrong.error().path, "limits.l.only[0]");
  EXPECT_EQ(wrong.error().nearest, "env:A");
}

TEST(ConfigBudgets, AWholeOne) {
  const Inventory inventory = whole();
  ASSERT_EQ(inventory.budgets.size(), 2U);
  const BudgetRule& batch = inventory.budgets[0];
  EXPECT_EQ(batch.name, "batch");
  EXPECT_EQ(batch.unit, BudgetUnit::usd);
  EXPECT_EQ(batch.limit, 40'500'000'000'000);
  EXPECT_EQ(batch.per, BudgetPeriod::month);
  EXPECT_EQ(batch.timezone, "Europe/Berlin");
  ASSERT_EQ(batch.zone.size(), 2U);
  EXPECT_EQ(batch.zone[1].from_s, 1'585'443'600);
  EXPECT_EQ(batch.zone[1].ahead_s, 7'200);
  EXPECT_EQ(to_text(batch.by), "metadata.tenant");
  EXPECT_EQ(batch.only, std::vector<std::string>{"acme"});
  ASSERT_EQ(batch.groups.size(), 2U);
  EXPECT_EQ(inventory.groups[batch.groups[1]].name, "long");
  EXPECT_FALSE(batch.every_group);
  ASSERT_EQ(batch.at.size(), 2U);
  EXPECT_EQ(batch.at[1].share, 0.8);
  // Only this reference names it, and it is there.
  EXPECT_EQ(inventory.groups[batch.at[1].group].name, "ollama/tiny");
  EXPECT_EQ(batch.on_exhausted, BudgetEnd::allow);
}

TEST(ConfigBudgets, UnitsAndDefaults) {
  const Inventory inventory = whole();
  const BudgetRule& all = inventory.budgets.at(1);
  EXPECT_EQ(all.unit, BudgetUnit::requests);
  EXPECT_EQ(all.limit, 1'000);
  EXPECT_EQ(all.per, BudgetPeriod::day);
  EXPECT_EQ(all.by, CountedBy{});
  EXPECT_TRUE(all.every_group);
  EXPECT_TRUE(all.groups.empty());
  EXPECT_EQ(all.on_exhausted, BudgetEnd::reject);
  const BudgetRule tokens = parsed(with(R"("budgets": {"b": {"limit_tokens": 5}})")).budgets.at(0);
  EXPECT_EQ(tokens.unit, BudgetUnit::tokens);
  EXPECT_EQ(tokens.limit, 5);
  EXPECT_EQ(parsed(in_budget(R"("per": "hour")")).budgets.at(0).per, BudgetPeriod::hour);
  const BudgetRule least = parsed(with(R"("budgets": {"b": {"limit_usd": 1e-6}})")).budgets.at(0);
  EXPECT_EQ(least.limit, 1'000'000);
}

TEST(ConfigBudgets, OffsetsNeedNoFace) {
  struct OffsetCase {
    const char* text;
    std::int32_t ahead_s;
  };
  for (const OffsetCase& c : {OffsetCase{"+02:00", 7'200}, OffsetCase{"-05:30", -19'800},
                              OffsetCase{"+14:00", 50'400}, OffsetCase{"-00:00", 0}}) {
    const Inventory inventory = parsed(in_budget(R"("timezone": ")" + std::string(c.text) + "\""));
    const BudgetRule& budget = inventory.budgets.at(0);
    ASSERT_EQ(budget.zone.size(), 1U) << c.text;
    EXPECT_EQ(budget.zone[0].ahead_s, c.ahead_s) << c.text;
  }
  EXPECT_TRUE(parsed(in_budget(R"("timezone": "UTC")")).budgets.at(0).zone.empty());
}

TEST(ConfigGroups, StepsWhenExhaustedAndPriorities) {
  const Inventory inventory = whole();
  const Group& fast = inventory.groups.at(*inventory.find_group("fast"));
  ASSERT_EQ(fast.on_exhausted.size(), 5U);
  EXPECT_EQ(fast.on_exhausted[0].action, ExhaustedAction::queue);
  EXPECT_EQ(fast.on_exhausted[0].wait, milliseconds(2'000));
  EXPECT_EQ(fast.on_exhausted[1].action, ExhaustedAction::least_bad);
  EXPECT_EQ(fast.on_exhausted[2].action, ExhaustedAction::group);
  EXPECT_EQ(inventory.groups[fast.on_exhausted[2].group].name, "default");
  EXPECT_EQ(fast.on_exhausted[3].action, ExhaustedAction::human);
  EXPECT_EQ(fast.on_exhausted[4].action, ExhaustedAction::reject);
  EXPECT_TRUE(fast.members[0].priorities.none());
  PrioritySet late;
  late.set(8).set(9);
  EXPECT_EQ(fast.members[1].priorities, late);
  EXPECT_TRUE(fast.members[2].priorities.none());
  const Inventory made = parsed(in_group(R"("on_exhausted": [{"group": "ollama/last"}])"));
  EXPECT_TRUE(made.find_deployment("ollama/last"));
}

TEST(ConfigCaches, AWholeConfigurationAndDefaults) {
  const Inventory inventory = whole();
  EXPECT_EQ(inventory.queue.max_waiting, 50U);
  EXPECT_EQ(to_text(inventory.queue.by), "metadata.team");
  EXPECT_EQ(inventory.queue.weights.at("gold"), 3);
  const ExactCacheSpec& exact = inventory.cache.exact.value();
  EXPECT_EQ(exact.ttl, seconds(60));
  EXPECT_EQ(exact.max_bytes, 8U << 20U);
  EXPECT_EQ(to_text(exact.by.value()), "metadata.tenant");
  EXPECT_FALSE(exact.single_flight);
  EXPECT_TRUE(exact.persistent);
  const AffinitySpec& affinity = inventory.cache.affinity.value();
  EXPECT_FALSE(affinity.conversations);
  EXPECT_TRUE(affinity.prefixes);
  EXPECT_EQ(affinity.ttl, seconds(30));
  EXPECT_EQ(affinity.min_prefix.count, 512);
  EXPECT_EQ(inventory.state.path, "llmroute.state");
  EXPECT_EQ(inventory.state.busy, milliseconds(250));
}

TEST(ConfigCaches, DefaultsAreThoseOfTheHeader) {
  const Inventory plain = parsed(with(R"("version": 1)"));
  EXPECT_FALSE(plain.cache.exact);
  EXPECT_FALSE(plain.cache.affinity);
  EXPECT_TRUE(plain.state.path.empty());
  EXPECT_EQ(plain.queue.max_waiting, QueueSpec{}.max_waiting);
  EXPECT_EQ(plain.queue.by, QueueSpec{}.by);
  const Inventory given =
      parsed(with(R"("cache": {"exact": {}, "affinity": {}}, "state": {"path": "s"})"));
  const ExactCacheSpec& exact = given.cache.exact.value();
  EXPECT_EQ(exact.ttl, ExactCacheSpec{}.ttl);
  EXPECT_EQ(exact.max_bytes, ExactCacheSpec{}.max_bytes);
  EXPECT_FALSE(exact.by);
  EXPECT_EQ(exact.single_flight, ExactCacheSpec{}.single_flight);
  EXPECT_EQ(exact.persistent, ExactCacheSpec{}.persistent);
  const AffinitySpec& affinity = given.cache.affinity.value();
  EXPECT_EQ(affinity.conversations, AffinitySpec{}.conversations);
  EXPECT_EQ(affinity.prefixes, AffinitySpec{}.prefixes);
  EXPECT_EQ(affinity.ttl, AffinitySpec{}.ttl);
  EXPECT_EQ(affinity.min_prefix, AffinitySpec{}.min_prefix);
  EXPECT_EQ(given.state.busy, StateSpec{}.busy);
}

// --- what can be wrong ----------------------------------------------------------------------------

TEST(ConfigLimits, Errors) {
  expect_errors({
      {with(R"("limits": [])"), "limits", "", "must be a table, not a list"},
      {with(R"("limit": {})"), "limit", "limits", "unknown key"},
      {with(R"("limits": {"l": 3})"), "limits.l", "", "must be a table, not a number"},
      {with(R"("limits": {"a\nb": {"in_flight": 1}})"), "limits.\"a\\nb\"", "",
       "control character"},
      {in_limit(""), "limits.l", "", "limits nothing"},
      {in_limit(R"("by": "deployment")"), "limits.l", "", "limits nothing"},
      {in_limit(R"("in_flight": 0)"), "limits.l.in_flight", "", "from 1 to"},
      {in_limit(R"("in_flight": 1.5)"), "limits.l.in_flight", "", "whole number"},
      {in_limit(R"("in_flight": "1")"), "limits.l.in_flight", "", "must be a number"},
      {in_limit(R"("tokens_per_day": 1e16)"), "limits.l.tokens_per_day", "", "from 1 to"},
      {in_limit(R"("request_per_minute": 1)"), "limits.l.request_per_minute", "requests_per_minute",
       "unknown key"},
      {in_limit(R"("tokens_per_day": 1, "slow_start_ms": 5)"), "limits.l.slow_start_ms", "",
       "without in_flight"},
      {in_limit(R"("in_flight": 1, "slow_start_ms": 0)"), "limits.l.slow_start_ms", "", "from 1"},
      {in_limit(R"("in_flight": 1, "by": 3)"), "limits.l.by", "", "must be a string"},
      {in_limit(R"("in_flight": 1, "by": "deploymnt")"), "limits.l.by", "deployment",
       "known: all, deployment, provider, group, key, metadata.KEY"},
      {in_limit(R"("in_flight": 1, "by": "metdata.user")"), "limits.l.by", "metadata.user",
       "unknown scope"},
      {in_limit(R"("in_flight": 1, "by": "metadata")"), "limits.l.by", "", "metadata.tenant"},
      {in_limit(R"("in_flight": 1, "by": "metadata.")"), "limits.l.by", "", "needs a key"},
      {in_limit(R"("in_flight": 1, "only": ["a"])"), "limits.l.only", "", "say by what"},
      {in_limit(R"("in_flight": 1, "by": "metadata.t", "only": [])"), "limits.l.only", "",
       "is empty"},
      {in_limit(R"("in_flight": 1, "by": "metadata.t", "only": ["a", "a"])"), "limits.l.only[1]",
       "", "listed twice"},
      {in_limit(R"("in_flight": 1, "by": "metadata.t", "only": [1])"), "limits.l.only[0]", "",
       "must be a string"},
      {in_limit(R"("in_flight": 1, "by": "deployment", "only": ["openai/aa"])"), "limits.l.only[0]",
       "openai/a", "unknown deployment \"openai/aa\""},
      {in_limit(R"("in_flight": 1, "by": "provider", "only": ["opnai"])"), "limits.l.only[0]",
       "openai", "unknown provider"},
      {in_limit(R"("in_flight": 1, "by": "group", "only": ["g", "chep"])"), "limits.l.only[1]",
       "cheap", "unknown group"},
      {R"({"deployments": {"d": {"provider": "openai", "model": "m",
            "limits": {"requests_per_day": 1, "slow_start_ms": 5}}}})",
       "deployments.d.limits.slow_start_ms", "", "without in_flight"},
  });
}

TEST(ConfigBudgets, Errors) {
  expect_errors({
      {with(R"("budgets": {"b": {}})"), "budgets.b", "",
       "give limit_usd, limit_tokens or limit_requests"},
      {with(R"("budgets": {"b": {"limit_usd": 1, "limit_tokens": 1}})"), "budgets.b.limit_tokens",
       "", "beside limit_usd; keep one"},
      {with(R"("budgets": {"b": {"limit_usd": 0}})"), "budgets.b.limit_usd", "",
       "from 1e-06 to 9000000, not 0"},
      {with(R"("budgets": {"b": {"limit_usd": -1}})"), "budgets.b.limit_usd", "", "not -1"},
      {with(R"("budgets": {"b": {"limit_usd": 1e7}})"), "budgets.b.limit_usd", "", "to 9000000"},
      {with(R"("budgets": {"b": {"limit_usd": "40"}})"), "budgets.b.limit_usd", "",
       "must be a number, not a string"},
      {with(R"("budgets": {"b": {"limit_requests": 0.5}})"), "budgets.b.limit_requests", "",
       "whole number"},
      {with(R"("budgets": {"b": {"limit": 5}})"), "budgets.b.limit", "limit_usd", "unknown key"},
      {with(R"("bugdets": {})"), "bugdets", "budgets", "unknown key"},
      {in_budget(R"("per": "week")"), "budgets.b.per", "", "known: hour, day, month"},
      {in_budget(R"("per": "mont")"), "budgets.b.per", "month", "unknown word"},
      {in_budget(R"("by": "deployment")"), "budgets.b.by", "", "\"all\" or \"metadata.KEY\""},
      {in_budget(R"("by": "metdata.user")"), "budgets.b.by", "metadata.user",
       "known: all, metadata.KEY"},
      {in_budget(R"("only": ["acme"])"), "budgets.b.only", "", "counted together"},
      {in_budget(R"("groups": [])"), "budgets.b.groups", "", "is empty"},
      {in_budget(R"("groups": ["chep"])"), "budgets.b.groups[0]", "cheap", "unknown group"},
      {in_budget(R"("groups": ["*", "cheap"])"), "budgets.b.groups", "", "keep one of the two"},
      {in_budget(R"("at": [])"), "budgets.b.at", "", "is empty"},
      {in_budget(R"("at": [{"share": 0.5}])"), "budgets.b.at[0].group", "", "is missing"},
      {in_budget(R"("at": [{"group": "cheap"}])"), "budgets.b.at[0].share", "", "is missing"},
      {in_budget(R"("at": [{"share": 1.5, "group": "cheap"}])"), "budgets.b.at[0].share", "",
       "from 0 to 1"},
      {in_budget(R"("at": [{"share": 0.5, "group": "chaep"}])"), "budgets.b.at[0].group", "cheap",
       "unknown group"},
      {in_budget(R"("at": [{"share": 0.5, "group": "g"}, {"share": 0.5, "group": "cheap"}])"),
       "budgets.b.at[1].share", "", "rising order"},
      {in_budget(R"("on_exhausted": "pass")"), "budgets.b.on_exhausted", "",
       "known: reject, allow"},
  });
}

TEST(ConfigBudgets, ZoneErrors) {
  const auto zone = [](const std::string& offsets) {
    return in_budget(R"("timezone": "Europe/Berlin", "timezone_offsets": )" + offsets);
  };
  expect_errors({
      {in_budget(R"("timezone": "Europe/Berlin")"), "budgets.b.timezone", "",
       "which the Python face turns into offsets"},
      {in_budget(R"("timezone": "")"), "budgets.b.timezone", "", "is empty"},
      {in_budget(R"("timezone": 2)"), "budgets.b.timezone", "", "must be a string"},
      {in_budget(R"("timezone": "+2")"), "budgets.b.timezone", "", "is not an offset"},
      {in_budget(R"("timezone": "+02-00")"), "budgets.b.timezone", "", "is not an offset"},
      {in_budget(R"("timezone": "+0a:00")"), "budgets.b.timezone", "", "is not an offset"},
      {in_budget(R"("timezone": "+02:60")"), "budgets.b.timezone", "", "is not an offset"},
      {in_budget(R"("timezone": "-14:01")"), "budgets.b.timezone", "", "from -14:00 to +14:00"},
      {zone("[]"), "budgets.b.timezone_offsets", "", "is empty"},
      {zone("[[0]]"), "budgets.b.timezone_offsets[0]", "", "has 1 entries; at least 2"},
      {zone("[[0, 0, 0]]"), "budgets.b.timezone_offsets[0]", "", "at most 2"},
      {zone("[[0, 0.5]]"), "budgets.b.timezone_offsets[0][1]", "", "whole number"},
      {zone("[[0, 90000]]"), "budgets.b.timezone_offsets[0]", "", "more than a day"},
      {zone("[[5, 0], [5, 3600]]"), "budgets.b.timezone_offsets[1]", "", "not later"},
      // People never write it, so no error offers it.
      {in_budget(R"("timezone_offset": 1)"), "budgets.b.timezone_offset", "", "unknown key"},
  });
}

TEST(ConfigGroups, ExhaustionAndPriorityErrors) {
  expect_errors({
      {in_group(R"("on_exhausted": "reject")"), "groups.g.on_exhausted", "", "must be a list"},
      {in_group(R"("on_exhausted": [])"), "groups.g.on_exhausted", "", "is empty"},
      {in_group(R"("on_exhausted": ["rejct"])"), "groups.g.on_exhausted[0]", "reject",
       "known: reject, least_bad, human"},
      {in_group(R"("on_exhausted": [3])"), "groups.g.on_exhausted[0]", "",
       "a string or a table, not a number"},
      {in_group(R"("on_exhausted": [{}])"), "groups.g.on_exhausted[0]", "",
       "give queue_ms or group"},
      {in_group(R"("on_exhausted": [{"queue": 5}])"), "groups.g.on_exhausted[0].queue", "queue_ms",
       "unknown key"},
      {in_group(R"("on_exhausted": [{"queue_ms": 0}])"), "groups.g.on_exhausted[0].queue_ms", "",
       "from 1"},
      {in_group(R"("on_exhausted": [{"queue_ms": 5, "group": "cheap"}])"),
       "groups.g.on_exhausted[0].group", "", "two steps"},
      {in_group(R"("on_exhausted": [{"group": "chep"}])"), "groups.g.on_exhausted[0].group",
       "cheap", "unknown group"},
      {in_group(R"("on_exhausted": ["least_bad", "least_bad"])"), "groups.g.on_exhausted[1]", "",
       "listed twice"},
      {in_group(R"("on_exhausted": ["reject", "human"])"), "groups.g.on_exhausted[1]", "",
       "never reached"},
      {in_group(R"("on_exhausted": [{"group": "g"}])"), "groups.g.on_exhausted", "",
       "goes in a circle: g -> g"},
      {R"({"groups": {
           "a": {"deployments": ["openai/a"], "on_exhausted": ["least_bad", {"group": "b"}]},
           "b": {"deployments": ["openai/a"], "on_exhausted": [{"group": "a"}]}}})",
       "groups.a.on_exhausted", "", "a -> b -> a"},
      {member(R"("priorities": [])"), "groups.g.deployments[0].priorities", "", "is empty"},
      {member(R"("priorities": "batch")"), "groups.g.deployments[0].priorities", "",
       "must be a list"},
      {member(R"("priorities": ["btach"])"), "groups.g.deployments[0].priorities[0]", "batch",
       "unknown word"},
      {member(R"("priorities": [10])"), "groups.g.deployments[0].priorities[0]", "", "from 0 to 9"},
      {member(R"("priorities": [true])"), "groups.g.deployments[0].priorities[0]", "",
       "a string or a number"},
      {member(R"("priorities": ["batch", 8])"), "groups.g.deployments[0].priorities[1]", "",
       "listed twice"},
  });
}

TEST(ConfigCaches, Errors) {
  expect_errors({
      {with(R"("queue": {"max_waiting": 0})"), "queue.max_waiting", "", "from 1 to 100000"},
      {with(R"("queue": {"max_wait": 5})"), "queue.max_wait", "max_waiting", "unknown key"},
      {with(R"("queue": {"by": "provider"})"), "queue.by", "", "before a deployment is chosen"},
      {with(R"("queue": {"weights": {"gold": 0}})"), "queue.weights.gold", "", "from 0.001"},
      {with(R"("queue": {"weights": {"gold": "3"}})"), "queue.weights.gold", "",
       "must be a number"},
      {with(R"("queue": {"weights": [3]})"), "queue.weights", "", "must be a table"},
      {with(R"("cache": {"exakt": {}})"), "cache.exakt", "exact", "unknown key"},
      {with(R"("cache": {"exact": true})"), "cache.exact", "", "must be a table"},
      {with(R"("cache": {"exact": {"ttl_s": 0}})"), "cache.exact.ttl_s", "", "from 1 to"},
      {with(R"("cache": {"exact": {"ttl": 5}})"), "cache.exact.ttl", "ttl_s", "unknown key"},
      {with(R"("cache": {"exact": {"max_mb": 0.5}})"), "cache.exact.max_mb", "", "whole number"},
      {with(R"("cache": {"exact": {"by": "group"}})"), "cache.exact.by", "",
       "\"all\" or \"metadata.KEY\""},
      {with(R"("cache": {"exact": {"persistent": true}})"), "cache.exact.persistent", "",
       "give path under [state]"},
      {with(R"("cache": {"affinity": {"min_prefix_tokens": 0}})"),
       "cache.affinity.min_prefix_tokens", "", "from 1"},
      {with(R"("cache": {"affinity": {"conversations": 1}})"), "cache.affinity.conversations", "",
       "must be true or false"},
      {with(R"("state": {})"), "state.path", "", "is missing"},
      {with(R"("state": "file")"), "state", "", "must be a table"},
      {with(R"("state": {"path": ""})"), "state.path", "", "is empty"},
      {with(R"("state": {"path": "s", "busy_ms": 70000})"), "state.busy_ms", "", "to 60000"},
      {with(R"("state": {"path": "s", "busy": 1})"), "state.busy", "busy_ms", "unknown key"},
  });
}

}  // namespace
}  // namespace llmroute
