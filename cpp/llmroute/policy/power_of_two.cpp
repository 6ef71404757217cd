// power_of_two: the less loaded of two members drawn by chance (Mitzenmacher, 2001).
//
//   load = (attempts in flight + 1) x penalty / weight
//   two distinct members are drawn evenly; the one with the smaller load is first
//
// Nearly as even as least_in_flight, without its herding when the numbers are a little old. Score:
// load; the loser of the draw is second, the rest follow by load, equal ones in the members' order
// from a place drawn by chance. Without data: chance. Knobs: the members' weights (above 0).
#include <utility>

#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

class PowerOfTwo final : public Policy {
 public:
  void rank(const RankContext& context, std::span<Ranked> candidates) override {
    const std::size_t n = candidates.size();
    const std::size_t turn = context.random.below(n);
    for (std::size_t i = 0; i < n; ++i) {
      candidates[i].score = load_of(context, candidates[i]);
      candidates[i].tie = static_cast<double>(i < turn ? i + n : i);
    }
    if (n > 2) {
      std::swap(candidates[0], candidates[context.random.below(n)]);
      std::swap(candidates[1], candidates[1 + context.random.below(n - 1)]);
      order_by_score(candidates.subspan(2));
    }
    order_by_score(candidates.first(std::min<std::size_t>(n, 2)));
  }
};

}  // namespace

std::unique_ptr<Policy> make_power_of_two(const Group&, const std::map<std::string, double>&) {
  return std::make_unique<PowerOfTwo>();
}

}  // namespace llmroute::policy
