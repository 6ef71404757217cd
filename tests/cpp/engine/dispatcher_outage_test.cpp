// Outages under a virtual clock: what the router does to providers that fail, and to its callers.
#include <gtest/gtest.h>

#include "engine/drive.h"
#include "engine/world.h"

namespace llmroute::engine {
namespace {

struct Outage {
  const char* name;
  ErrorKind kind;
  Duration after;  // how long a failing attempt takes
  std::optional<Duration> retry_after;
};
const Outage kOutages[] = {
    {"connections refused", ErrorKind::connect, milliseconds(1), std::nullopt},
    {"connections time out", ErrorKind::connect, seconds(3), std::nullopt},
    {"500 at once", ErrorKind::server_error, milliseconds(20), std::nullopt},
    {"500 after a while", ErrorKind::server_error, milliseconds(800), std::nullopt},
    {"attempts time out", ErrorKind::attempt_timeout, seconds(10), std::nullopt},
    {"529", ErrorKind::overloaded, milliseconds(30), std::nullopt},
    {"529 with Retry-After", ErrorKind::overloaded, milliseconds(30), seconds(5)},
    {"429", ErrorKind::rate_limit, milliseconds(20), std::nullopt},
    {"429 with Retry-After", ErrorKind::rate_limit, milliseconds(20), seconds(1)},
    {"nonsense", ErrorKind::protocol, milliseconds(100), std::nullopt},
};

constexpr Duration kGap = milliseconds(10);  // 100 requests a second
constexpr Duration kBefore = seconds(12), kOutage = seconds(60), kAfter = seconds(15);

// Three groups in a row, `each` deployments in each.
Inventory three_groups(const std::string& policy, std::size_t each) {
  const std::vector<std::string> all = {"a", "b", "c", "d", "e", "f"};
  Inventory inventory = make_inventory({all.begin(), all.begin() + 3 * static_cast<long>(each)});
  const auto part = [&](std::size_t n) {
    return std::vector<std::string>(all.begin() + static_cast<long>(n * each),
                                    all.begin() + static_cast<long>((n + 1) * each));
  };
  const GroupIndex second = split_off(inventory, "second", part(1));
  const GroupIndex third = split_off(inventory, "third", part(2));
  inventory.groups[0].fallbacks = {second, third};
  for (Group& group : inventory.groups) group.policy.name = policy;
  return inventory;
}

class TotalOutage : public testing::TestWithParam<std::tuple<Outage, const char*, std::size_t>> {};

TEST_P(TotalOutage, NeitherMultipliesTrafficNorOutlastsItself) {
  // Named one by one: Clang 14 does not let a lambda capture structured bindings.
  const Outage& outage = std::get<0>(GetParam());
  const char* const policy = std::get<1>(GetParam());
  const std::size_t each = std::get<2>(GetParam());
  SCOPED_TRACE(std::string(outage.name) + ", " + policy + ", " + std::to_string(each));
  const Instant from{seconds(1000) + kBefore};
  const Instant to = from + kOutage;
  World world(three_groups(policy, each), 3, [&](DeploymentIndex, Instant now, Random& random) {
    if (now >= from && now < to) return answers_with(outage.kind, outage.after, outage.retry_after);
    return answers_well(from_ms(50 + 100 * random.unit()));
  });
  world.traffic(kGap, kBefore + kOutage + kAfter);
  world.run_to_the_end();
  world.expect_rest();

  const int requests = world.sum(from, to).requests;
  EXPECT_LE(world.started(from, to), requests * 5 / 4);
  RecordProperty("attempts", world.started(from, to));
  RecordProperty("requests", requests);
  const auto before = world.sum(Instant{}, from - seconds(8));
  EXPECT_EQ(before.ok, before.requests);
  EXPECT_EQ(before.attempts, before.requests);
  EXPECT_GE(world.sum(to + seconds(10), kNever).goodput(), 0.95) << "recovers within 10 s";
}

std::string param_name(
    const testing::TestParamInfo<std::tuple<Outage, const char*, std::size_t>>& info) {
  std::string name = std::get<0>(info.param).name;
  name += std::string("_") + std::get<1>(info.param) + std::to_string(std::get<2>(info.param));
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Ordered, TotalOutage,
                         testing::Combine(testing::ValuesIn(kOutages), testing::Values("ordered"),
                                          testing::Values(std::size_t{2})),
                         param_name);
INSTANTIATE_TEST_SUITE_P(Balanced, TotalOutage,
                         testing::Combine(testing::ValuesIn(kOutages),
                                          testing::Values("power_of_two"),
                                          testing::Values(std::size_t{1})),
                         param_name);

// --- one of several dies --------------------------------------------------------------------------

// 500 a second for about a second each; from the moment of death on `dead` fails, and what was under
// way there dies with it.
World::Provider dying(const Outage& outage, Instant death, std::vector<DeploymentIndex> dead) {
  return [&outage, death, dead](DeploymentIndex d, Instant now, Random& random) {
    const Duration usual = from_ms(900 + 200 * random.unit());
    const bool dies = std::find(dead.begin(), dead.end(), d) != dead.end();
    if (!dies || now + usual < death) return answers_well(usual);
    const Duration left = now < death ? death - now : Duration::zero();
    return answers_with(outage.kind, left + outage.after, outage.retry_after);
  };
}
constexpr Duration kRush = milliseconds(2);

class SingleDeath : public testing::TestWithParam<const char*> {};

TEST_P(SingleDeath, CostsNoUserAFailure) {
  for (const Outage& outage : kOutages) {
    SCOPED_TRACE(outage.name);
    World world(make_inventory({"a", "b", "c"}, GetParam()), 5,
                dying(outage, Instant(seconds(1003)), {0}));
    world.traffic(kRush, seconds(5));
    world.run_to_the_end();
    world.expect_rest();
    const auto all = world.sum(Instant{}, kNever);
    EXPECT_EQ(all.ok, all.requests);
    EXPECT_LE(all.attempts, all.requests + 3000) << "what was under way, and little more";
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, SingleDeath,
                         testing::Values("ordered", "weighted", "round_robin", "least_in_flight",
                                         "least_latency", "least_cost", "power_of_two"));

TEST(Dispatcher, TwoOfThreeDyingAtOnceCostsNoUserAFailure) {
  for (const char* policy : {"ordered", "power_of_two"}) {
    for (const Outage& outage : {kOutages[0], kOutages[2]}) {
      SCOPED_TRACE(std::string(outage.name) + ", " + policy);
      World world(make_inventory({"a", "b", "c"}, policy), 6,
                  dying(outage, Instant(seconds(1003)), {0, 1}));
      world.traffic(kRush, seconds(5));
      world.run_to_the_end();
      world.expect_rest();
      const auto all = world.sum(Instant{}, kNever);
      EXPECT_EQ(all.ok, all.requests);
    }
  }
}

TEST(Dispatcher, AFlakyProviderBesideASoundOneIsMadeUpFor) {
  for (const double share : {0.05, 0.3, 0.6}) {
    World world(make_inventory({"a", "b"}), 9, [share](DeploymentIndex d, Instant, Random& random) {
      if (d == 0 && random.unit() < share) {
        return answers_with(ErrorKind::server_error, milliseconds(10));
      }
      return answers_well(milliseconds(40));
    });
    world.traffic(milliseconds(10), seconds(30));
    world.run_to_the_end();
    world.expect_rest();
    const auto all = world.sum(Instant{}, kNever);
    EXPECT_EQ(all.ok, all.requests) << "share " << share;
  }
}

TEST(Dispatcher, ASaturatedProviderAloneIsNotStampededByThoseWhoWait) {
  // 50 a second are let through; the rest hears 429 with Retry-After 1 s.
  std::int64_t second = 0;
  int taken = 0;
  World world(make_inventory({"a"}), 11, [&](DeploymentIndex, Instant now, Random&) {
    const std::int64_t this_second = now.time_since_epoch() / seconds(1);
    if (std::exchange(second, this_second) != this_second) taken = 0;
    if (++taken <= 50) return answers_well(milliseconds(20));
    return answers_with(ErrorKind::rate_limit, milliseconds(5), seconds(1));
  });
  world.traffic(milliseconds(10), seconds(60));
  world.run_to_the_end();
  world.expect_rest();
  const auto all = world.sum(Instant{}, kNever);
  EXPECT_GE(all.ok, 20 * 60) << "waiting must not waste what is there";
  EXPECT_LE(all.amplification(), 1.25);
}

}  // namespace
}  // namespace llmroute::engine
