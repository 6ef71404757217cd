#include "llmroute/model/rules.h"

namespace llmroute {

EffectSet Rule::effects() const {
  EffectSet out;
  const auto set = [&out](Effect effect, bool there) {
    out.set(static_cast<std::size_t>(effect), there);
  };
  set(Effect::route, route.has_value());
  set(Effect::policy, policy.has_value());
  set(Effect::budget, !budget.empty());
  set(Effect::deadline, deadline.has_value());
  set(Effect::priority, priority.has_value());
  set(Effect::defaults, !defaults.empty());
  return out;
}

}  // namespace llmroute
