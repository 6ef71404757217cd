#include "llmroute/sim/simulator.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "llmroute/engine/dispatcher.h"
#include "llmroute/sim/callers.h"
#include "llmroute/sim/measures.h"
#include "llmroute/sim/provider.h"

namespace llmroute::sim {

namespace {

using engine::AttemptId;
using engine::RequestId;

constexpr Instant kStart{seconds(1'000)};
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kLookEvery = 1 << 14;  // events between two questions whether to go on

enum class Happening : std::uint8_t { content, end, timer, price, store };

struct Event {
  Instant at;
  std::uint64_t order;  // of two at the same time the one that was planned first
  Happening what;
  std::uint32_t subject;  // attempt slot; request for timer; deployment for price; what was asked
  std::uint32_t stamp;    // an event whose subject has moved on since is nothing
  bool operator>(const Event& o) const { return at != o.at ? at > o.at : order > o.order; }
};

// An attempt under way, in a slot that is used again.
struct Call {
  RequestId request = 0;
  AttemptId attempt = 0;
  DeploymentIndex deployment = 0;
  std::uint32_t stamp = 0;
  bool served = false;   // holds a place at the provider
  bool waiting = false;  // stands in its line
  Instant started{};
  Instant content_at = kNever;
  Duration limit_first{}, limit_whole{};
  std::optional<Failure> failure;
  Random chance{0};
};

struct Asked {  // what is kept per request, mirrored ones included; by its id
  std::uint32_t row = 0;
  bool mirrored = false;
  std::uint32_t timer_stamp = 0;
  std::array<std::uint32_t, 2> calls = {kNone, kNone};
};

class Simulator {
 public:
  Simulator(InventoryPtr inventory, const World& world, const Traffic& traffic, std::uint64_t seed,
            const Hooks& hooks)
      : inventory_(std::move(inventory)),
        world_(world),
        traffic_(traffic),
        seed_(seed),
        hooks_(hooks),
        dispatcher_(seed, std::numeric_limits<std::size_t>::max(), 0),
        measures_(world, inventory_->deployments),
        callers_(traffic.labels) {
    for (const Deployment& deployment : inventory_->deployments) {
      providers_.emplace_back(world.of(deployment.name), kStart);
      report_.deployments.push_back(deployment.name);
    }
    report_.tenants = callers_.tenants();
    asked_.reserve(traffic.rows.size());
    report_.columns.resize(traffic.rows.size());
  }

  llmroute::Result<Report> run() {
    if (auto done = dispatcher_.configure(inventory_); !done) return done.error();
    plan_prices();
    std::size_t next = 0;
    std::uint64_t seen = 0;
    while (next < traffic_.rows.size() || !events_.empty()) {
      if (hooks_.keep_going && ++seen % kLookEvery == 0 && !hooks_.keep_going()) {
        return make_error(ErrorKind::cancelled, "the simulation was interrupted");
      }
      const Instant due = next < traffic_.rows.size() ? kStart + traffic_.rows[next].at : kNever;
      if (due <= next_event()) {
        now_ = std::max(now_, due);
        submit(next++);
      } else {
        const Event event = events_.top();
        events_.pop();
        now_ = std::max(now_, event.at);
        handle(event);
      }
    }
    end_the_rest();
    count_what_is_left();
    return std::move(report_);
  }

 private:
  Instant next_event() const { return events_.empty() ? kNever : events_.top().at; }

  void plan(Instant at, Happening what, std::uint32_t subject, std::uint32_t stamp) {
    events_.push({at, ++order_, what, subject, stamp});
  }

  // --- what happens -------------------------------------------------------------------------------

  void submit(std::size_t index) {
    const TrafficRow& row = traffic_.rows[index];
    auto request = make_request(traffic_, row, inventory_->cache.affinity.has_value());
    report_.columns.at_ms[index] = to_ms(row.at);
    report_.columns.tenant[index] = callers_.tenant(row.labels);
    report_.columns.priority[index] = row.priority;
    if (request->id.empty()) request->id = std::to_string(index + 1);
    const WallTime wall = traffic_.start + (now_ - kStart);
    if (hooks_.choose) {
      request->body = Body(std::string_view(R"({"messages":[]})"), nullptr);
      hooks_.choose(request, inventory_,
                    engine::candidate_views(dispatcher_, *request, now_, wall));
    }
    asked_.emplace_back().row = static_cast<std::uint32_t>(index);
    dispatcher_.submit(std::move(request), now_, wall, actions_);
    act();
  }

  const TrafficRow& row_of(RequestId request) const {
    return traffic_.rows[asked_[request - 1].row];
  }

  void handle(const Event& event) {
    switch (event.what) {
      case Happening::content:
        if (calls_[event.subject].stamp == event.stamp) on_content(event.subject);
        break;
      case Happening::end:
        if (calls_[event.subject].stamp == event.stamp) on_end(event.subject);
        break;
      case Happening::timer:
        if (asked_[event.subject].timer_stamp == event.stamp) {
          dispatcher_.on_timer(event.subject + 1, now_, actions_);
          act();
        }
        break;
      case Happening::price: change_price(event.subject, event.stamp); break;
      case Happening::store: answer_from_store(event.subject); break;
    }
  }

  void on_content(std::uint32_t slot) {
    Call& call = calls_[slot];
    call.content_at = now_;
    dispatcher_.on_content(call.request, call.attempt, now_, now_ - call.started, actions_);
    act();
  }

  void on_end(std::uint32_t slot) {
    Call& call = calls_[slot];
    Outcome outcome;
    outcome.total = now_ - call.started;
    outcome.failure = std::move(call.failure);
    if (call.content_at != kNever) {
      outcome.ttft = call.content_at - call.started;
    } else if (!outcome.failure) {
      outcome.ttft = outcome.total;  // a whole reply comes all at once
    }
    if (!outcome.failure) {
      const TrafficRow& row = row_of(call.request);
      outcome.usage.input = Tokens{row.prompt_tokens};
      outcome.usage.output = Tokens{row.answer_tokens()};
      outcome.usage.reported = true;
    }
    const RequestId request = call.request;
    const AttemptId attempt = call.attempt;
    release(slot);
    if (hooks_.on_outcome) hooks_.on_outcome(request, attempt, now_ - kStart);
    dispatcher_.on_outcome(request, attempt, now_, std::move(outcome), {}, actions_);
    act();
  }

  // --- what the engine asks for ---------------------------------------------------------------------

  void act() {
    for (std::size_t i = 0; i < actions_.size(); ++i) {
      if (hooks_.on_action) hooks_.on_action(actions_[i], now_ - kStart);
      // A copy: what it brings may move the others.
      engine::Action action = std::move(actions_[i]);
      std::visit([this](auto& one) { execute(one); }, action);
    }
    actions_.clear();
  }

  void execute(const engine::StartAttempt& start) {
    const std::uint32_t slot = acquire();
    Call& call = calls_[slot];
    call.request = start.request;
    call.attempt = start.attempt;
    call.deployment = start.deployment;
    call.started = now_;
    call.content_at = kNever;
    call.failure.reset();
    call.limit_first = traffic_.stream ? start.timeouts.ttft : Duration::zero();
    call.limit_whole = start.timeouts.attempt;
    call.chance = Random(mix64(seed_ ^ mix64(start.request)) ^
                         mix64((std::uint64_t{start.deployment} << 32) | start.attempt));
    auto& mine = asked_[start.request - 1].calls;
    (mine[0] == kNone ? mine[0] : mine[1]) = slot;
    Provider& provider = providers_[start.deployment];
    if (const auto refused = provider.refuse(now_, call.chance)) {
      begin(slot, *refused);
    } else if (provider.enter()) {
      serve(slot);
    } else {
      call.waiting = true;
      provider.wait_in_line(slot);
      begin(slot, hanging());  // its time limits hold in the line as well
    }
  }

  void execute(const engine::CancelAttempt& cancel) {
    for (const std::uint32_t slot : asked_[cancel.request - 1].calls) {
      if (slot != kNone && calls_[slot].attempt == cancel.attempt) {
        release(slot);
        return;
      }
    }
  }

  void execute(const engine::SetTimer& timer) {
    const auto index = static_cast<std::uint32_t>(timer.request - 1);
    const std::uint32_t stamp = ++asked_[index].timer_stamp;
    if (timer.when != kNever) plan(timer.when, Happening::timer, index, stamp);
  }

  void execute(const engine::EmitRestart&) {}
  void execute(const engine::Switched&) {}  // its report shows it

  void execute(engine::AskStore& ask) {
    plan(now_ + world_.store, Happening::store, static_cast<std::uint32_t>(asks_.size()), 0);
    asks_.push_back(std::move(ask));
  }

  void execute(engine::Mirror& mirror) {
    Asked& asked = asked_.emplace_back();
    asked.row = asked_[mirror.of - 1].row;
    asked.mirrored = true;
    const WallTime wall = traffic_.start + (now_ - kStart);
    dispatcher_.submit(std::move(mirror.request), now_, wall, actions_);
  }

  void execute(const engine::Finish& finish) {
    if (asked_[finish.request - 1].mirrored) return;
    const std::size_t row = asked_[finish.request - 1].row;
    const Decision& decision = *finish.decision;
    report_.columns.set(row, decision);
    report_.columns.quality[row] =
        measures_.quality(decision, callers_.task(traffic_.rows[row].labels));
    report_.columns.carbon_g[row] = measures_.carbon_g(decision);
  }

  // --- attempts -----------------------------------------------------------------------------------

  static Service hanging() {
    Service service;
    service.hangs = true;
    return service;
  }

  void serve(std::uint32_t slot) {
    Call& call = calls_[slot];
    call.served = true;
    const std::int32_t output = row_of(call.request).answer_tokens();
    begin(slot, providers_[call.deployment].serve(now_, call.chance, output));
  }

  // Plans the end of an attempt, by itself or by a time limit, whichever comes first.
  void begin(std::uint32_t slot, const Service& service) {
    Call& call = calls_[slot];
    const auto limit = [&call](Duration most) {
      return most > Duration::zero() ? call.started + most : kNever;
    };
    const Instant content = service.hangs || !service.content ? kNever : now_ + service.first;
    const Instant end = service.hangs ? kNever : now_ + service.whole;
    const Instant first_by = limit(call.limit_first), whole_by = limit(call.limit_whole);
    const bool speaks =
        traffic_.stream && content != kNever && content <= std::min(first_by, whole_by);
    // A failure that shows before any content is no silence.
    const bool silent = traffic_.stream && !speaks && std::min(content, end) > first_by;
    const Instant stop = silent ? std::min(first_by, whole_by) : whole_by;
    if (speaks && content <= end) plan(content, Happening::content, slot, call.stamp);
    call.failure = end <= stop ? service.failure : make_failure(ErrorKind::attempt_timeout, {});
    if (end > stop) call.failure->ambiguous = true;
    if (std::min(end, stop) != kNever) {
      plan(std::min(end, stop), Happening::end, slot, call.stamp);
    }
  }

  std::uint32_t acquire() {
    if (free_.empty()) {
      calls_.emplace_back();
      return static_cast<std::uint32_t>(calls_.size() - 1);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }

  // Frees the slot, and its place at the provider for the next in line.
  void release(std::uint32_t slot) {
    Call& call = calls_[slot];
    ++call.stamp;
    std::replace(asked_[call.request - 1].calls.begin(), asked_[call.request - 1].calls.end(), slot,
                 kNone);
    Provider& provider = providers_[call.deployment];
    if (std::exchange(call.waiting, false)) provider.leave_line(slot);
    const bool served = std::exchange(call.served, false);
    free_.push_back(slot);
    if (!served) return;
    if (const auto next = provider.leave()) {
      calls_[*next].waiting = false;
      ++calls_[*next].stamp;  // the limits of its wait give way to those of its service
      serve(*next);
    }
  }

  // --- the rest -----------------------------------------------------------------------------------

  void plan_prices() {
    for (std::size_t d = 0; d < inventory_->deployments.size(); ++d) {
      const auto& prices = world_.of(inventory_->deployments[d].name).prices;
      for (std::size_t i = 0; i < prices.size(); ++i) {
        plan(kStart + prices[i].at, Happening::price, static_cast<std::uint32_t>(d),
             static_cast<std::uint32_t>(i));
      }
    }
  }

  // The router learns it as it learns everything: by a new configuration.
  void change_price(std::uint32_t deployment, std::uint32_t index) {
    const PriceChange& change = world_.of(inventory_->deployments[deployment].name).prices[index];
    auto next = std::make_shared<Inventory>(*inventory_);
    ++next->version;
    Price& price = next->deployments[deployment].price;
    price.usd_per_hour.reset();
    price.input_usd_per_million = change.input_usd_per_million;
    price.output_usd_per_million = change.output_usd_per_million;
    inventory_ = next;
    // Only an unknown policy is refused, and these were accepted before.
    [[maybe_unused]] const auto done = dispatcher_.configure(inventory_);
  }

  void answer_from_store(std::uint32_t number) {
    const engine::AskStore& ask = asks_[number];
    dispatcher_.on_lease(ask.number, store_->lease(ask.wish), now_, actions_);
    act();
  }

  // What hangs without a limit ends with the simulation.
  void end_the_rest() {
    for (std::size_t index = 0; index < asked_.size(); ++index) {
      if (asked_[index].calls == Asked().calls) continue;
      dispatcher_.cancel(index + 1, now_, actions_);
      act();
    }
  }

  void count_what_is_left() {
    report_.experiments = dispatcher_.experiments().json();
    report_.left_waiting = dispatcher_.waiting();
    report_.left_in_flight = dispatcher_.in_flight() + (calls_.size() - free_.size());
    for (std::size_t d = 0; d < providers_.size(); ++d) {
      report_.left_in_flight += dispatcher_.board().hot(static_cast<DeploymentIndex>(d)).in_flight;
      report_.left_waiting += providers_[d].waiting();
    }
  }

  InventoryPtr inventory_;
  const World& world_;
  const Traffic& traffic_;
  std::uint64_t seed_;
  const Hooks& hooks_;
  engine::Dispatcher dispatcher_;
  engine::Actions actions_;
  Measures measures_;
  Callers callers_;
  std::unique_ptr<store::StateStore> store_ = store::make_memory_store();
  std::vector<engine::AskStore> asks_;
  std::vector<Provider> providers_;
  std::vector<Call> calls_;
  std::vector<std::uint32_t> free_;
  std::vector<Asked> asked_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
  Instant now_ = kStart;
  Report report_;
};

}  // namespace

Result<Report> simulate(const InventoryPtr& inventory, const World& world, const Traffic& traffic,
                        std::uint64_t seed, const Hooks& hooks) {
  return Simulator(inventory, world, traffic, seed, hooks).run();
}

}  // namespace llmroute::sim
