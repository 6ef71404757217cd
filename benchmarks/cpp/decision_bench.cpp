// Time and allocations of one decision: filters, admission, policy and records, scratch reused.
//
// Prints a JSON array of {policy, deployments, us, allocations}.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "bench.h"
#include "llmroute/policy/planner.h"

namespace {

using namespace llmroute;

double now_us() {
  const auto t = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(t).count();
}

void measure(const char* policy, std::size_t size, bool first) {
  auto inventory = std::make_shared<Inventory>();
  Group group;
  group.name = "g";
  group.policy.name = policy;
  for (std::size_t i = 0; i < size; ++i) {
    Deployment d;
    d.name = "deployment-" + std::to_string(i);
    d.context_tokens = Tokens{128'000};
    d.price.input_usd_per_million = 0.1 + 0.01 * static_cast<double>(i);
    d.price.output_usd_per_million = 0.4;
    inventory->deployments.push_back(d);
    group.members.push_back({static_cast<DeploymentIndex>(i), 1.0 + static_cast<double>(i % 3)});
  }
  inventory->groups.push_back(group);
  policy::Planner planner;
  health::Board board;
  if (!planner.configure(inventory)) std::abort();
  board.configure(*inventory);
  Instant now{seconds(1000)};
  for (std::size_t i = 0; i < size; ++i) {  // every deployment has been measured
    health::Work work{Tokens{100}, Tokens{100}};
    Outcome outcome;
    outcome.total = milliseconds(200 + static_cast<std::int64_t>(i % 50));
    board.on_start(static_cast<DeploymentIndex>(i), now, work);
    board.on_outcome(static_cast<DeploymentIndex>(i), 0, now, outcome, work);
  }
  ChatRequest request;
  request.facts.prompt_tokens = Tokens{500};
  Random random(1);
  std::vector<CandidateRecord> records;
  std::vector<policy::PlanStep> steps;
  const auto decide = [&] {
    records.clear();
    steps.clear();
    now += milliseconds(1);
    planner.plan(0, request, board, now, random, records, steps);
  };
  for (int i = 0; i < 2000; ++i) decide();
  const int rounds = size > 500 ? 4000 : 20'000;
  double best = 1e18;
  long allocated = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const long before = allocations();
    const double start = now_us();
    for (int i = 0; i < rounds; ++i) decide();
    best = std::min(best, (now_us() - start) / rounds);
    allocated += allocations() - before;
  }
  std::printf("%s{\"policy\":\"%s\",\"deployments\":%zu,\"us\":%.4f,\"allocations\":%ld}",
              first ? "[" : ",\n", policy, size, best, allocated);
}

}  // namespace

int bench_decisions() {
  bool first = true;
  for (const std::size_t size : {100UL, 1000UL}) {
    for (const policy::PolicyEntry& entry : policy::policies()) {
      measure(std::string(entry.name).c_str(), size, first);
      first = false;
    }
  }
  std::printf("]\n");
  return 0;
}
