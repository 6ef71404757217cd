#include "llmroute/policy/fence.h"

#include <algorithm>
#include <string>

#include "llmroute/policy/condition.h"

namespace llmroute::policy {

namespace {

using Words = std::vector<std::string>;

bool holds(const Words& words, const std::string& value) {
  return std::find(words.begin(), words.end(), value) != words.end();
}

bool in_places(const Words& patterns, const std::string& place) {
  return !place.empty() && std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
    return matches_place(pattern, place);
  });
}

bool outside(const Words& allowed, const Words& denied, const std::string& name) {
  return (!allowed.empty() && !holds(allowed, name)) || holds(denied, name);
}

// An unknown price is too high.
bool above(const std::optional<double>& price, const std::optional<double>& most) {
  return most && !(price && *price <= *most);
}

bool lacks_tag(const Words& tags, const Deployment& deployment) {
  return std::any_of(tags.begin(), tags.end(),
                     [&](const std::string& tag) { return !holds(deployment.tags, tag); });
}

}  // namespace

Reason static_breach(const Requirement& require, const Deployment& d) {
  if (!require.regions.empty() && !in_places(require.regions, d.region)) {
    return Reason::region_not_allowed;
  }
  if (!require.retentions.empty() && !holds(require.retentions, d.retention)) {
    return Reason::retention_not_allowed;
  }
  if (require.no_training && d.training.value_or(true)) return Reason::training_not_allowed;
  if (outside(require.providers, require.providers_denied, d.provider)) {
    return Reason::provider_not_allowed;
  }
  if (outside(require.deployments, require.deployments_denied, d.name)) {
    return Reason::deployment_not_allowed;
  }
  if (lacks_tag(require.tags, d)) return Reason::tag_missing;
  if (require.max_input_usd_per_million || require.max_output_usd_per_million) {
    const Rates highest = highest_rates(d.price);
    if (above(highest.input_usd_per_million, require.max_input_usd_per_million) ||
        above(highest.output_usd_per_million, require.max_output_usd_per_million)) {
      return Reason::price_not_allowed;
    }
  }
  if (require.min_context && d.context_tokens.value_or(Tokens{}) < *require.min_context) {
    return Reason::context_not_allowed;
  }
  return Reason::kept;
}

Fences::Fences(const Inventory& inventory) : inventory_(inventory) {
  const std::size_t count = inventory.deployments.size();
  for (const Constraint& constraint : inventory.constraints) {
    Fence& fence = fences_.emplace_back();
    const Requirement& require = constraint.require;
    Sha256 hash;
    for (DeploymentIndex d = 0; d < count; ++d) {
      if (static_breach(require, inventory.deployments[d]) == Reason::kept) continue;
      fence.barred.resize((count + 63) / 64, 0);
      fence.barred[d / 64] |= std::uint64_t{1} << (d % 64);
      hash.text(inventory.deployments[d].name);
    }
    hash.text(require.max_usd_per_request ? std::to_string(*require.max_usd_per_request) : "");
    hash.text(require.parameters.to_string());
    fence.digest = hash.finish();
    fence.asks = !fence.barred.empty() || require.max_usd_per_request || require.parameters.any();
  }
}

void Fences::close(std::uint32_t constraint, Ruling& ruling) const {
  const Fence& fence = fences_[constraint];
  const Requirement& require = inventory_.constraints[constraint].require;
  if (!fence.barred.empty() && ruling.barred.empty()) ruling.barred.resize(fence.barred.size(), 0);
  for (std::size_t i = 0; i < fence.barred.size(); ++i) ruling.barred[i] |= fence.barred[i];
  if (require.max_usd_per_request && *require.max_usd_per_request < ruling.max_usd) {
    ruling.max_usd = *require.max_usd_per_request;
    ruling.max_usd_constraint = constraint;
  }
  if (require.parameters.none()) return;
  if (ruling.parameters.none()) ruling.parameters_constraint = constraint;
  ruling.parameters |= require.parameters;
}

Digest Fences::digest(const Ruling& ruling) const {
  Sha256 hash;
  for (const ConstraintRecord& record : ruling.constraints) {
    const Fence& fence = fences_[record.constraint];
    if (!fence.asks) continue;
    hash.update({reinterpret_cast<const char*>(fence.digest.data()), fence.digest.size()});
  }
  return hash.finish();
}

health::Admission breach_of(const Ruling& ruling, const Facts& facts, DeploymentIndex d,
                            double usd) {
  const Inventory& inventory = *ruling.inventory;
  if (ruling.bars(d)) {
    for (const ConstraintRecord& record : ruling.constraints) {
      const Reason reason =
          static_breach(inventory.constraints[record.constraint].require, inventory.deployments[d]);
      if (reason != Reason::kept) return {reason, static_cast<float>(record.constraint), 0};
    }
  }
  // Not "usd > max": an unknown price is too high.
  if (ruling.max_usd < std::numeric_limits<double>::infinity() && !(usd <= ruling.max_usd)) {
    return {Reason::price_not_allowed, static_cast<float>(ruling.max_usd_constraint), 0};
  }
  const ParameterSet missing =
      ruling.parameters & facts.parameters & inventory.deployments[d].unsupported;
  if (missing.any()) {
    return {Reason::parameter_required, static_cast<float>(ruling.parameters_constraint), 0};
  }
  return {};
}

}  // namespace llmroute::policy
