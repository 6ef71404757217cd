// Who asks, and how a row of traffic becomes a request.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llmroute/model/request.h"
#include "llmroute/sim/traffic.h"

namespace llmroute::sim {

// Tenants and tasks of the sets of metadata that traffic has, by their index.
class Callers {
 public:
  explicit Callers(const std::vector<Metadata>& labels);

  const std::vector<std::string>& tenants() const { return tenants_; }  // in order of appearance
  std::int32_t tenant(std::uint32_t labels) const { return tenant_[labels]; }  // -1: none
  std::string_view task(std::uint32_t labels) const { return task_[labels]; }

 private:
  std::vector<std::string> tenants_;
  std::vector<std::int32_t> tenant_;
  std::vector<std::string> task_;
};

// Contents are not modelled: no two requests are known to be the same, so nothing comes from a cache
// of answers. `prefixes`: the turns of a conversation share the beginnings of their prompts.
std::shared_ptr<ChatRequest> make_request(const Traffic& traffic, const TrafficRow& row,
                                          bool prefixes);

}  // namespace llmroute::sim
