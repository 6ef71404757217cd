// What a Standing looks at, for tests that need no dispatcher.
#pragma once

#include <optional>

#include "llmroute/engine/standing.h"

namespace llmroute::engine {

struct Scene {
  explicit Scene(const Inventory& now_used) : current(now_used) {
    board.configure(current);
    ledger.configure(current);
    budgets.configure(current);
    proofs.resize(current.deployments.size());
  }
  // Until the next call.
  Standing at(const Inventory& mine, Instant now) {
    senses.emplace(Senses{current, board, ledger, budgets, proofs, now});
    return Standing(mine, *senses, claims);
  }
  const Inventory& current;
  health::Board board;
  limits::Ledger ledger;
  limits::Budgets budgets;
  Proofs proofs;
  Claims claims;
  std::optional<Senses> senses;
};

}  // namespace llmroute::engine
