// Time of one whole decision with 50 rules and 20 constraints: judged, planned, explained.
//
// Prints a JSON array of {deployments, us}.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench.h"
#include "llmroute/analysis/facts.h"
#include "llmroute/engine/dispatcher.h"

namespace {

using namespace llmroute;

constexpr int kRules = 50, kConstraints = 20;

double now_us() {
  const auto t = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(t).count();
}

Condition words(ConditionKind kind, const std::string& key, std::vector<std::string> list) {
  Condition out;
  out.kind = kind;
  out.key = key;
  out.match.words = std::move(list);
  return out;
}

// Every third rule looks at the prompt, the others at labels; the last one fits.
Rule rule(int i) {
  Rule out;
  out.name = "rule " + std::to_string(i);
  out.when.parts.push_back(words(ConditionKind::metadata, "plan", {"p" + std::to_string(i)}));
  if (i % 3 == 0) {
    out.when = words(ConditionKind::keywords, "", {"word" + std::to_string(i), "two words"});
  }
  if (i + 1 == kRules) out.when = Condition{};
  out.priority = kBatch;
  return out;
}

Constraint constraint(int i) {
  Constraint out;
  out.name = "constraint " + std::to_string(i);
  if (i % 2 == 0) out.unless = words(ConditionKind::metadata, "where", {"w" + std::to_string(i)});
  if (i == 0) {
    out.require.regions = {"eu-*"};
  } else {
    out.require.deployments_denied = {"deployment-" + std::to_string(3 * i)};
  }
  return out;
}

Inventory inventory_of(std::size_t size) {
  Inventory out;
  Group group;
  group.name = "g";
  group.policy.name = "least_cost";
  for (std::size_t i = 0; i < size; ++i) {
    Deployment d;
    d.name = "deployment-" + std::to_string(i);
    d.region = i % 4 == 0 ? "us-east" : "eu-west";
    d.context_tokens = Tokens{128'000};
    d.price.input_usd_per_million = 0.1 + 0.01 * static_cast<double>(i);
    d.price.output_usd_per_million = 0.4;
    out.deployment_index[d.name] = static_cast<DeploymentIndex>(i);
    out.deployments.push_back(d);
    group.members.push_back({static_cast<DeploymentIndex>(i), 1.0, {}});
  }
  out.groups.push_back(group);
  out.group_index["g"] = 0;
  for (int i = 0; i < kRules; ++i) out.rules.push_back(rule(i));
  for (int i = 0; i < kConstraints; ++i) out.constraints.push_back(constraint(i));
  return out;
}

double measure(std::size_t size) {
  engine::Dispatcher dispatcher(1);
  if (!dispatcher.configure(std::make_shared<const Inventory>(inventory_of(size)))) std::abort();
  ChatRequest request;
  request.id = "r";
  request.options.model = "g";
  request.options.metadata = {{"plan", "gold"}, {"where", "w2"}};
  request.body =
      R"({"messages":[{"role":"user","content":"Where is my parcel and when does it come"}]})";
  const auto facts = analysis::read_facts(request.body);
  if (!facts) std::abort();
  request.facts = *facts;
  Instant now{seconds(1'000)};
  const auto decide = [&] {
    now += milliseconds(1);
    return dispatcher.explain(request, now, WallTime{})->candidates.size();
  };
  if (decide() != size) std::abort();
  const int rounds = size > 500 ? 2'000 : 10'000;
  double best = 1e18;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double start = now_us();
    for (int i = 0; i < rounds; ++i) decide();
    best = std::min(best, (now_us() - start) / rounds);
  }
  return best;
}

}  // namespace

int bench_ruled() {
  std::printf("[{\"deployments\":100,\"us\":%.4f},\n", measure(100));
  std::printf("{\"deployments\":1000,\"us\":%.4f}]\n", measure(1'000));
  return 0;
}
