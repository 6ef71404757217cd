// Constraints against deployments: what is known of a place before any request comes.
//
// An attribute that is not known is the worst one. Immutable and thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "llmroute/base/sha256.h"
#include "llmroute/health/board.h"
#include "llmroute/model/deployment.h"
#include "llmroute/model/ruling.h"

namespace llmroute::policy {

// The first thing of the requirement that the deployment does not meet, whatever the request; kept
// where there is none. Prices of a request and its parameters are left to breach_of.
Reason static_breach(const Requirement& require, const Deployment& deployment);

class Fences {
 public:
  // `inventory` outlives this object.
  explicit Fences(const Inventory& inventory);

  // Adds what a constraint that applies asks to a ruling.
  void close(std::uint32_t constraint, Ruling& ruling) const;
  // Equal for rulings that let a request go to the same places under the same terms.
  Digest digest(const Ruling& ruling) const;

 private:
  const Inventory& inventory_;
  struct Fence {
    std::vector<std::uint64_t> barred;  // a bit for each deployment; empty: none
    Digest digest{};
    bool asks = false;  // anything at all
  };
  std::vector<Fence> fences_;  // by constraint
};

// Why the request may not go there; kept where nothing is against it. `usd`: estimated for one
// attempt, not-a-number where the price is unknown.
health::Admission breach_of(const Ruling& ruling, const Facts& facts, DeploymentIndex d,
                            double usd);

}  // namespace llmroute::policy
