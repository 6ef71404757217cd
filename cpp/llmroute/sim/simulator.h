// The engine's own dispatcher on modelled providers, under a clock that jumps from event to event.
//
// The same (event, now) -> actions as in the runtime; nothing of routing, health, retry or hedging is
// modelled, it runs. The same inventory, world, traffic and seed always give the same report, bit by
// bit. Single-threaded; no IO, no real clock: what budgets have spent is kept in memory, whatever path
// the inventory names.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "llmroute/base/error.h"
#include "llmroute/engine/dispatcher.h"
#include "llmroute/engine/view.h"
#include "llmroute/model/deployment.h"
#include "llmroute/sim/report.h"
#include "llmroute/sim/traffic.h"
#include "llmroute/sim/world.h"

namespace llmroute::sim {

// What the outside may have to say meanwhile; each may be empty.
struct Hooks {
  // Asked now and then; false ends the simulation early (ErrorKind::cancelled).
  std::function<bool()> keep_going;
  // Asked before each submission: a Python policy's place. May set the options' order.
  std::function<void(const std::shared_ptr<ChatRequest>&, const InventoryPtr&,
                     std::vector<engine::CandidateView>)>
      choose;
  // Told of every action before it is carried out, and of the end of every attempt that was not
  // cancelled before the engine is; with the time since the start.
  std::function<void(const engine::Action&, Duration)> on_action;
  std::function<void(engine::RequestId, engine::AttemptId, Duration)> on_outcome;
};

// Runs all of `traffic` to its end. Errors: ErrorKind::config where the dispatcher refuses the
// inventory, ErrorKind::cancelled.
Result<Report> simulate(const InventoryPtr& inventory, const World& world, const Traffic& traffic,
                        std::uint64_t seed, const Hooks& hooks = {});

}  // namespace llmroute::sim
