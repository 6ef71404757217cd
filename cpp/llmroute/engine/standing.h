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

#include "llmroute/health/board.h"
#include "llmroute/limits/ledger.h"

namespace llmroute::engine {

using Proofs = std::vector<std::optional<Instant>>;

class Standing {
 public:
  // `tokens`: what an attempt of this request is expected to need.
  Standing(const Inventory& mine, const Inventory& current, health::Board& board,
           limits::Ledger& ledger, Proofs& proofs, Instant now, Tokens tokens)
      : mine_(mine),
        current_(current),
        board_(board),
        ledger_(ledger),
        proofs_(proofs),
        now_(now),
        tokens_(tokens) {}

  bool same() const { return &mine_ == &current_; }
  const Deployment& deployment(DeploymentIndex index) const { return mine_.deployments[index]; }

  // By health, then by the deployment's own limits.
  health::Admission admit(DeploymentIndex index, bool last_usable) const;
  health::Admission admit_by_limits(DeploymentIndex index) const;
  bool trusted(DeploymentIndex index) const;
  bool proven(DeploymentIndex index) const;
  Instant next_change(DeploymentIndex index) const;
  // The `share` quantile of the time to the first token (streams) or the end (whole replies);
  // nothing where too little is known.
  std::optional<Duration> usual_time(DeploymentIndex index, bool stream, double share) const;
  // The key for an attempt; `rotations` counts those already given up by this request.
  std::uint16_t pick_key(DeploymentIndex index, std::size_t rotations);

  void on_start(DeploymentIndex index, health::Work& work);
  void on_first_content(DeploymentIndex index, Duration ttft, health::Work work);
  void on_outcome(DeploymentIndex index, std::uint16_t key, const Outcome& outcome,
                  health::Work work);

 private:
  std::optional<DeploymentIndex> place(DeploymentIndex index) const;

  const Inventory& mine_;
  const Inventory& current_;
  health::Board& board_;
  limits::Ledger& ledger_;
  Proofs& proofs_;
  Instant now_;
  Tokens tokens_;
};

}  // namespace llmroute::engine
