#include <algorithm>
#include <array>
#include <cstdio>

#include "llmroute/model/decision_words.h"

namespace llmroute::words {

namespace {

const Constraint* constraint_of(const CandidateRecord& record, const Inventory* inventory) {
  const auto index = static_cast<std::size_t>(std::max(record.a, 0.0F));
  const bool known = inventory != nullptr && index < inventory->constraints.size() &&
                     record.deployment < inventory->deployments.size();
  return known ? &inventory->constraints[index] : nullptr;
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " or ") + word;
  return out;
}

std::string dollars(double value) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.6g", value);
  return std::string(buffer.data()) + " USD";
}

std::string known_or(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

// What the deployment is, and what the constraint asks.
struct Sides {
  std::string is, needs;
};

std::string prices(const Price& price) {
  if (!price.known()) return "of unknown price";
  return "at " + dollars(*price.input_usd_per_million) + " in and " +
         dollars(*price.output_usd_per_million) + " out per million";
}

Sides price_sides(const CandidateRecord& record, const Deployment& d, const Requirement& need) {
  Sides out;
  out.is = prices(d.price);
  if (d.price.known() && need.max_usd_per_request) {
    out.is = "about " + dollars(record.estimated_usd);
  }
  const auto add = [&out](const std::optional<double>& most, const char* what) {
    if (!most) return;
    out.needs += (out.needs.empty() ? "at most " : " and ") + dollars(*most) + what;
  };
  add(need.max_usd_per_request, " a request");
  add(need.max_input_usd_per_million, " in");
  add(need.max_output_usd_per_million, " out");
  return out;
}

std::string missing_tags(const Deployment& d, const Requirement& need) {
  std::string out;
  for (const std::string& tag : need.tags) {
    if (std::find(d.tags.begin(), d.tags.end(), tag) == d.tags.end()) {
      out += (out.empty() ? "" : ", ") + tag;
    }
  }
  return out;
}

std::string names_of(const ParameterSet& set) {
  std::string out;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set.test(i)) out += (out.empty() ? "" : ", ") + std::string(slugs<Parameter>()[i]);
  }
  return out;
}

Sides sides_of(const CandidateRecord& record, const Deployment& d, const Requirement& need) {
  switch (record.reason) {
    case Reason::region_not_allowed: return {known_or(d.region, "unknown"), listed(need.regions)};
    case Reason::retention_not_allowed:
      return {known_or(d.retention, "unknown"), listed(need.retentions)};
    case Reason::training_not_allowed: return {d.training ? "yes" : "unknown", "no"};
    case Reason::provider_not_allowed:
      return {d.provider, need.providers.empty() ? "another one" : listed(need.providers)};
    case Reason::deployment_not_allowed:
      return {d.name, need.deployments.empty() ? "another one" : listed(need.deployments)};
    case Reason::tag_missing: return {"not " + missing_tags(d, need), "it"};
    case Reason::price_not_allowed: return price_sides(record, d, need);
    case Reason::context_not_allowed:
      return {d.context_tokens ? count(static_cast<double>(d.context_tokens->count)) + " tokens"
                               : "unknown",
              count(static_cast<double>(need.min_context.value_or(Tokens{}).count)) + " tokens"};
    case Reason::parameter_required:
      return {"does not take all of " + names_of(need.parameters), "them"};
    default: return {};
  }
}

std::string_view attribute(Reason reason) {
  switch (reason) {
    case Reason::region_not_allowed: return "its region is ";
    case Reason::retention_not_allowed: return "its retention of prompts is ";
    case Reason::training_not_allowed: return "training on prompts there is ";
    case Reason::provider_not_allowed: return "its provider is ";
    case Reason::tag_missing: return "its tags do ";
    case Reason::price_not_allowed: return "it is ";
    case Reason::context_not_allowed: return "its context is ";
    case Reason::parameter_required: return "it ";
    default: return "it is ";
  }
}

}  // namespace

bool by_constraint(Reason reason) {
  return reason >= Reason::region_not_allowed && reason <= Reason::parameter_required;
}

std::string constraint_name(const CandidateRecord& record, const Inventory* inventory) {
  const Constraint* constraint = constraint_of(record, inventory);
  if (constraint != nullptr) return constraint->name;
  return "constraints[" + std::to_string(static_cast<int>(record.a)) + "]";
}

std::string constraint_detail(const CandidateRecord& record, const Inventory* inventory) {
  const Constraint* constraint = constraint_of(record, inventory);
  if (constraint == nullptr) return constraint_name(record, inventory);
  const Sides sides =
      sides_of(record, inventory->deployments[record.deployment], constraint->require);
  return sides.is + ", needs " + sides.needs;
}

std::string constraint_clause(const CandidateRecord& record, const Inventory* inventory) {
  const Constraint* constraint = constraint_of(record, inventory);
  if (constraint == nullptr) {
    return "was dropped by a constraint: " + constraint_name(record, inventory);
  }
  const Sides sides =
      sides_of(record, inventory->deployments[record.deployment], constraint->require);
  return "was dropped: " + std::string(attribute(record.reason)) + sides.is +
         "; the constraint \"" + constraint->name + "\" needs " + sides.needs;
}

}  // namespace llmroute::words
