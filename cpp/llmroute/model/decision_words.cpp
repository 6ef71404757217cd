#include "llmroute/model/decision_words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace llmroute {

namespace words {

namespace {

std::string with_unit(double value, int digits, std::string_view unit) {
  std::array<char, 48> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.*f ", digits, value);
  return std::string(buffer.data(), static_cast<std::size_t>(std::max(length, 0))) +
         std::string(unit);
}

}  // namespace

std::string duration(double ms) {
  if (!std::isfinite(ms)) return "an unknown time";
  if (ms > 0 && ms < 0.95) return "under 1 ms";
  if (ms < 999.5) return with_unit(ms, 0, "ms");
  if (ms < 99'950) return with_unit(ms / 1e3, 1, "s");
  if (ms < 5'970'000) return with_unit(ms / 6e4, 0, "min");
  return with_unit(ms / 3.6e6, 1, "h");
}

std::string count(double value) {
  std::string digits = std::to_string(std::llround(std::isfinite(value) ? value : 0));
  const std::size_t first = digits.front() == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string ordinal(int value) {
  const int last = value % 10;
  const bool teen = value % 100 / 10 == 1;
  const char* ending = teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
  return std::to_string(value) + ending;
}

NumberNames number_names(Reason reason) {
  switch (reason) {
    case Reason::parameter_not_supported: return {"parameter", ""};
    case Reason::context_too_short: return {"needed_tokens", "context_tokens"};
    case Reason::output_too_short: return {"asked_tokens", "max_output_tokens"};
    case Reason::breaker_open: return {"failures", "next_probe_ms"};
    case Reason::breaker_probing: return {"probes_in_flight", "probes_allowed"};
    case Reason::cooling_down: return {"left_ms", ""};
    case Reason::rate_limit_exhausted: return {"reset_ms", "limit"};
    case Reason::limit_reached: return {"limit", "free_in_ms"};
    case Reason::budget_exhausted: return {"budget", "free_in_ms"};
    case Reason::price_unknown: return {"budget", ""};
    case Reason::priority_not_served: return {"priority", ""};
    case Reason::no_usable_key: return {"keys_dead", "keys"};
    case Reason::region_not_allowed:
    case Reason::retention_not_allowed:
    case Reason::training_not_allowed:
    case Reason::provider_not_allowed:
    case Reason::deployment_not_allowed:
    case Reason::tag_missing:
    case Reason::price_not_allowed:
    case Reason::context_not_allowed:
    case Reason::parameter_required: return {"constraint", ""};
    case Reason::throttled: return {"next_attempt_ms", ""};
    case Reason::kept:
    case Reason::excluded:
    case Reason::tools_not_supported:
    case Reason::vision_not_supported:
    case Reason::json_schema_not_supported:
    case Reason::audio_not_supported:
    case Reason::files_not_supported:
    case Reason::embeddings_not_supported:
    case Reason::embedding_model_differs:
    case Reason::bound_elsewhere:
    case Reason::not_in_order: break;
  }
  return {};
}

std::string failure(const Failure& failure) {
  std::string out(slug(failure.kind));
  if (failure.cause != Cause::plain) out.append(", ").append(slug(failure.cause));
  if (failure.status != 0) out += " (" + std::to_string(failure.status) + ")";
  return out;
}

LimitNames limit_names(const CandidateRecord& record, const Inventory* inventory) {
  const auto code = static_cast<std::uint32_t>(std::max(record.a, 0.0F));
  LimitNames out{slug(static_cast<Limit>(code % kRuleStride)), {}};
  if (code < kRuleStride) return out;
  const std::size_t rule = code / kRuleStride - 1;
  const bool known = inventory != nullptr && rule < inventory->limits.size();
  out.rule = known ? inventory->limits[rule].name : "limits[" + std::to_string(rule) + "]";
  return out;
}

std::string budget_name(std::uint32_t rule, const Inventory* inventory) {
  const bool known = inventory != nullptr && rule < inventory->budgets.size();
  return known ? inventory->budgets[rule].name : "budgets[" + std::to_string(rule) + "]";
}

std::string_view deployment_name(const Decision& decision, DeploymentIndex index) {
  if (!decision.inventory || index >= decision.inventory->deployments.size()) return "unknown";
  return decision.inventory->deployments[index].name;
}

std::string_view group_name(const Decision& decision, GroupIndex index) {
  if (!decision.inventory || index >= decision.inventory->groups.size()) return "unknown";
  return decision.inventory->groups[index].name;
}

}  // namespace words

namespace {

std::string_view parameter_name(float index) {
  const auto at = static_cast<std::size_t>(std::max(index, 0.0F));
  return at < slugs<Parameter>().size() ? slugs<Parameter>()[at] : std::string_view("other");
}

std::string limit_in_words(const CandidateRecord& c, const Inventory* inventory) {
  const words::LimitNames names = words::limit_names(c, inventory);
  std::string out(names.limit);
  if (!names.rule.empty()) out += " of \"" + names.rule + "\"";
  if (c.b > 0) out += ", free in " + words::duration(static_cast<double>(c.b));
  return out;
}

std::string budget_in_words(const CandidateRecord& c, const Inventory* inventory) {
  const auto rule = static_cast<std::uint32_t>(std::max(c.a, 0.0F));
  const std::string name = "\"" + words::budget_name(rule, inventory) + "\"";
  if (c.reason == Reason::price_unknown) return "budget " + name + " cannot count it";
  return c.b > 0 ? name + ", free in " + words::duration(static_cast<double>(c.b)) : name;
}

std::string exhausted_in_words(const CandidateRecord& c) {
  const std::string window = window_name(static_cast<std::uint16_t>(std::max(c.b, 0.0F)));
  const std::string when = "resets in " + words::duration(static_cast<double>(c.a));
  return window.empty() ? when : "0 of its " + window + " left, " + when;
}

std::string numbers_in_words(const CandidateRecord& c, const Inventory* inventory) {
  const double a = static_cast<double>(c.a);
  const double b = static_cast<double>(c.b);
  switch (c.reason) {
    case Reason::parameter_not_supported: return std::string(parameter_name(c.a));
    case Reason::context_too_short:
      return "needs about " + words::count(a) + " tokens, has " + words::count(b);
    case Reason::output_too_short:
      return "asked for " + words::count(a) + " output tokens, gives " + words::count(b);
    case Reason::breaker_open:
      return words::count(a) + (a == 1 ? " failure" : " failures") + ", next probe in " +
             words::duration(b);
    case Reason::breaker_probing:
      return words::count(a) + " of " + words::count(b) + " probes under way";
    case Reason::cooling_down: return words::duration(a) + " left";
    case Reason::rate_limit_exhausted: return exhausted_in_words(c);
    case Reason::limit_reached: return limit_in_words(c, inventory);
    case Reason::budget_exhausted:
    case Reason::price_unknown: return budget_in_words(c, inventory);
    case Reason::priority_not_served:
      return "not for " + std::string(priority_word(static_cast<Priority>(c.a)));
    case Reason::bound_elsewhere:
      return "the request continues something that another deployment holds";
    case Reason::no_usable_key: return words::count(a) + " of " + words::count(b) + " keys dead";
    case Reason::throttled: return "next attempt in " + words::duration(a);
    default: return words::by_constraint(c.reason) ? words::constraint_detail(c, inventory) : "";
  }
}

}  // namespace

Reason reason_of(Capability capability) {
  switch (capability) {
    case Capability::tools: return Reason::tools_not_supported;
    case Capability::vision: return Reason::vision_not_supported;
    case Capability::json_schema: return Reason::json_schema_not_supported;
    case Capability::audio: return Reason::audio_not_supported;
    case Capability::files: return Reason::files_not_supported;
    case Capability::embeddings: return Reason::embeddings_not_supported;
  }
  return Reason::parameter_not_supported;
}

std::string describe(const CandidateRecord& candidate, const Inventory* inventory) {
  std::string out(slug(candidate.reason));
  const std::string numbers = numbers_in_words(candidate, inventory);
  return numbers.empty() ? out : out + ": " + numbers;
}

}  // namespace llmroute
