// Random inventories, rules, constraints, experiments and requests: whatever happens on the way, no
// attempt goes where a constraint is against it. The oracle reads constraints by itself and shares no
// code with the core.
//
// LLMROUTE_CONSTRAINT_WORLDS sets how many worlds are tried.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "llmroute/engine/dispatcher.h"

namespace llmroute::engine {
namespace {

constexpr std::array<const char*, 4> kRegions = {"", "eu-central", "eu-west", "us-east"};
constexpr std::array<const char*, 3> kRetentions = {"", "none", "30d"};
constexpr std::array<const char*, 3> kProviders = {"p", "q", "r"};
constexpr std::array<const char*, 3> kTags = {"x", "y", "z"};
constexpr std::array<const char*, 3> kKeys = {"plan", "tenant", "where"};
constexpr std::array<const char*, 3> kValues = {"a", "b", "c"};

// --- the oracle -------------------------------------------------------------------------------------

enum class Says { no, maybe, yes };

Says says(const Condition& c, const RequestOptions& call) {
  const auto among = [&c](const std::string& value) {
    for (const std::string& word : c.match.words) {
      if (word == value) return true;
      if (word.back() == '*' && value.rfind(word.substr(0, word.size() - 1), 0) == 0) return true;
    }
    return false;
  };
  bool maybe = false;
  switch (c.kind) {
    case ConditionKind::all:
      for (const Condition& part : c.parts) {
        const Says one = says(part, call);
        if (one == Says::no) return Says::no;
        maybe = maybe || one == Says::maybe;
      }
      return maybe ? Says::maybe : Says::yes;
    case ConditionKind::any:
      for (const Condition& part : c.parts) {
        const Says one = says(part, call);
        if (one == Says::yes) return Says::yes;
        maybe = maybe || one == Says::maybe;
      }
      return maybe ? Says::maybe : Says::no;
    case ConditionKind::negation: {
      const Says one = says(c.parts[0], call);
      return one == Says::maybe ? one : one == Says::yes ? Says::no : Says::yes;
    }
    case ConditionKind::metadata: {
      for (const auto& [key, value] : call.metadata) {
        if (key != c.key) continue;
        if (c.match.kind == ValueMatch::Kind::present) return Says::yes;
        if (c.match.kind == ValueMatch::Kind::absent) return Says::no;
        return among(value) ? Says::yes : Says::no;
      }
      if (c.match.kind == ValueMatch::Kind::present) return Says::no;
      return c.match.kind == ValueMatch::Kind::absent ? Says::yes : Says::maybe;
    }
    case ConditionKind::region:
      if (call.region.empty()) return Says::maybe;
      return among(call.region) ? Says::yes : Says::no;
    case ConditionKind::model: return among(call.model) ? Says::yes : Says::no;
    case ConditionKind::tags:
      for (const std::string& tag : call.tags) {
        if (among(tag)) return Says::yes;
      }
      return Says::no;
    default: ADD_FAILURE() << "not made here"; return Says::no;
  }
}

bool listed(const std::vector<std::string>& names, const std::string& name) {
  for (const std::string& one : names) {
    if (one == name) return true;
  }
  return false;
}

bool meets(const Requirement& need, const Deployment& d, const Facts& facts) {
  bool place = need.regions.empty();
  for (const std::string& pattern : need.regions) {
    const bool open = pattern.back() == '*';
    const std::string stem = open ? pattern.substr(0, pattern.size() - 1) : pattern;
    place =
        place || (!d.region.empty() && (open ? d.region.rfind(stem, 0) == 0 : d.region == stem));
  }
  if (!place) return false;
  if (!need.retentions.empty() && !listed(need.retentions, d.retention)) return false;
  if (need.no_training && (!d.training.has_value() || *d.training)) return false;
  if (!need.providers.empty() && !listed(need.providers, d.provider)) return false;
  if (listed(need.providers_denied, d.provider)) return false;
  if (listed(need.deployments_denied, d.name)) return false;
  for (const std::string& tag : need.tags) {
    if (!listed(d.tags, tag)) return false;
  }
  if (need.min_context &&
      (!d.context_tokens || d.context_tokens->count < need.min_context->count)) {
    return false;
  }
  if (need.max_input_usd_per_million) {
    if (!d.price.input_usd_per_million) return false;
    if (*d.price.input_usd_per_million > *need.max_input_usd_per_million) return false;
  }
  if (need.max_usd_per_request) {
    if (!d.price.known()) return false;
    const double usd =
        static_cast<double>(facts.prompt_tokens.count) * *d.price.input_usd_per_million / 1e6 +
        static_cast<double>(facts.expected_output().count) * *d.price.output_usd_per_million / 1e6;
    if (usd > *need.max_usd_per_request * (1 + 1e-9)) return false;
  }
  return (need.parameters & facts.parameters & d.unsupported).none();
}

bool permitted(const Inventory& inventory, DeploymentIndex d, const ChatRequest& asked) {
  for (const Constraint& constraint : inventory.constraints) {
    if (constraint.when && says(*constraint.when, asked.options) == Says::no) continue;
    if (constraint.unless && says(*constraint.unless, asked.options) == Says::yes) continue;
    if (!meets(constraint.require, inventory.deployments[d], asked.facts)) return false;
  }
  return true;
}

// --- the worlds -------------------------------------------------------------------------------------

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(mix64(seed)) {}

  template <std::size_t N>
  std::string one_of(const std::array<const char*, N>& words) {
    return words.at(random_.below(N));
  }
  bool chance(double p) { return random_.unit() < p; }
  std::uint64_t below(std::uint64_t n) { return random_.below(n); }

  Condition condition(int depth = 0) {
    Condition out;
    if (depth < 2 && chance(0.3)) {
      const std::uint64_t kind = below(3);
      out.kind = kind == 0   ? ConditionKind::all
                 : kind == 1 ? ConditionKind::any
                             : ConditionKind::negation;
      const std::uint64_t parts = out.kind == ConditionKind::negation ? 1 : 1 + below(3);
      for (std::uint64_t i = 0; i < parts; ++i) out.parts.push_back(condition(depth + 1));
      return out;
    }
    switch (below(4)) {
      case 0:
        out.kind = ConditionKind::region;
        out.match.words = {chance(0.5) ? "eu-*" : "us-east"};
        break;
      case 1:
        out.kind = ConditionKind::model;
        out.match.words = {"g" + std::to_string(below(3))};
        break;
      case 2:
        out.kind = ConditionKind::tags;
        out.match.words = {one_of(kTags)};
        break;
      default:
        out.kind = ConditionKind::metadata;
        out.key = one_of(kKeys);
        out.match.kind = static_cast<ValueMatch::Kind>(chance(0.7) ? 0 : 2 + below(2));
        if (out.match.kind == ValueMatch::Kind::words) out.match.words = {one_of(kValues)};
        break;
    }
    return out;
  }

  Deployment deployment(std::size_t number) {
    Deployment d;
    d.name = "d" + std::to_string(number);
    d.provider = one_of(kProviders);
    d.model = "m";
    d.region = one_of(kRegions);
    d.retention = one_of(kRetentions);
    if (chance(0.7)) d.training = chance(0.4);
    for (const char* tag : kTags) {
      if (chance(0.5)) d.tags.emplace_back(tag);
    }
    if (chance(0.7)) d.context_tokens = Tokens{static_cast<std::int64_t>(1'000 << below(6))};
    if (chance(0.7)) {
      d.price.input_usd_per_million = static_cast<double>(1 + below(20));
      d.price.output_usd_per_million = static_cast<double>(1 + below(40));
    }
    if (chance(0.3)) d.unsupported.set(static_cast<std::size_t>(Parameter::seed));
    return d;
  }

  Requirement requirement() {
    Requirement out;
    if (chance(0.3)) out.regions = {chance(0.5) ? "eu-*" : one_of(kRegions)};
    if (!out.regions.empty() && out.regions[0].empty()) out.regions = {"us-east"};
    if (chance(0.2)) out.retentions = {"none"};
    if (chance(0.2)) out.no_training = true;
    if (chance(0.2)) out.providers = {one_of(kProviders), one_of(kProviders)};
    if (chance(0.2)) out.providers_denied = {one_of(kProviders)};
    if (chance(0.1)) out.deployments_denied = {"d" + std::to_string(below(6))};
    if (chance(0.2)) out.tags = {one_of(kTags)};
    if (chance(0.2)) out.max_usd_per_request = 0.001 * static_cast<double>(1 + below(30));
    if (chance(0.2)) out.max_input_usd_per_million = static_cast<double>(1 + below(20));
    if (chance(0.1)) out.min_context = Tokens{4'000};
    if (chance(0.2)) out.parameters.set(static_cast<std::size_t>(Parameter::seed));
    return out;
  }

  Inventory inventory() {
    Inventory out;
    const std::size_t count = 2 + below(7);
    for (std::size_t i = 0; i < count; ++i) {
      out.deployments.push_back(deployment(i));
      out.deployment_index["d" + std::to_string(i)] = static_cast<DeploymentIndex>(i);
    }
    for (GroupIndex g = 0; g < 3; ++g) out.groups.push_back(group(g, count));
    for (GroupIndex g = 0; g < 3; ++g) out.group_index[out.groups[g].name] = g;
    for (std::uint64_t i = below(4); i > 0; --i) out.rules.push_back(rule(i));
    for (std::uint64_t i = below(4); i > 0; --i) {
      Constraint& constraint = out.constraints.emplace_back();
      constraint.name = "c" + std::to_string(i);
      if (chance(0.4)) constraint.when = condition();
      if (chance(0.5)) constraint.unless = condition();
      constraint.require = requirement();
    }
    for (std::uint64_t i = below(3); i > 0; --i) out.experiments.push_back(experiment(i));
    out.resilience.attempts = static_cast<int>(1 + below(6));
    return out;
  }

  std::shared_ptr<ChatRequest> request(std::uint64_t number) {
    auto out = std::make_shared<ChatRequest>();
    out->id = std::to_string(number);
    RequestOptions& call = out->options;
    call.model = chance(0.9) ? "g" + std::to_string(below(3)) : "d0";
    for (const char* key : kKeys) {
      if (chance(0.5)) call.metadata.emplace_back(key, one_of(kValues));
    }
    for (const char* tag : kTags) {
      if (chance(0.3)) call.tags.emplace_back(tag);
    }
    if (chance(0.6)) call.region = one_of(kRegions);
    call.drop_unsupported = chance(0.5);
    if (chance(0.1)) call.policy = "weighted";
    if (chance(0.1)) call.order = {"d1", "d0"};
    if (chance(0.3)) {
      call.fallbacks.emplace();
      for (std::uint64_t i = below(4); i > 0; --i) {
        call.fallbacks->push_back("g" + std::to_string(below(3)));
      }
    }
    out->facts.prompt_tokens = Tokens{static_cast<std::int64_t>(1 + below(3'000))};
    if (chance(0.5))
      out->facts.max_output_tokens = Tokens{static_cast<std::int64_t>(1 + below(500))};
    if (chance(0.5)) out->facts.parameters.set(static_cast<std::size_t>(Parameter::seed));
    return out;
  }

  Outcome outcome() {
    constexpr std::array kKinds = {ErrorKind::server_error,   ErrorKind::rate_limit,
                                   ErrorKind::context_length, ErrorKind::content_filter,
                                   ErrorKind::not_found,      ErrorKind::connect};
    Outcome out;
    out.usage.reported = true;
    if (chance(0.7)) out.failure = make_failure(kKinds.at(below(kKinds.size())), "");
    return out;
  }

 private:
  Group group(GroupIndex index, std::size_t deployments) {
    constexpr std::array<const char*, 4> kPolicies = {"ordered", "weighted", "least_cost",
                                                      "power_of_two"};
    Group out;
    out.name = "g" + std::to_string(index);
    out.policy.name = one_of(kPolicies);
    for (DeploymentIndex d = 0; d < deployments; ++d) {
      if (chance(0.6)) out.members.push_back({d, 1.0, {}});
    }
    if (out.members.empty()) out.members.push_back({0, 1.0, {}});
    const auto other = static_cast<GroupIndex>((index + 1) % 3);
    if (index < 2 && chance(0.5)) out.fallbacks = {static_cast<GroupIndex>(index + 1)};
    if (chance(0.3)) out.on_context_too_long = {other};
    if (chance(0.3)) out.on_content_filter = {other};
    if (chance(0.3)) out.hedge = HedgeSpec{};
    if (chance(0.3)) out.on_exhausted.push_back({ExhaustedAction::least_bad, {}, 0});
    if (chance(0.3)) out.on_exhausted.push_back({ExhaustedAction::group, {}, other});
    return out;
  }

  Rule rule(std::uint64_t number) {
    Rule out;
    out.name = "r" + std::to_string(number);
    out.mode = static_cast<RuleMode>(chance(0.8) ? 0 : below(3));
    out.when = condition();
    if (chance(0.7)) {
      out.route = Destination{Destination::Kind::group, static_cast<GroupIndex>(below(3)), {}};
    } else {
      out.policy = PolicySpec{"least_cost", {}, false, {}};
    }
    if (chance(0.2)) out.priority = kBatch;
    return out;
  }

  Experiment experiment(std::uint64_t number) {
    Experiment out;
    out.name = out.salt = "e" + std::to_string(number);
    out.kind = chance(0.5) ? ExperimentKind::shadow : ExperimentKind::split;
    out.group = static_cast<GroupIndex>(below(3));
    out.arms = {{"a", 0.5, std::nullopt}, {"b", 0.5, static_cast<GroupIndex>(below(3))}};
    return out;
  }

  Random random_;
};

// Every attempt that a world's requests lead to, mirrored ones too, is looked at.
class Watched {
 public:
  explicit Watched(std::uint64_t seed) : maker_(seed), dispatcher_(seed) {}

  void run() {
    auto inventory = std::make_shared<const Inventory>(maker_.inventory());
    ASSERT_TRUE(dispatcher_.configure(inventory));
    const std::uint64_t requests = 1 + maker_.below(4);
    for (std::uint64_t i = 0; i < requests; ++i) submit(maker_.request(i));
    for (int step = 0; step < 200 && dispatcher_.in_flight() > 0; ++step) {
      if (running_.empty() || maker_.chance(0.2)) {
        pass();
      } else {
        answer(maker_.below(running_.size()));
      }
    }
  }
  std::uint64_t attempts = 0, mirrored = 0, barred = 0;

 private:
  struct Running {
    RequestId request;
    AttemptId attempt;
  };

  void submit(std::shared_ptr<const ChatRequest> request) {
    check_fence(*request);
    asked_.push_back(request);  // ids count from 1
    dispatcher_.submit(std::move(request), now_, WallTime{}, actions_);
    act();
  }

  // Requests that may share an answer may go to the same places.
  void check_fence(const ChatRequest& request) {
    const auto judged =
        dispatcher_.rule_book()->apply(std::make_shared<ChatRequest>(request), WallTime{});
    const Inventory& inventory = *dispatcher_.inventory();
    std::string places;
    for (DeploymentIndex d = 0; d < inventory.deployments.size(); ++d) {
      ChatRequest cheap = request;  // its own price apart, which the cap below stands for
      cheap.facts = {};
      const bool open = permitted(inventory, d, cheap);
      if (!open) ++barred;
      places += open ? '1' : '0';
    }
    const Digest fence = dispatcher_.rule_book()->fence(*judged);
    const auto [known, fresh] = fences_.emplace(fence, places);
    EXPECT_EQ(known->second, places);
  }

  void act() {
    for (std::size_t i = 0; i < actions_.size(); ++i) {
      const Action action = actions_[i];
      if (const auto* start = std::get_if<StartAttempt>(&action)) {
        ++attempts;
        running_.push_back({start->request, start->attempt});
        const ChatRequest& asked = *asked_[start->request - 1];
        EXPECT_TRUE(permitted(*dispatcher_.inventory(), start->deployment, asked))
            << dispatcher_.inventory()->deployments[start->deployment].name;
      } else if (const auto* stop = std::get_if<CancelAttempt>(&action)) {
        std::erase_if(running_, [stop](const Running& r) {
          return r.request == stop->request && r.attempt == stop->attempt;
        });
      } else if (const auto* timer = std::get_if<SetTimer>(&action)) {
        timers_.erase(timer->request);
        if (timer->when != kNever) timers_[timer->request] = timer->when;
      } else if (const auto* mirror = std::get_if<Mirror>(&action)) {
        ++mirrored;
        check_fence(*mirror->request);
        asked_.push_back(mirror->request);
        dispatcher_.submit(mirror->request, now_, WallTime{}, actions_);
      }
    }
    actions_.clear();
  }

  void answer(std::size_t index) {
    const Running running = running_[index];
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
    dispatcher_.on_outcome(running.request, running.attempt, now_, maker_.outcome(), {}, actions_);
    act();
  }

  void pass() {
    now_ += milliseconds(static_cast<std::int64_t>(1 + maker_.below(5'000)));
    const auto due = timers_;
    for (const auto& [request, when] : due) {
      if (when > now_) continue;
      timers_.erase(request);
      dispatcher_.on_timer(request, now_, actions_);
      act();
    }
  }

  Maker maker_;
  Dispatcher dispatcher_;
  Instant now_{seconds(1'000)};
  Actions actions_;
  std::vector<std::shared_ptr<const ChatRequest>> asked_;
  std::vector<Running> running_;
  std::map<RequestId, Instant> timers_;
  std::map<Digest, std::string> fences_;
};

TEST(Constraints, NoAttemptGoesWhereOneIsAgainst) {
  const char* wanted = std::getenv("LLMROUTE_CONSTRAINT_WORLDS");
  const std::uint64_t worlds = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1'500;
  std::uint64_t attempts = 0, mirrored = 0, barred = 0;
  for (std::uint64_t seed = 0; seed < worlds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Watched watched(seed);
    watched.run();
    attempts += watched.attempts;
    mirrored += watched.mirrored;
    barred += watched.barred;
  }
  // The worlds are worth something.
  EXPECT_GT(attempts, worlds);
  EXPECT_GT(mirrored, worlds / 10);
  EXPECT_GT(barred, worlds);
  RecordProperty("attempts", static_cast<int>(attempts % 1'000'000'000));
}

}  // namespace
}  // namespace llmroute::engine
