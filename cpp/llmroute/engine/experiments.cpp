#include "llmroute/engine/experiments.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "llmroute/base/stable_hash.h"
#include "llmroute/base/text.h"
#include "llmroute/wire/json.h"

namespace llmroute::engine {

namespace {

using policy::ArmSwitches;

constexpr double kQuantile = 0.95;

double worse_by(const Experiment& experiment, GuardMetric metric) {
  for (const Guard& guard : experiment.guards) {
    if (guard.metric == metric) return guard.worse_by;
  }
  return 0;
}

std::vector<double> shares_of(const Experiment& experiment) {
  std::vector<double> out;
  for (const Arm& arm : experiment.arms) out.push_back(arm.share);
  return out;
}

// All that makes an experiment the same one.
std::string definition_of(const Experiment& experiment, const Inventory& inventory) {
  std::string out(slug(experiment.kind));
  out += "\n" + inventory.groups[experiment.group].name + "\n" + experiment.salt + "\n" +
         std::to_string(static_cast<int>(experiment.unit)) + experiment.key;
  for (const Arm& arm : experiment.arms) {
    out += "\n" + arm.name + " " + std::to_string(arm.share) + " " +
           (arm.group ? inventory.groups[*arm.group].name : "");
  }
  for (const Guard& guard : experiment.guards) {
    out += "\n" + std::string(slug(guard.metric)) + " " + std::to_string(guard.worse_by);
  }
  return out;
}

std::string shown(double value) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.4g", value);
  return buffer.data();
}

// Says nothing about an arm.
bool is_beside_the_point(ErrorKind kind) {
  const Fault fault = fault_of(kind);
  return fault == Fault::caller || fault == Fault::nobody || kind == ErrorKind::rejected ||
         kind == ErrorKind::budget_exceeded || kind == ErrorKind::closed;
}

}  // namespace

Experiments::Tally::Tally(const Experiment& experiment)
    : ttft(kQuantile, worse_by(experiment, GuardMetric::ttft_p95_ms)),
      total(kQuantile, worse_by(experiment, GuardMetric::total_p95_ms)) {}

Experiments::Course::Course(const Experiment& experiment)
    : arms(experiment.arms.size(), Tally(experiment)), ratio(shares_of(experiment)) {}

void Experiments::configure(policy::RuleBookPtr book) {
  std::map<std::string, Course*, std::less<>> known;
  for (std::size_t i = 0; i < courses_.size(); ++i) {
    known.emplace(book_->inventory()->experiments[i].name, &courses_[i]);
  }
  const Inventory& inventory = *book->inventory();
  std::vector<Course> courses;
  for (std::size_t i = 0; i < inventory.experiments.size(); ++i) {
    const Experiment& experiment = inventory.experiments[i];
    const std::string definition = definition_of(experiment, inventory);
    const auto found = known.find(experiment.name);
    if (found != known.end() && found->second->definition == definition) {
      courses.push_back(std::move(*found->second));
    } else {
      courses.emplace_back(experiment).definition = definition;
    }
    book->switches().set(i, courses.back().switched);
  }
  courses_ = std::move(courses);
  book_ = std::move(book);
}

// --- what is seen -----------------------------------------------------------------------------------

std::optional<Experiments::Seen> Experiments::seen_in(const Decision& decision) {
  Seen seen;
  if (decision.status == DecisionStatus::failed) {
    if (!decision.failure || is_beside_the_point(decision.failure->kind)) return std::nullopt;
    seen.failed = true;
  } else if (decision.status != DecisionStatus::ok) {
    return std::nullopt;
  }
  if (decision.cost.kind != CostKind::unknown) seen.cost_usd = decision.cost.usd.value();
  if (seen.failed) return seen;
  seen.total_ms = to_ms(decision.total);
  for (const AttemptRecord& attempt : decision.attempts) {
    if (attempt.outcome.ok() && attempt.outcome.ttft) seen.ttft_ms = to_ms(*attempt.outcome.ttft);
  }
  return seen;
}

void Experiments::count(Course& course, std::uint32_t arm, const Seen& seen) {
  Tally& own = course.arms[arm];
  ++own.requests;
  own.failures += seen.failed ? 1U : 0U;
  const auto add = [&](auto member, const std::optional<double>& value) {
    if (!value) return;
    if (arm > 0) return (own.*member).add_arm(*value);
    for (Tally& other : course.arms) (other.*member).add_control(*value);
  };
  add(&Tally::errors, seen.failed ? 1.0 : 0.0);
  add(&Tally::cost, seen.cost_usd);
  add(&Tally::ttft, seen.ttft_ms);
  add(&Tally::total, seen.total_ms);
}

// Units, not requests: one of them may send many.
void Experiments::count_unit(Course& course, const Experiment& experiment, std::uint32_t arm,
                             const Decision& decision) {
  if (experiment.unit == Experiment::Unit::conversation) return;  // a decision does not name it
  if (experiment.unit == Experiment::Unit::metadata) {
    if (course.units.size() >= kMaxUnits) return;
    const auto unit = stable_hash(find_metadata(decision.metadata, experiment.key));
    if (!course.units.insert(unit).second) return;
  }
  course.ratio.add(arm);
}

bool Experiments::note(const Decision& decision) {
  if (decision.experiments.empty() || decision.inventory != book_->inventory()) return false;
  const auto seen = seen_in(decision);
  if (!seen) return false;
  bool rolled_back = false;
  for (const ExperimentRecord& record : decision.experiments) {
    if (!record.intended) continue;
    const Experiment& experiment = decision.inventory->experiments[record.experiment];
    Course& course = courses_[record.experiment];
    if (experiment.kind == ExperimentKind::shadow) {
      const bool copy = !decision.shadow_of.empty();
      if (record.arm == 1) count(course, copy ? 1 : 0, *seen);
      continue;
    }
    count_unit(course, experiment, record.arm, decision);
    if (!record.acted_on) continue;
    count(course, record.arm, *seen);
    rolled_back = guard(record.experiment) || rolled_back;
  }
  return rolled_back;
}

void Experiments::score(const std::vector<ExperimentRecord>& records, double score) {
  for (const ExperimentRecord& record : records) {
    if (!record.intended || !record.acted_on || record.experiment >= courses_.size()) continue;
    Course& course = courses_[record.experiment];
    if (record.arm > 0) {
      course.arms[record.arm].score.add_arm(-score);
    } else {
      for (Tally& other : course.arms) other.score.add_control(-score);
    }
    guard(record.experiment);
  }
}

// --- guards -----------------------------------------------------------------------------------------

// "error_rate 0.12 against 0.02", or empty where nothing is surely worse.
std::string Experiments::worse_words(const Experiment& experiment, const Course& course,
                                     std::uint32_t arm, double alpha) const {
  const Tally& tally = course.arms[arm];
  const auto words = [](GuardMetric metric, double there, double here) {
    return std::string(slug(metric)) + " " + shown(there) + " against " + shown(here);
  };
  for (const Guard& guard : experiment.guards) {
    const auto mean = [&](const policy::Difference& difference, double sign) {
      if (!difference.surely_worse(guard.worse_by, alpha)) return std::string();
      return words(guard.metric, sign * difference.arm().mean(),
                   sign * difference.control().mean());
    };
    const auto quantile = [&](const policy::QuantileDifference& difference) {
      if (!difference.surely_worse(alpha)) return std::string();
      return words(guard.metric, difference.arm_quantile(), difference.control_quantile());
    };
    std::string found;
    switch (guard.metric) {
      case GuardMetric::error_rate: found = mean(tally.errors, 1); break;
      case GuardMetric::cost_usd: found = mean(tally.cost, 1); break;
      case GuardMetric::score: found = mean(tally.score, -1); break;
      case GuardMetric::ttft_p95_ms: found = quantile(tally.ttft); break;
      case GuardMetric::total_p95_ms: found = quantile(tally.total); break;
    }
    if (!found.empty()) return found;
  }
  return {};
}

bool Experiments::guard(std::uint32_t index) {
  const Experiment& experiment = book_->inventory()->experiments[index];
  Course& course = courses_[index];
  if (experiment.guards.empty() || course.switched != ArmSwitches::kAsDrawn) return false;
  const auto tests = static_cast<double>(experiment.guards.size() * (experiment.arms.size() - 1));
  for (std::uint32_t arm = 1; arm < course.arms.size(); ++arm) {
    const std::string worse = worse_words(experiment, course, arm, kAlpha / tests);
    if (worse.empty()) continue;
    throw_switch(index, 0, "arm " + experiment.arms[arm].name + " was worse: " + worse);
    news_.push_back(describe(index));
    return true;
  }
  return false;
}

// --- switches ---------------------------------------------------------------------------------------

void Experiments::throw_switch(std::uint32_t index, std::int32_t arm, std::string reason) {
  courses_[index].switched = arm;
  courses_[index].reason = std::move(reason);
  book_->switches().set(index, arm);
}

Switched Experiments::describe(std::uint32_t index) const {
  const Experiment& experiment = book_->inventory()->experiments[index];
  const Course& course = courses_[index];
  const bool drawn = course.switched == ArmSwitches::kAsDrawn;
  const std::string arm =
      drawn ? "" : experiment.arms[static_cast<std::size_t>(course.switched)].name;
  Switched out;
  out.experiment = experiment.name;
  out.state = std::to_string(stable_hash(course.definition)) + "\n" + arm + "\n" + course.reason;
  out.notice = "experiment " + experiment.name + ": " +
               (drawn ? "requests are split as configured" : "all requests go to arm " + arm) +
               (course.reason.empty() ? "" : "; " + course.reason);
  return out;
}

std::vector<Switched> Experiments::take_switched() { return std::exchange(news_, {}); }

std::optional<std::uint32_t> Experiments::find(std::string_view experiment) const {
  const auto& all = book_->inventory()->experiments;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    if (all[i].name == experiment) return i;
  }
  return std::nullopt;
}

Result<Switched> Experiments::switch_to(std::string_view experiment, std::string_view arm,
                                        std::string_view reason) {
  const auto unknown = [](const char* what, std::string_view name, const auto& items) {
    std::vector<std::string_view> names;
    for (const auto& item : items) names.push_back(item.name);
    return make_error(ErrorKind::invalid_argument,
                      std::string("there is no ") + what + " \"" + ellipsize(name, 80) + "\"", what,
                      std::string(nearest_name(name, names)));
  };
  const auto index = find(experiment);
  const auto& all = book_->inventory()->experiments;
  if (!index) return unknown("experiment", experiment, all);
  if (arm.empty()) {
    Course fresh(all[*index]);
    fresh.definition = courses_[*index].definition;
    courses_[*index] = std::move(fresh);
    throw_switch(*index, ArmSwitches::kAsDrawn, std::string(reason));
    return describe(*index);
  }
  const auto& arms = all[*index].arms;
  const auto found =
      std::find_if(arms.begin(), arms.end(), [&](const Arm& one) { return one.name == arm; });
  if (found == arms.end()) return unknown("arm", arm, arms);
  throw_switch(*index, static_cast<std::int32_t>(found - arms.begin()), std::string(reason));
  return describe(*index);
}

void Experiments::restore(std::string_view experiment, std::string_view state) {
  const auto index = find(experiment);
  const std::size_t first = state.find('\n');
  const std::size_t second = first == std::string_view::npos ? first : state.find('\n', first + 1);
  if (!index || second == std::string_view::npos) return;
  if (state.substr(0, first) != std::to_string(stable_hash(courses_[*index].definition))) return;
  const std::string_view arm = state.substr(first + 1, second - first - 1);
  const auto& arms = book_->inventory()->experiments[*index].arms;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (arms[i].name != arm) continue;
    throw_switch(*index, static_cast<std::int32_t>(i), std::string(state.substr(second + 1)));
  }
}

// --- reports ----------------------------------------------------------------------------------------

namespace {

void write_bounds(wire::JsonWriter& out, const char* key, const policy::Bounds& bounds) {
  out.key(key).begin_object();
  out.key("estimate").number(bounds.estimate);
  out.key("lower").number(bounds.lower).key("upper").number(bounds.upper);
  out.end_object();
}

// Of the first arm the control's side, which every arm's tests hold.
void write_mean(wire::JsonWriter& out, const char* key, const policy::Difference& difference,
                bool control, double sign) {
  const policy::Moments& side = control ? difference.control() : difference.arm();
  out.key(key);
  side.count() > 0 ? out.number(sign * side.mean()) : out.null();
}

void write_quantile(wire::JsonWriter& out, const char* key,
                    const policy::QuantileDifference& difference, bool control) {
  const auto count = control ? difference.control_count() : difference.arm_count();
  out.key(key);
  if (count == 0) {
    out.null();
  } else {
    out.number(control ? difference.control_quantile() : difference.arm_quantile());
  }
}

}  // namespace

std::string Experiments::json() const {
  std::string text;
  wire::JsonWriter out(text);
  out.begin_object();
  for (std::size_t i = 0; i < courses_.size(); ++i) {
    const Experiment& experiment = book_->inventory()->experiments[i];
    const Course& course = courses_[i];
    const bool drawn = course.switched == ArmSwitches::kAsDrawn;
    out.key(experiment.name).begin_object();
    out.key("kind").string(slug(experiment.kind)).key("mode").string(slug(experiment.mode));
    out.key("all_to");
    drawn ? out.null()
          : out.string(experiment.arms[static_cast<std::size_t>(course.switched)].name);
    out.key("reason").string(course.reason);
    out.key("arms").begin_array();
    for (std::size_t arm = 0; arm < course.arms.size(); ++arm) {
      const Tally& tally = course.arms[arm];
      const bool control = arm == 0;
      out.begin_object().key("name").string(experiment.arms[arm].name);
      out.key("share").number(experiment.arms[arm].share);
      out.key("requests").integer(static_cast<std::int64_t>(tally.requests));
      out.key("failures").integer(static_cast<std::int64_t>(tally.failures));
      write_mean(out, "error_rate", tally.errors, control, 1);
      write_quantile(out, "ttft_p95_ms", tally.ttft, control);
      write_quantile(out, "total_p95_ms", tally.total, control);
      write_mean(out, "cost_usd", tally.cost, control, 1);
      write_mean(out, "score", tally.score, control, -1);
      if (!control) {
        out.key("against_first").begin_object();
        write_bounds(out, "error_rate", tally.errors.bounds(kAlpha));
        write_bounds(out, "cost_usd", tally.cost.bounds(kAlpha));
        out.end_object();
      }
      out.end_object();
    }
    out.end_array();
    out.key("ratio").begin_object();
    out.key("p_value").number(course.ratio.p_value());
    out.key("mismatch").boolean(course.ratio.mismatch(kAlpha / 10));
    out.end_object().end_object();
  }
  out.end_object();
  return text;
}

}  // namespace llmroute::engine
