// thompson: learns which deployment is worth most, from how requests end (Thompson, 1933).
//
//   reward = sum over the terms of weight x term / sum of the weights, 0 to 1
//     success    1 where the attempt was answered, 0 where its deployment failed
//     latency    1 / (1 + ms of the whole attempt / latency_half_ms); 0 where it failed
//     cost       1 / (1 + USD / cost_half_usd); 0 where it failed or the cost is unknown
//     feedback   what router.feedback said of the answer
//   score = 1 - a draw from what is believed of the candidate's reward; the smallest is first
//
// Per kind of request (four classes of prompt length, tools, images), deployment and term the mean and
// variance are kept, where the weight of what was seen halves every `half_life` lessons of that term
// and kind. Belief in a mean is a normal distribution: one observation of 0.5 +- 0.5 to begin with, up
// to kBorrowed observations borrowed from the other kinds of requests, and what was seen. So a kind
// with little data does what is best overall, and one that has not been seen for long is tried again.
// Where what a deployment gave in the last eighth of that memory is surely (3 deviations) something
// else, what it gave before is forgotten.
// A term of which nothing was ever seen does not count.
//
// What failed by the caller's fault, was cancelled or lost a race teaches nothing. Fallbacks teach
// their own deployment. Probability of being first: that of the largest of independent normal
// variables, integrated over a grid of their quantiles (right to about 0.01), mixed with `explore`.
// Without data: chance. Knobs: see registry.cpp.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "llmroute/policy/builtin.h"

namespace llmroute::policy {

namespace {

enum Part : std::size_t { kSuccess, kLatency, kCost, kFeedback, kParts };
constexpr double kPrior = 0.5;    // of a mean, and its deviation
constexpr double kBorrowed = 10;  // most observations from other kinds of requests
constexpr double kRescale = 1e100;
constexpr double kQuicker = 8;  // a change shows in the last eighth of what is remembered
constexpr double kFewest = 8;   // observations that a change needs
constexpr double kSure = 3;     // deviations

// Sums of what was seen, each in units of its clock's scale.
struct Sums {
  double n = 0, sum = 0, squares = 0;
  void add(double scale, double value) {
    n += scale;
    sum += scale * value;
    squares += scale * value * value;
  }
  void shrink(double by) {
    n *= by;
    sum *= by;
    squares *= by;
  }
};

// Of one deployment; `recent` forgets kQuicker times as fast.
struct Arm {
  Sums all, recent;
};

struct Belief {
  double mean = 0, deviation = 0;
};

// One kind of request: instead of making what is old less, each lesson counts more than the last.
struct Bucket {
  std::array<double, kParts> scale = {1, 1, 1, 1}, recent_scale = {1, 1, 1, 1};
  std::array<std::vector<Arm>, kParts> arms;  // by part and arm; empty: nothing seen
};

// What it gave lately is surely not what it gave before.
bool has_changed(const Sums& all, const Sums& recent) {
  if (recent.n < kFewest || all.n < 1.5 * recent.n) return false;
  const double mean = all.sum / all.n;
  const double variance = std::max(all.squares / all.n - mean * mean, 0.0025);
  const double deviation = std::sqrt(variance * (1 / recent.n + 1 / all.n));
  return std::abs(recent.sum / recent.n - mean) > kSure * deviation;
}

// The normal distribution function, from a table: a few nanoseconds, right to 1e-5.
class NormalTable {
 public:
  NormalTable() {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = 0.5 * std::erfc(-(static_cast<double>(i) * kStep - kEnd) / std::sqrt(2.0));
    }
  }
  double operator()(double z) const {
    if (!(z > -kEnd)) return 0;
    if (z >= kEnd) return 1;
    const double place = (z + kEnd) / kStep;
    const auto at = static_cast<std::size_t>(place);
    return values_[at] + (place - static_cast<double>(at)) * (values_[at + 1] - values_[at]);
  }

 private:
  static constexpr double kEnd = 6, kStep = 1.0 / 64;
  std::array<double, 2 + static_cast<std::size_t>(2 * kEnd / kStep)> values_;
};

class Thompson final : public Policy {
 public:
  Thompson(const Group& group, const PolicyOptions& options)
      : weights_{option_or(options, "success", 1), option_or(options, "latency", 0),
                 option_or(options, "cost", 0), option_or(options, "feedback", 0)},
        latency_half_ms_(option_or(options, "latency_half_ms", 2'000)),
        cost_half_usd_(option_or(options, "cost_half_usd", 0.01)),
        growth_(std::exp2(1 / option_or(options, "half_life", 300))),
        quick_growth_(std::pow(growth_, kQuicker)),
        explore_(option_or(options, "explore", 0)),
        split_(option_or(options, "buckets", 1) > 0) {
    if (std::all_of(weights_.begin(), weights_.end(), [](double w) { return w <= 0; })) {
      weights_[kSuccess] = 1;
    }
    for (const Member& member : group.members) {
      if (member.deployment >= arm_of_.size()) arm_of_.resize(member.deployment + 1, kNoArm);
      if (arm_of_[member.deployment] == kNoArm) arm_of_[member.deployment] = arms_++;
    }
    buckets_.resize(split_ ? 16 : 1);
  }

  void rank(const RankContext& context, std::span<Ranked> candidates) override {
    believe(bucket_of(traits_of(context.facts)), candidates);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const Belief& belief = beliefs_[i];
      candidates[i].score = 1 - (belief.mean + belief.deviation * context.random.normal());
      candidates[i].tie = static_cast<double>(candidates[i].record);
    }
    tell_probabilities(candidates);
    order_by_score(candidates);
    if (explore_ > 0 && context.random.unit() < explore_) {
      std::swap(candidates[0], candidates[context.random.below(candidates.size())]);
    }
  }

  bool learns() const override { return true; }

  void learn(const Lesson& lesson) override {
    const std::uint32_t arm = arm_at(lesson.deployment);
    if (arm == kNoArm) return;
    Bucket& bucket = buckets_[bucket_of(lesson.request)];
    if (lesson.answered) {
      const bool ok = *lesson.answered;
      note(bucket, kSuccess, arm, ok ? 1 : 0);
      note(bucket, kLatency, arm, ok ? halved(lesson.total_ms, latency_half_ms_) : 0);
      note(bucket, kCost, arm, ok ? halved(lesson.usd, cost_half_usd_) : 0);
    }
    if (!lesson.feedback) return;
    if (lesson.replaced) {
      replace(bucket, arm, *lesson.replaced, *lesson.feedback);
    } else {
      note(bucket, kFeedback, arm, *lesson.feedback);
    }
  }

  void take_over(const Policy& earlier,
                 std::span<const std::optional<DeploymentIndex>> now_at) override {
    const auto* old = dynamic_cast<const Thompson*>(&earlier);
    // What was learned with other measures is not comparable.
    if (old == nullptr || old->latency_half_ms_ != latency_half_ms_ ||
        old->cost_half_usd_ != cost_half_usd_ || old->split_ != split_) {
      return;
    }
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      const Bucket& from = old->buckets_[b];
      buckets_[b].scale = from.scale;
      buckets_[b].recent_scale = from.recent_scale;
      for (DeploymentIndex d = 0; d < old->arm_of_.size() && d < now_at.size(); ++d) {
        const std::uint32_t there = old->arm_of_[d];
        const std::uint32_t here = now_at[d] ? arm_at(*now_at[d]) : kNoArm;
        if (there == kNoArm || here == kNoArm) continue;
        for (std::size_t part = 0; part < kParts; ++part) {
          if (from.arms[part].empty()) continue;
          buckets_[b].arms[part].resize(arms_);
          buckets_[b].arms[part][here] = from.arms[part][there];
        }
      }
    }
  }

 private:
  static constexpr std::uint32_t kNoArm = UINT32_MAX;

  std::uint32_t arm_at(DeploymentIndex d) const { return d < arm_of_.size() ? arm_of_[d] : kNoArm; }

  std::size_t bucket_of(const RequestTraits& request) const {
    if (!split_) return 0;
    const std::int64_t tokens = request.prompt_tokens.count;
    const std::size_t length = tokens <= 500 ? 0 : tokens <= 4'000 ? 1 : tokens <= 32'000 ? 2 : 3;
    return length * 4 + (request.tools ? 2 : 0) + (request.images ? 1 : 0);
  }

  static double halved(double value, double half) {
    return std::isnan(value) ? 0 : 1 / (1 + std::max(value, 0.0) / half);
  }

  void note(Bucket& bucket, Part part, std::uint32_t arm, double value) {
    auto& arms = bucket.arms[part];
    arms.resize(arms_);
    double &scale = bucket.scale[part], &recent_scale = bucket.recent_scale[part];
    scale *= growth_;
    recent_scale *= quick_growth_;
    Arm& here = arms[arm];
    here.all.add(scale, value);
    here.recent.add(recent_scale, value);
    Sums all = here.all, recent = here.recent;
    all.shrink(1 / scale);
    recent.shrink(1 / recent_scale);
    if (has_changed(all, recent)) {
      here.all = recent;
      here.all.shrink(scale);
    }
    rescale(arms, &Arm::all, scale);
    rescale(arms, &Arm::recent, recent_scale);
  }

  static void rescale(std::vector<Arm>& arms, Sums Arm::*sums, double& scale) {
    if (scale < kRescale) return;
    for (Arm& arm : arms) (arm.*sums).shrink(1 / scale);
    scale = 1;
  }

  // As if it had been said at first, but at the weight of now where much came since.
  void replace(Bucket& bucket, std::uint32_t arm, double before, double after) {
    auto& arms = bucket.arms[kFeedback];
    if (arms.empty()) return;
    const auto change = [before, after](Sums& sums, double scale) {
      const double weight = std::min(scale, sums.n);
      const double squares = sums.squares + weight * (after * after - before * before);
      sums.sum = std::clamp(sums.sum + weight * (after - before), 0.0, sums.n);
      sums.squares = std::clamp(squares, 0.0, sums.n);
    };
    change(arms[arm].all, bucket.scale[kFeedback]);
    change(arms[arm].recent, bucket.recent_scale[kFeedback]);
  }

  // Of one part of the reward: what was seen, with the prior and what is borrowed.
  Belief belief_in(std::size_t bucket, std::size_t part, std::uint32_t arm) const {
    Sums own{1, kPrior, 2 * kPrior * kPrior};  // mean and deviation are both kPrior
    Sums others;
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      const auto& arms = buckets_[b].arms[part];
      if (arms.empty()) continue;
      Sums seen = arms[arm].all;
      seen.shrink(1 / buckets_[b].scale[part]);
      Sums& into = b == bucket ? own : others;
      into.n += seen.n;
      into.sum += seen.sum;
      into.squares += seen.squares;
    }
    if (others.n > kBorrowed) others.shrink(kBorrowed / others.n);
    const double n = own.n + others.n;
    const double mean = (own.sum + others.sum) / n;
    const double variance = std::max((own.squares + others.squares) / n - mean * mean, 1e-9);
    return {mean, std::sqrt(variance / n)};
  }

  bool seen(std::size_t part) const {
    return std::any_of(buckets_.begin(), buckets_.end(),
                       [part](const Bucket& bucket) { return !bucket.arms[part].empty(); });
  }

  void believe(std::size_t bucket, std::span<const Ranked> candidates) {
    std::array<double, kParts> weights = {};
    double all = 0;
    for (std::size_t part = 0; part < kParts; ++part) {
      if (part == kFeedback && !seen(part)) continue;
      weights[part] = weights_[part];
      all += weights_[part];
    }
    if (all <= 0) all = weights[kFeedback] = 1;  // nothing has been said yet
    beliefs_.clear();
    for (const Ranked& c : candidates) {
      const std::uint32_t arm = arm_at(c.deployment);
      double mean = 0, variance = 0;
      for (std::size_t part = 0; part < kParts; ++part) {
        if (weights[part] <= 0) continue;
        const Belief belief = arm == kNoArm ? Belief{kPrior, kPrior} : belief_in(bucket, part, arm);
        const double share = weights[part] / all;
        mean += share * belief.mean;
        variance += share * share * belief.deviation * belief.deviation;
      }
      beliefs_.push_back({mean, std::sqrt(variance)});
    }
  }

  void find_contenders();
  void set_grid();
  void tell_probabilities(std::span<Ranked> candidates);

  std::array<double, kParts> weights_;
  const double latency_half_ms_, cost_half_usd_, growth_, quick_growth_, explore_;
  const bool split_;
  std::vector<std::uint32_t> arm_of_;  // by deployment
  std::uint32_t arms_ = 0;
  std::vector<Bucket> buckets_;
  NormalTable normal_;
  std::vector<Belief> beliefs_;            // scratch, by candidate
  std::vector<std::uint32_t> contenders_;  // the same, of those who may be first
  double floor_ = 0;                       // nobody first is below it
  std::vector<double> grid_, before_, middle_, mass_;
};

// Points where the beliefs that matter most have their mass, from where no candidate is surely larger.
void Thompson::set_grid() {
  constexpr std::array kQuantiles = {-4.0, -2.5, -1.7, -1.1, -0.6, -0.2,
                                     0.2,  0.6,  1.1,  1.7,  2.5,  4.0};
  constexpr std::size_t kMost = 8;  // beliefs; among more, each matters less
  constexpr double kNear = 0.05;    // of the narrowest deviation: one point does for both
  std::sort(contenders_.begin(), contenders_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return beliefs_[a].mean + beliefs_[a].deviation > beliefs_[b].mean + beliefs_[b].deviation;
  });
  grid_.clear();
  double narrowest = 1;
  for (std::size_t i = 0; i < std::min(kMost, contenders_.size()); ++i) {
    const Belief& belief = beliefs_[contenders_[i]];
    narrowest = std::min(narrowest, belief.deviation);
    for (const double z : kQuantiles) {
      grid_.push_back(std::max(belief.mean + z * belief.deviation, floor_));
    }
  }
  std::sort(grid_.begin(), grid_.end());
  const auto last = std::unique(grid_.begin(), grid_.end(), [narrowest](double a, double b) {
    return b - a < kNear * narrowest;
  });
  grid_.erase(last, grid_.end());
}

// Those who may be the largest, as far as four deviations reach.
void Thompson::find_contenders() {
  constexpr double kReach = 4;
  floor_ = -std::numeric_limits<double>::infinity();
  for (const Belief& b : beliefs_) floor_ = std::max(floor_, b.mean - kReach * b.deviation);
  contenders_.clear();
  for (std::uint32_t i = 0; i < beliefs_.size(); ++i) {
    if (beliefs_[i].mean + kReach * beliefs_[i].deviation > floor_) contenders_.push_back(i);
  }
}

// P(i is largest) = integral of the others' distribution functions over i's own.
void Thompson::tell_probabilities(std::span<Ranked> candidates) {
  constexpr double kLeast = 1e-12;
  find_contenders();
  set_grid();
  const std::size_t k = contenders_.size();
  before_.assign(k, 0);
  middle_.resize(k);
  mass_.assign(k, 0);
  double total = 0;
  for (const double x : grid_) {
    double all = 1;
    for (std::size_t i = 0; i < k; ++i) {
      const Belief& belief = beliefs_[contenders_[i]];
      const double below = normal_((x - belief.mean) / belief.deviation);
      middle_[i] = std::max(0.5 * (below + before_[i]), kLeast);
      all *= middle_[i];
    }
    for (std::size_t i = 0; i < k; ++i) {
      // Twice the way to the middle is the way that its own function makes in this cell.
      const double mass = 2 * (middle_[i] - before_[i]) * all / middle_[i];
      if (mass > 0) mass_[i] += mass;
      before_[i] = 2 * middle_[i] - before_[i];
      total += std::max(mass, 0.0);
    }
  }
  const double chance = explore_ / static_cast<double>(candidates.size());
  for (Ranked& c : candidates) c.probability = static_cast<float>(chance);
  for (std::size_t i = 0; i < k; ++i) {
    const double best = total > 0 ? mass_[i] / total : 1.0 / static_cast<double>(k);
    candidates[contenders_[i]].probability += static_cast<float>((1 - explore_) * best);
  }
}

}  // namespace

std::unique_ptr<Policy> make_thompson(const Group& group, const PolicyOptions& options) {
  return std::make_unique<Thompson>(group, options);
}

}  // namespace llmroute::policy
