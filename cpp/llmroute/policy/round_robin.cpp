// round_robin: in turn, smoothly in proportion to weights (nginx's smooth weighted round robin).
//
//   each request: credit += w; the largest credit goes first and pays the sum of all w
//   w = weight / penalty, score = -credit
//
// Without data: the weights alone. Knobs: the members' weights (above 0). Members that a filter
// drops earn nothing meanwhile.
#include <vector>

#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

class RoundRobin final : public Policy {
 public:
  void rank(const RankContext& context, std::span<Ranked> candidates) override {
    if (credit_.size() < context.inventory.deployments.size()) {
      credit_.resize(context.inventory.deployments.size(), 0.0);
    }
    double sum = 0;
    double place = 0;
    for (Ranked& c : candidates) {
      sum += c.weight;
      credit_[c.deployment] += c.weight;
      c.score = -credit_[c.deployment];
      c.tie = place++;
    }
    order_by_score(candidates);
    credit_[candidates.front().deployment] -= sum;
  }

 private:
  std::vector<double> credit_;  // by deployment
};

}  // namespace

std::unique_ptr<Policy> make_round_robin(const Group&, const std::map<std::string, double>&) {
  return std::make_unique<RoundRobin>();
}

}  // namespace llmroute::policy
