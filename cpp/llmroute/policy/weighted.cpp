// weighted: chance, in proportion to the members' weights.
//
//   probability of being first = w / sum of w, with w = weight / penalty (recent failures, slow start)
//
// The places behind the first are drawn the same way from who is left. Without data: the weights
// alone. Knobs: the members' weights (above 0). Score: place in the draw.
#include <utility>

#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

class Weighted final : public Policy {
 public:
  void rank(const RankContext& context, std::span<Ranked> candidates) override {
    double left = 0;
    for (const Ranked& c : candidates) left += c.weight;
    for (Ranked& c : candidates) c.probability = static_cast<float>(c.weight / left);
    const std::size_t drawn = std::min(kExactlyRanked, candidates.size());
    for (std::size_t place = 0; place < drawn; ++place) {
      double mark = context.random.unit() * left;
      std::size_t pick = place;
      // The last one takes what rounding leaves.
      while (pick + 1 < candidates.size() && mark >= candidates[pick].weight) {
        mark -= candidates[pick++].weight;
      }
      left -= candidates[pick].weight;
      std::swap(candidates[place], candidates[pick]);
    }
    double score = 0;
    for (Ranked& c : candidates) c.score = score++;
  }
};

}  // namespace

std::unique_ptr<Policy> make_weighted(const Group&, const std::map<std::string, double>&) {
  return std::make_unique<Weighted>();
}

}  // namespace llmroute::policy
