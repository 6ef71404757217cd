#include "llmroute/runtime/reply_cache.h"

#include <algorithm>
#include <utility>

namespace llmroute::runtime {

namespace {

constexpr std::string_view kDialect = "openai";  // of what is kept

bool has_priorities(const Inventory& inventory) {
  return std::any_of(inventory.groups.begin(), inventory.groups.end(), [](const Group& group) {
    return std::any_of(group.members.begin(), group.members.end(),
                       [](const Member& member) { return member.priorities.any(); });
  });
}

}  // namespace

Decision borrowed_decision(const CachePlan& plan, const ChatRequest& request, WallTime submitted) {
  Decision decision;
  decision.request_id = request.id;
  decision.model_asked = request.options.model;
  decision.inventory = plan.rules->inventory;
  decision.group = decision.inventory->groups[plan.group].name;
  decision.submitted = submitted;
  decision.facts = request.facts;
  decision.metadata = request.options.metadata;
  decision.priority = request.options.priority;
  decision.notes = request.options.notes;
  if (const Ruling* ruling = request.ruling.get()) {
    decision.rules = ruling->rules;
    decision.constraints = ruling->constraints;
    decision.experiments = ruling->experiments;
  }
  decision.cost = Cost{Usd{}, CostKind::exact};
  return decision;
}

void ReplyCache::configure(InventoryPtr inventory) {
  std::shared_ptr<CacheRules> rules;
  if (inventory->cache.exact) {
    rules = std::make_shared<CacheRules>();
    rules->spec = *inventory->cache.exact;
    rules->fingerprints = cache::fingerprints(*inventory);
    rules->forwarded = cache::forwarded_headers(*inventory);
    rules->by_priority = has_priorities(*inventory);
    rules->inventory = std::move(inventory);
  }
  memory_.resize(rules ? rules->spec.max_bytes : 0);
  const std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
}

CachePlan ReplyCache::plan(const ChatRequest& request, const policy::RuleBook& book) const {
  const RequestOptions& options = request.options;
  CachePlan plan;
  {
    const std::lock_guard lock(mutex_);
    // Another configuration than the book's has just come: this one request goes without.
    if (!rules_ || options.cache == CacheUse::off || rules_->inventory != book.inventory())
      return {};
    plan.rules = rules_;
  }
  const CacheRules& rules = *plan.rules;
  const Ruling* ruling = request.ruling.get();
  if (ruling != nullptr && (ruling->refusal != nullptr || ruling->shadow)) return {};
  const auto group = policy::group_of(*rules.inventory, request);
  const auto partition = cache::partition_of(rules.spec.by, options.metadata);
  if (!group || !partition) return {};
  plan.group = *group;
  plan.look = options.cache == CacheUse::use;
  const auto key = cache::request_key(
      request, {*partition, rules.inventory->groups[*group].name,
                cache::fingerprint_of(*rules.inventory, rules.fingerprints, *group, options),
                rules.by_priority, book.fence(request), rules.forwarded});
  if (!key) return {};
  plan.key = *key;
  return plan;
}

std::optional<Completion> ReplyCache::answer(const CachePlan& plan, Ticket ticket,
                                             const ChatRequest& request, Instant asked,
                                             const Clock& clock, bool again) {
  const bool stream = request.options.stream;
  const auto found = memory_.find(plan.key, clock.now(), plan.rules->spec.ttl, !stream);
  if (!again) (found ? hits_ : misses_).fetch_add(1, std::memory_order_relaxed);
  if (!found) return std::nullopt;
  if (again) {
    hits_.fetch_add(1, std::memory_order_relaxed);
    misses_.fetch_sub(1, std::memory_order_relaxed);
  }
  const cache::Entry& entry = *found->entry;
  auto decision = std::make_shared<Decision>(borrowed_decision(plan, request, clock.wall_now()));
  decision->status = DecisionStatus::ok;
  decision->cache = {CacheStatus::hit, found->age, entry.request_id};
  decision->chosen = decision->inventory->find_deployment(entry.deployment);
  decision->usage = entry.usage;
  Completion completion;
  completion.ticket = ticket;
  completion.last = true;
  if (stream) {
    completion.deltas = cache::deltas_of(entry);
  } else {
    auto reply = std::make_shared<RawReply>();
    reply->body = entry.body;
    reply->dialect = kDialect;
    completion.reply = std::move(reply);
  }
  decision->total = clock.now() - asked;
  completion.decision = std::move(decision);
  return completion;
}

void ReplyCache::keep(const CachePlan& plan, cache::EntryPtr entry, Instant born) {
  memory_.keep(plan.key, std::move(entry), born);
}

CacheStats ReplyCache::stats() const {
  const cache::Lru::Counts counts = memory_.counts();
  return {counts.entries, counts.bytes, hits_.load(std::memory_order_relaxed),
          misses_.load(std::memory_order_relaxed), joined_.load(std::memory_order_relaxed)};
}

}  // namespace llmroute::runtime
