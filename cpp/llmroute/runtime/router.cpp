#include "llmroute/runtime/router.h"

#include <atomic>
#include <optional>

#include "llmroute/base/text.h"
#include "llmroute/runtime/driver.h"
#include "llmroute/runtime/notices.h"
#include "llmroute/runtime/state.h"
#include "llmroute/wire/json.h"

namespace llmroute::runtime {

namespace {

struct Command {
  enum class Kind : std::uint8_t { submit, cancel, resume };
  Kind kind = Kind::submit;
  std::size_t bytes = 0;
  Submission submission;
};

class SignalMembers final : public health::NumberSink {
 public:
  explicit SignalMembers(wire::JsonWriter& out) : out_(out) {}
  void number(std::string_view name, double value) override { out_.key(name).number(value); }

 private:
  wire::JsonWriter& out_;
};

}  // namespace

class Router::Impl {
 public:
  Impl(const RouterOptions& options, const Clock& clock)
      : options_(options), clock_(clock), brain_(options.seed) {}
  ~Impl() { close(); }

  Result<void> configure(InventoryPtr inventory) {
    if (state_ && inventory->state.path != state_->path()) {
      return make_error(ErrorKind::config,
                        "state.path cannot change while the router runs; make a new one",
                        "state.path");
    }
    auto keys = std::make_shared<KeyRing>(*inventory);
    {
      const std::lock_guard lock(brain_.mutex);
      if (auto done = brain_.dispatcher.configure(inventory); !done) return done;
      brain_.keys = std::move(keys);
      cache_.configure(std::move(inventory));
    }
    post([this] { driver_->reconfigured(); });
    return {};
  }

  // Separate from the constructor, so that neither file nor thread comes from a configuration that
  // is refused.
  Result<void> start() {
    auto state = State::open(inventory()->state, options_.store, notices_);
    if (!state) return state.error();
    state_ = std::move(*state);
    restore_experiments();
    loop_.emplace(clock_, "llmroute");
    driver_.emplace(*loop_, brain_, *state_, cache_);
    loop_->post([this] {
      driver_->start();
      driver_->reconfigured();
    });
    return {};
  }

  Ticket submit(std::shared_ptr<const ChatRequest> request,
                std::shared_ptr<CompletionQueue> queue) {
    Command command;
    const Ticket ticket = next_ticket_.fetch_add(1, std::memory_order_relaxed);
    const policy::RuleBookPtr book = rule_book();
    if (!book->covers(*request)) request = book->apply(std::move(request), clock_.wall_now());
    if (answer_from_cache(ticket, *request, *book, *queue, command.submission.cache)) {
      return ticket;
    }
    command.submission.ticket = ticket;
    command.submission.request = std::move(request);
    command.submission.queue = std::move(queue);
    refresh_keys();
    const auto before = brain_.in_flight.fetch_add(1, std::memory_order_relaxed);
    if (before >= static_cast<std::int64_t>(options_.max_in_flight)) {
      refuse(command.submission, ErrorKind::capacity,
             std::to_string(options_.max_in_flight) +
                 " requests are in flight already; wait for some, or raise max_in_flight");
    } else {
      send(std::move(command));
    }
    return ticket;
  }

  void submit_unwatched(std::shared_ptr<const ChatRequest> request,
                        std::function<void(const Decision&)> watch) {
    Command command;
    command.submission.ticket = next_ticket_.fetch_add(1, std::memory_order_relaxed);
    command.submission.request = rule_book()->apply(std::move(request), clock_.wall_now());
    command.submission.watch = std::move(watch);
    const auto before = brain_.in_flight.fetch_add(1, std::memory_order_relaxed);
    if (before >= static_cast<std::int64_t>(options_.max_in_flight)) {
      brain_.in_flight.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    refresh_keys();
    send(std::move(command));
  }

  void set_mirror(std::shared_ptr<Mirror> mirror) {
    const std::lock_guard lock(brain_.mutex);
    brain_.mirror.swap(mirror);
  }
  std::shared_ptr<Mirror> mirror() const {
    const std::lock_guard lock(brain_.mutex);
    return brain_.mirror;
  }

  void send(Command command) {
    bool first = false;
    {
      const std::lock_guard lock(inbox_mutex_);
      if (!closed_) {
        first = inbox_.empty();
        inbox_.push_back(std::move(command));
        if (first) loop_->post([this] { read_inbox(); });
        return;
      }
    }
    if (command.kind == Command::Kind::submit) {
      refuse(command.submission, ErrorKind::closed, "the router is closed; make a new one");
    }
  }

  Result<void> feedback(const std::string& request_id, double score) {
    std::vector<engine::Switched> news;
    {
      const std::lock_guard lock(brain_.mutex);
      auto done = brain_.dispatcher.feedback(request_id, score);
      if (!done) return done.error();
      news = std::move(*done);
    }
    for (engine::Switched& switched : news) state_->remember(std::move(switched));
    return {};
  }

  Result<void> switch_experiment(std::string_view name, std::string_view arm,
                                 std::string_view reason) {
    std::optional<engine::Switched> switched;
    {
      const std::lock_guard lock(brain_.mutex);
      auto done = brain_.dispatcher.experiments().switch_to(name, arm, reason);
      if (!done) return done.error();
      switched = std::move(*done);
    }
    state_->remember(std::move(*switched));
    return {};
  }

  void close() {
    const std::lock_guard closing(close_mutex_);
    {
      const std::lock_guard lock(inbox_mutex_);
      if (closed_) return;
      closed_ = true;
    }
    if (!loop_) return;
    loop_->post([this] {
      read_inbox();
      driver_->close();
    });
    loop_->stop();
    close_state();
    driver_.reset();
    loop_.reset();
    set_mirror(nullptr);
  }

  void refresh_keys() {
    const auto ring = keys();
    renew(*ring, ring->refresh(clock_.now(), !clock_.runs_by_itself()));
  }

  void set_secret(health::PoolKey key, Secret value) {
    const auto ring = keys();
    if (ring->set(key.deployment, key.key, std::move(value))) renew(*ring, {key});
  }

  // A provider may have refused what they were before.
  void renew(const KeyRing& ring, const std::vector<health::PoolKey>& changed) {
    if (changed.empty()) return;
    const std::lock_guard lock(brain_.mutex);
    if (brain_.keys.get() != &ring) return;  // of a configuration that has gone
    for (const health::PoolKey key : changed) brain_.dispatcher.renew_key(key, clock_.now());
  }

  std::shared_ptr<KeyRing> keys() const {
    const std::lock_guard lock(brain_.mutex);
    return brain_.keys;
  }
  InventoryPtr inventory() const {
    const std::lock_guard lock(brain_.mutex);
    return brain_.dispatcher.inventory();
  }
  policy::RuleBookPtr rule_book() const {
    const std::lock_guard lock(brain_.mutex);
    return brain_.dispatcher.rule_book();
  }
  std::size_t in_flight() const {
    return static_cast<std::size_t>(brain_.in_flight.load(std::memory_order_relaxed));
  }
  bool closed() const {
    const std::lock_guard lock(inbox_mutex_);
    return closed_;
  }
  void poke() {
    const std::lock_guard lock(inbox_mutex_);
    if (!closed_) loop_->poke();
  }

  const Clock& clock() const { return clock_; }
  ReplyCache& cache() { return cache_; }
  Brain& brain() { return brain_; }
  Notices& notices() { return notices_; }
  std::shared_ptr<store::StateStore> store() const { return state_ ? state_->store() : nullptr; }

 private:
  void post(net::Loop::Task task) {
    const std::lock_guard lock(inbox_mutex_);
    if (!closed_ && loop_) loop_->post(std::move(task));
  }

  void close_state() {
    std::vector<std::pair<std::string, std::int64_t>> unspent;
    {
      const std::lock_guard lock(brain_.mutex);
      unspent = brain_.dispatcher.take_unspent();
    }
    state_->give_back(std::move(unspent));
    state_->stop(defaults::kStoreDrain);
  }

  // Arms that were rolled back or promoted stay so over a restart; without an answer they begin anew.
  void restore_experiments() {
    constexpr std::size_t kMost = 1'000;
    const auto store = state_->store();
    if (inventory()->experiments.empty() || store == nullptr) return;
    const auto kept = store->scan(State::kExperiments, clock_.wall_now(), kMost);
    state_->heard(kept);
    if (!kept) return;
    const std::lock_guard lock(brain_.mutex);
    for (const auto& [key, state] : *kept) {
      const auto name = std::string_view(key).substr(State::kExperiments.size());
      brain_.dispatcher.experiments().restore(name, state);
    }
  }

  // On the caller's thread, without a word to the loop's.
  bool answer_from_cache(Ticket ticket, const ChatRequest& request, const policy::RuleBook& book,
                         CompletionQueue& queue, CachePlan& plan) {
    const Instant asked = clock_.now();
    plan = cache_.plan(request, book);
    if (!plan.look || closed()) return false;
    auto answer = cache_.answer(plan, ticket, request, asked, clock_);
    if (!answer) return false;
    queue.push(std::move(*answer));
    return true;
  }

  void read_inbox() {
    {
      const std::lock_guard lock(inbox_mutex_);
      reading_.swap(inbox_);
    }
    for (Command& command : reading_) {
      switch (command.kind) {
        case Command::Kind::submit: driver_->submit(std::move(command.submission)); break;
        case Command::Kind::cancel: driver_->cancel(command.submission.ticket); break;
        case Command::Kind::resume:
          driver_->resume(command.submission.ticket, command.bytes);
          break;
      }
    }
    reading_.clear();
  }

  void refuse(const Submission& submission, ErrorKind kind, std::string message) {
    brain_.in_flight.fetch_sub(1, std::memory_order_relaxed);
    if (!submission.queue) return;
    submission.queue->push(
        Driver::refusal(submission, inventory(), kind, std::move(message), clock_.wall_now()));
  }

  const RouterOptions options_;
  const Clock& clock_;
  Brain brain_;
  ReplyCache cache_;
  std::atomic<Ticket> next_ticket_{1};
  mutable std::mutex inbox_mutex_;
  std::vector<Command> inbox_;    // guarded by inbox_mutex_
  bool closed_ = false;           // guarded by inbox_mutex_
  std::vector<Command> reading_;  // loop thread
  std::mutex close_mutex_;
  Notices notices_;
  std::unique_ptr<State> state_;
  std::optional<net::Loop> loop_;
  std::optional<Driver> driver_;
};

Router::Router(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Router::~Router() = default;

Result<std::unique_ptr<Router>> Router::create(InventoryPtr inventory, RouterOptions options) {
  const Clock& clock = options.clock != nullptr ? *options.clock : system_clock();
  auto impl = std::make_unique<Impl>(options, clock);
  if (auto done = impl->configure(std::move(inventory)); !done) return done.error();
  if (auto done = impl->start(); !done) return done.error();
  return std::unique_ptr<Router>(new Router(std::move(impl)));
}

Ticket Router::submit(std::shared_ptr<const ChatRequest> request,
                      std::shared_ptr<CompletionQueue> queue) {
  return impl_->submit(std::move(request), std::move(queue));
}

void Router::submit_unwatched(std::shared_ptr<const ChatRequest> request,
                              std::function<void(const Decision&)> watch) {
  if (impl_) impl_->submit_unwatched(std::move(request), std::move(watch));
}

void Router::set_mirror(std::shared_ptr<Mirror> mirror) { impl_->set_mirror(std::move(mirror)); }
std::shared_ptr<Mirror> Router::mirror() const { return impl_->mirror(); }

void Router::cancel(Ticket ticket) {
  if (!impl_) return;  // abandoned
  Command command;
  command.kind = Command::Kind::cancel;
  command.submission.ticket = ticket;
  impl_->send(std::move(command));
}

void Router::resume(Ticket ticket, std::size_t bytes) {
  if (!impl_) return;
  Command command;
  command.kind = Command::Kind::resume;
  command.bytes = bytes;
  command.submission.ticket = ticket;
  impl_->send(std::move(command));
}

std::shared_ptr<const ChatRequest> Router::judged(
    std::shared_ptr<const ChatRequest> request) const {
  return impl_->rule_book()->apply(std::move(request), impl_->clock().wall_now());
}

std::vector<std::string> Router::scores() const { return impl_->rule_book()->scores(); }

DecisionPtr Router::explain(const ChatRequest& request) const {
  Brain& brain = impl_->brain();
  const std::lock_guard lock(brain.mutex);
  return brain.dispatcher.explain(request, impl_->clock().now(), impl_->clock().wall_now());
}

std::vector<CandidateView> Router::candidates(const ChatRequest& request) const {
  Brain& brain = impl_->brain();
  const Instant now = impl_->clock().now();
  const std::lock_guard lock(brain.mutex);
  return engine::candidate_views(brain.dispatcher, request, now, impl_->clock().wall_now());
}

Result<void> Router::feedback(const std::string& request_id, double score) {
  return impl_->feedback(request_id, score);
}

Result<void> Router::report_load(std::string_view deployment, const LoadReading& reading,
                                 Duration valid) {
  if (!reading.any()) {
    return make_error(ErrorKind::invalid_argument, "says nothing; give at least one number");
  }
  for (std::size_t i = 0; i < reading.values.size(); ++i) {
    const auto gauge = static_cast<LoadGauge>(i);
    if (!reading.values[i] || plausible(gauge, *reading.values[i])) continue;
    const bool share = gauge == LoadGauge::kv_cache || gauge == LoadGauge::utilisation;
    return make_error(ErrorKind::invalid_argument,
                      share ? "must be from 0 to 1" : "must be 0 or more",
                      std::string(slug(gauge)));
  }
  if (valid <= Duration::zero()) {
    return make_error(ErrorKind::invalid_argument, "must be more than 0", "valid_ms");
  }
  Brain& brain = impl_->brain();
  const std::lock_guard lock(brain.mutex);
  const auto index = brain.dispatcher.inventory()->find_deployment(deployment);
  if (!index) {
    return make_error(ErrorKind::invalid_argument,
                      "unknown deployment \"" + ellipsize(deployment, 60) + "\"", "deployment");
  }
  brain.dispatcher.report_load(*index, impl_->clock().now(), reading, valid);
  return {};
}

std::string Router::health_json() const {
  Brain& brain = impl_->brain();
  const Instant now = impl_->clock().now();
  std::string text;
  wire::JsonWriter out(text);
  out.begin_object();
  const std::lock_guard lock(brain.mutex);
  const health::Board& board = brain.dispatcher.board();
  const auto& deployments = brain.dispatcher.inventory()->deployments;
  for (DeploymentIndex i = 0; i < deployments.size(); ++i) {
    const Reason reason = board.admit(i, now).reason;
    out.key(deployments[i].name).begin_object();
    out.key("usable").boolean(reason == Reason::kept);
    out.key("reason").string(slug(reason));
    SignalMembers sink(out);
    board.describe(i, now, sink);
    out.end_object();
  }
  out.end_object();
  return text;
}

std::vector<std::pair<std::string, std::uint64_t>> Router::traffic() const {
  const std::lock_guard lock(impl_->brain().mutex);
  return impl_->brain().dispatcher.traffic();
}

void Router::pretend(DeploymentIndex deployment, const Failure& failure, std::size_t most) {
  Outcome outcome;
  outcome.failure = failure;
  const Instant now = impl_->clock().now();
  const std::lock_guard lock(impl_->brain().mutex);
  engine::Dispatcher& dispatcher = impl_->brain().dispatcher;
  const std::size_t keys = dispatcher.inventory()->deployments[deployment].keys.size();
  for (std::size_t i = 0; i < most; ++i) {
    if (dispatcher.board().admit(deployment, now).reason != Reason::kept) return;
    const std::size_t key = keys == 0 ? 0 : i % keys;
    dispatcher.pretend(deployment, static_cast<std::uint16_t>(key), now, outcome);
  }
}

Result<void> Router::switch_experiment(std::string_view name, std::string_view arm,
                                       std::string_view reason) {
  return impl_->switch_experiment(name, arm, reason);
}

std::string Router::experiments_json() const {
  Brain& brain = impl_->brain();
  const std::lock_guard lock(brain.mutex);
  return brain.dispatcher.experiments().json();
}

void Router::clear_cache() { impl_->cache().clear(); }
CacheStats Router::cache_stats() const { return impl_->cache().stats(); }

InventoryPtr Router::inventory() const { return impl_->inventory(); }

Result<void> Router::configure(InventoryPtr inventory) {
  return impl_->configure(std::move(inventory));
}

void Router::set_secret(DeploymentIndex deployment, std::size_t key, Secret value) {
  impl_->set_secret({deployment, static_cast<std::uint16_t>(key)}, std::move(value));
}

void Router::poke() { impl_->poke(); }
std::size_t Router::in_flight() const { return impl_->in_flight(); }
bool Router::closed() const { return impl_->closed(); }
std::vector<std::string> Router::take_notices() {
  if (!impl_) return {};  // abandoned
  return impl_->notices().take();
}
std::shared_ptr<store::StateStore> Router::store() const {
  return impl_ ? impl_->store() : nullptr;
}
void Router::close() { impl_->close(); }

void Router::abandon() {
  // Neither joined nor unlocked: the thread and whoever held a lock do not exist in this process.
  [[maybe_unused]] Impl* left_behind = impl_.release();
}

}  // namespace llmroute::runtime
