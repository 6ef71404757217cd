#include "llmroute/engine/dispatcher.h"

#include <algorithm>
#include <utility>

#include "llmroute/base/text.h"
#include "llmroute/engine/request.h"

namespace llmroute::engine {

namespace {

Failure unknown_model(const Inventory& inventory, const std::string& model) {
  Failure failure;
  failure.kind = ErrorKind::invalid_argument;
  if (model.empty()) {
    failure.message = inventory.groups.empty()
                          ? "the router has no configuration yet"
                          : "name a group or deployment as model: there are several";
    return failure;
  }
  std::vector<std::string_view> names;
  for (const Group& group : inventory.groups) names.push_back(group.name);
  const std::string_view nearest = nearest_name(model, names);
  failure.message = "there is no group or deployment \"" + ellipsize(model, 80) + "\"";
  if (!nearest.empty()) failure.message += "; did you mean \"" + std::string(nearest) + "\"?";
  return failure;
}

// None where all that the request names is there.
std::optional<Failure> unknown_name(const Inventory& inventory, const RequestOptions& options,
                                    std::optional<GroupIndex> group) {
  if (!group) return unknown_model(inventory, options.model);
  if (!options.fallbacks) return std::nullopt;
  const auto checked = check_fallbacks(inventory, *options.fallbacks);
  if (checked) return std::nullopt;
  const Error& error = checked.error();
  Failure failure = make_failure(error.kind, error.path + ": " + error.message);
  if (!error.nearest.empty()) failure.message += "; did you mean \"" + error.nearest + "\"?";
  return failure;
}

// What was counted under names that the new inventory has too.
std::vector<std::uint64_t> kept_counts(const Inventory& before,
                                       const std::vector<std::uint64_t>& counts,
                                       const Inventory& after) {
  std::vector<std::uint64_t> out(after.groups.size());
  for (GroupIndex i = 0; i < counts.size(); ++i) {
    const auto now = after.find_group(before.groups[i].name);
    if (now) out[*now] = counts[i];
  }
  return out;
}

}  // namespace

Dispatcher::Dispatcher(std::uint64_t seed, std::size_t max_in_flight, std::size_t kept_answers)
    : inventory_(std::make_shared<const Inventory>()),
      book_(*policy::RuleBook::make(inventory_)),
      answers_(kept_answers),
      random_(seed),
      max_in_flight_(max_in_flight) {
  planner_.use(ledger_);
}
Dispatcher::~Dispatcher() = default;

Result<void> Dispatcher::configure(InventoryPtr inventory) {
  auto book = policy::RuleBook::make(inventory);
  if (!book) return book.error();
  // Of the others the planner alone can refuse; it changes nothing then.
  auto configured = planner_.configure(inventory);
  if (!configured) return configured.error();
  board_.configure(*inventory);
  ledger_.configure(*inventory);
  budgets_.configure(*inventory);
  queue_.configure(inventory->queue);
  affinity_.configure(*inventory);
  retry_budget_.configure(inventory->resilience.retry_share);
  hedge_budgets_.assign(inventory->groups.size(), {});
  proofs_.assign(inventory->deployments.size(), std::nullopt);
  asked_ = kept_counts(*inventory_, asked_, *inventory);
  answers_.move(*inventory_, *inventory);
  experiments_.configure(*book);
  book_ = std::move(*book);
  inventory_ = std::move(inventory);
  return {};
}

RequestId Dispatcher::submit(std::shared_ptr<const ChatRequest> request, Instant now, WallTime wall,
                             Actions& actions) {
  const RequestId id = next_id_++;
  if (!book_->covers(*request)) request = book_->apply(std::move(request), wall);
  const std::uint64_t seed = request->options.seed.value_or(random_.next());
  const auto group = policy::group_of(*inventory_, *request);
  auto machine = std::make_unique<RequestMachine>(id, request, inventory_, seed, now, wall);
  Surroundings s = surroundings(now, actions);
  count(request->options.model);
  if (auto failure = unknown_name(*inventory_, request->options, group)) {
    machine->refuse(s, std::move(*failure));
  } else if (requests_.size() >= max_in_flight_) {
    machine->refuse(s, make_failure(ErrorKind::capacity,
                                    std::to_string(max_in_flight_) +
                                        " requests are in flight, the most this router takes"));
  } else {
    machine->begin(s, *group);
  }
  if (!machine->finished()) requests_.emplace(id, std::move(machine));
  settle(id, s);
  return id;
}

void Dispatcher::count(const std::string& model) {
  const auto asked = group_asked(*inventory_, model);
  if (asked) ++(model.empty() ? asked_unnamed_ : asked_[*asked]);
}

Surroundings Dispatcher::surroundings(Instant now, Actions& actions) {
  return {inventory_,     {*inventory_, board_, ledger_, budgets_, proofs_, now},
          planner_,       retry_budget_,
          hedge_budgets_, queue_,
          affinity_,      lease_waiters_,
          displaced_,     scratch_,
          finished_,      actions};
}

RequestMachine* Dispatcher::find(RequestId request) {
  const auto found = requests_.find(request);
  return found == requests_.end() ? nullptr : found->second.get();
}

void Dispatcher::settle(RequestId request, Surroundings& s) {
  const auto drop_finished = [this](RequestId id) {
    const auto found = requests_.find(id);
    if (found != requests_.end() && found->second->finished()) requests_.erase(found);
  };
  drop_finished(request);
  while (!displaced_.empty()) {
    const RequestId id = displaced_.back();
    displaced_.pop_back();
    if (RequestMachine* machine = find(id)) machine->displace(s);
    drop_finished(id);
  }
  if (!queue_.empty()) serve_lines(s);
  for (const DecisionPtr& decision : finished_) learn_from(*decision, s.actions);
  finished_.clear();
  for (limits::Budgets::Ask& ask : budgets_.take_asks()) {
    s.actions.push_back(AskStore{ask.number, std::move(ask.wish)});
  }
}

// What policies and experiments make of a request that has ended.
void Dispatcher::learn_from(const Decision& decision, Actions& actions) {
  planner_.learn(decision);
  if (decision.shadow_of.empty()) answers_.remember(decision, *inventory_);
  if (!experiments_.note(decision)) return;
  for (Switched& switched : experiments_.take_switched()) actions.emplace_back(std::move(switched));
}

Result<std::vector<Switched>> Dispatcher::feedback(const std::string& request_id, double score) {
  const auto refused = [&](const std::string& why) {
    return make_error(ErrorKind::invalid_argument, "feedback: " + why);
  };
  if (!(score >= 0 && score <= 1)) return refused("the score must be from 0 to 1");
  Answers::Memo* memo = answers_.find(request_id);
  const std::string named = "request \"" + ellipsize(request_id, 80) + "\"";
  if (memo == nullptr) {
    return refused(named + " is unknown: give the request_id of one of the last " +
                   std::to_string(answers_.most()) +
                   " requests of this router; of an answer from the cache, the request_id in "
                   "decision[\"cache\"][\"answered_by\"]");
  }
  if (!memo->answered) return refused(named + " was not answered: there is nothing to judge");
  const std::optional<double> before = std::exchange(memo->score, score);
  if (!before) experiments_.score(memo->experiments, score);
  if (!memo->group || !memo->deployment) return experiments_.take_switched();  // gone since
  policy::Lesson lesson;
  lesson.deployment = *memo->deployment;
  lesson.request = memo->request;
  lesson.feedback = score;
  lesson.replaced = before;
  planner_.learn(*memo->group, lesson);
  return experiments_.take_switched();
}

void Dispatcher::serve_lines(Surroundings& s) {
  for (const std::string& line : queue_.lines()) {
    while (serve_line(line, s)) {
    }
  }
}

// True where somebody was served, so that the order is another one now.
bool Dispatcher::serve_line(const std::string& line, Surroundings& s) {
  for (const RequestId id : queue_.heads(line)) {
    RequestMachine* machine = find(id);
    if (machine == nullptr) continue;
    if (machine->on_turn(s)) {
      if (machine->finished()) requests_.erase(id);
      return true;
    }
    if (!machine->held_by_itself(s)) return false;
  }
  return false;
}

void Dispatcher::on_content(RequestId request, AttemptId attempt, Instant now, Duration ttft,
                            Actions& actions) {
  RequestMachine* machine = find(request);
  if (machine == nullptr) return;
  Surroundings s = surroundings(now, actions);
  machine->on_content(s, attempt, ttft);
}

void Dispatcher::on_outcome(RequestId request, AttemptId attempt, Instant now, Outcome outcome,
                            std::vector<std::string> dropped, Actions& actions) {
  RequestMachine* machine = find(request);
  if (machine == nullptr) return;
  Surroundings s = surroundings(now, actions);
  machine->on_outcome(s, attempt, std::move(outcome), std::move(dropped));
  settle(request, s);
}

void Dispatcher::on_timer(RequestId request, Instant now, Actions& actions) {
  RequestMachine* machine = find(request);
  if (machine == nullptr) return;
  Surroundings s = surroundings(now, actions);
  machine->on_timer(s);
  settle(request, s);
}

void Dispatcher::cancel(RequestId request, Instant now, Actions& actions) {
  RequestMachine* machine = find(request);
  if (machine == nullptr) return;
  Surroundings s = surroundings(now, actions);
  machine->cancel(s);
  settle(request, s);
}

void Dispatcher::on_lease(std::uint64_t number, const Result<store::Grant>& grant, Instant now,
                          Actions& actions) {
  budgets_.on_lease(number, grant, now);
  Surroundings s = surroundings(now, actions);
  const std::vector<RequestId> waiting = std::exchange(lease_waiters_, {});
  for (const RequestId id : waiting) {
    if (RequestMachine* machine = find(id)) machine->on_lease(s);
    settle(id, s);
  }
  settle(0, s);
}

std::vector<std::pair<std::string, std::int64_t>> Dispatcher::take_unspent() {
  return budgets_.take_unspent();
}

std::vector<std::pair<std::string, std::uint64_t>> Dispatcher::traffic() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  if (asked_unnamed_ > 0) out.emplace_back("", asked_unnamed_);
  for (GroupIndex i = 0; i < asked_.size(); ++i) {
    if (asked_[i] > 0) out.emplace_back(inventory_->groups[i].name, asked_[i]);
  }
  return out;
}

void Dispatcher::pretend(DeploymentIndex deployment, std::uint16_t key, Instant now,
                         const Outcome& outcome) {
  health::Work work;
  board_.on_start(deployment, now, work);
  board_.on_outcome(deployment, key, now, outcome, work);
}

void Dispatcher::note_planned(RequestId request, Duration planned) {
  if (RequestMachine* machine = find(request)) machine->note_planned(planned);
}

void Dispatcher::note_cache(RequestId request, CacheStatus status) {
  if (RequestMachine* machine = find(request)) machine->note_cache(status);
}

DecisionPtr Dispatcher::explain(const ChatRequest& request, Instant now, WallTime wall) {
  Actions nothing;
  Surroundings s = surroundings(now, nothing);
  const auto copy = book_->apply(std::make_shared<const ChatRequest>(request), wall);
  Random peek = random_;  // what the next request would draw; looking must not change it
  const std::uint64_t seed = request.options.seed.value_or(peek.next());
  RequestMachine machine(0, copy, inventory_, seed, now, wall);
  const auto group = policy::group_of(*inventory_, *copy);
  DecisionPtr decision;
  auto failure = unknown_name(*inventory_, copy->options, group);
  if (!failure) {
    decision = machine.explain(s, *group);
  } else {
    machine.refuse(s, std::move(*failure));
    decision = std::get<Finish>(nothing.back()).decision;
  }
  finished_.clear();  // nobody learns from what was only explained
  return decision;
}

}  // namespace llmroute::engine
