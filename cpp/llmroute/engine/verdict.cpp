#include "llmroute/engine/verdict.h"

#include <algorithm>
#include <string>

#include "llmroute/engine/route.h"

namespace llmroute::engine {

Failure attempts_failed(const Decision& decision, std::string_view note) {
  std::size_t count = 0;
  const Failure* found = nullptr;  // a cancelled attempt has none
  for (const AttemptRecord& attempt : decision.attempts) {
    if (!attempt.outcome.failure) continue;
    ++count;
    found = &*attempt.outcome.failure;
  }
  const Failure& last = *found;
  if (count == 1 && note.empty()) return last;
  Failure all = last;
  all.kind = ErrorKind::all_attempts_failed;
  all.message = count == 1 ? "1 attempt failed" : std::to_string(count) + " attempts failed";
  if (!note.empty()) all.message.append("; ").append(note);
  all.message.append("; the last one: ").append(slug(last.kind));
  if (!last.message.empty()) all.message += ": " + last.message;
  return all;
}

namespace {

// 'budget "batch" for "acme" is spent'
std::string spent_budget(const Decision& decision, std::uint32_t rule) {
  std::string out = "budget";
  if (rule < decision.inventory->budgets.size()) {
    out += " \"" + decision.inventory->budgets[rule].name + "\"";
  }
  for (const BudgetRecord& record : decision.budgets) {
    if (record.rule == rule && !record.who.empty()) out += " for \"" + record.who + "\"";
  }
  return out + " is spent";
}

// 'limit "tenants" for "acme": requests_per_minute'
std::string own_limit(const Decision& decision, const limits::Shortage& shortage) {
  std::string out = "limit";
  const auto& rules = decision.inventory->limits;
  if (shortage.rule > 0 && shortage.rule <= rules.size()) {
    const LimitRule& rule = rules[shortage.rule - 1];
    out += " \"" + rule.name + "\"";
    const std::string_view who = find_metadata(decision.metadata, rule.by.key);
    if (rule.by.scope == Scope::metadata) out += " for \"" + std::string(who) + "\"";
  }
  return out + ": " + std::string(slug(shortage.limit)) + " is reached";
}

// What is in the way of all that may be back, where it is the request's own or money.
void name_the_cause(const Decision& decision, const Standing& standing, Failure& failure) {
  bool limits_only = !decision.candidates.empty();
  const CandidateRecord* unpaid = nullptr;
  for (const CandidateRecord& candidate : decision.candidates) {
    limits_only = limits_only && candidate.reason == Reason::limit_reached;
    const bool paid =
        candidate.reason != Reason::budget_exhausted && candidate.reason != Reason::price_unknown;
    if (!paid && unpaid == nullptr) unpaid = &candidate;
  }
  if (unpaid != nullptr) {
    failure.kind = ErrorKind::budget_exceeded;
    failure.message = spent_budget(decision, static_cast<std::uint32_t>(unpaid->a));
  } else if (limits_only) {
    failure.kind = ErrorKind::capacity;
    if (const auto own = standing.own_shortage()) {
      failure.message = own_limit(decision, *own);
    }
  }
}

}  // namespace

Failure no_candidate(const Decision& decision, const Standing& standing) {
  constexpr std::size_t kMaxMessage = 600;  // a group may hold thousands
  Failure failure = make_failure(
      ErrorKind::no_candidate, "no deployment of \"" + decision.group + "\" can take this request");
  name_the_cause(decision, standing, failure);
  Instant earliest = kNever;
  bool room = true;
  for (const CandidateRecord& candidate : decision.candidates) {
    if (is_temporary(candidate.reason)) {
      earliest = std::min(earliest, standing.next_change(candidate.deployment, candidate.group));
    }
    if (!room) continue;
    failure.message += "; " + standing.deployment(candidate.deployment).name + ": " +
                       describe(candidate, decision.inventory.get());
    room = failure.message.size() <= kMaxMessage;
    if (!room) failure.message += "; ...";
  }
  if (earliest != kNever) failure.retry_after = earliest - standing.now();
  return failure;
}

}  // namespace llmroute::engine
