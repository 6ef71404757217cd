#include "llmroute/policy/rule_book.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "policy/rules_probe.h"

namespace llmroute::policy {
namespace {

std::string rule(const std::string& name, const std::string& when, const std::string& then,
                 const std::string& mode = "apply") {
  return R"({"name": ")" + name + R"(", "mode": ")" + mode + R"(", "when": {)" + when +
         R"(}, "then": {)" + then + "}}";
}

struct Judged {
  std::shared_ptr<const ChatRequest> request;
  const Ruling& ruling() const { return *request->ruling; }
  std::string group() const {
    const auto index = ruling().group;
    return index ? ruling().inventory->groups[*index].name : "none";
  }
  // "name:effects", "(name:effects)" where observed.
  std::string rules() const {
    std::string out;
    for (const RuleRecord& record : ruling().rules) {
      std::string one = ruling().inventory->rules[record.rule].name + ":";
      for (std::size_t i = 0; i < record.effects.size(); ++i) {
        if (record.effects.test(i)) one += std::string(slugs<Effect>()[i]) + ",";
      }
      if (one.back() == ',') one.pop_back();
      out += (record.observed ? "(" + one + ")" : one) + " ";
    }
    return out;
  }
};

Judged judge(const std::string& tables, std::shared_ptr<ChatRequest> request,
             WallTime at = WallTime{}) {
  return {book_of(inventory_with(tables))->apply(std::move(request), at)};
}

Judged by_rules(const std::string& rules, std::shared_ptr<ChatRequest> request) {
  return judge(R"("rules": [)" + rules + "]", std::move(request));
}

TEST(RuleBook, AnEmptyBookLeavesTheRequestAlone) {
  const auto request = request_for("hi");
  const RuleBookPtr book = book_of(inventory_with(R"("version": 1)"));
  EXPECT_TRUE(book->empty());
  EXPECT_TRUE(book->covers(*request));
  EXPECT_EQ(book->apply(request, WallTime{}), request);
}

TEST(RuleBook, ForEachEffectTheFirstThatSetsItWins) {
  const auto request = request_for("an invoice");
  request->options.deadline = milliseconds(500);
  const Judged judged = by_rules(
      rule("a", R"("keywords": "refund")", R"("group": "far")") + "," +
          rule("b", R"("keywords": "invoice")", R"("group": "cheap", "deadline_ms": 900)") + "," +
          rule("c", "", R"("group": "far", "priority": "batch", "budget": "batch",
                          "policy": "least_cost")") +
          "," + rule("d", "", R"("priority": "interactive", "deadline_ms": 100)"),
      request);
  EXPECT_EQ(judged.group(), "cheap");
  EXPECT_EQ(judged.rules(), "b:route,deadline c:policy,budget,priority d: ");
  const RequestOptions& options = judged.request->options;
  EXPECT_EQ(options.priority, kBatch);
  EXPECT_EQ(options.rule_budget, "batch");
  EXPECT_EQ(options.deadline, milliseconds(500));  // the caller's is shorter
  EXPECT_EQ(judged.ruling().policy->name, "least_cost");
  EXPECT_EQ(judged.ruling().policy_rule, 2U);
  EXPECT_EQ(judged.request->options.model, "main");  // what was asked stays to be seen
}

TEST(RuleBook, UnknownIsNoMatch) {
  const Judged judged =
      by_rules(rule("a", R"("metadata": {"plan": "gold"})", R"("group": "far")") + "," +
                   rule("b", R"("not": {"metadata": {"plan": "gold"}})", R"("group": "far")"),
               request_for("hi"));
  EXPECT_EQ(judged.group(), "main");
  EXPECT_TRUE(judged.ruling().rules.empty());
}

TEST(RuleBook, ObservedRulesSayWhatTheyWouldHaveDone) {
  const Judged judged = by_rules(rule("a", "", R"("group": "far")", "observe") + "," +
                                     rule("off", "", R"("group": "far")", "off") + "," +
                                     rule("b", "", R"("group": "cheap")") + "," +
                                     rule("c", "", R"("group": "far", "priority": 1)", "observe"),
                                 request_for("hi"));
  EXPECT_EQ(judged.group(), "cheap");
  EXPECT_EQ(judged.rules(), "(a:route) b:route (c:priority) ");
  EXPECT_EQ(judged.request->options.priority, kStandard);
}

TEST(RuleBook, WhereARequestMayGo) {
  struct Case {
    const char *then, *group;
    bool refused;
  };
  const Case cases[] = {{R"("group": "far")", "far", false},
                        {R"("pin": "b")", "b", false},
                        {R"("chain": ["d", "a"])", "chain of \"r\"", false},
                        {R"("reject": "no")", "main", true},
                        {R"("human": true)", "main", true}};
  for (const Case& c : cases) {
    const Judged judged = by_rules(rule("r", "", c.then), request_for("hi"));
    EXPECT_EQ(judged.group(), c.group) << c.then;
    EXPECT_EQ(judged.ruling().refusal != nullptr, c.refused) << c.then;
  }
}

TEST(RuleBook, DefaultsAreAddedWhereTheCallerGaveNone) {
  const std::string defaults = rule("r", "", R"("defaults": {"temperature": 0.2, "seed": 7,
                                                            "max_tokens": 64})");
  struct Case {
    const char *members, *body;
    std::int64_t most;
  };
  const std::string head = R"({"messages":[{"role":"user","content":"hi"}])";
  const Case cases[] = {
      {"", R"(,"temperature":0.2,"seed":7,"max_tokens":64})", 64},
      {R"(,"temperature":1)", R"(,"temperature":1,"seed":7,"max_tokens":64})", 64},
      {R"(,"max_completion_tokens":9,"seed":1)",
       R"(,"max_completion_tokens":9,"seed":1,"temperature":0.2})", 9},
      {R"(,"temperature":null)",
       R"(,"temperature":null,"temperature":0.2,"seed":7,"max_tokens":64})", 64},
  };
  for (const Case& c : cases) {
    const Judged judged = by_rules(defaults, request_for("hi", c.members));
    EXPECT_EQ(std::string(std::string_view(judged.request->body)), head + c.body);
    EXPECT_EQ(judged.request->facts.max_output_tokens, Tokens{c.most});
    EXPECT_TRUE(judged.request->facts.parameters.test(static_cast<std::size_t>(Parameter::seed)));
  }
}

TEST(RuleBook, ConstraintsApplyUnlessSurelyNot) {
  struct Case {
    const char* constraint;
    Metadata metadata;
    bool applies, unknown;
  };
  const char* kUnless = R"("unless": {"metadata": {"where": ["us"]}})";
  const char* kWhen = R"("when": {"metadata": {"where": ["eu"]}})";
  const Case cases[] = {
      {kUnless, {}, true, true},
      {kUnless, {{"where", "us"}}, false, false},
      {kUnless, {{"where", "eu"}}, true, false},
      {kWhen, {}, true, true},
      {kWhen, {{"where", "us"}}, false, false},
      {kWhen, {{"where", "eu"}}, true, false},
      {R"("when": {"model": "x"}, "unless": {"metadata": {"where": "us"}})", {}, false, false},
  };
  for (const Case& c : cases) {
    const auto request = request_for("hi");
    request->options.metadata = c.metadata;
    const Judged judged = judge(R"("constraints": [{"name": "c", )" + std::string(c.constraint) +
                                    R"(, "require": {"region": "eu-*"}}])",
                                request);
    const auto& applied = judged.ruling().constraints;
    ASSERT_EQ(applied.size(), c.applies ? 1U : 0U) << c.constraint;
    EXPECT_EQ(judged.ruling().bars(1), c.applies);
    if (c.applies) {
      EXPECT_EQ(applied[0].unknown, c.unknown) << c.constraint;
    }
  }
}

TEST(RuleBook, IsJudgedAnewByAnotherBookFromWhatWasAsked) {
  const auto request = request_for("hi");
  const RuleBookPtr first = book_of(
      inventory_with(R"("rules": [)" + rule("a", "", R"("group": "cheap", "priority": 1)") + "]"));
  const RuleBookPtr second =
      book_of(inventory_with(R"("rules": [)" + rule("b", "", R"("group": "far")") + "]"));
  const auto once = first->apply(request, WallTime{});
  EXPECT_TRUE(first->covers(*once));
  EXPECT_FALSE(second->covers(*once));
  const Judged twice{second->apply(once, WallTime{})};
  EXPECT_EQ(twice.group(), "far");
  EXPECT_EQ(twice.request->options.priority, kStandard);  // nothing of the first is left
  const RuleBookPtr none = book_of(inventory_with(R"("version": 1)"));
  EXPECT_FALSE(none->covers(*twice.request));
  EXPECT_EQ(none->apply(twice.request, WallTime{}), request);
}

// --- experiments ------------------------------------------------------------------------------------

constexpr char kSplit[] =
    R"("experiments": {"x": {"group": "main", "by": "metadata.user",
       "arms": [{"name": "control", "share": 0.7}, {"name": "v2", "share": 0.3, "group": "far"}]}})";

std::shared_ptr<ChatRequest> of_user(const std::string& user) {
  auto request = request_for("hi");
  if (!user.empty()) request->options.metadata = {{"user", user}};
  return request;
}

TEST(Experiments, AUnitStaysInItsArmAndSharesAreKept) {
  const RuleBookPtr book = book_of(inventory_with(kSplit));
  int second = 0;
  constexpr int kUsers = 4'000;
  for (int i = 0; i < kUsers; ++i) {
    const auto user = "user-" + std::to_string(i);
    const Judged judged{book->apply(of_user(user), WallTime{})};
    ASSERT_EQ(judged.ruling().experiments.size(), 1U);
    const ExperimentRecord& record = judged.ruling().experiments[0];
    EXPECT_EQ(judged.group(), record.arm == 1 ? "far" : "main");
    EXPECT_DOUBLE_EQ(record.probability, record.arm == 1 ? 0.3 : 0.7);
    const Judged again{book->apply(of_user(user), WallTime{})};
    EXPECT_EQ(again.ruling().experiments[0].arm, record.arm);
    second += record.arm == 1 ? 1 : 0;
  }
  EXPECT_NEAR(second, 0.3 * kUsers, 120);  // four deviations
}

TEST(Experiments, WhoHasNoUnitTakesNoPart) {
  const Judged judged = judge(kSplit, of_user(""));
  EXPECT_TRUE(judged.ruling().experiments.empty());
  EXPECT_EQ(judged.group(), "main");
}

TEST(Experiments, AnotherSaltDrawsAnew) {
  Experiment one, other;
  one.arms = other.arms = {{"a", 0.5, std::nullopt}, {"b", 0.5, std::nullopt}};
  one.salt = "one";
  other.salt = "other";
  int same = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::string unit = std::to_string(i);
    same += draw_arm(one, unit) == draw_arm(other, unit) ? 1 : 0;
  }
  EXPECT_NEAR(same, 1'000, 100);
}

TEST(Experiments, AnArmWithoutShareIsNeverDrawn) {
  Experiment experiment;
  experiment.arms = {{"a", 0, std::nullopt}, {"b", 0.999999, std::nullopt}, {"c", 0, std::nullopt}};
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(draw_arm(experiment, std::to_string(i)), 1U);
}

TEST(Experiments, ASwitchTakesAllRequests) {
  const RuleBookPtr book = book_of(inventory_with(kSplit));
  std::map<std::uint32_t, int> intended;
  book->switches().set(0, 1);
  for (int i = 0; i < 100; ++i) {
    const Judged judged{book->apply(of_user(std::to_string(i)), WallTime{})};
    const ExperimentRecord& record = judged.ruling().experiments[0];
    EXPECT_EQ(record.arm, 1U);
    EXPECT_EQ(judged.group(), "far");
    ++intended[record.intended ? 1 : 0];
  }
  EXPECT_GT(intended[0], 50);
  EXPECT_GT(intended[1], 10);
}

TEST(Experiments, RulesComeFirstAndObservedOnesDoNotAct) {
  const std::string observed =
      R"("experiments": {"x": {"group": "cheap", "mode": "observe",
         "arms": [{"name": "a", "share": 0}, {"name": "b", "share": 1, "group": "far"}]}},
         "rules": [)" +
      rule("r", "", R"("group": "cheap")") + "]";
  const Judged judged = judge(observed, request_for("hi"));
  ASSERT_EQ(judged.ruling().experiments.size(), 1U);
  EXPECT_FALSE(judged.ruling().experiments[0].acted_on);
  EXPECT_EQ(judged.group(), "cheap");
}

TEST(Experiments, AShadowLeavesTheRequestWhereItIs) {
  const std::string shadow =
      R"("experiments": {"x": {"kind": "shadow", "group": "main", "share": 1, "to": "far"}},
         "constraints": [{"name": "c", "require": {"region": "eu-*"}}],
         "rules": [)" +
      rule("r", R"("model": "far")", R"("group": "cheap")") + "]";
  const auto request = request_for("hi");
  const Judged judged = judge(shadow, request);
  EXPECT_EQ(judged.group(), "main");
  ASSERT_TRUE(judged.ruling().shadow);
  // The mirrored one meets constraints, and nothing else.
  auto copy = std::make_shared<ChatRequest>(*request);
  copy->options.shadow_of = request->id;
  copy->options.shadow_by = "x";
  const Judged mirrored = judge(shadow, copy);
  EXPECT_EQ(mirrored.group(), "far");
  EXPECT_TRUE(mirrored.ruling().rules.empty());
  EXPECT_FALSE(mirrored.ruling().shadow);
  EXPECT_TRUE(mirrored.ruling().bars(3));
}

TEST(RuleBook, WhatCannotBeUsedNamesItsPlace) {
  struct Case {
    const char *tables, *path;
  };
  const Case cases[] = {
      {R"("rules": [{"name": "a", "then": {"group": "far"}},
                    {"name": "b", "when": {"regex": "("}, "then": {"group": "far"}}])",
       "rules[1].when"},
      {R"("constraints": [{"name": "a", "unless": {"not": {"language": "klingon"}},
                           "require": {"tags": "x"}}])",
       "constraints[0].unless"},
  };
  for (const Case& c : cases) {
    const auto book = RuleBook::make(inventory_with(c.tables));
    ASSERT_TRUE(book.has_error()) << c.tables;
    EXPECT_EQ(book.error().kind, ErrorKind::config);
    EXPECT_EQ(book.error().path, c.path);
  }
}

}  // namespace
}  // namespace llmroute::policy
