// least_in_flight: where the fewest attempts are under way.
//
//   score = (attempts in flight + 1) x penalty / weight
//
// Equal scores are broken by chance, else every caller of an idle fleet would meet at its first
// member. Without data: chance. Knobs: the members' weights (above 0).
#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

class LeastInFlight final : public Policy {
 public:
  void rank(const RankContext& context, std::span<Ranked> candidates) override {
    for (Ranked& c : candidates) {
      c.score = load_of(context, c);
      c.tie = context.random.unit();
    }
    order_by_score(candidates);
  }
};

}  // namespace

std::unique_ptr<Policy> make_least_in_flight(const Group&, const std::map<std::string, double>&) {
  return std::make_unique<LeastInFlight>();
}

}  // namespace llmroute::policy
