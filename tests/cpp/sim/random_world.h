// Configurations, worlds and traffic drawn by a seed.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "sim/oracle.h"
#include "sim/sim_probe.h"

namespace llmroute::sim {

// Of the environment.
inline std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class RandomWorld {
 public:
  explicit RandomWorld(std::uint64_t seed) : seed_(seed), random_(mix64(seed)) {
    const std::size_t size = 1 + random_.below(5);
    const auto& entry = policy::policies()[random_.below(policy::policies().size())];
    const std::string hedge = random_.below(2) == 0 ? R"(, "hedge": {"extra_load": 0.5})" : "";
    const InventoryPtr base = fleet(size, std::string(entry.name), resilience(), hedge);
    world_ = world_of(providers(size), base);
    auto inventory = std::make_shared<Inventory>(*base);
    limit(*inventory);
    if (random_.below(2) == 0) queue(*inventory);
    if (random_.below(3) == 0) budget(*inventory);
    if (random_.below(4) == 0) inventory->cache.affinity.emplace();
    inventory_ = std::move(inventory);
    traffic_ = traffic_of(callers(), seed);
  }

  // What went wrong; see oracle.h.
  std::vector<std::string> run(bool scoped) {
    Oracle oracle(*inventory_, traffic_, scoped);
    const auto report = simulate(inventory_, world_, traffic_, seed_, oracle.hooks());
    EXPECT_TRUE(report);
    return oracle.faults(*report);
  }

 private:
  std::string some(double most) { return std::to_string(most * random_.unit()); }
  bool one_in(std::uint64_t times) { return random_.below(times) == 0; }
  std::int64_t up_to(std::uint64_t most) {
    return static_cast<std::int64_t>(1 + random_.below(most));
  }

  std::string resilience() {
    return R"(, "resilience": {"attempts": )" + std::to_string(1 + random_.below(5)) +
           R"(, "deadline_ms": )" + std::to_string(200 + random_.below(20'000)) +
           R"(, "timeouts": {"ttft_ms": )" + std::to_string(300 + random_.below(3'000)) + "}}";
  }

  std::string providers(std::size_t size) {
    static constexpr const char* kKinds[] = {"slow",       "hang",         "connect", "rate_limit",
                                             "overloaded", "server_error", "cut"};
    std::string out = R"({"default": {"ttft_ms": 100, "ttft_p95_ms": 400}, "store_ms": )" +
                      some(one_in(2) ? 200 : 0) + R"(, "deployments": {)";
    for (std::size_t i = 0; i < size; ++i) {
      out += (i == 0 ? "\"d" : ", \"d") + std::to_string(i) + R"(": {"ttft_ms": )" + some(800) +
             R"(, "error_rate": )" + some(0.3) + R"(, "straggler_share": )" + some(0.1) +
             R"(, "in_flight": )" + std::to_string(random_.below(6)) + R"(, "queue": )" +
             std::to_string(random_.below(20)) + R"(, "requests_per_minute": )" +
             std::to_string(one_in(3) ? 1 + random_.below(600) : 0) + R"(, "tokens_per_second": )" +
             some(200);
      if (one_in(4)) {
        out += R"(, "prices": [{"at_s": )" + some(10) +
               R"(, "input_usd_per_million": 3, "output_usd_per_million": 4}])";
      }
      out += R"(, "troubles": [{"kind": ")" + std::string(kKinds[random_.below(7)]) +
             R"(", "from_s": )" + some(5) + R"(, "to_s": )" + some(15) + R"(, "chance": )" +
             some(1) + "}]}";
    }
    return out + "}}";
  }

  std::string callers() {
    std::string out = R"({"requests": 100, "rate_per_second": 8, "stream": )" +
                      std::string(one_in(3) ? "false" : "true");
    if (one_in(2)) out += R"(, "tenants": {"a": 1, "b": 10, "c": 3})";
    if (one_in(2)) out += R"(, "priorities": {"interactive": 1, "standard": 2, "batch": 2})";
    if (one_in(3)) out += R"(, "conversations": 4)";
    if (one_in(2)) out += R"(, "max_output_tokens": )" + std::to_string(up_to(400));
    return out + "}";
  }

  LimitsSpec limits() {
    LimitsSpec spec;
    if (one_in(2)) spec.in_flight = up_to(8);
    if (one_in(3)) spec.requests_per_minute = up_to(300);
    if (one_in(4)) spec.tokens_per_minute = 1'000 * up_to(200);
    if (one_in(6)) spec.requests_per_day = up_to(100);
    if (one_in(4)) spec.slow_start = milliseconds(up_to(10'000));
    return spec;
  }

  // Of deployments, and of whatever else can be counted by.
  void limit(Inventory& inventory) {
    for (Deployment& deployment : inventory.deployments) {
      if (one_in(2)) deployment.limits = limits();
    }
    const std::vector<CountedBy> scopes = {{Scope::all, {}},
                                           {Scope::deployment, {}},
                                           {Scope::provider, {}},
                                           {Scope::group, {}},
                                           {Scope::metadata, "tenant"}};
    for (std::uint64_t i = random_.below(3); i > 0; --i) {
      LimitRule& rule = inventory.limits.emplace_back();
      rule.name = "rule" + std::to_string(i);
      rule.by = scopes[random_.below(scopes.size())];
      if (rule.by.scope == Scope::metadata && one_in(2)) rule.only = {"a", "b"};
      rule.limits = limits();
    }
  }

  void queue(Inventory& inventory) {
    inventory.queue.max_waiting = random_.below(50);
    if (one_in(2)) inventory.queue.weights = {{"a", 3.0}};
    Group& group = inventory.groups[*inventory.find_group("g")];
    for (std::uint64_t i = 1 + random_.below(3); i > 0; --i) {
      ExhaustedStep& step = group.on_exhausted.emplace_back();
      step.action = static_cast<ExhaustedAction>(random_.below(slugs<ExhaustedAction>().size()));
      step.wait = milliseconds(up_to(5'000));
      step.group = *inventory.find_group("d0");
    }
    for (Member& member : group.members) {
      if (one_in(3)) member.priorities.set(one_in(2) ? kBatch : kStandard);
    }
  }

  void budget(Inventory& inventory) {
    BudgetRule& rule = inventory.budgets.emplace_back();
    rule.name = "money";
    rule.unit = static_cast<BudgetUnit>(random_.below(slugs<BudgetUnit>().size()));
    rule.limit = rule.unit == BudgetUnit::usd      ? 1'000'000'000 * up_to(100)
                 : rule.unit == BudgetUnit::tokens ? 1'000 * up_to(100)
                                                   : up_to(100);
    if (one_in(2)) rule.by = {Scope::metadata, "tenant"};
    rule.every_group = true;
    if (one_in(2)) rule.at = {{0.8, *inventory.find_group("d0")}};
    if (one_in(2)) rule.on_exhausted = BudgetEnd::allow;
  }

  std::uint64_t seed_;
  Random random_;
  InventoryPtr inventory_;
  World world_;
  Traffic traffic_;
};

}  // namespace llmroute::sim
