// A decision in which something of everything happened.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "llmroute/model/decision.h"

namespace llmroute::testing {

inline InventoryPtr sample_inventory() {
  auto inventory = std::make_shared<Inventory>();
  inventory->version = 12;
  const auto add_group = [&](Group group) {
    inventory->group_index.emplace(group.name, static_cast<GroupIndex>(inventory->groups.size()));
    inventory->groups.push_back(std::move(group));
  };
  Group fast;
  fast.name = "fast";
  fast.members = {{0, 1}, {1, 1}, {2, 1}, {3, 1}};
  Group fallback;
  fallback.name = "default";
  fallback.members = {{4, 1}};
  add_group(fast);
  add_group(fallback);
  for (const char* name : {"haiku-eu", "openai/gpt-4o-mini", "openai/gpt-3.5-turbo", "mistral-eu",
                           "local-llama", "unused"}) {
    const auto index = static_cast<DeploymentIndex>(inventory->deployments.size());
    Deployment deployment;
    deployment.name = name;
    inventory->deployment_index.emplace(name, index);
    inventory->deployments.push_back(std::move(deployment));
    Group own;
    own.name = name;
    own.members = {{index, 1}};
    own.implicit = true;
    add_group(own);
  }
  LimitRule tenants;
  tenants.name = "tenants";
  tenants.by = {Scope::metadata, "tenant"};
  tenants.limits.requests_per_minute = 60;
  inventory->limits = {tenants};
  BudgetRule batch;
  batch.name = "batch";
  batch.limit = usd(40).pico;
  batch.by = {Scope::metadata, "tenant"};
  inventory->budgets = {batch};
  Rule gold;
  gold.name = "gold first";
  gold.priority = kInteractive;
  inventory->rules = {gold};
  Constraint europe;
  europe.name = "stay in Europe";
  europe.require.regions = {"eu-*"};
  inventory->constraints = {europe};
  Experiment small;
  small.name = "new-small";
  small.arms = {{"control", 0.9, std::nullopt}, {"v2", 0.1, 1}};
  inventory->experiments = {small};
  return inventory;
}

inline CandidateRecord candidate(DeploymentIndex deployment, Reason reason, float a, float b) {
  CandidateRecord record;
  record.deployment = deployment;
  record.reason = reason;
  record.a = a;
  record.b = b;
  record.score = std::numeric_limits<float>::quiet_NaN();
  record.estimated_usd = std::numeric_limits<double>::quiet_NaN();
  return record;
}

inline CandidateRecord kept(DeploymentIndex deployment, std::int16_t rank, float score) {
  CandidateRecord record = candidate(deployment, Reason::kept, 0, 0);
  record.rank = rank;
  record.score = score;
  record.ttft_p50_ms = 310;
  record.ttft_p95_ms = 800.5F;
  record.measured = true;
  record.estimated_usd = 0.00025;
  return record;
}

inline Decision sample_decision() {
  Decision decision;
  decision.request_id = "7f3a";
  decision.model_asked = "fast";
  decision.group = "fast";
  decision.policy = "least_latency";
  decision.seed = 18446744073709551615ULL;
  decision.inventory = sample_inventory();
  decision.submitted = WallTime(milliseconds(1'769'860'800'250));
  decision.facts.parameters.set(static_cast<std::size_t>(Parameter::temperature));
  decision.facts.needs.set(static_cast<std::size_t>(Capability::tools));
  decision.facts.prompt_tokens = {20'800};
  decision.facts.messages = 2;
  decision.candidates = {kept(0, 0, 0.42F), kept(4, 1, 1.73F), candidate(1, Reason::excluded, 0, 0),
                         candidate(2, Reason::context_too_short, 20'800, 16'385),
                         candidate(3, Reason::breaker_open, 6, 4'100)};
  decision.candidates[1].group = 1;
  decision.order_reasons = {"quick", "cheap"};

  AttemptRecord first;
  first.number = 1;
  first.finished = true;
  first.outcome.failure = make_failure(ErrorKind::overloaded, "Overloaded");
  first.outcome.failure->status = 529;
  first.outcome.failure->provider_code = "overloaded_error";
  first.outcome.failure->retry_after = milliseconds(1'500);
  first.outcome.total = milliseconds(212);
  AttemptRecord second;
  second.number = 2;
  second.deployment = 4;
  second.finished = true;
  second.started = milliseconds(214);
  second.waited = Duration(1'234'567);
  second.outcome.ttft = milliseconds(910);
  second.outcome.total = milliseconds(3'386);
  second.outcome.content_started = true;
  second.outcome.finish_reason = "stop";
  second.outcome.usage.input = {20'412};
  second.outcome.usage.output = {240};
  second.outcome.usage.reported = true;
  second.cost = Cost{usd(0.00021), CostKind::exact};
  second.dropped_parameters = {"seed"};
  decision.attempts = {first, second};

  decision.metadata = {{"plan", "gold"}, {"tenant", "acme"}};
  decision.priority = kBatch;
  BudgetRecord budget;
  budget.who = "acme";
  budget.share = 0.83;
  budget.stepped_to = 1;
  decision.budgets = {budget};
  decision.cache.status = CacheStatus::miss;
  decision.affinity = {AffinityKind::prefix, 0, Tokens{12'000}};
  decision.queued = milliseconds(120);
  decision.notes = {"the state file is busy; budget \"batch\" goes on with what it had granted"};

  EffectSet priority;
  priority.set(static_cast<std::size_t>(Effect::priority));
  decision.rules = {{0, priority, false}};
  decision.constraints = {{0, true}};
  decision.experiments = {{0, 1, 0.1, true, true}};
  decision.terms = {{0, Term::cost, 0.00025F, 0.5F, 0.7F}};
  decision.observed = {{"least_cost", 4}};

  decision.status = DecisionStatus::ok;
  decision.chosen = 4;
  decision.planned = Duration(1'900);
  decision.total = milliseconds(3'600);
  decision.usage = second.outcome.usage;
  decision.cost = second.cost;
  return decision;
}

}  // namespace llmroute::testing
