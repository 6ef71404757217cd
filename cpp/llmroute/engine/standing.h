// What the health board says about the deployments of one request's inventory.
//
// A request keeps the inventory it began with, the board follows the current one. A deployment that
// keeps its name, provider, model and base URL is the same; of one that is gone nothing is known any
// more: it is admitted, doubtful, and its outcomes are forgotten. Keys of another inventory are not
// the same keys, so news about a key stays within one inventory.
//
// Proofs, by index in the current inventory, are the times of the last good sign from a deployment:
// an answer, or first content.
//
// Made for the length of one event; owns nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "llmroute/engine/claims.h"
#include "llmroute/health/board.h"
#include "llmroute/model/ruling.h"

namespace llmroute::engine {

using Proofs = std::vector<std::optional<Instant>>;

// What the dispatcher knows, at one moment.
struct Senses {
  const Inventory& current;
  health::Board& board;
  limits::Ledger& ledger;
  limits::Budgets& budgets;
  Proofs& proofs;
  Instant now;
};

class Standing {
 public:
  // `ruling`: of the request, under the same inventory; null: none.
  Standing(const Inventory& mine, const Senses& senses, const Claims& claims,
           const Ruling* ruling = nullptr)
      : mine_(mine), senses_(senses), claims_(claims), ruling_(ruling) {}

  bool same() const { return &mine_ == &senses_.current; }
  Instant now() const { return senses_.now; }
  const Deployment& deployment(DeploymentIndex index) const { return mine_.deployments[index]; }

  // By constraints, which planning has looked at already; by health, then by limits and budgets.
  health::Admission admit(DeploymentIndex index, GroupIndex group, bool last_usable) const;
  health::Admission admit_by_claims(DeploymentIndex index, GroupIndex group) const;
  // A limit of the request's own keeps it from every place.
  std::optional<limits::Shortage> own_shortage() const {
    return claims_.shortage(senses_.ledger, senses_.now);
  }
  bool trusted(DeploymentIndex index) const;
  bool proven(DeploymentIndex index) const;
  Instant next_change(DeploymentIndex index, GroupIndex group) const;
  // The `share` quantile of the time to the first token (streams) or the end (whole replies);
  // nothing where too little is known.
  std::optional<Duration> usual_time(DeploymentIndex index, bool stream, double share) const;
  // The key for an attempt, one with room where there are limits by key; `rotations` counts
  // those already given up by this request.
  std::uint16_t pick_key(DeploymentIndex index, std::size_t rotations);

  // What the request is expected to take there, by how that model counts.
  Tokens tokens(DeploymentIndex index) const;
  // The accounts that an attempt there draws on.
  limits::AccountIds accounts(DeploymentIndex index, GroupIndex group, std::uint16_t key) const;

  void on_start(DeploymentIndex index, health::Work& work);
  void on_first_content(DeploymentIndex index, Duration ttft, health::Work work);
  void on_outcome(DeploymentIndex index, std::uint16_t key, const Outcome& outcome,
                  health::Work work);
  void learn(DeploymentIndex index, const Lack& lack, const Facts& facts);
  // The hours of its deployment's busy time that fall to an attempt; nothing where the deployment has
  // gone or began anew.
  std::optional<double> busy_hours(DeploymentIndex index, const health::Work& work) const;

 private:
  std::optional<DeploymentIndex> place(DeploymentIndex index) const;
  std::optional<GroupIndex> group_there(GroupIndex group) const;
  std::optional<limits::Shortage> shortage(DeploymentIndex index, GroupIndex group) const;

  const Inventory& mine_;
  const Senses& senses_;
  const Claims& claims_;
  const Ruling* const ruling_;
};

}  // namespace llmroute::engine
