#include <array>
#include <cmath>

#include "policy/fleet.h"

namespace llmroute::policy {
namespace {

void price(Deployment& d, double usd_per_million) {
  d.price.input_usd_per_million = usd_per_million;
  d.price.output_usd_per_million = usd_per_million;
}

void region(SmallFleet& fleet, DeploymentIndex d, const std::string& name,
            std::optional<double> grams = {}) {
  fleet[d].region = name;
  fleet.inventory->regions[name].carbon_g_per_kwh = grams;
}

TEST(Score, WeighsNormalisedTermsAndWritesThemDown) {
  SmallFleet fleet(3, "score", {{"cost", 3}, {"quality", 1}});
  price(fleet[0], 1);
  price(fleet[1], 2);
  price(fleet[2], 5);
  fleet[0].quality["default"] = 0.2;
  fleet[1].quality["default"] = 0.8;
  fleet[2].quality["default"] = 0.7;
  fleet.configure();
  fleet.request.facts.prompt_tokens = Tokens{744};
  EXPECT_EQ(fleet.plan(), (std::vector<DeploymentIndex>{1, 0, 2}));
  EXPECT_EQ(fleet.planner.terms().size(), 6U) << "terms without a weight are not looked at";
  EXPECT_FLOAT_EQ(fleet.value(1, Term::cost), 0.25F);
  EXPECT_NEAR(fleet.term(1, Term::cost)->raw, 2e-3, 1e-9) << "US dollars";
  EXPECT_FLOAT_EQ(fleet.term(1, Term::cost)->weight, 3);
  EXPECT_NEAR(fleet.value(2, Term::quality), 0.1 / 0.6, 1e-6);
  EXPECT_NEAR(fleet.records[1].score, 3 * 0.25, 1e-6);
  EXPECT_NEAR(fleet.records[2].score, 3 + 0.1 / 0.6, 1e-6);
}

TEST(Score, WithoutWeightsIsCostAndLatencyHalfAndHalf) {
  SmallFleet fleet(2, "score", {{"cost", 0}, {"latency", 0}});
  price(fleet[0], 1);
  price(fleet[1], 2);
  fleet.configure();
  fleet.measure(0, 200);
  fleet.measure(1, 100);
  fleet.plan();
  EXPECT_FLOAT_EQ(fleet.records[0].score, 0.5F);
  EXPECT_FLOAT_EQ(fleet.records[1].score, 0.5F);
  EXPECT_NEAR(fleet.term(0, Term::latency)->raw, 200.0 * 276 / 276, 1);
}

TEST(Score, EqualIsBestAndUnknownIsWorst) {
  SmallFleet fleet(3, "score", {{"cost", 1}});
  price(fleet[0], 2);
  price(fleet[1], 2);
  fleet.configure();
  EXPECT_EQ(fleet.plan().back(), 2U);
  EXPECT_EQ(fleet.value(0, Term::cost), 0);
  EXPECT_EQ(fleet.value(1, Term::cost), 0);
  EXPECT_EQ(fleet.value(2, Term::cost), 1);
  EXPECT_TRUE(std::isnan(fleet.term(2, Term::cost)->raw));
  EXPECT_FALSE(std::isnan(fleet.records[2].score));
}

TEST(Score, CreditsWhatIsWarm) {
  SmallFleet fleet(2, "score", {{"cost", 1}});
  for (std::size_t d : {0U, 1U}) {
    price(fleet[d], 10);
    fleet[d].price.cached_input_usd_per_million = 1;
  }
  fleet.configure();
  fleet.request.facts.prompt_tokens = Tokens{10'000};
  const std::array warm = {cache::Warm{1, Tokens{9'000}}};
  cache::Preference preference;
  preference.warm = warm;
  fleet.planner.plan(0, fleet.request, fleet.board, fleet.now, fleet.random, fleet.records,
                     fleet.steps, preference);
  EXPECT_EQ(fleet.steps[0].deployment, 1U);
}

TEST(Score, EqualScoresGoToTheSmallerLoad) {
  SmallFleet fleet(2, "quality");
  fleet.configure();
  health::Work work;
  for (int i = 0; i < 3; ++i) fleet.board.on_start(0, fleet.now, work);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(fleet.first(), 1U);
}

TEST(Score, LoadIsRelativeToTheWeight) {
  SmallFleet fleet(2, "score", {{"load", 1}});
  fleet.inventory->groups[0].members[0].weight = 4;
  fleet.configure();
  health::Work work;
  fleet.board.on_start(0, fleet.now, work);
  fleet.plan();
  EXPECT_FLOAT_EQ(fleet.term(0, Term::load)->raw, 0.5F);
  EXPECT_FLOAT_EQ(fleet.term(1, Term::load)->raw, 1);
  EXPECT_EQ(fleet.order[0], 0U);
}

// --- headroom ---------------------------------------------------------------------------------------

TEST(Headroom, IsTheLimitNearestToItsEnd) {
  SmallFleet fleet(3, "headroom");
  fleet[0].limits.in_flight = 4;
  fleet[0].limits.requests_per_minute = 600;  // sixty at once
  fleet[1].limits.in_flight = 10;
  fleet.configure();
  fleet.ledger.reserve(fleet.ledger.of_place(0, 0, 0), fleet.now, Tokens{});
  fleet.ledger.reserve(fleet.ledger.of_place(1, 0, 0), fleet.now, Tokens{});
  EXPECT_EQ(fleet.plan(), (std::vector<DeploymentIndex>{2, 1, 0}));
  EXPECT_FLOAT_EQ(fleet.term(0, Term::headroom)->raw, 0.25F);
  EXPECT_FLOAT_EQ(fleet.term(1, Term::headroom)->raw, 0.1F);
  EXPECT_EQ(fleet.term(2, Term::headroom)->raw, 0) << "no limits are known";
}

TEST(Headroom, HearsWhatTheProviderAnnounces) {
  SmallFleet fleet(2, "headroom");
  fleet.configure();
  health::Work work;
  Outcome outcome;
  AnnouncedWindow* window = outcome.limits.add(LimitUnit::requests);
  window->limit = 100;
  window->remaining = 30;
  window->reset = seconds(30);
  fleet.board.on_start(0, fleet.now, work);
  fleet.board.on_outcome(0, 0, fleet.now, outcome, work);
  EXPECT_EQ(fleet.first(), 1U);
  EXPECT_NEAR(fleet.term(0, Term::headroom)->raw, 0.7, 1e-6);
  fleet.now += seconds(31);
  fleet.plan();
  EXPECT_EQ(fleet.term(0, Term::headroom)->raw, 0) << "it has been reset";
}

// --- carbon -----------------------------------------------------------------------------------------

TEST(Carbon, IsGramsWhereAllEnergiesAreKnown) {
  SmallFleet fleet(2, "carbon");
  region(fleet, 0, "clean", 50);
  region(fleet, 1, "dirty", 600);
  fleet[0].wh_per_thousand_tokens = 10;
  fleet[1].wh_per_thousand_tokens = 0.5;
  fleet.configure();
  fleet.request.facts.prompt_tokens = Tokens{744};
  EXPECT_EQ(fleet.first(), 1U) << "a small model on a dirty grid";
  EXPECT_NEAR(fleet.term(0, Term::carbon)->raw, 0.5, 1e-6);
  EXPECT_NEAR(fleet.term(1, Term::carbon)->raw, 0.3, 1e-6);
}

TEST(Carbon, IsTheGridForAllWhereOneEnergyIsUnknown) {
  SmallFleet fleet(3, "carbon");
  region(fleet, 0, "clean", 50);
  region(fleet, 1, "dirty", 600);
  fleet[0].wh_per_thousand_tokens = 10;
  fleet.configure();
  EXPECT_EQ(fleet.plan().front(), 0U);
  EXPECT_EQ(fleet.term(0, Term::carbon), nullptr);
  EXPECT_EQ(fleet.term(0, Term::carbon_intensity)->raw, 50);
  EXPECT_EQ(fleet.value(2, Term::carbon_intensity), 1) << "its region is unknown";
}

// --- quality ----------------------------------------------------------------------------------------

TEST(Quality, IsOfTheTask) {
  SmallFleet fleet(3, "quality");
  fleet[0].quality = {{"default", 0.9}, {"code", 0.3}};
  fleet[1].quality = {{"default", 0.5}, {"code", 0.8}};
  fleet.configure();
  EXPECT_EQ(fleet.plan().front(), 0U);
  fleet.request.options.metadata = {{"task", "code"}};
  EXPECT_EQ(fleet.plan().front(), 1U);
  EXPECT_EQ(fleet.value(0, Term::quality), 1);
  EXPECT_EQ(fleet.value(2, Term::quality), 1) << "unknown: as bad as the worst";
  fleet.request.options.metadata = {{"task", "poetry"}};
  EXPECT_EQ(fleet.plan().front(), 0U) << "the default stands for other tasks";
  EXPECT_NEAR(fleet.term(0, Term::quality)->raw, 0.1, 1e-6);
}

// --- region latency ---------------------------------------------------------------------------------

struct Regions : ::testing::Test {
  Regions() {
    region(fleet, 0, "us-east");
    region(fleet, 1, "eu-west");
    region(fleet, 2, "eu-central");
    fleet.inventory->regions["eu-west"].latency_ms = {{"eu-central", 20}, {"us-east", 80}};
    fleet.inventory->regions["us-east"].latency_ms = {{"eu-central", 95}};
    fleet.configure();
  }
  SmallFleet fleet{3, "region_latency"};
};

TEST_F(Regions, AreFarByTheTable) {
  fleet.request.options.region = "eu-central";
  EXPECT_EQ(fleet.plan(), (std::vector<DeploymentIndex>{2, 1, 0}));
  EXPECT_EQ(fleet.term(0, Term::region_latency)->raw, 95);
  EXPECT_EQ(fleet.term(2, Term::region_latency)->raw, 0) << "the same region";
  fleet.request.options.region = "us-east";
  EXPECT_EQ(fleet.plan(), (std::vector<DeploymentIndex>{0, 1, 2}));
  EXPECT_EQ(fleet.term(2, Term::region_latency)->raw, 95) << "the way back is as long";
}

TEST_F(Regions, AreMeasuredForAllWhereTheTableDoesNotKnowOne) {
  fleet.measure(0, 300);
  fleet.measure(1, 200);
  for (const char* caller : {"", "mars"}) {
    fleet.request.options.region = caller;
    EXPECT_EQ(fleet.plan().front(), 1U) << caller;
    EXPECT_EQ(fleet.term(0, Term::region_latency), nullptr);
    EXPECT_GT(fleet.term(0, Term::first_token)->raw, 250);
    EXPECT_EQ(fleet.value(2, Term::first_token), 1) << "never measured";
  }
}

// --- around it --------------------------------------------------------------------------------------

TEST(Score, ObserversWriteNoTerms) {
  SmallFleet fleet(2, "ordered");
  fleet.inventory->groups[0].observe = PolicySpec{"quality", {}, false, "weighted"};
  fleet[1].quality["default"] = 1;
  fleet.configure();
  EXPECT_EQ(fleet.first(), 0U);
  EXPECT_TRUE(fleet.planner.terms().empty());
  ASSERT_EQ(fleet.planner.observed().size(), 1U);
  EXPECT_EQ(fleet.planner.observed()[0].first, 1U);
}

TEST(Score, TermsAreOfTheLastPlanOnly) {
  SmallFleet fleet(2, "score", {{"load", 1}});
  fleet.configure();
  fleet.plan();
  fleet.plan();
  EXPECT_EQ(fleet.planner.terms().size(), 2U);
}

}  // namespace
}  // namespace llmroute::policy
