// least_loaded: where the least is queued and running, by the deployment's own word.
//
//   score = (own + others + (queue_weight - 1) x waiting + 1) x pressure x penalty / weight
//
// own: attempts of this router in flight, so what was sent since the last reading counts at once.
// others and waiting: requests that the deployment says it has besides, and those of all that wait
// there. pressure = 1 / (1 - share of its KV cache in use), at most 20; of its processor where that is
// all that is known. All from the `load` signal (health/load.h), which polls [deployments.NAME.load]
// or is told by router.report_load. Units: requests. A waiting request counts more than a running
// one: that shares a batch, this needs one of them to end first.
//
// Equal scores are broken by chance. Without data, or with data that is too old: the own attempts, as
// least_in_flight. Knobs: queue_weight, 1 to 1000, default 4; the members' weights (above 0).
// Sources: "least loaded" of the inference gateways (SMG, Gateway API's inference extension) takes
// queue and KV cache use; the barrier 1 / (1 - fill) is the M/M/1 waiting time's.
#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

class LeastLoaded final : public Policy {
 public:
  explicit LeastLoaded(double queue_weight) : more_for_waiting_(queue_weight - 1) {}

  void rank(const RankContext& context, std::span<Ranked> candidates) override {
    for (Ranked& c : candidates) {
      const health::LoadView& load = context.board.load(c.deployment);
      double there = context.board.hot(c.deployment).in_flight + 1.0;
      if (load.until > context.now) {
        there += static_cast<double>(load.others) +
                 more_for_waiting_ * static_cast<double>(load.waiting);
        there *= static_cast<double>(load.pressure);
      }
      c.score = there * static_cast<double>(c.load_factor);
      c.tie = context.random.unit();
    }
    order_by_score(candidates);
  }

 private:
  const double more_for_waiting_;
};

}  // namespace

std::unique_ptr<Policy> make_least_loaded(const Group&, const PolicyOptions& options) {
  return std::make_unique<LeastLoaded>(option_or(options, "queue_weight", 4.0));
}

}  // namespace llmroute::policy
