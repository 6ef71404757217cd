// Statistics that stay valid while one looks: after every observation, for as long as one likes.
//
// A test made for one look errs far more often than it says when it is asked again and again. What
// is here bounds the chance of one wrong answer at any time by `alpha`:
//
// Difference: a one-sided asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and
// Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", 2021), a normal
// mixture after Robbins (Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric,
// nonasymptotic confidence sequences", 2021). The true difference is above
//   estimate - sqrt(2 V (1 + 1 / (n r)) log(1 + sqrt(n r + 1) / (2 alpha)))   at all times at once,
// where V is the variance of the difference of the means, n = 1 / (1 / n_arm + 1 / n_control), and r
// makes the bound tightest at n = kTightestAt. Asymptotic: it holds as means become normal. So
// nothing is said before kFewest observations of either side, and a side's variance is never taken
// below that of both together: few observations of a rare event show none of it.
//
// QuantileDifference: is the arm's quantile worse than control's by more than X? Each observation of
// the arm is compared with control's quantile so far plus X, each of control with the quantile
// alone; the shares above are a Difference. An error of the quantile touches both sides alike, and
// so does a drift of the traffic. Beside that the arm's share must surely be above 1 - quantile.
//
// RatioCheck: units were split otherwise than intended (a broken split, or data lost on one arm). An
// e-process: the Bayes factor of a Dirichlet prior about the intended shares against these (Lindon
// and Malek, "Anytime-valid inference for multinomial count data", 2022), exact, not asymptotic.
//
// Plain values with a fixed amount of memory; no clock, no chance. What is not finite is passed
// over. Not thread-safe: one owner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace llmroute::policy {

inline constexpr std::uint64_t kFewest = 20;
inline constexpr double kTightestAt = 250;

// Running mean and sum of squared deviations (Welford, 1962).
class Moments {
 public:
  void add(double value);
  std::uint64_t count() const { return count_; }
  double mean() const { return mean_; }
  double squares() const { return squares_; }

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0, squares_ = 0;
};

// Bounds that hold at all times together; infinite while there is too little to say.
struct Bounds {
  double estimate = 0;  // 0 while either side has nothing
  double lower = 0, upper = 0;
};

// Of the arm's mean over control's. Higher is worse: give the negative of what should be high.
class Difference {
 public:
  void add_control(double value) { control_.add(value); }
  void add_arm(double value) { arm_.add(value); }

  // mean(arm) - mean(control) > worse_by, wrongly said at any time with a chance of at most alpha.
  bool surely_worse(double worse_by, double alpha) const;
  // Both bounds together are wrong with a chance of at most alpha.
  Bounds bounds(double alpha) const;

  const Moments& control() const { return control_; }
  const Moments& arm() const { return arm_; }

 private:
  double radius(double alpha) const;  // of one side; infinite for too few

  Moments control_, arm_;
};

// A quantile of a stream in five numbers (Jain and Chlamtac, the P-square algorithm, 1985).
class StreamQuantile {
 public:
  explicit StreamQuantile(double share) : share_(share) {}  // share in (0, 1)
  void add(double value);
  double value() const;  // 0 where nothing was added
  std::uint64_t count() const { return count_; }

 private:
  void move_markers();
  double parabolic(std::size_t marker, double step) const;

  double share_;
  std::uint64_t count_ = 0;
  std::array<double, 5> heights_{}, places_{};
};

class QuantileDifference {
 public:
  // Quantile in (0, 1), such as 0.95; worse_by in the unit of the observations. It belongs to the
  // observations to come, so another one needs another object.
  QuantileDifference(double quantile, double worse_by);

  void add_control(double value);
  void add_arm(double value);

  bool surely_worse(double alpha) const;
  // The arm's share above control's quantile plus worse_by, which should be 1 - quantile at most.
  Bounds share_above(double alpha) const;

  double control_quantile() const { return control_.value(); }
  double arm_quantile() const { return arm_.value(); }
  std::uint64_t control_count() const { return control_.count(); }
  std::uint64_t arm_count() const { return arm_.count(); }

 private:
  double above_, worse_by_;
  StreamQuantile control_, arm_;
  Difference shares_;
};

class RatioCheck {
 public:
  // One share for each arm, 0 or more; they are divided by their sum, which is above 0.
  explicit RatioCheck(std::span<const double> shares);

  // One unit (a user, a conversation, a request: what is assigned) seen on that arm for the first
  // time. Arms that do not exist are passed over.
  void add(std::size_t arm);

  // Wrongly said at any time with a chance of at most alpha; once said it stays.
  bool mismatch(double alpha) const { return p_value() <= alpha; }
  // The smallest alpha at which a mismatch has been seen so far; 1 at first, never rises.
  double p_value() const;

  std::span<const std::uint64_t> counts() const { return counts_; }

 private:
  std::vector<double> shares_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  double log_factor_ = 0, highest_ = 0;
};

}  // namespace llmroute::policy
