// The bars are means over eight seeds, each seed within half as much again:
//   regret   over the first 3,000 requests from nothing, at most 2 % of what the best one gives
//   change   within 500 requests of a change the best one gets most requests
#include <algorithm>
#include <cmath>

#include "policy/fleet.h"

namespace llmroute::policy {
namespace {

Lesson answered(DeploymentIndex d, bool ok, double ms = 100, double usd = 0.001) {
  Lesson lesson;
  lesson.deployment = d;
  lesson.answered = ok;
  lesson.total_ms = ms;
  lesson.usd = usd;
  return lesson;
}

Lesson judged(DeploymentIndex d, double score, std::optional<double> replaced = {}) {
  Lesson lesson;
  lesson.deployment = d;
  lesson.feedback = score;
  lesson.replaced = replaced;
  return lesson;
}

double share_of(SmallFleet& fleet, DeploymentIndex d, int requests = 200) {
  int firsts = 0;
  for (int i = 0; i < requests; ++i) firsts += fleet.first() == d ? 1 : 0;
  return static_cast<double>(firsts) / requests;
}

// --- the bars ---------------------------------------------------------------------------------------

// Each deployment answers with a chance of its own; whatever was chosen teaches.
struct Bandit {
  Bandit(std::vector<double> known, std::uint64_t seed, const Options& options = {})
      : fleet(known.size(), "thompson", options, seed),
        means(std::move(known)),
        luck(seed + 1'000) {
    fleet.configure();
  }
  double step() {
    const DeploymentIndex d = fleet.first();
    fleet.planner.learn(0, answered(d, luck.unit() < means[d]));
    return means[d];
  }
  double best() const { return *std::max_element(means.begin(), means.end()); }
  double regret(int requests) {  // as a share of what the best one gives
    double got = 0;
    for (int i = 0; i < requests; ++i) got += step();
    return 1 - got / (requests * best());
  }
  SmallFleet fleet;
  std::vector<double> means;
  Random luck;
};

TEST(ThompsonBar, IsWithinTwoPercentOfTheBestFixedOne) {
  constexpr int kSeeds = 8;
  double sum = 0, last = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Bandit bandit({0.9, 0.7, 0.5}, seed);
    const double first = bandit.regret(2'000), rest = bandit.regret(1'000);
    const double whole = (2 * first + rest) / 3;
    EXPECT_LE(whole, 0.03) << seed;
    sum += whole / kSeeds;
    last += rest / kSeeds;
  }
  EXPECT_LE(sum, 0.02);
  EXPECT_LE(last, 0.02);
  RecordProperty("whole", std::to_string(sum));
  RecordProperty("last_thousand", std::to_string(last));
}

TEST(ThompsonBar, FollowsAChangeOfTheBestWithinFiveHundredRequests) {
  constexpr int kSeeds = 8;
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Bandit bandit({0.9, 0.7, 0.5}, seed);
    bandit.regret(3'000);
    bandit.means = {0.5, 0.9, 0.7};
    bandit.regret(400);
    int right = 0;
    for (int i = 0; i < 100; ++i) right += bandit.step() == bandit.best() ? 1 : 0;
    EXPECT_GE(right, 60) << seed;
    sum += right / 100.0 / kSeeds;
  }
  EXPECT_GE(sum, 0.85);
  RecordProperty("share", std::to_string(sum));
}

// --- what it learns from ----------------------------------------------------------------------------

TEST(Thompson, PrefersWhatIsAnswered) {
  SmallFleet fleet(3, "thompson");
  fleet.configure();
  EXPECT_NEAR(share_of(fleet, 2, 3'000), 1.0 / 3, 0.05) << "nothing is known";
  for (int i = 0; i < 40; ++i) {
    for (DeploymentIndex d : {0U, 1U, 2U}) fleet.planner.learn(0, answered(d, d == 1 || i % 3 > 0));
  }
  EXPECT_GT(share_of(fleet, 1), 0.95);
  EXPECT_LT(fleet.records[1].score, 0.3) << "1 - the reward drawn";
}

TEST(Thompson, WeighsTimeAndMoney) {
  for (const auto& [options, best] :
       std::vector<std::pair<Options, DeploymentIndex>>{{{{"latency", 1}, {"success", 0}}, 0},
                                                        {{{"cost", 1}, {"success", 0}}, 1},
                                                        {{{"cost", 0.1}, {"latency", 5}}, 0}}) {
    SmallFleet fleet(2, "thompson", options);
    fleet.configure();
    for (int i = 0; i < 60; ++i) {
      fleet.planner.learn(0, answered(0, true, 500, 0.02));
      fleet.planner.learn(0, answered(1, true, 4'000, 0.001));
    }
    EXPECT_GT(share_of(fleet, best), 0.95) << options.begin()->first;
  }
}

TEST(Thompson, AFailureIsWorthNothingHoweverQuickAndCheap) {
  SmallFleet fleet(2, "thompson", {{"latency", 1}, {"cost", 1}, {"success", 0}});
  fleet.configure();
  for (int i = 0; i < 60; ++i) {
    fleet.planner.learn(0, answered(0, false, 1, 0));
    fleet.planner.learn(0, answered(1, true, 4'000, Lesson::kUnknown));
  }
  EXPECT_GT(share_of(fleet, 1), 0.95);
}

TEST(Thompson, ListensToFeedbackOnceThereIsSome) {
  SmallFleet fleet(2, "thompson", {{"feedback", 2}, {"success", 1}});
  fleet.configure();
  for (int i = 0; i < 100; ++i) {
    fleet.planner.learn(0, answered(0, true));
    fleet.planner.learn(0, answered(1, i % 10 > 0));
  }
  EXPECT_GT(share_of(fleet, 0), 0.8) << "nobody has said a word yet";
  for (int i = 0; i < 40; ++i) {
    fleet.planner.learn(0, judged(0, 0.1));
    fleet.planner.learn(0, judged(1, 0.9));
  }
  EXPECT_GT(share_of(fleet, 1), 0.95);
  for (int i = 0; i < 40; ++i) {
    fleet.planner.learn(0, judged(0, 0.9, 0.1));
    fleet.planner.learn(0, judged(1, 0.1, 0.9));
  }
  EXPECT_GT(share_of(fleet, 0), 0.95) << "all of it was taken back";
}

TEST(Thompson, IgnoresStrangers) {
  SmallFleet fleet(2, "thompson");
  fleet.configure();
  fleet.planner.learn(0, answered(17, false));
  fleet.planner.learn(99, answered(0, false));
  EXPECT_NEAR(share_of(fleet, 0, 2'000), 0.5, 0.05);
}

// --- kinds of requests ------------------------------------------------------------------------------

void teach_kinds(SmallFleet& fleet, int lessons) {
  for (int i = 0; i < lessons; ++i) {
    for (const bool tools : {false, true}) {
      for (DeploymentIndex d : {0U, 1U}) {
        Lesson lesson = answered(d, tools == (d == 1) || i % 4 == 0);
        lesson.request.tools = tools;
        fleet.planner.learn(0, lesson);
      }
    }
  }
}

TEST(Thompson, LearnsApartByKindOfRequest) {
  SmallFleet fleet(2, "thompson");
  fleet.configure();
  teach_kinds(fleet, 100);
  EXPECT_GT(share_of(fleet, 0), 0.9);
  fleet.request.facts.needs.set(static_cast<std::size_t>(Capability::tools));
  EXPECT_GT(share_of(fleet, 1), 0.9);
}

TEST(Thompson, WithoutBucketsAllRequestsAreOneKind) {
  SmallFleet fleet(2, "thompson", {{"buckets", 0}});
  fleet.configure();
  teach_kinds(fleet, 100);
  const double plain = share_of(fleet, 0, 1'000);
  fleet.request.facts.needs.set(static_cast<std::size_t>(Capability::tools));
  EXPECT_NEAR(share_of(fleet, 0, 1'000), plain, 0.15);
}

TEST(Thompson, AKindWithoutDataBorrowsFromTheOthers) {
  SmallFleet fleet(2, "thompson");
  fleet.configure();
  for (int i = 0; i < 100; ++i) {
    fleet.planner.learn(0, answered(0, true));
    fleet.planner.learn(0, answered(1, i % 5 == 0));
  }
  fleet.request.facts.prompt_tokens = Tokens{100'000};
  EXPECT_GT(share_of(fleet, 0), 0.9);
  for (int i = 0; i < 60; ++i) {
    for (DeploymentIndex d : {0U, 1U}) {
      Lesson lesson = answered(d, d == 1);
      lesson.request.prompt_tokens = Tokens{100'000};
      fleet.planner.learn(0, lesson);
    }
  }
  EXPECT_GT(share_of(fleet, 1), 0.9) << "its own data counts more";
}

// --- chance -----------------------------------------------------------------------------------------

TEST(Thompson, SaysTheProbabilityOfBeingFirst) {
  for (const double explore : {0.0, 0.3}) {
    SmallFleet fleet(3, "thompson", {{"explore", explore}});
    fleet.configure();
    for (DeploymentIndex i = 0; i < 12; ++i) {
      for (DeploymentIndex d : {0U, 1U, 2U}) fleet.planner.learn(0, answered(d, i % (4 - d) > 0));
    }
    constexpr int kPlans = 20'000;
    std::map<DeploymentIndex, int> firsts;
    for (int i = 0; i < kPlans; ++i) ++firsts[fleet.first()];
    double sum = 0;
    for (const CandidateRecord& c : fleet.records) {
      EXPECT_NEAR(c.probability, static_cast<double>(firsts[c.deployment]) / kPlans, 0.02)
          << c.deployment << " " << explore;
      EXPECT_GE(c.probability, explore / 3);
      sum += c.probability;
    }
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

TEST(Thompson, ProbabilitiesOfManyAddUpToOne) {
  SmallFleet fleet(100, "thompson");
  fleet.configure();
  for (const int lessons : {0, 500}) {
    for (int i = 0; i < lessons; ++i) {
      fleet.planner.learn(0, answered(static_cast<DeploymentIndex>(i % 90), i % 7 > 0));
    }
    fleet.plan();
    double sum = 0;
    for (const CandidateRecord& c : fleet.records) sum += c.probability;
    EXPECT_NEAR(sum, 1, 1e-4);
    EXPECT_GT(fleet.records[95].probability, 0.001);
  }
}

TEST(Thompson, OneAloneIsFirstForSure) {
  SmallFleet fleet(1, "thompson", {{"explore", 0.5}});
  fleet.configure();
  EXPECT_EQ(fleet.first(), 0U);
  EXPECT_EQ(fleet.records[0].probability, 1);
}

TEST(Thompson, TheSameSeedDrawsTheSame) {
  const auto drawn = [](std::uint64_t seed) {
    Bandit bandit({0.8, 0.6, 0.4}, seed, {{"explore", 0.1}});
    std::string all;
    for (int i = 0; i < 200; ++i) all += std::to_string(bandit.step());
    return all;
  };
  EXPECT_EQ(drawn(3), drawn(3));
  EXPECT_NE(drawn(3), drawn(4));
}

TEST(Thompson, OldLessonsFadeAndNumbersStayFinite) {
  SmallFleet fleet(2, "thompson", {{"half_life", 10}});
  fleet.configure();
  for (int i = 0; i < 5'000; ++i) fleet.planner.learn(0, answered(0, true));
  for (int i = 0; i < 60; ++i) fleet.planner.learn(0, answered(0, false));
  EXPECT_GT(share_of(fleet, 1), 0.6) << "it failed sixty times in a row";
  EXPECT_TRUE(std::isfinite(fleet.records[0].score));
}

}  // namespace
}  // namespace llmroute::policy
