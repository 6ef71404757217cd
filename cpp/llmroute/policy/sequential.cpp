#include "llmroute/policy/sequential.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace llmroute::policy {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t kWarmUp = 100;  // observations of control before its quantile is used
// Weight of the prior in units: the more, the closer to the intended shares is looked.
constexpr double kConcentration = 100;

// How many standard deviations the bound is away, after n observations.
double reach(double n, double alpha) {
  const double twice = -2 * std::log(std::min(2 * alpha, 0.99));
  const double r = (twice + std::log1p(twice)) / kTightestAt;
  return std::sqrt(2 * (1 + 1 / (n * r)) * std::log1p(std::sqrt(n * r + 1) / (2 * alpha)));
}

bool few(const Moments& moments) { return moments.count() < kFewest; }
double number(const Moments& moments) { return static_cast<double>(moments.count()); }

}  // namespace

void Moments::add(double value) {
  if (!std::isfinite(value)) return;
  ++count_;
  const double before = value - mean_;
  mean_ += before / static_cast<double>(count_);
  squares_ += before * (value - mean_);
}

double Difference::radius(double alpha) const {
  if (few(control_) || few(arm_)) return kInfinity;
  const double both = number(control_) + number(arm_);
  const double common = (control_.squares() + arm_.squares()) / (both - 2);
  const auto of_mean = [common](const Moments& side) {
    return std::max(side.squares() / (number(side) - 1), common) / number(side);
  };
  const double effective = number(control_) * number(arm_) / both;
  return reach(effective, alpha) * std::sqrt(of_mean(control_) + of_mean(arm_));
}

bool Difference::surely_worse(double worse_by, double alpha) const {
  const double difference = arm_.mean() - control_.mean();
  return difference > worse_by && difference - radius(alpha) > worse_by;
}

Bounds Difference::bounds(double alpha) const {
  if (control_.count() == 0 || arm_.count() == 0) return {0, -kInfinity, kInfinity};
  const double difference = arm_.mean() - control_.mean();
  const double side = radius(alpha / 2);
  return {difference, difference - side, difference + side};
}

// --- quantiles -----------------------------------------------------------------------------------

void StreamQuantile::add(double value) {
  if (!std::isfinite(value)) return;
  if (count_ < 5) {
    heights_[count_] = value;
    places_[count_] = static_cast<double>(count_);
    ++count_;
    std::sort(heights_.begin(), heights_.begin() + static_cast<std::ptrdiff_t>(count_));
    return;
  }
  ++count_;
  heights_[0] = std::min(heights_[0], value);
  heights_[4] = std::max(heights_[4], value);
  for (std::size_t i = 1; i < 5; ++i) {
    if (i == 4 || value < heights_[i]) places_[i] += 1;
  }
  move_markers();
}

// Each of the middle markers moves by one place where it is one or more away from its own.
void StreamQuantile::move_markers() {
  const double last = static_cast<double>(count_ - 1);
  const std::array<double, 5> shares = {0, share_ / 2, share_, (1 + share_) / 2, 1};
  for (std::size_t i = 1; i < 4; ++i) {
    const double away = last * shares[i] - places_[i];
    const bool up = away >= 1 && places_[i + 1] - places_[i] > 1;
    const bool down = away <= -1 && places_[i - 1] - places_[i] < -1;
    if (!up && !down) continue;
    const double step = up ? 1 : -1;
    const double curved = parabolic(i, step);
    if (heights_[i - 1] < curved && curved < heights_[i + 1]) {
      heights_[i] = curved;
    } else {
      const std::size_t next = up ? i + 1 : i - 1;
      heights_[i] += step * (heights_[next] - heights_[i]) / (places_[next] - places_[i]);
    }
    places_[i] += step;
  }
}

double StreamQuantile::parabolic(std::size_t i, double step) const {
  const double above = places_[i + 1] - places_[i];
  const double below = places_[i] - places_[i - 1];
  const double rise = (heights_[i + 1] - heights_[i]) / above;
  const double fall = (heights_[i] - heights_[i - 1]) / below;
  return heights_[i] + step / (above + below) * ((below + step) * rise + (above - step) * fall);
}

double StreamQuantile::value() const {
  if (count_ == 0) return 0;
  if (count_ > 5) return heights_[2];
  const double place = share_ * static_cast<double>(count_ - 1);
  return heights_[static_cast<std::size_t>(std::lround(place))];
}

QuantileDifference::QuantileDifference(double quantile, double worse_by)
    : above_(1 - quantile), worse_by_(worse_by), control_(quantile), arm_(quantile) {}

void QuantileDifference::add_control(double value) {
  if (!std::isfinite(value)) return;
  if (control_.count() >= kWarmUp) shares_.add_control(value > control_.value() ? 1 : 0);
  control_.add(value);
}

void QuantileDifference::add_arm(double value) {
  if (!std::isfinite(value)) return;
  if (control_.count() >= kWarmUp) shares_.add_arm(value > control_.value() + worse_by_ ? 1 : 0);
  arm_.add(value);
}

bool QuantileDifference::surely_worse(double alpha) const {
  if (!shares_.surely_worse(0, alpha)) return false;
  // Where many observations are equal, control's share above may be far below what it should be.
  const Moments& arm = shares_.arm();
  const double variance = arm.squares() / (number(arm) - 1);
  return arm.mean() - reach(number(arm), alpha) * std::sqrt(variance / number(arm)) > above_;
}

Bounds QuantileDifference::share_above(double alpha) const {
  const Moments& arm = shares_.arm();
  if (few(arm)) return {arm.mean(), -kInfinity, kInfinity};
  const double variance = arm.squares() / (number(arm) - 1);
  const double side = reach(number(arm), alpha / 2) * std::sqrt(variance / number(arm));
  return {arm.mean(), arm.mean() - side, arm.mean() + side};
}

// --- ratios --------------------------------------------------------------------------------------

RatioCheck::RatioCheck(std::span<const double> shares)
    : shares_(shares.begin(), shares.end()), counts_(shares.size()) {
  double sum = 0;
  for (const double share : shares_) sum += share;
  for (double& share : shares_) share /= sum;
}

void RatioCheck::add(std::size_t arm) {
  if (arm >= shares_.size()) return;
  if (shares_[arm] <= 0) {
    log_factor_ = kInfinity;  // what cannot be was seen
  } else {
    const double prior = kConcentration * shares_[arm];
    const double expected = (prior + static_cast<double>(counts_[arm])) /
                            (kConcentration + static_cast<double>(total_));
    log_factor_ += std::log(expected / shares_[arm]);
  }
  ++counts_[arm];
  ++total_;
  highest_ = std::max(highest_, log_factor_);
}

double RatioCheck::p_value() const { return std::exp(-highest_); }

}  // namespace llmroute::policy
