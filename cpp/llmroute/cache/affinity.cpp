#include "llmroute/cache/affinity.h"

#include <algorithm>

#include "llmroute/base/random.h"
#include "llmroute/cache/quick_hash.h"

namespace llmroute::cache {

namespace {

constexpr int kConversationTtls = 12;  // people think for longer than providers keep a prompt
constexpr std::uint64_t kDeployments = 1, kTenants = 2, kReplies = 3;  // seeds: kinds never meet

std::uint64_t identity(const Deployment& d) {
  std::uint64_t hash = kDeployments;
  for (const std::string* part : {&d.name, &d.provider, &d.model, &d.base_url}) {
    hash = quick_hash(*part, hash);
  }
  return hash == 0 ? 1 : hash;  // 0 is nobody
}

bool same_key(const SecretSource& a, const SecretSource& b) {
  return a.origin == b.origin && a.where == b.where && a.literal.reveal() == b.literal.reveal();
}

}  // namespace

Tokens Preference::warm_at(DeploymentIndex deployment) const {
  for (const Warm& w : warm) {
    if (w.deployment == deployment) return w.tokens;
  }
  return {};
}

bool same_account(const Deployment& a, const Deployment& b) {
  return a.provider == b.provider && a.base_url == b.base_url &&
         std::equal(a.keys.begin(), a.keys.end(), b.keys.begin(), b.keys.end(), same_key);
}

Affinity::Affinity(std::size_t most) : conversations_(most), prefixes_(most), replies_(most) {}

void Affinity::configure(const Inventory& inventory) {
  spec_ = inventory.cache.affinity;
  tenant_ = inventory.queue.by;
  places_.clear();
  if (!spec_) {
    conversations_.clear();
    prefixes_.clear();
    replies_.clear();
    return;
  }
  for (std::size_t i = 0; i < inventory.deployments.size(); ++i) {
    places_.emplace(identity(inventory.deployments[i]), static_cast<DeploymentIndex>(i));
  }
}

// --- looking ----------------------------------------------------------------------------------------

Preference Affinity::look_up(const ChatRequest& request, Instant now) {
  Preference out;
  if (!spec_) return out;
  warm_.clear();
  if (spec_->prefixes) find_warm(request, now);
  out.warm = warm_;
  if (spec_->conversations) out.conversation = conversation_of(request, request.options.model, now);
  if (!request.previous_reply.empty()) {
    out.bound =
        current(replies_.find(quick_hash(request.previous_reply, kReplies)), now, Duration::max());
  }
  if (!out.bound && request.sealed_reasoning) out.bound = conversation_of(request, {}, now);
  return out;
}

std::optional<DeploymentIndex> Affinity::current(const Seen* seen, Instant now,
                                                 Duration ttl) const {
  if (seen == nullptr || now - seen->at >= ttl) return std::nullopt;
  const auto found = places_.find(seen->who);
  if (found == places_.end()) return std::nullopt;
  return found->second;
}

std::optional<DeploymentIndex> Affinity::conversation_of(const ChatRequest& request,
                                                         std::string_view model,
                                                         Instant now) const {
  const Duration ttl = spec_->ttl * kConversationTtls;
  const std::uint64_t whose = partition(request.options, model);
  if (!request.options.conversation.empty()) {
    return current(conversations_.find(quick_hash(request.options.conversation, whose)), now, ttl);
  }
  // Not by all of its own messages: the same question twice is no conversation.
  for (std::size_t i = request.prefixes.size(); i-- > 1;) {
    const Seen* seen = conversations_.find(mix64(request.prefixes[i - 1].hash ^ whose));
    if (const auto found = current(seen, now, ttl)) return found;
  }
  return std::nullopt;
}

// Longest first, so what is found first of a deployment is the most it has.
void Affinity::find_warm(const ChatRequest& request, Instant now) {
  for (std::size_t i = request.prefixes.size(); i-- > 0;) {
    const PrefixMark& mark = request.prefixes[i];
    if (mark.tokens < spec_->min_prefix) return;
    const Holders* holders = prefixes_.find(mark.hash);
    if (holders == nullptr) continue;
    for (const Seen& seen : *holders) {
      const auto place = current(&seen, now, spec_->ttl);
      if (!place) continue;
      const bool known = std::any_of(warm_.begin(), warm_.end(),
                                     [&](const Warm& w) { return w.deployment == *place; });
      if (!known) warm_.push_back({*place, mark.tokens});
    }
  }
}

std::uint64_t Affinity::partition(const RequestOptions& options, std::string_view model) const {
  std::string_view tenant;
  if (tenant_.scope == Scope::metadata) tenant = find_metadata(options.metadata, tenant_.key);
  return quick_hash(model, quick_hash(tenant, kTenants));
}

// --- remembering ------------------------------------------------------------------------------------

void Affinity::note_warm(const ChatRequest& request, const Deployment& deployment, Instant now) {
  if (!spec_ || !spec_->prefixes) return;
  const std::uint64_t who = identity(deployment);
  // The shortest is touched last: it is what most requests share, and the last to be forgotten.
  for (std::size_t i = request.prefixes.size(); i-- > 0;) {
    const PrefixMark& mark = request.prefixes[i];
    if (mark.tokens < spec_->min_prefix) return;
    Holders& holders = prefixes_.touch(mark.hash);
    auto place = std::find_if(holders.begin(), holders.end(),
                              [who](const Seen& s) { return s.who == who || s.who == 0; });
    if (place == holders.end()) {
      place = std::min_element(holders.begin(), holders.end(),
                               [](const Seen& a, const Seen& b) { return a.at < b.at; });
    }
    *place = {who, now};
  }
}

void Affinity::note_answer(const ChatRequest& request, const Deployment& deployment,
                           std::string_view reply_id, Instant now) {
  if (!spec_) return;
  note_warm(request, deployment, now);
  const Seen seen{identity(deployment), now};
  const RequestOptions& options = request.options;
  // Once where the same model is asked for, once for what is bound, whichever model is asked for.
  for (const std::string_view model : {std::string_view(options.model), std::string_view()}) {
    const std::uint64_t whose = partition(options, model);
    if (!options.conversation.empty()) {
      conversations_.touch(quick_hash(options.conversation, whose)) = seen;
    } else if (!request.prefixes.empty()) {
      conversations_.touch(mix64(request.prefixes.back().hash ^ whose)) = seen;
    }
  }
  if (!reply_id.empty()) replies_.touch(quick_hash(reply_id, kReplies)) = seen;
}

}  // namespace llmroute::cache
