// Which deployment is likely to have a request's beginning warm, and which one holds what it
// continues.
//
// Three things are remembered, each bounded in number and least recently touched first to go:
//   conversations  who answered last; by the caller's id, or by the messages: a request continues
//                  the one whose messages are the longest known beginning of its own. Partitioned by
//                  the tenant (`queue.by`) and by the model that callers ask for. 12 x ttl.
//   warm prefixes  where a beginning of at least min_prefix tokens was sent lately. ttl.
//   replies        which deployment gave the reply of an id.
// The first two are preferences. Bound is a request that names a reply's id (`previous_response_id`),
// or holds reasoning that its conversation's provider has sealed: nobody else can go on from there. What is not known
// binds nothing.
//
// Deployments are remembered by what they are (name, provider, model, base URL), so what is known
// survives a reload. Owned by the dispatcher and used under its lock; `now` is passed in; a clock that
// steps back makes nothing expire.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llmroute/base/time.h"
#include "llmroute/cache/recent.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/request.h"

namespace llmroute::cache {

struct Warm {
  DeploymentIndex deployment = 0;
  Tokens tokens;  // of the request's prompt; estimated
};

// What is known of one request. Indices are of the current inventory.
struct Preference {
  std::optional<DeploymentIndex> conversation;  // where it is held
  std::optional<DeploymentIndex> bound;         // only this one, or another with the same account
  std::span<const Warm> warm;                   // each deployment once

  bool any() const { return conversation || bound || !warm.empty(); }
  Tokens warm_at(DeploymentIndex deployment) const;
};

// True where what one of them holds can be used with the other: same provider, endpoint and keys.
bool same_account(const Deployment& a, const Deployment& b);

class Affinity {
 public:
  explicit Affinity(std::size_t most = defaults::kMaxRemembered);

  // Everything is forgotten where the inventory asks for no affinity.
  void configure(const Inventory& inventory);

  // Changes nothing that is remembered. `warm` lives until the next call.
  Preference look_up(const ChatRequest& request, Instant now);

  // The deployment has begun to answer: it has read the prompt.
  void note_warm(const ChatRequest& request, const Deployment& deployment, Instant now);
  // It has answered; `reply_id` is empty where the reply's id is not known.
  void note_answer(const ChatRequest& request, const Deployment& deployment,
                   std::string_view reply_id, Instant now);

 private:
  struct Seen {  // a deployment, at a time
    std::uint64_t who = 0;
    Instant at{};
  };
  using Holders = std::array<Seen, 4>;  // more are not remembered of one prefix

  std::optional<DeploymentIndex> current(const Seen* seen, Instant now, Duration ttl) const;
  std::optional<DeploymentIndex> conversation_of(const ChatRequest& request, std::string_view model,
                                                 Instant now) const;
  void find_warm(const ChatRequest& request, Instant now);
  std::uint64_t partition(const RequestOptions& options, std::string_view model) const;

  std::optional<AffinitySpec> spec_;  // empty: nobody asks
  CountedBy tenant_;
  std::unordered_map<std::uint64_t, DeploymentIndex> places_;  // in the current inventory
  Recent<Seen> conversations_;
  Recent<Holders> prefixes_;
  Recent<Seen> replies_;
  std::vector<Warm> warm_;  // scratch
};

}  // namespace llmroute::cache
