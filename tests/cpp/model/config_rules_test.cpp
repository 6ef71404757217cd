// Rules, constraints and experiments: what they become, and every way they can be wrong.
#include "llmroute/model/rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmroute/model/config.h"
#include "support/config_texts.h"

namespace llmroute {
namespace {

using testing::kCatalogue;
using testing::kPolicies;

Inventory parsed(const std::string& json) {
  auto inventory = parse_config(json, kCatalogue, kPolicies);
  EXPECT_TRUE(inventory.has_value())
      << json << (inventory ? "" : inventory.error().path + ": " + inventory.error().message);
  return inventory ? *inventory : Inventory{};
}

std::string with(const std::string& tables) {
  return R"({"groups": {"g": {"deployments": ["openai/a"]}, "cheap": {"deployments": ["openai/b"]}},
            "budgets": {"batch": {"limit_usd": 1}}, )" +
         tables + "}";
}
std::string rule(const std::string& when, const std::string& then) {
  return with(R"("rules": [{"name": "r", "when": {)" + when + R"(}, "then": {)" + then + "}}]");
}
std::string when(const std::string& condition) { return rule(condition, R"("group": "cheap")"); }
std::string then(const std::string& effects) { return rule("", effects); }
std::string require(const std::string& members) {
  return with(R"("constraints": [{"name": "c", "require": {)" + members + "}}]");
}
std::string experiment(const std::string& members) {
  return with(R"("experiments": {"x": {"group": "g", )" + members + "}}");
}

bool has(const EffectSet& effects, Effect effect) {
  return effects.test(static_cast<std::size_t>(effect));
}

// --- what they become -----------------------------------------------------------------------------

TEST(ConfigRules, EveryEffectIsRead) {
  const Inventory inventory = parsed(testing::kWholeConfig);
  ASSERT_EQ(inventory.rules.size(), 5U);
  const Rule& all = inventory.rules[0];
  EXPECT_EQ(all.mode, RuleMode::observe);
  EXPECT_TRUE(all.effects().all());
  EXPECT_EQ(all.policy->name, "least_latency");
  EXPECT_DOUBLE_EQ(all.policy->options.at("jitter"), 0.3);
  EXPECT_EQ(all.budget, "batch");
  EXPECT_EQ(all.deadline, milliseconds(8'000));
  EXPECT_EQ(all.priority, kInteractive);
  std::string defaults;
  for (const SamplingDefault& one : all.defaults) {
    defaults += std::string(slug(one.parameter)) + "=" + one.json + " ";
  }
  EXPECT_EQ(defaults,
            "temperature=0.5 top_p=0.9 max_tokens=100 seed=-3 stop=[\"a\",\"b\"] "
            "presence_penalty=1 frequency_penalty=-1 reasoning_effort=\"low\" ");
}

TEST(ConfigRules, AChainIsAGroupThatNobodyCanAskFor) {
  const Inventory inventory = parsed(testing::kWholeConfig);
  const Rule& chained = inventory.rules[1];
  const Group& chain = inventory.groups[chained.route->group];
  EXPECT_EQ(chain.policy.name, "ordered");
  EXPECT_TRUE(chain.implicit);
  ASSERT_EQ(chain.members.size(), 2U);
  EXPECT_EQ(inventory.deployments[chain.members[0].deployment].name, "local");
  EXPECT_FALSE(inventory.find_group(chain.name));
  EXPECT_EQ(inventory.groups[inventory.rules[2].route->group].name, "local");  // a pin
  EXPECT_EQ(inventory.rules[3].route->kind, Destination::Kind::reject);
  EXPECT_EQ(inventory.rules[3].route->message, "no");
  EXPECT_EQ(inventory.rules[4].route->kind, Destination::Kind::human);
  EXPECT_TRUE(has(inventory.rules[4].effects(), Effect::defaults));
}

TEST(ConfigRules, AConditionOfSeveralKeysAsksForAll) {
  const Inventory inventory = parsed(testing::kWholeConfig);
  const Condition& all = inventory.rules[0].when;
  EXPECT_EQ(all.kind, ConditionKind::all);
  // One part per key; one per name below header, metadata and scores.
  EXPECT_EQ(all.parts.size(), 19U);
  EXPECT_EQ(inventory.rules[1].when.kind,
            ConditionKind::priority);  // a single one stands by itself
  EXPECT_TRUE(inventory.rules[2].when.parts.empty());
  const auto find = [&all](ConditionKind kind) {
    for (const Condition& part : all.parts) {
      if (part.kind == kind) return part;
    }
    return Condition{};
  };
  EXPECT_EQ(find(ConditionKind::header).key, "x-team");
  const TimeWindow window = find(ConditionKind::time).time;
  EXPECT_EQ(window.from_s, 22 * 3'600);
  EXPECT_EQ(window.to_s, 6 * 3'600);
  EXPECT_EQ(window.weekdays.to_string(), "0010001");
  ASSERT_EQ(window.zone.size(), 1U);
  EXPECT_EQ(window.zone[0].ahead_s, 7'200);
  EXPECT_TRUE(find(ConditionKind::messages).match.range.holds(9));
  EXPECT_FALSE(find(ConditionKind::prompt_tokens).match.range.holds(1));
}

TEST(ConfigRules, TheModeOfAllIsTheMost) {
  const char* modes[] = {"apply", "observe", "off"};
  for (int most = 0; most < 3; ++most) {
    for (int own = 0; own < 3; ++own) {
      const Inventory inventory = parsed(with(R"("rules_mode": ")" + std::string(modes[most]) +
                                              R"(", "rules": [{"name": "r",
               "mode": ")" + modes[own] + R"(", "then": {"group": "g"}}])"));
      EXPECT_EQ(inventory.rules[0].mode, static_cast<RuleMode>(std::max(most, own)));
    }
  }
}

TEST(ConfigConstraints, EveryRequirementIsRead) {
  const Inventory inventory = parsed(testing::kWholeConfig);
  ASSERT_EQ(inventory.constraints.size(), 1U);
  const Constraint& c = inventory.constraints[0];
  EXPECT_TRUE(c.when && c.unless);
  const Requirement& r = c.require;
  using Words = std::vector<std::string>;
  EXPECT_EQ(r.regions, Words{"eu-*"});
  EXPECT_EQ(r.retentions, Words{"none"});
  EXPECT_TRUE(r.no_training);
  EXPECT_EQ(r.providers, (Words{"anthropic", "ollama"}));
  EXPECT_EQ(r.providers_denied, Words{"openai"});
  EXPECT_EQ(r.deployments, (Words{"eu", "local"}));
  EXPECT_EQ(r.deployments_denied, Words{"bare"});
  EXPECT_EQ(r.tags, Words{"paid"});
  EXPECT_EQ(r.max_usd_per_request, 0.5);
  EXPECT_EQ(r.max_input_usd_per_million, 3);
  EXPECT_EQ(r.max_output_usd_per_million, 9);
  EXPECT_EQ(r.min_context, Tokens{1'000});
  EXPECT_TRUE(r.parameters.test(static_cast<std::size_t>(Parameter::seed)));
}

TEST(ConfigExperiments, SplitsAndShadows) {
  const Inventory inventory = parsed(testing::kWholeConfig);
  ASSERT_EQ(inventory.experiments.size(), 2U);
  const Experiment& small = inventory.experiments[0];
  EXPECT_EQ(small.unit, Experiment::Unit::metadata);
  EXPECT_EQ(small.key, "user");
  EXPECT_EQ(small.salt, "s");
  EXPECT_EQ(small.guards.size(), slugs<GuardMetric>().size());
  ASSERT_EQ(small.arms.size(), 2U);
  EXPECT_FALSE(small.arms[0].group);
  EXPECT_EQ(inventory.groups[*small.arms[1].group].name, "long");
  const Experiment& mirror = inventory.experiments[1];
  EXPECT_EQ(mirror.kind, ExperimentKind::shadow);
  EXPECT_EQ(mirror.unit, Experiment::Unit::conversation);
  EXPECT_EQ(mirror.salt, "mirror");
  ASSERT_EQ(mirror.arms.size(), 2U);
  EXPECT_DOUBLE_EQ(mirror.arms[1].share, 0.25);
}

TEST(ConfigRules, PlacesPeopleAndLabels) {
  const Inventory inventory = parsed(testing::kWholeConfig);
  const Deployment& eu = inventory.deployments[*inventory.find_deployment("eu")];
  EXPECT_EQ(eu.training, false);
  EXPECT_DOUBLE_EQ(eu.quality.at("code"), 0.9);
  EXPECT_EQ(eu.wh_per_thousand_tokens, 0.4);
  EXPECT_EQ(eu.price.date, "2026-11-01");
  EXPECT_FALSE(inventory.deployments[*inventory.find_deployment("bare")].training);
  const Region& place = inventory.regions.at("eu-central");
  EXPECT_EQ(place.carbon_g_per_kwh, 300);
  EXPECT_DOUBLE_EQ(place.latency_ms.at("us-east"), 95);
  EXPECT_EQ(inventory.people.wait, seconds(5));
  EXPECT_EQ(inventory.people.keep, seconds(86'400));
  EXPECT_EQ(inventory.groups[*inventory.find_group("fast")].observe->name, "ordered");
}

// --- what can be wrong ----------------------------------------------------------------------------

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

TEST(ConfigRulesErrors, Conditions) {
  expect_errors({
      {when(R"("keyword": "a")"), "rules[0].when.keyword", "keywords", "unknown key"},
      {when(R"("keywords": [])"), "rules[0].when.keywords", "", "is empty"},
      {when(R"("keywords": 3)"), "rules[0].when.keywords", "", "a string or a list"},
      {when(R"("any": {})"), "rules[0].when.any", "", "must be a list"},
      {when(R"("any": [{"not": {"modle": "x"}}])"), "rules[0].when.any[0].not.modle", "model", ""},
      {when(R"("messages": {})"), "rules[0].when.messages", "", "is empty; give an end"},
      {when(R"("messages": 3)"), "rules[0].when.messages", "", "must be a table"},
      {when(R"("messages": {"above": 3, "at_least": 3})"), "rules[0].when.messages.at_least", "",
       "keep one of the two"},
      {when(R"("messages": {"below": 3, "at_most": 3})"), "rules[0].when.messages.at_most", "",
       "keep one of the two"},
      {when(R"("messages": {"above": 5, "below": 2})"), "rules[0].when.messages", "",
       "holds for no number"},
      {when(R"("messages": {"above": 5, "at_most": 5})"), "rules[0].when.messages", "",
       "holds for no number"},
      {when(R"("has": "vision")"), "rules[0].when.has", "", "unknown word"},
      {when(R"("metadata": {})"), "rules[0].when.metadata", "", "is empty; name a key"},
      {when(R"("metadata": {"age": {"over": 3}})"), "rules[0].when.metadata.age.over", "", ""},
      {when(R"("metadata": {"age": 3})"), "rules[0].when.metadata.age", "",
       "a string or a list or a table or true or false"},
      {when(R"("time": {})"), "rules[0].when.time", "", "says nothing"},
      {when(R"("time": {"from": "25:00"})"), "rules[0].when.time.from", "", "not a time of day"},
      {when(R"("time": {"from": "9:00"})"), "rules[0].when.time.from", "", "not a time of day"},
      {when(R"("time": {"from": "09:00", "to": "09:00"})"), "rules[0].when.time.to", "",
       "the window is empty"},
      {when(R"("time": {"weekdays": ["monday"]})"), "rules[0].when.time.weekdays[0]", "",
       "unknown word"},
      {when(R"("time": {"from": "09:00", "timezone": "+99:00"})"), "rules[0].when.time.timezone",
       "", "is not an offset"},
      {when(R"("priority": "urgent")"), "rules[0].when.priority", "", "unknown word"},
      {when(R"("priority": 12)"), "rules[0].when.priority", "", "from 0 to 9"},
      {when(R"("sentiment": "bad")"), "rules[0].when.sentiment", "", "must be a table"},
  });
}

TEST(ConfigRulesErrors, Effects) {
  expect_errors({
      {then(""), "rules[0].then", "", "sets nothing"},
      {then(R"("group": "cheep")"), "rules[0].then.group", "cheap", "unknown group"},
      {then(R"("chain": ["openai/a", "openai/a"])"), "rules[0].then.chain[1]", "", "twice"},
      {then(R"("chain": ["cheap"])"), "rules[0].then.chain[0]", "", "unknown deployment"},
      {then(R"("pin": "cheap")"), "rules[0].then.pin", "", "unknown deployment"},
      {then(R"("group": "g", "reject": "no")"), "rules[0].then.reject", "", "stands beside group"},
      {then(R"("human": false)"), "rules[0].then.human", "", "can only be true"},
      {then(R"("policy": "weigthed")"), "rules[0].then.policy", "weighted", ""},
      {then(R"("policy": {"name": "x", "python": true, "stand_in": "weighted"})"),
       "rules[0].then.policy", "", "built-in"},
      {then(R"("budget": "bach")"), "rules[0].then.budget", "batch", "unknown budget"},
      {then(R"("deadline_ms": 0)"), "rules[0].then.deadline_ms", "", "from 1"},
      {then(R"("defaults": {"temprature": 1})"), "rules[0].then.defaults.temprature", "temperature",
       ""},
      {then(R"("defaults": {"temperature": 3})"), "rules[0].then.defaults.temperature", "",
       "from 0 to 2"},
      {then(R"("defaults": {"max_tokens": 3, "max_completion_tokens": 3})"),
       "rules[0].then.defaults.max_completion_tokens", "", "keep one of the two"},
      {with(R"("rules": [{"name": "r"}])"), "rules[0].then", "", "is missing"},
      {with(R"("rules": [{"then": {"group": "g"}}])"), "rules[0].name", "", "is missing"},
      {with(R"("rules": [{"name": "r", "then": {"group": "g"}}, {"name": "r", "then":
              {"group": "g"}}])"),
       "rules[1].name", "", "an earlier one"},
      {with(R"("rules": {"r": {}})"), "rules", "", "must be a list"},
      {with(R"("rules_mode": "obsrve")"), "rules_mode", "observe", ""},
  });
}

TEST(ConfigRulesErrors, Constraints) {
  expect_errors({
      {require(""), "constraints[0].require", "", "requires nothing"},
      {require(R"("regoin": "eu-*")"), "constraints[0].require.regoin", "region", ""},
      {require(R"("training": "yes")"), "constraints[0].require.training", "", "unknown word"},
      {require(R"("provider_deny": "openay")"), "constraints[0].require.provider_deny", "openai",
       "unknown provider"},
      {require(R"("provider_allow": ["openai", "x"])"), "constraints[0].require.provider_allow[1]",
       "", "unknown provider"},
      {require(R"("deployment_deny": ["openai/c"])"), "constraints[0].require.deployment_deny[0]",
       "openai/a", "unknown deployment"},
      {require(R"("max_usd_per_request": -1)"), "constraints[0].require.max_usd_per_request", "",
       "from 0"},
      {require(R"("parameters": ["sead"])"), "constraints[0].require.parameters[0]", "seed", ""},
      {with(R"("constraints": [{"name": "c", "require": {"tags": "a"}}, {"name": "c", "require":
              {"tags": "a"}}])"),
       "constraints[1].name", "", "an earlier one"},
      {with(R"("constraints": [{"name": "c", "unless": {"metadata": {}}, "require": {"tags":
              "a"}}])"),
       "constraints[0].unless.metadata", "", "is empty"},
  });
}

TEST(ConfigRulesErrors, Experiments) {
  const std::string arms = R"("arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}])";
  expect_errors({
      {experiment(R"("by": "request")"), "experiments.x.arms", "", "at least two"},
      {experiment(R"("arms": [{"name": "a", "share": 1}])"), "experiments.x.arms", "",
       "at least 2"},
      {experiment(R"("arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.4}])"),
       "experiments.x.arms", "", "add up to 0.9"},
      {experiment(R"("arms": [{"name": "a", "share": 0.5}, {"name": "a", "share": 0.5}])"),
       "experiments.x.arms[1].name", "", "an earlier arm"},
      {experiment(R"("arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5,
                    "group": "chap"}])"),
       "experiments.x.arms[1].group", "cheap", ""},
      {experiment(arms + R"(, "by": "user")"), "experiments.x.by", "", "unknown unit"},
      {experiment(arms + R"(, "by": "metadata.")"), "experiments.x.by", "metadata.user",
       "unknown unit"},
      {experiment(arms + R"(, "share": 0.1)"), "experiments.x.share", "", "kind = \"shadow\""},
      {experiment(arms + R"(, "guard": {"errors": {"worse_by": 1}})"), "experiments.x.guard.errors",
       "", "unknown key"},
      {experiment(arms + R"(, "guard": {"score": {}})"), "experiments.x.guard.score.worse_by", "",
       "is missing"},
      {experiment(R"("kind": "shadow", "share": 0.1)"), "experiments.x.to", "", "is missing"},
      {experiment(R"("kind": "shadow", "to": "cheap")"), "experiments.x.share", "", "is missing"},
      {experiment(R"("kind": "shadow", "share": 0.1, "to": "cheap", )" + arms),
       "experiments.x.arms", "", "does not belong to a shadow"},
      {experiment(R"("kind": "canary", )" + arms), "experiments.x.kind", "", "unknown word"},
      {with(R"("experiments": {"x": {"group": "gg", )" + arms + "}}"), "experiments.x.group", "g",
       ""},
  });
}

TEST(ConfigRulesErrors, PlacesAndPeople) {
  expect_errors({
      {with(R"("regions": {"eu": {"carbon": 3}})"), "regions.eu.carbon", "carbon_g_per_kwh",
       "unknown key"},
      {with(R"("human": {"wait_ms": -1})"), "human.wait_ms", "", "from 0"},
      {with(R"("routing_tests": [{"given": {}, "chooses": {}, "becuase": "x"}])"),
       "routing_tests[0].becuase", "because", ""},
      {with(R"("routing_tests": [{"given": {"health": {"a": "dead"}}, "chooses": {}}])"),
       "routing_tests[0].given.health.a", "", "unknown word"},
  });
}

}  // namespace
}  // namespace llmroute
