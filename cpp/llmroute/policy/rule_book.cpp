#include "llmroute/policy/rule_book.h"

#include <algorithm>
#include <utility>

#include "llmroute/base/stable_hash.h"

namespace llmroute::policy {

namespace {

// The body with those of the defaults that its caller did not give; the rest of it as it came.
void add_defaults(const std::vector<SamplingDefault>& defaults, ChatRequest& out) {
  const std::string_view body = out.body;
  const std::size_t end = body.rfind('}');
  if (end == std::string_view::npos) return;  // no body: only explained
  std::string added;
  ParameterSet& given = out.facts.parameters;
  const auto has = [&given](Parameter p) { return given.test(static_cast<std::size_t>(p)); };
  const bool bounded = has(Parameter::max_tokens) || has(Parameter::max_completion_tokens);
  for (const SamplingDefault& one : defaults) {
    const bool bound =
        one.parameter == Parameter::max_tokens || one.parameter == Parameter::max_completion_tokens;
    if (has(one.parameter) || (bound && bounded)) continue;
    added.append(",\"").append(slug(one.parameter)).append("\":").append(one.json);
    if (bound) out.facts.max_output_tokens = Tokens{std::stoll(one.json)};
    given.set(static_cast<std::size_t>(one.parameter));
  }
  if (added.empty()) return;
  std::string text;
  text.reserve(body.size() + added.size());
  text.append(body.substr(0, end)).append(added).append(body.substr(end));
  out.body = std::move(text);
}

// What the caller lists was meant to come behind the place that the caller asked for.
void drop_list(const Rule& rule, RequestOptions& options) {
  if (!options.fallbacks) return;
  options.fallbacks.reset();
  options.notes.push_back("fallbacks: rule \"" + rule.name +
                          "\" says where it goes, so those of the request do not count");
}

void take_effect(Effect effect, const Rule& rule, std::uint32_t index, Ruling& ruling,
                 ChatRequest& out) {
  RequestOptions& options = out.options;
  switch (effect) {
    case Effect::route:
      if (rule.route->kind == Destination::Kind::group) {
        ruling.group = rule.route->group;
        drop_list(rule, options);
      } else {
        ruling.refusal = &*rule.route;
        ruling.refused_by = index;
      }
      break;
    case Effect::policy:
      ruling.policy = &*rule.policy;
      ruling.policy_rule = index;
      break;
    case Effect::budget: options.rule_budget = rule.budget; break;
    case Effect::deadline:
      options.deadline = std::min(options.deadline.value_or(*rule.deadline), *rule.deadline);
      break;
    case Effect::priority: options.priority = *rule.priority; break;
    case Effect::defaults:
      // They are parameters of a chat.
      if (out.operation == Operation::chat) add_defaults(rule.defaults, out);
      break;
  }
}

// What stays in one arm; nothing where the request has no such thing.
std::string_view unit_of(const Experiment& experiment, const ChatRequest& request) {
  switch (experiment.unit) {
    case Experiment::Unit::request: return request.id;
    case Experiment::Unit::conversation: return request.options.conversation;
    case Experiment::Unit::metadata: break;
  }
  return find_metadata(request.options.metadata, experiment.key);
}

}  // namespace

std::uint32_t draw_arm(const Experiment& experiment, std::string_view unit) {
  const double at = fraction_of(stable_hash(unit, stable_hash(experiment.salt)));
  double sum = 0;
  std::uint32_t last = 0;  // with a share
  for (std::uint32_t i = 0; i < experiment.arms.size(); ++i) {
    if (experiment.arms[i].share <= 0) continue;
    last = i;
    sum += experiment.arms[i].share;
    if (at < sum) return i;
  }
  return last;  // shares may add up to a little less than 1
}

std::optional<GroupIndex> group_of(const Inventory& inventory, const ChatRequest& request) {
  if (request.ruling && request.ruling->inventory.get() == &inventory) return request.ruling->group;
  // A copy whose experiment is gone has no place to go to.
  if (!request.options.shadow_by.empty()) return std::nullopt;
  return group_asked(inventory, request.options.model);
}

RuleBook::RuleBook(InventoryPtr inventory)
    : inventory_(std::move(inventory)),
      fences_(*inventory_),
      switches_(std::make_unique<ArmSwitches>(inventory_->experiments.size())) {}

Result<RuleBookPtr> RuleBook::make(InventoryPtr inventory) {
  std::shared_ptr<RuleBook> book(new RuleBook(std::move(inventory)));
  if (auto compiled = book->compile(); !compiled) return compiled.error();
  return RuleBookPtr(std::move(book));
}

Result<void> RuleBook::compile() {
  const auto indexed = [](const char* list, std::size_t i, const char* key) {
    return std::string(list) + "[" + std::to_string(i) + "]." + key;
  };
  for (std::size_t i = 0; i < inventory_->rules.size(); ++i) {
    auto id = conditions_.add(inventory_->rules[i].when, indexed("rules", i, "when"));
    if (!id) return id.error();
    rules_.push_back(*id);
  }
  for (std::size_t i = 0; i < inventory_->constraints.size(); ++i) {
    const Constraint& constraint = inventory_->constraints[i];
    Bounds& bounds = constraints_.emplace_back();
    const auto add = [&](const std::optional<Condition>& condition, const char* key,
                         std::optional<Conditions::Id>& target) -> Result<void> {
      if (!condition) return {};
      auto id = conditions_.add(*condition, indexed("constraints", i, key));
      if (!id) return id.error();
      target = *id;
      return {};
    };
    if (auto added = add(constraint.when, "when", bounds.when); !added) return added;
    if (auto added = add(constraint.unless, "unless", bounds.unless); !added) return added;
  }
  return conditions_.finish();
}

std::shared_ptr<const ChatRequest> RuleBook::apply(std::shared_ptr<const ChatRequest> request,
                                                   WallTime wall) const {
  if (request->ruling) request = request->ruling->asked;
  if (empty()) return request;
  auto ruling = std::make_shared<Ruling>();
  ruling->inventory = inventory_;
  ruling->asked = request;
  auto out = std::make_shared<ChatRequest>(*request);
  Subject subject(*request, wall, conditions_.keywords());
  if (request->options.shadow_by.empty()) {
    ruling->group = group_asked(*inventory_, request->options.model);
    follow_rules(subject, *ruling, *out);
    run_experiments(*request, *ruling);
  } else {
    take_copy(request->options.shadow_by, *ruling);
  }
  close_doors(subject, *ruling);
  out->ruling = std::move(ruling);
  return out;
}

void RuleBook::follow_rules(Subject& subject, Ruling& ruling, ChatRequest& out) const {
  EffectSet decided, would;
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = inventory_->rules[i];
    if (rule.mode == RuleMode::off || conditions_.holds(rules_[i], subject) != Truth::yes) continue;
    const EffectSet effects = rule.effects();
    if (rule.mode == RuleMode::observe) {
      ruling.rules.push_back({i, effects & ~decided & ~would, true});
      would |= effects;
      continue;
    }
    const EffectSet fresh = effects & ~decided;
    ruling.rules.push_back({i, fresh, false});
    for (std::size_t effect = 0; effect < fresh.size(); ++effect) {
      if (fresh.test(effect)) take_effect(static_cast<Effect>(effect), rule, i, ruling, out);
    }
    decided |= effects;
  }
}

void RuleBook::run_experiments(const ChatRequest& asked, Ruling& ruling) const {
  if (ruling.refusal != nullptr) return;
  for (std::uint32_t i = 0; i < inventory_->experiments.size(); ++i) {
    const Experiment& experiment = inventory_->experiments[i];
    if (experiment.mode == RuleMode::off || ruling.group != experiment.group) continue;
    const std::string_view unit = unit_of(experiment, asked);
    if (unit.empty()) continue;
    ExperimentRecord record;
    record.experiment = i;
    record.arm = draw_arm(experiment, unit);
    const std::int32_t forced = switches_->at(i);
    if (forced != ArmSwitches::kAsDrawn && static_cast<std::uint32_t>(forced) != record.arm) {
      record.arm = static_cast<std::uint32_t>(forced);
      record.intended = false;
    }
    const Arm& arm = experiment.arms[record.arm];
    record.probability = arm.share;
    record.acted_on = experiment.mode == RuleMode::apply;
    ruling.experiments.push_back(record);
    if (!record.acted_on || !arm.group) continue;
    if (experiment.kind == ExperimentKind::shadow) {
      if (!ruling.shadow) {
        ruling.shadow = static_cast<std::uint32_t>(ruling.experiments.size() - 1);
      }
    } else {
      ruling.group = *arm.group;
    }
  }
}

void RuleBook::take_copy(const std::string& experiment, Ruling& ruling) const {
  for (std::uint32_t i = 0; i < inventory_->experiments.size(); ++i) {
    const Experiment& known = inventory_->experiments[i];
    if (known.name != experiment || known.kind != ExperimentKind::shadow) continue;
    ruling.group = known.arms[1].group;
    ruling.experiments.push_back({i, 1, known.arms[1].share, true, true});
  }
}

void RuleBook::close_doors(Subject& subject, Ruling& ruling) const {
  for (std::uint32_t i = 0; i < constraints_.size(); ++i) {
    const Bounds& bounds = constraints_[i];
    const Truth when = bounds.when ? conditions_.holds(*bounds.when, subject) : Truth::yes;
    if (when == Truth::no) continue;
    const Truth unless = bounds.unless ? conditions_.holds(*bounds.unless, subject) : Truth::no;
    if (unless == Truth::yes) continue;
    ruling.constraints.push_back({i, when == Truth::unknown || unless == Truth::unknown});
    fences_.close(i, ruling);
  }
}

Digest RuleBook::fence(const ChatRequest& request) const {
  return request.ruling ? fences_.digest(*request.ruling) : Digest{};
}

}  // namespace llmroute::policy
