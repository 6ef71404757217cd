// ordered: the members in the order in which the configuration lists them.
//
//   score = place in the list, 0 first
//
// Without data: the same. Knobs: none. For "use A, fall back to B".
#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

class Ordered final : public Policy {
 public:
  void rank(const RankContext&, std::span<Ranked> candidates) override {
    // Candidates arrive in the order of the list: nothing has to move.
    double place = 0;
    for (Ranked& c : candidates) c.score = place++;
  }
};

}  // namespace

std::unique_ptr<Policy> make_ordered(const Group&, const std::map<std::string, double>&) {
  return std::make_unique<Ordered>();
}

}  // namespace llmroute::policy
