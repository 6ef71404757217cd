// Random worlds and random orders of events, also such as no good driver would bring: late, twice,
// for strangers. World checks what every action promises. A failing seed is printed; run it alone
// with LLMROUTE_ENGINE_SEED=n test_engine --gtest_filter='DispatcherRandom.*'
#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/drive.h"
#include "engine/world.h"

namespace llmroute::engine {
namespace {

constexpr std::uint64_t kSeeds = 400;

std::vector<std::uint64_t> seeds() {
  if (const char* one = std::getenv("LLMROUTE_ENGINE_SEED")) {
    return {std::strtoull(one, nullptr, 10)};
  }
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) all.push_back(seed);
  return all;
}

Duration random_ms(Random& random, std::uint64_t most) {
  return milliseconds(static_cast<std::int64_t>(random.below(most + 1)));
}

const char* const kPolicies[] = {"ordered",       "weighted",     "round_robin", "least_in_flight",
                                 "least_latency", "power_of_two", "least_cost"};

Inventory random_inventory(Random& random, std::uint64_t version) {
  const std::vector<std::string> names = {"a", "b", "c", "d", "e"};
  const auto some = static_cast<std::ptrdiff_t>(1 + random.below(names.size()));
  Inventory inventory = make_inventory({names.begin(), names.begin() + some},
                                       kPolicies[random.below(std::size(kPolicies))]);
  inventory.version = version;
  for (Deployment& d : inventory.deployments) {
    for (std::uint64_t key = random.below(4); key > 0; --key) d.keys.push_back(parse_secret("k"));
    if (random.below(4) == 0) d.limits.in_flight = 1 + static_cast<std::int64_t>(random.below(3));
    if (random.below(4) == 0) {
      d.limits.requests_per_minute = 1 + static_cast<std::int64_t>(random.below(600));
    }
    if (random.below(4) == 0) {
      d.limits.tokens_per_minute = 1 + static_cast<std::int64_t>(random.below(60'000));
    }
    if (random.below(2) == 0) {
      d.context_tokens = Tokens{static_cast<std::int64_t>(random.below(300))};
    }
  }
  if (some > 2) {
    const GroupIndex spare =
        split_off(inventory, "spare", {names[static_cast<std::size_t>(some) - 1]});
    if (random.below(2) == 0) inventory.groups[0].fallbacks = {spare};
    if (random.below(2) == 0) inventory.groups[0].on_context_too_long = {spare};
    if (random.below(2) == 0) inventory.groups[0].on_content_filter = {spare};
  }
  if (random.below(3) == 0) {
    for (Group& group : inventory.groups) group.hedge = HedgeSpec{random.unit(), 1.0, false};
  }
  Resilience& r = inventory.resilience;
  r.attempts = 1 + static_cast<int>(random.below(6));
  r.breaker.failures = 1 + static_cast<int>(random.below(6));
  r.breaker.cooldown = random_ms(random, 3'000);
  r.max_retry_after = random_ms(random, 5'000);
  r.retry_share = random.unit();
  return inventory;
}

RequestOptions random_options(Random& random) {
  RequestOptions options;
  if (random.below(3) != 0) options.attempts = 1 + static_cast<int>(random.below(5));
  if (random.below(2) == 0) options.on_interrupt = OnInterrupt::restart;
  if (random.below(2) == 0) options.deadline = random_ms(random, 3'000);
  if (random.below(5) == 0) options.order = std::vector<std::string>{"c", "a", "nobody"};
  if (random.below(5) == 0) options.exclude = {"a"};
  return options;
}

Outcome random_outcome(Random& random) {
  Outcome outcome;
  if (random.below(3) == 0) return outcome;
  if (random.below(20) == 0) {
    outcome.cancelled = true;
    return outcome;
  }
  const auto kind = static_cast<ErrorKind>(random.below(slugs<ErrorKind>().size()));
  outcome.failure = make_failure(kind, "");
  outcome.failure->ambiguous = random.below(2) == 0;
  if (random.below(3) == 0) outcome.failure->retry_after = random_ms(random, 8'000);
  return outcome;
}

Answer random_answer(Random& random) {
  Answer answer;
  answer.outcome = random_outcome(random);
  answer.total = random_ms(random, random.below(10) == 0 ? 5'000 : 200);
  if (random.below(2) == 0) answer.content = answer.total / 2;
  return answer;
}

// Something that happens, whether it makes sense or not.
void disturb(World& world, Random& random) {
  const RequestId any = random.below(world.lives().size() + 3);
  const AttemptId which = static_cast<AttemptId>(random.below(5));
  const Life* life = world.find(any);
  const bool real = life != nullptr && which != 0 && life->runs(which);
  switch (random.below(8)) {
    case 0: world.cancel(any); break;
    case 1: world.timer(any); break;
    case 2: world.content(any, which); break;
    case 3: world.outcome(any, which, random_outcome(random)); break;
    case 4:  // the same news twice
      world.outcome(any, which, random_outcome(random));
      if (real) world.outcome(any, which, random_outcome(random));
      break;
    case 5: {
      ChatRequest request;
      request.options = random_options(random);
      request.options.model = "main";
      EXPECT_EQ(world.dispatcher().explain(request, world.now(), WallTime{})->status,
                DecisionStatus::pending);
      break;
    }
    case 6:
      if (random.below(10) == 0) world.configure(random_inventory(random, random.next()));
      break;
    default: world.run_until(world.now() + random_ms(random, 2'000)); break;
  }
}

TEST(DispatcherRandom, EveryRequestEndsOnceWhateverHappens) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(mix64(seed));
    World world(random_inventory(random, 1), seed,
                [](DeploymentIndex, Instant, Random& r) { return random_answer(r); });
    for (int step = 0; step < 300; ++step) {
      world.run_until(world.now() + random_ms(random, 50));
      if (random.below(2) == 0) {
        world.submit(random_options(random));
      } else {
        disturb(world, random);
      }
      if (HasFailure()) return;
    }
    world.run_to_the_end();
    world.expect_rest();
    if (HasFailure()) return;
  }
}

TEST(DispatcherRandom, AWorldRepeatsItselfBitByBit) {
  const auto story = [](std::uint64_t seed) {
    Random random(mix64(seed));
    World world(random_inventory(random, 1), seed,
                [](DeploymentIndex, Instant, Random& r) { return random_answer(r); });
    for (int step = 0; step < 200; ++step) {
      world.run_until(world.now() + random_ms(random, 20));
      world.submit(random_options(random));
    }
    world.run_to_the_end();
    std::string text;
    for (const Life& life : world.lives()) text += to_json(*life.decision) + "\n";
    return text;
  };
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    EXPECT_EQ(story(seed), story(seed)) << "seed " << seed;
  }
  EXPECT_NE(story(1), story(2));
}

}  // namespace
}  // namespace llmroute::engine
