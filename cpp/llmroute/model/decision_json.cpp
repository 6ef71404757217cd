#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "llmroute/model/decision_words.h"

namespace llmroute {

namespace {

using Json = nlohmann::ordered_json;

// Microseconds are the finest that means anything here, and keep the text short and stable.
Json ms_json(Duration duration) { return std::round(to_ms(duration) * 1e3) / 1e3; }

Json ms_json(const std::optional<Duration>& duration) {
  return duration ? ms_json(*duration) : Json(nullptr);
}

// A float shows its own digits, not those of the double it is widened to.
Json float_json(float value) {
  if (!std::isfinite(value)) return nullptr;
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.6g", static_cast<double>(value));
  return std::strtod(buffer.data(), nullptr);
}

Json double_json(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// 2026-01-31T12:00:00.250Z
std::string wall_json(WallTime time) {
  using namespace std::chrono;
  const auto since = floor<milliseconds>(time.time_since_epoch());
  const auto day = floor<days>(since);
  const year_month_day date{sys_days(day)};
  const hh_mm_ss clock{since - day};
  std::array<char, 40> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return buffer.data();
}

Json usage_json(const Usage& usage) {
  return {{"input_tokens", usage.input.count},
          {"output_tokens", usage.output.count},
          {"cached_input_tokens", usage.cached_input.count},
          {"cache_write_tokens", usage.cache_write.count},
          {"cache_write_hour_tokens", usage.cache_write_hour.count},
          {"reasoning_tokens", usage.reasoning.count},
          {"audio_input_tokens", usage.audio_input.count},
          {"audio_output_tokens", usage.audio_output.count},
          {"image_input_tokens", usage.image_input.count},
          {"image_output_tokens", usage.image_output.count},
          {"reported", usage.reported}};
}

Json cost_json(const Cost& cost, std::string_view price_date) {
  const bool known = cost.kind != CostKind::unknown;
  return {{"usd", known ? Json(cost.usd.value()) : Json(nullptr)},
          {"kind", slug(cost.kind)},
          {"price_date", price_date.empty() ? Json(nullptr) : Json(price_date)}};
}

// Of the price that an attempt was or would be charged by.
std::string_view price_date(const Decision& decision, DeploymentIndex index) {
  const Inventory* inventory = decision.inventory.get();
  if (inventory == nullptr || index >= inventory->deployments.size()) return {};
  return inventory->deployments[index].price.date;
}

// The oldest of the prices in the sum; nothing where one of them has no date.
std::string_view oldest_date(const Decision& decision) {
  std::string_view oldest;
  for (const AttemptRecord& attempt : decision.attempts) {
    if (attempt.cost.kind == CostKind::exact && attempt.cost.usd.pico == 0) continue;
    const std::string_view date = price_date(decision, attempt.deployment);
    if (date.empty()) return {};
    if (oldest.empty() || date < oldest) oldest = date;
  }
  return oldest;
}

Json failure_json(const std::optional<Failure>& failure) {
  if (!failure) return nullptr;
  const bool finer = failure->cause != Cause::plain;
  return {{"kind", slug(failure->kind)},
          {"cause", finer ? Json(slug(failure->cause)) : Json(nullptr)},
          {"message", failure->message},
          {"status_code", failure->status != 0 ? Json(failure->status) : Json(nullptr)},
          {"provider_code",
           failure->provider_code.empty() ? Json(nullptr) : Json(failure->provider_code)},
          {"retry_after_ms", ms_json(failure->retry_after)},
          {"ambiguous", failure->ambiguous}};
}

Json facts_json(const Facts& facts) {
  Json parameters = Json::array();
  for (std::size_t i = 0; i < facts.parameters.size(); ++i) {
    if (facts.parameters.test(i)) parameters.push_back(slugs<Parameter>()[i]);
  }
  Json needs = Json::array();
  for (std::size_t i = 0; i < facts.needs.size(); ++i) {
    if (facts.needs.test(i)) needs.push_back(slugs<Capability>()[i]);
  }
  return {{"parameters", std::move(parameters)},
          {"needs", std::move(needs)},
          {"prompt_tokens", facts.prompt_tokens.count},
          {"max_output_tokens",
           facts.max_output_tokens ? Json(facts.max_output_tokens->count) : Json(nullptr)},
          {"messages", facts.messages},
          {"images", facts.images}};
}

Json number_json(const CandidateRecord& record, const Inventory* inventory) {
  switch (record.reason) {
    case Reason::parameter_not_supported:
      return slug(static_cast<Parameter>(static_cast<int>(record.a)));
    case Reason::budget_exhausted:
    case Reason::price_unknown:
      return words::budget_name(static_cast<std::uint32_t>(record.a), inventory);
    case Reason::priority_not_served: return priority_word(static_cast<Priority>(record.a));
    case Reason::limit_reached: return words::limit_names(record, inventory).limit;
    default: break;
  }
  if (words::by_constraint(record.reason)) return words::constraint_name(record, inventory);
  return float_json(record.a);
}

Json numbers_json(const CandidateRecord& record, const Inventory* inventory) {
  const auto [a, b] = words::number_names(record.reason);
  Json out = Json::object();
  if (!a.empty()) out[std::string(a)] = number_json(record, inventory);
  if (record.reason == Reason::limit_reached) {
    const std::string rule = words::limit_names(record, inventory).rule;
    out["rule"] = rule.empty() ? Json(nullptr) : Json(rule);
  }
  if (record.reason == Reason::rate_limit_exhausted) {
    const std::string window = window_name(static_cast<std::uint16_t>(std::max(record.b, 0.0F)));
    out["limit"] = window.empty() ? Json(nullptr) : Json(window);
    return out;
  }
  if (b.empty()) return out;
  const bool unknown = b == "free_in_ms" && !(record.b > 0);
  out[std::string(b)] = unknown ? Json(nullptr) : float_json(record.b);
  return out;
}

Json candidate_json(const Decision& decision, const CandidateRecord& record) {
  const bool kept = record.rank >= 0;
  const auto place = static_cast<std::size_t>(kept ? record.rank : 0);
  const bool noted = kept && place < decision.order_reasons.size();
  const Inventory* inventory = decision.inventory.get();
  return {{"deployment", words::deployment_name(decision, record.deployment)},
          {"group", words::group_name(decision, record.group)},
          {"status", kept ? "kept" : "dropped"},
          {"reason", slug(record.reason)},
          {"detail", describe(record, inventory)},
          {"numbers", numbers_json(record, inventory)},
          {"score", float_json(record.score)},
          {"probability", float_json(record.probability)},
          {"rank", kept ? Json(record.rank) : Json(nullptr)},
          {"last_usable", record.last_usable},
          {"note", noted ? Json(decision.order_reasons[place]) : Json("")},
          {"ttft_p50_ms", float_json(record.ttft_p50_ms)},
          {"ttft_p95_ms", float_json(record.ttft_p95_ms)},
          {"in_flight", record.in_flight},
          {"measured", record.measured},
          {"estimated_cost_usd", double_json(record.estimated_usd)}};
}

std::string_view attempt_status(const AttemptRecord& attempt) {
  if (!attempt.finished) return "running";
  if (attempt.outcome.cancelled) return "cancelled";
  return attempt.outcome.failure ? "failed" : "ok";
}

Json attempt_json(const Decision& decision, const AttemptRecord& attempt) {
  const Outcome& outcome = attempt.outcome;
  return {{"number", attempt.number},
          {"deployment", words::deployment_name(decision, attempt.deployment)},
          {"key", attempt.key},
          {"charged", attempt.charged},
          {"hedge", attempt.hedge},
          {"started_ms", ms_json(attempt.started)},
          {"waited_ms", ms_json(attempt.waited)},
          {"status", attempt_status(attempt)},
          {"error", failure_json(outcome.failure)},
          {"content_started", outcome.content_started},
          {"connect_ms", ms_json(outcome.connect)},
          {"ttft_ms", ms_json(outcome.ttft)},
          {"total_ms", ms_json(outcome.total)},
          {"usage", usage_json(outcome.usage)},
          {"cost", cost_json(attempt.cost, price_date(decision, attempt.deployment))},
          {"finish_reason",
           outcome.finish_reason.empty() ? Json(nullptr) : Json(outcome.finish_reason)},
          {"dropped_parameters", attempt.dropped_parameters}};
}

Json budget_json(const Decision& decision, const BudgetRecord& record) {
  return {{"budget", words::budget_name(record.rule, decision.inventory.get())},
          {"by", record.who.empty() ? Json(nullptr) : Json(record.who)},
          {"share", double_json(record.share)},
          {"stepped_to", record.stepped_to ? Json(words::group_name(decision, *record.stepped_to))
                                           : Json(nullptr)},
          {"passed", record.passed}};
}

Json cache_json(const CacheRecord& cache) {
  const bool hit = cache.status == CacheStatus::hit;
  return {{"status", slug(cache.status)},
          {"age_ms", hit ? ms_json(cache.age) : Json(nullptr)},
          {"answered_by", cache.answered_by.empty() ? Json(nullptr) : Json(cache.answered_by)}};
}

Json affinity_json(const Decision& decision) {
  const AffinityRecord& affinity = decision.affinity;
  return {{"kind", slug(affinity.kind)},
          {"deployment", affinity.deployment
                             ? Json(words::deployment_name(decision, *affinity.deployment))
                             : Json(nullptr)},
          {"warm_tokens", affinity.warm.count}};
}

template <class Item>
std::string name_at(const std::vector<Item>& items, std::uint32_t index) {
  return index < items.size() ? items[index].name : "unknown";
}

Json effects_json(const EffectSet& effects) {
  Json out = Json::array();
  for (std::size_t i = 0; i < effects.size(); ++i) {
    if (effects.test(i)) out.push_back(slugs<Effect>()[i]);
  }
  return out;
}

Json experiment_json(const Inventory& inventory, const ExperimentRecord& record) {
  const bool known = record.experiment < inventory.experiments.size();
  return {{"experiment", name_at(inventory.experiments, record.experiment)},
          {"arm",
           known ? name_at(inventory.experiments[record.experiment].arms, record.arm) : "unknown"},
          {"probability", double_json(record.probability)},
          {"acted_on", record.acted_on},
          {"intended", record.intended}};
}

// What rules, constraints and experiments made of it.
void add_rulings(const Decision& decision, Json& out) {
  static const Inventory kNone;
  const Inventory& inventory = decision.inventory ? *decision.inventory : kNone;
  out["rules"] = Json::array();
  for (const RuleRecord& record : decision.rules) {
    out["rules"].push_back({{"rule", name_at(inventory.rules, record.rule)},
                            {"sets", effects_json(record.effects)},
                            {"observed", record.observed}});
  }
  out["constraints"] = Json::array();
  for (const ConstraintRecord& record : decision.constraints) {
    out["constraints"].push_back({{"constraint", name_at(inventory.constraints, record.constraint)},
                                  {"unknown", record.unknown}});
  }
  out["experiments"] = Json::array();
  for (const ExperimentRecord& record : decision.experiments) {
    out["experiments"].push_back(experiment_json(inventory, record));
  }
  out["observed"] = Json::array();
  for (const ObservedChoice& choice : decision.observed) {
    out["observed"].push_back(
        {{"policy", choice.policy},
         {"first",
          choice.first ? Json(words::deployment_name(decision, *choice.first)) : Json(nullptr)}});
  }
  out["shadow_of"] = decision.shadow_of.empty() ? Json(nullptr) : Json(decision.shadow_of);
}

Json terms_json(const Decision& decision, std::size_t candidate) {
  Json out = Json::array();
  for (const TermRecord& record : decision.terms) {
    if (record.candidate != candidate) continue;
    out.push_back({{"term", slug(record.term)},
                   {"raw", float_json(record.raw)},
                   {"value", float_json(record.value)},
                   {"weight", float_json(record.weight)}});
  }
  return out;
}

// What the caller said of the request, and what limits, budgets, lines and caches made of it.
void add_circumstances(const Decision& decision, Json& out) {
  out["metadata"] = Json::object();
  for (const auto& [key, value] : decision.metadata) out["metadata"][key] = value;
  out["priority"] = priority_word(decision.priority);
  out["budgets"] = Json::array();
  for (const BudgetRecord& record : decision.budgets) {
    out["budgets"].push_back(budget_json(decision, record));
  }
  out["cache"] = cache_json(decision.cache);
  out["affinity"] = affinity_json(decision);
  out["queued_ms"] = ms_json(decision.queued);
  out["handed_over"] = decision.handed_over;
  out["notes"] = decision.notes;
}

Json plan_json(const Decision& decision) {
  std::vector<const CandidateRecord*> kept;
  for (const CandidateRecord& record : decision.candidates) {
    if (record.rank >= 0) kept.push_back(&record);
  }
  std::stable_sort(kept.begin(), kept.end(),
                   [](const auto* a, const auto* b) { return a->rank < b->rank; });
  Json out = Json::array();
  for (const CandidateRecord* record : kept) {
    out.push_back(words::deployment_name(decision, record->deployment));
  }
  return out;
}

}  // namespace

std::string to_json(const Decision& decision) {
  Json out = {{"request_id", decision.request_id},
              {"model", decision.model_asked},
              {"group", decision.group},
              {"policy",
               {{"name", decision.policy},
                {"version", decision.policy_version},
                {"failure", decision.policy_failure}}},
              {"seed", decision.seed},
              {"snapshot_version", decision.inventory ? decision.inventory->version : 0},
              {"submitted_at", wall_json(decision.submitted)},
              {"facts", facts_json(decision.facts)}};
  add_circumstances(decision, out);
  add_rulings(decision, out);
  out["status"] = slug(decision.status);
  out["chosen"] =
      decision.chosen ? Json(words::deployment_name(decision, *decision.chosen)) : Json(nullptr);
  out["plan"] = plan_json(decision);
  out["restarts"] = decision.restarts;
  out["planned_ms"] = ms_json(decision.planned);
  out["total_ms"] = ms_json(decision.total);
  out["usage"] = usage_json(decision.usage);
  out["cost"] = cost_json(decision.cost, oldest_date(decision));
  out["failure"] = failure_json(decision.failure);
  out["candidates"] = Json::array();
  for (std::size_t i = 0; i < decision.candidates.size(); ++i) {
    Json candidate = candidate_json(decision, decision.candidates[i]);
    candidate["terms"] = terms_json(decision, i);
    out["candidates"].push_back(std::move(candidate));
  }
  out["attempts"] = Json::array();
  for (const AttemptRecord& attempt : decision.attempts) {
    out["attempts"].push_back(attempt_json(decision, attempt));
  }
  // A provider's words may be cut or broken in mid-character; the rest must still be readable.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace llmroute
