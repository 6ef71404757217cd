// Rules, constraints and shadows as the engine acts on them.
#include <gtest/gtest.h>

#include "engine/drive.h"

namespace llmroute::engine {
namespace {

Condition tagged(const std::string& tag) {
  Condition condition;
  condition.kind = ConditionKind::tags;
  condition.match.words = {tag};
  return condition;
}

RequestOptions with_tag(const std::string& tag) {
  RequestOptions options;
  options.tags = {tag};
  return options;
}

Rule to_group(const std::string& name, GroupIndex group) {
  Rule rule;
  rule.name = name;
  rule.when = tagged(name);
  rule.route = Destination{Destination::Kind::group, group, {}};
  return rule;
}

// a and b in "main", c in "spare"; only a and c are in Europe.
Inventory europe() {
  Inventory inventory = make_inventory({"a", "b", "c"});
  split_off(inventory, "spare", {"c"});
  inventory.deployments[0].region = inventory.deployments[2].region = "eu";
  return inventory;
}

void stay_in_europe(Inventory& inventory) {
  Constraint constraint;
  constraint.name = "Europe";
  constraint.require.regions = {"eu"};
  inventory.constraints.push_back(constraint);
}

TEST(EngineRules, ARuleLeadsToItsGroup) {
  Inventory inventory = europe();
  inventory.rules = {to_group("go", 1)};
  Drive drive(std::move(inventory));
  EXPECT_EQ(drive.submit(with_tag("go")), "start c; ");
  drive.ok();
  EXPECT_EQ(drive.decision().group, "spare");
  EXPECT_EQ(drive.decision().model_asked, "main");
  ASSERT_EQ(drive.decision().rules.size(), 1U);
  EXPECT_EQ(drive.submit(with_tag("stay")), "start a; ");
  drive.ok();
  EXPECT_TRUE(drive.decision().rules.empty());
}

// --- fallbacks of the request -----------------------------------------------------------------------

RequestOptions listing(std::vector<std::string> names, const std::string& tag = "") {
  RequestOptions options = tag.empty() ? RequestOptions{} : with_tag(tag);
  options.fallbacks = std::move(names);
  return options;
}

TEST(EngineFallbacks, FollowTheListAndSaySo) {
  Inventory inventory = europe();
  add_group(inventory, "b", {"b"});
  inventory.groups[0].members.pop_back();  // main: a
  inventory.groups[0].fallbacks = {1};
  Drive drive(std::move(inventory));
  EXPECT_EQ(drive.submit(listing({"b", "spare"})), "start a; ");
  EXPECT_EQ(drive.fail(ErrorKind::server_error), "start b; ");
  EXPECT_EQ(drive.fail(ErrorKind::server_error), "start c; ");
  drive.ok();
  EXPECT_EQ(drive.decision().group, "main");
  const std::vector<std::string> notes = {"fallbacks: behind \"main\" the request lists b, spare"};
  EXPECT_EQ(drive.decision().notes, notes);
  EXPECT_EQ(drive.submit(listing({})), "start a; ");
  drive.ok();
  EXPECT_EQ(drive.decision().notes.back(), "fallbacks: behind \"main\" the request lists none");
  EXPECT_EQ(drive.decision().candidates.size(), 1U);
}

TEST(EngineFallbacks, ALongListIsNotedInPart) {
  Drive drive(europe());
  drive.submit(listing(std::vector<std::string>(20, "spare")));
  drive.ok();
  const std::string& note = drive.decision().notes.back();
  EXPECT_EQ(note.substr(note.size() - 16), "spare and 4 more");
}

TEST(EngineFallbacks, AnUnknownNameIsRefusedAndTheNearestNamed) {
  Drive drive(europe());
  EXPECT_EQ(drive.submit(listing({"spare", "sparre"})), "failed invalid_argument; ");
  EXPECT_EQ(drive.decision().failure->message,
            "fallbacks[1]: there is no group or deployment \"sparre\"; did you mean \"spare\"?");
  ChatRequest same;
  same.options = listing({"sparre"});
  same.options.model = "main";
  const auto explained = drive.dispatcher().explain(same, drive.now(), WallTime{});
  EXPECT_EQ(explained->failure->kind, ErrorKind::invalid_argument);
}

TEST(EngineFallbacks, DetoursOfTheGroupGoOn) {
  for (const auto& [kind, list] :
       {std::pair(ErrorKind::context_length, &Group::on_context_too_long),
        std::pair(ErrorKind::content_filter, &Group::on_content_filter)}) {
    Inventory inventory = europe();
    inventory.groups[0].*list = {1};
    Drive drive(std::move(inventory));
    drive.submit(listing({}));
    EXPECT_EQ(drive.fail(kind), "start c; ") << slug(kind);
    drive.ok();
  }
}

TEST(EngineFallbacks, ARuleThatRoutesTakesTheListAway) {
  Inventory inventory = europe();
  inventory.rules = {to_group("go", 1)};
  Drive drive(std::move(inventory));
  EXPECT_EQ(drive.submit(listing({"main"}, "go")), "start c; ");
  drive.ok();
  ASSERT_EQ(drive.decision().candidates.size(), 1U);
  const std::vector<std::string> notes = {
      "fallbacks: rule \"go\" says where it goes, so those of the request do not count"};
  EXPECT_EQ(drive.decision().notes, notes);
  EXPECT_EQ(drive.submit(listing({"spare"}, "stay")), "start a; ");
  drive.ok();
  EXPECT_EQ(drive.decision().candidates.size(), 3U);
}

TEST(EngineFallbacks, AnArmOnlyTakesThePlaceOfTheGroup) {
  Inventory inventory = europe();
  Experiment experiment;
  experiment.name = "split";
  experiment.arms = {{"control", 0, std::nullopt}, {"treatment", 1, 1}};
  inventory.experiments = {experiment};
  Drive drive(std::move(inventory));
  EXPECT_EQ(drive.submit(listing({"main"})), "start c; ");
  drive.ok();
  EXPECT_EQ(drive.decision().candidates.size(), 3U);
}

TEST(EngineFallbacks, ConstraintsHoldForWhatIsListed) {
  Inventory inventory = europe();
  stay_in_europe(inventory);
  add_group(inventory, "b", {"b"});
  split_off(inventory, "elsewhere", {"b"});
  Drive drive(std::move(inventory));
  EXPECT_EQ(drive.submit(listing({"b", "spare"})), "start a; ");
  EXPECT_EQ(drive.fail(ErrorKind::server_error), "start c; ");
  drive.ok();
  EXPECT_EQ(drive.decision().candidates[1].reason, Reason::region_not_allowed);
}

// --- the end of it ----------------------------------------------------------------------------------

TEST(EngineRules, ARuleRefusesOrHandsOver) {
  for (const auto kind : {Destination::Kind::reject, Destination::Kind::human}) {
    Inventory inventory = europe();
    Rule rule = to_group("no", 0);
    rule.route = Destination{kind, 0, "not here"};
    inventory.rules = {rule};
    Drive drive(std::move(inventory));
    EXPECT_EQ(drive.submit(with_tag("no")), "failed rejected; ");
    const bool human = kind == Destination::Kind::human;
    EXPECT_EQ(drive.decision().handed_over, human);
    EXPECT_EQ(drive.decision().failure->message,
              human ? "rule \"no\" hands this request over to a person" : "rule \"no\": not here");
    EXPECT_TRUE(drive.decision().candidates.empty());
    ChatRequest same;
    same.options = with_tag("no");
    same.options.model = "main";
    EXPECT_EQ(drive.dispatcher().explain(same, drive.now(), WallTime{})->failure->kind,
              ErrorKind::rejected);
  }
}

TEST(EngineRules, ThePolicyOfARuleRanks) {
  Inventory inventory = make_inventory({"a", "b"});
  inventory.deployments[1].price.input_usd_per_million = 0.1;
  Rule rule = to_group("cheap", 0);
  rule.route.reset();
  rule.policy = PolicySpec{"least_cost", {}, false, {}};
  inventory.rules = {rule};
  Drive drive(std::move(inventory));
  EXPECT_EQ(drive.submit(with_tag("cheap")), "start b; ");
  drive.ok();
  EXPECT_EQ(drive.decision().policy, "least_cost");
  EXPECT_EQ(drive.submit(), "start a; ");
  drive.ok();
  RequestOptions named = with_tag("cheap");
  named.policy = "ordered";
  EXPECT_EQ(drive.submit(named), "start a; ");  // the call's own wins
}

TEST(EngineConstraints, HoldForFallbacksDetoursAndTheLeastBad) {
  Inventory inventory = europe();
  stay_in_europe(inventory);
  add_group(inventory, "elsewhere", {"b"});
  Group& main = inventory.groups[0];
  main.fallbacks = {1};
  main.on_context_too_long = {2};
  main.on_content_filter = {2};
  main.on_exhausted = {{ExhaustedAction::group, {}, 2}, {ExhaustedAction::least_bad, {}, 0}};
  Drive drive(std::move(inventory));
  EXPECT_EQ(drive.submit(), "start a; ");
  EXPECT_EQ(drive.fail(ErrorKind::server_error), "start c; ");
  EXPECT_EQ(drive.fail(ErrorKind::content_filter), "failed content_filter; ");
  for (const CandidateRecord& record : drive.decision().candidates) {
    if (record.deployment == 1) {
      EXPECT_EQ(record.reason, Reason::region_not_allowed);
    }
  }
}

TEST(EngineConstraints, NothingLeftIsNoCandidate) {
  Inventory inventory = europe();
  stay_in_europe(inventory);
  inventory.deployments[0].region = "us";
  Drive drive(std::move(inventory));
  EXPECT_EQ(drive.submit(), "failed no_candidate; ");
  EXPECT_NE(drive.decision().failure->message.find("region_not_allowed: us, needs eu"),
            std::string::npos)
      << drive.decision().failure->message;
}

// --- shadows ----------------------------------------------------------------------------------------

Inventory shadowed(double share) {
  Inventory inventory = europe();
  Experiment experiment;
  experiment.name = "mirror";
  experiment.kind = ExperimentKind::shadow;
  experiment.arms = {{"control", 1 - share, std::nullopt}, {"shadow", share, 1}};
  inventory.experiments = {experiment};
  return inventory;
}

std::vector<std::shared_ptr<const ChatRequest>> mirrors(const Actions& actions) {
  std::vector<std::shared_ptr<const ChatRequest>> out;
  for (const Action& action : actions) {
    if (const auto* mirror = std::get_if<Mirror>(&action)) out.push_back(mirror->request);
  }
  return out;
}

struct Mirrored {
  explicit Mirrored(Inventory inventory) : dispatcher(1) {
    EXPECT_TRUE(dispatcher.configure(std::make_shared<const Inventory>(std::move(inventory))));
    auto made = std::make_shared<ChatRequest>();
    made->id = "r";
    made->options.model = "main";
    made->options.conversation = "talk";
    made->options.deadline = seconds(9);
    made->options.fallbacks = {"main"};
    request = made;
  }
  Dispatcher dispatcher;
  std::shared_ptr<const ChatRequest> request;
  Instant now{seconds(1)};
};

TEST(EngineShadows, AreSentWhenTheAnswerIsThere) {
  Mirrored m(shadowed(1));
  Actions actions;
  const RequestId id = m.dispatcher.submit(m.request, m.now, WallTime{}, actions);
  EXPECT_TRUE(mirrors(actions).empty());
  actions.clear();
  m.dispatcher.on_outcome(id, 1, m.now, Outcome{}, {}, actions);
  const auto sent = mirrors(actions);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Mirror>(actions.back()));  // behind the Finish
  EXPECT_EQ(sent[0]->options.model, "main");                    // what constraints look at
  EXPECT_EQ(sent[0]->options.shadow_by, "mirror");
  EXPECT_EQ(sent[0]->options.shadow_of, "r");
  EXPECT_EQ(sent[0]->options.cache, CacheUse::off);
  EXPECT_FALSE(sent[0]->options.deadline);
  EXPECT_FALSE(sent[0]->options.fallbacks);
  EXPECT_TRUE(sent[0]->options.conversation.empty());
  // It is a request like any, and brings no further one.
  actions.clear();
  const RequestId second = m.dispatcher.submit(sent[0], m.now, WallTime{}, actions);
  ASSERT_TRUE(std::holds_alternative<StartAttempt>(actions.back()) || actions.size() > 1);
  actions.clear();
  m.dispatcher.on_outcome(second, 1, m.now, Outcome{}, {}, actions);
  EXPECT_TRUE(mirrors(actions).empty());
  for (const Action& action : actions) {
    if (const auto* finish = std::get_if<Finish>(&action)) {
      EXPECT_EQ(finish->decision->shadow_of, "r");
      EXPECT_EQ(finish->decision->group, "spare");
    }
  }
}

TEST(EngineShadows, NobodyMirrorsWhatWasNotSentOrNotWanted) {
  struct Case {
    double share;
    bool cancel;
  };
  for (const Case& c : {Case{0, false}, Case{1, true}}) {
    Mirrored m(shadowed(c.share));
    Actions actions;
    const RequestId id = m.dispatcher.submit(m.request, m.now, WallTime{}, actions);
    if (c.cancel) {
      m.dispatcher.cancel(id, m.now, actions);
    } else {
      m.dispatcher.on_outcome(id, 1, m.now, Outcome{}, {}, actions);
    }
    EXPECT_TRUE(mirrors(actions).empty());
  }
}

TEST(EngineRules, ARequestMeetsTheRulesOfItsOwnConfiguration) {
  Inventory first = europe();
  first.rules = {to_group("go", 1)};
  Inventory second = first;
  second.version = 2;
  second.rules.clear();
  stay_in_europe(second);
  Dispatcher dispatcher(1);
  ASSERT_TRUE(dispatcher.configure(std::make_shared<const Inventory>(first)));
  auto asked = std::make_shared<ChatRequest>();
  asked->id = "r";
  asked->options = with_tag("go");
  asked->options.model = "main";
  // Judged where it came in; the configuration changes on its way.
  const auto judged = dispatcher.rule_book()->apply(asked, WallTime{});
  ASSERT_TRUE(dispatcher.configure(std::make_shared<const Inventory>(second)));
  Actions actions;
  const RequestId id = dispatcher.submit(judged, Instant{}, WallTime{}, actions);
  dispatcher.on_outcome(id, 1, Instant{}, Outcome{}, {}, actions);
  for (const Action& action : actions) {
    if (const auto* finish = std::get_if<Finish>(&action)) {
      EXPECT_EQ(finish->decision->inventory->version, 2U);
      EXPECT_EQ(finish->decision->group, "main");
      EXPECT_TRUE(finish->decision->rules.empty());
      EXPECT_EQ(finish->decision->constraints.size(), 1U);
    }
  }
}

}  // namespace
}  // namespace llmroute::engine
