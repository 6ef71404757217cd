// least_cost: the cheapest for this request.
//
//   score = estimated US dollars = prompt tokens x input price + expected output x output price
//
// Expected output is the caller's bound or 256 tokens, whichever is less. An unknown price sorts
// last and its score says "unknown". Equal costs go to the smaller load. Without data: prices alone.
// Knobs: none.
#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

class LeastCost final : public Policy {
 public:
  void rank(const RankContext& context, std::span<Ranked> candidates) override {
    for (Ranked& c : candidates) {
      c.score = c.usd;
      // Less than one attempt of load apart: chance decides.
      c.tie = load_of(context, c) + context.random.unit();
    }
    order_by_score(candidates);
  }
};

}  // namespace

std::unique_ptr<Policy> make_least_cost(const Group&, const std::map<std::string, double>&) {
  return std::make_unique<LeastCost>();
}

}  // namespace llmroute::policy
