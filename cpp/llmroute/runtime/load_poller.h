// Looks at the metrics pages of the deployments that have one, and tells what they say.
//
// Loop thread only. One look per deployment at a time: it begins every `every`, or when the one before
// has ended, and is given up after kLoadTimeout (at least its period). A look that fails says nothing;
// what was known ages, and is unknown after kLoadMisses of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llmroute/model/deployment.h"
#include "llmroute/net/loop.h"
#include "llmroute/net/transport.h"

namespace llmroute::runtime {

class LoadPoller {
 public:
  // What the page of that deployment (of the inventory given last) said, and how long to believe it.
  using Tell = std::function<void(const Deployment&, const LoadReading&, Duration valid)>;

  LoadPoller(net::Loop& loop, net::Transport& transport, Tell tell);
  ~LoadPoller();
  LoadPoller(const LoadPoller&) = delete;
  LoadPoller& operator=(const LoadPoller&) = delete;

  // Begins with all of them at once; looks under way are given up.
  void configure(InventoryPtr inventory);
  void stop();
  std::size_t size() const { return targets_.size(); }

 private:
  class Target;

  net::Loop& loop_;
  net::Transport& transport_;
  Tell tell_;
  InventoryPtr inventory_;
  std::vector<std::unique_ptr<Target>> targets_;
};

}  // namespace llmroute::runtime
