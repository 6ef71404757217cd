// The router as an object of Python.
#include <cmath>
#include <cstdio>
#include <limits>
#include <new>
#include <random>

#include "llmroute/base/random.h"
#include "llmroute/base/text.h"
#include "llmroute/cache/prefix.h"
#include "request.h"
#include "state.h"
#include "state_store.h"

namespace llmroute::bindings {

namespace {

// Threads that block at the same time beyond this pay for a descriptor each time.
constexpr std::size_t kMaxIdleQueues = 64;

InventoryPtr inventory_from(const std::string& config, const std::string& catalogue,
                            std::uint64_t version) {
  auto inventory = std::make_shared<Inventory>(checked_inventory(config, catalogue));
  inventory->version = version;
  return inventory;
}

}  // namespace

// --- ManualClock ----------------------------------------------------------------------------------

ManualClock::ManualClock(double wall_s)
    : start_(
          WallTime(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wall_s)))) {}

Instant ManualClock::now() const {
  return Instant(Duration(elapsed_ns_.load(std::memory_order_acquire)));
}

WallTime ManualClock::wall_now() const {
  return start_ + Duration(elapsed_ns_.load(std::memory_order_acquire));
}

void ManualClock::advance(Duration by) {
  elapsed_ns_.fetch_add(by.count(), std::memory_order_acq_rel);
  std::vector<std::shared_ptr<runtime::Router>> alive;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& weak : routers_) {
      if (auto router = weak.lock()) alive.push_back(std::move(router));
    }
  }
  for (const auto& router : alive) router->poke();
}

void ManualClock::follow(const std::shared_ptr<runtime::Router>& router) {
  const std::lock_guard lock(mutex_);
  std::erase_if(routers_, [](const auto& weak) { return weak.expired(); });
  routers_.push_back(router);
}

// --- CoreState ------------------------------------------------------------------------------------

CoreState::CoreState(InventoryPtr inventory, Options options)
    : inventory_(std::move(inventory)), options_(std::move(options)) {
  router();  // what is wrong with the configuration shows now
}

std::shared_ptr<runtime::Router> CoreState::router() {
  const std::lock_guard lock(mutex_);
  if (router_) return router_;
  runtime::RouterOptions options;
  options.seed = options_.seed;
  options.clock = options_.clock.get();
  options.max_in_flight = options_.max_in_flight;
  router_ = value_or_raise(runtime::Router::create(inventory_, options));
  if (closed_) router_->close();
  if (options_.clock) options_.clock->follow(router_);
  return router_;
}

InventoryPtr CoreState::inventory() const {
  const std::lock_guard lock(mutex_);
  return inventory_;
}

void CoreState::configure(InventoryPtr inventory) {
  const auto current = router();
  check_or_raise(current->configure(inventory));
  const std::lock_guard lock(mutex_);
  inventory_ = std::move(inventory);
}

std::string CoreState::next_request_id(std::uint64_t& seed) {
  const std::uint64_t number = next_request_.fetch_add(1, std::memory_order_relaxed);
  seed = mix64(options_.seed ^ mix64(number));
  std::array<char, 40> text{};
  const int length = std::snprintf(text.data(), text.size(), "%04x-%llu",
                                   static_cast<unsigned>(mix64(options_.seed) & 0xffffU),
                                   static_cast<unsigned long long>(number));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::shared_ptr<runtime::CompletionQueue> CoreState::borrow_queue() {
  const std::lock_guard lock(mutex_);
  if (idle_queues_.empty()) return std::make_shared<runtime::CompletionQueue>();
  auto queue = std::move(idle_queues_.back());
  idle_queues_.pop_back();
  return queue;
}

void CoreState::give_back(std::shared_ptr<runtime::CompletionQueue> queue) {
  const std::lock_guard lock(mutex_);
  if (idle_queues_.size() < kMaxIdleQueues) idle_queues_.push_back(std::move(queue));
}

void CoreState::close() {
  std::shared_ptr<runtime::Router> router;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    router = router_;
  }
  if (router) router->close();
}

bool CoreState::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::vector<std::string> CoreState::take_notices() {
  std::shared_ptr<runtime::Router> router;
  {
    const std::lock_guard lock(mutex_);
    router = router_;
  }
  return router ? router->take_notices() : std::vector<std::string>();
}

void CoreState::before_fork() {
  std::shared_ptr<store::StateStore> store;
  {
    const std::lock_guard lock(mutex_);
    if (router_) store = router_->store();
    forking_ = store;
  }
  if (store) store->before_fork();
}

void CoreState::after_fork() {
  std::shared_ptr<store::StateStore> store;
  {
    const std::lock_guard lock(mutex_);
    store.swap(forking_);
  }
  if (store) store->after_fork();
}

void CoreState::abandon() {
  // Whoever held the lock at the fork does not exist here, so it can only be made anew.
  new (&mutex_) std::mutex;
  if (router_) router_->abandon();
  router_.reset();
  // The parent's, locked for the fork: neither unlocked nor destroyed here.
  [[maybe_unused]] auto* left_behind = new std::shared_ptr<store::StateStore>(std::move(forking_));
  // Their descriptors are shared with the parent, whose wakes must not be taken away.
  idle_queues_.clear();
}

// --- bindings -------------------------------------------------------------------------------------

namespace {

std::shared_ptr<CoreState> make_core(const std::string& config, const std::string& catalogue,
                                     std::optional<std::uint64_t> seed,
                                     std::shared_ptr<ManualClock> clock, std::size_t max_in_flight,
                                     std::uint64_t version) {
  CoreState::Options options;
  if (!seed) {
    std::random_device device;
    seed = (static_cast<std::uint64_t>(device()) << 32U) | device();
  }
  options.seed = *seed;
  options.clock = std::move(clock);
  options.max_in_flight = max_in_flight;
  return std::make_shared<CoreState>(inventory_from(config, catalogue, version),
                                     std::move(options));
}

std::vector<std::string> model_names(const CoreState& core) {
  const InventoryPtr inventory = core.inventory();
  std::vector<std::string> names;
  for (const Group& group : inventory->groups) {
    if (!group.implicit) names.push_back(group.name);
  }
  for (const Deployment& deployment : inventory->deployments) names.push_back(deployment.name);
  return names;
}

std::shared_ptr<RequestHandle> prepare(CoreState& core, const py::object& messages,
                                       const py::object& model, bool stream,
                                       const py::object& params, const py::object& options,
                                       bool embed) {
  std::uint64_t seed = 0;
  std::string id = core.next_request_id(seed);
  const Operation operation = embed ? Operation::embeddings : Operation::chat;
  auto handle =
      prepare_request({messages, model, stream, params, options, operation}, std::move(id), seed);
  const InventoryPtr inventory = core.inventory();
  ChatRequest& request = *handle->request;
  if (const auto& listed = request.options.fallbacks) {
    if (auto checked = check_fallbacks(*inventory, *listed); !checked)
      throw Raised(checked.error());
  }
  if (embed) {
    request.facts.embedding_model =
        value_or_raise(embedding_asked(*inventory, request.options.model));
    return handle;
  }
  if (inventory->cache.affinity && request.body.size() > kLongBody) {
    const WithoutGil others_may_run;
    cache::mark_prefixes(request, *inventory, core.options().seed);
  } else {
    cache::mark_prefixes(request, *inventory, core.options().seed);
  }
  return handle;
}

FeedPtr open(CoreState& core, const RequestHandle& handle, PortState* port) {
  auto router = core.router();
  if (port != nullptr) return port->open(std::move(router), handle);
  auto queue = std::make_shared<runtime::CompletionQueue>();
  const runtime::Ticket ticket = router->submit(handle.request, queue);
  return std::make_shared<FeedState>(std::move(router), ticket, std::move(queue));
}

std::vector<Candidate> candidates(CoreState& core, const RequestHandle& handle) {
  const auto router = core.router();
  const InventoryPtr inventory = router->inventory();
  std::vector<Candidate> out;
  for (auto& view : router->candidates(*handle.request))
    out.push_back({std::move(view), inventory});
  return out;
}

double price_or_infinity(const std::optional<double>& price) {
  return price.value_or(std::numeric_limits<double>::infinity());
}

// Of the request that the candidates were listed for, with what is warm; an unknown one sorts last.
double estimated_usd(const Candidate& candidate, const RequestHandle&) {
  const double usd = candidate.view.record.estimated_usd;
  return std::isnan(usd) ? std::numeric_limits<double>::infinity() : usd;
}

void bind_candidate(py::module_& module) {
  const auto signal = [](const char* name, double otherwise) {
    return [name, otherwise](const Candidate& c) { return c.signal(name, otherwise); };
  };
  const auto text = [](std::string Deployment::*field) {
    return [field](const Candidate& c) { return c.deployment().*field; };
  };
  py::class_<Candidate>(module, "Candidate", py::is_final(), plain_metaclass())
      .def_property_readonly("deployment", text(&Deployment::name))
      .def_property_readonly(
          "group", [](const Candidate& c) { return c.inventory->groups[c.view.record.group].name; })
      .def_property_readonly("provider", text(&Deployment::provider))
      .def_property_readonly("model", text(&Deployment::model))
      .def_property_readonly("region", text(&Deployment::region))
      .def_property_readonly(
          "tags", [](const Candidate& c) { return py::tuple(py::cast(c.deployment().tags)); })
      .def_property_readonly("weight", [](const Candidate& c) { return c.view.weight; })
      .def_property_readonly("measured", [](const Candidate& c) { return c.view.record.measured; })
      .def_property_readonly("ttft_p50_ms",
                             [](const Candidate& c) -> double { return c.view.record.ttft_p50_ms; })
      .def_property_readonly("ttft_p95_ms",
                             [](const Candidate& c) -> double { return c.view.record.ttft_p95_ms; })
      .def_property_readonly("total_p50_ms", signal("total_p50_ms", defaults::kPriorTotalMs))
      .def_property_readonly("total_p95_ms", signal("total_p95_ms", defaults::kPriorTotalMs))
      .def_property_readonly("in_flight",
                             [](const Candidate& c) { return c.view.record.in_flight; })
      .def_property_readonly("error_rate", signal("error_rate", 0.0))
      .def_property_readonly("input_usd_per_million",
                             [](const Candidate& c) {
                               return price_or_infinity(c.deployment().price.input_usd_per_million);
                             })
      .def_property_readonly(
          "output_usd_per_million",
          [](const Candidate& c) {
            return price_or_infinity(c.deployment().price.output_usd_per_million);
          })
      .def_property_readonly("signals",
                             [](const Candidate& c) {
                               py::dict out;
                               for (const auto& [name, value] : c.view.signals) {
                                 out[py::str(name)] = value;
                               }
                               return out;
                             })
      .def("estimated_cost_usd", &estimated_usd, py::arg("request"))
      .def("__repr__",
           [](const Candidate& c) { return "<Candidate " + c.deployment().name + ">"; });
}

std::vector<std::tuple<std::string, std::size_t, std::string>> secret_labels(
    const CoreState& core) {
  const InventoryPtr inventory = core.inventory();
  std::vector<std::tuple<std::string, std::size_t, std::string>> labels;
  for (const Deployment& deployment : inventory->deployments) {
    for (std::size_t key = 0; key < deployment.keys.size(); ++key) {
      const SecretSource& source = deployment.keys[key];
      if (source.origin != SecretOrigin::callable) continue;
      labels.emplace_back(deployment.name, key, source.where);
    }
  }
  return labels;
}

void set_secret(CoreState& core, const std::string& deployment, std::size_t key,
                std::string value) {
  const auto found = core.inventory()->find_deployment(deployment);
  if (!found) {
    throw Raised(make_error(ErrorKind::invalid_argument, "unknown deployment " + deployment));
  }
  core.router()->set_secret(*found, key, Secret(std::move(value)));
}

py::object python_policy(CoreState& core, const RequestHandle& handle) {
  const auto router = core.router();
  const InventoryPtr inventory = router->inventory();
  const auto judged = router->judged(handle.request);
  const bool ruled = judged->ruling && judged->ruling->policy != nullptr;
  const std::optional<GroupIndex> group = policy::group_of(*inventory, *judged);
  if (!group || ruled || !inventory->groups[*group].policy.python) return py::none();
  return py::str(inventory->groups[*group].policy.name);
}

void mirror_to(CoreState& core, const std::shared_ptr<CoreState>& other, double share) {
  const auto router = core.router();
  if (!other) {
    router->set_mirror(nullptr);
    return;
  }
  const auto there = other->router();
  if (there == router) {
    throw Raised(make_error(ErrorKind::invalid_argument, "a router cannot mirror itself", "other"));
  }
  router->set_mirror(std::make_shared<runtime::Mirror>(there, share));
}

py::object mirror_json(CoreState& core) {
  const auto mirror = core.router()->mirror();
  if (!mirror) return py::none();
  return py::str(mirror->json());
}

void close_core(CoreState& core) {
  const WithoutGil others_may_run;
  core.close();
}

py::dict cache_stats(CoreState& core) {
  const runtime::CacheStats stats = core.router()->cache_stats();
  py::dict out;
  out["entries"] = stats.entries;
  out["bytes"] = stats.bytes;
  out["hits"] = stats.hits;
  out["misses"] = stats.misses;
  out["joined"] = stats.joined;
  return out;
}

DeploymentIndex deployment_named(const CoreState& core, const std::string& name) {
  const InventoryPtr inventory = core.inventory();
  if (const auto found = inventory->find_deployment(name)) return *found;
  std::vector<std::string_view> names;
  for (const Deployment& deployment : inventory->deployments) names.emplace_back(deployment.name);
  std::string nearest(nearest_name(name, names));
  throw Raised(make_error(ErrorKind::invalid_argument,
                          "there is no deployment \"" + ellipsize(name, 80) + "\"", "deployment",
                          std::move(nearest)));
}

// Enough outcomes for any breaker that a configuration may describe.
constexpr std::size_t kMostPretended = 1'000'000;

void pretend(CoreState& core, const std::string& deployment, const std::string& state) {
  const DeploymentIndex index = deployment_named(core, deployment);
  Failure failure = make_failure(ErrorKind::server_error, "pretended");
  if (state == "limited") {
    failure.kind = ErrorKind::rate_limit;
    failure.retry_after = seconds(60);
  } else if (state != "down") {
    throw Raised(make_error(
        ErrorKind::invalid_argument,
        "a deployment can be \"down\" or \"limited\", not \"" + ellipsize(state, 80) + "\"",
        "state"));
  }
  core.router()->pretend(index, failure, kMostPretended);
}

void report_load(CoreState& core, const std::string& deployment,
                 const std::map<std::string, double>& gauges, std::optional<double> valid_ms) {
  deployment_named(core, deployment);  // names the nearest one
  LoadReading reading;
  for (const auto& [name, value] : gauges) {
    const auto gauge = from_slug<LoadGauge>(name);
    if (!gauge) {
      throw Raised(make_error(ErrorKind::invalid_argument,
                              "there is no gauge \"" + ellipsize(name, 80) + "\"", "gauges",
                              std::string(nearest_name(name, slugs<LoadGauge>()))));
    }
    reading[*gauge] = value;
  }
  const Duration valid = valid_ms ? from_ms(*valid_ms) : Duration(defaults::kReportedLoadAge);
  check_or_raise(core.router()->report_load(deployment, reading, valid));
}

std::shared_ptr<Ending> explain(CoreState& core, const RequestHandle& handle) {
  return std::make_shared<Ending>(core.router()->explain(*handle.request), nullptr);
}

using BoundCore = py::class_<CoreState, std::shared_ptr<CoreState>>;

void bind_requests(BoundCore& bound) {
  bound
      .def("prepare", &prepare, py::arg("messages"), py::arg("model"), py::arg("stream"),
           py::arg("params"), py::arg("options"), py::arg("embed") = false)
      .def("call", &call_and_wait, py::arg("request"))
      .def(
          "submit",
          [](CoreState& core, const RequestHandle& handle, PortState& port,
             const py::object& future) { return port.submit(*core.router(), handle, future); },
          py::arg("request"), py::arg("port"), py::arg("future"))
      .def(
          "cancel",
          [](CoreState& core, runtime::Ticket ticket, PortState& port) {
            port.forget(ticket);
            core.router()->cancel(ticket);
          },
          py::arg("ticket"), py::arg("port"))
      .def("open", &open, py::arg("request"), py::arg("port"))
      .def("explain", &explain, py::arg("request"))
      .def("candidates", &candidates, py::arg("request"))
      .def("python_policy", &python_policy, py::arg("request"))
      .def_property_readonly("scores", [](CoreState& core) { return core.router()->scores(); })
      .def(
          "feedback",
          [](CoreState& core, const std::string& request_id, double score) {
            check_or_raise(core.router()->feedback(request_id, score));
          },
          py::arg("request_id"), py::arg("score"));
}

void bind_experiments(BoundCore& bound) {
  bound.def("mirror_to", &mirror_to, py::arg("other"), py::arg("share"))
      .def("mirror_json", &mirror_json)
      .def("experiments_json", [](CoreState& core) { return core.router()->experiments_json(); })
      .def(
          "switch_experiment",
          [](CoreState& core, const std::string& name, const std::string& arm,
             const std::string& reason) {
            check_or_raise(core.router()->switch_experiment(name, arm, reason));
          },
          py::arg("name"), py::arg("arm"), py::arg("reason"));
}

}  // namespace

void bind_core(py::module_& module) {
  py::class_<ManualClock, std::shared_ptr<ManualClock>>(module, "ManualClock", py::is_final(),
                                                        plain_metaclass())
      .def(py::init<double>(), py::arg("wall_s") = 1'700'000'000.0)
      .def(
          "advance_ms", [](ManualClock& clock, double ms) { clock.advance(from_ms(ms)); },
          py::arg("ms"))
      .def_property_readonly(
          "now_ms", [](const ManualClock& clock) { return to_ms(clock.now().time_since_epoch()); });
  bind_candidate(module);
  bind_store(module);
  BoundCore bound(module, "Core", py::is_final(), plain_metaclass());
  bind_store_of<CoreState>(bound);
  bind_requests(bound);
  bind_experiments(bound);
  bound
      .def(py::init(&make_core), py::arg("config_json"), py::arg("catalogue_json"),
           py::arg("seed") = py::none(), py::arg("clock") = py::none(),
           py::arg("max_in_flight") = defaults::kMaxInFlight, py::arg("version") = 1)
      .def_property_readonly("models", &model_names)
      .def_property_readonly("seed", [](const CoreState& core) { return core.options().seed; })
      .def_property_readonly("in_flight",
                             [](CoreState& core) { return core.router()->in_flight(); })
      .def_property_readonly("closed", &CoreState::closed)
      .def("health_json", [](CoreState& core) { return core.router()->health_json(); })
      .def("cache_stats", &cache_stats)
      .def("clear_cache", [](CoreState& core) { core.router()->clear_cache(); })
      .def("secret_labels", &secret_labels)
      .def("set_secret", &set_secret, py::arg("deployment"), py::arg("key"), py::arg("value"))
      .def(
          "configure",
          [](CoreState& core, const std::string& config, const std::string& catalogue,
             std::uint64_t version) { core.configure(inventory_from(config, catalogue, version)); },
          py::arg("config_json"), py::arg("catalogue_json"), py::arg("version") = 1)
      .def_property_readonly("version", [](CoreState& core) { return core.inventory()->version; })
      .def("traffic",
           [](CoreState& core) {
             py::dict out;
             for (const auto& [name, count] : core.router()->traffic()) out[py::str(name)] = count;
             return out;
           })
      .def("pretend", &pretend, py::arg("deployment"), py::arg("state"))
      .def("report_load", &report_load, py::arg("deployment"), py::arg("gauges"),
           py::arg("valid_ms") = py::none())
      .def("take_notices", &CoreState::take_notices)
      .def("before_fork", &CoreState::before_fork, py::call_guard<WithoutGil>())
      .def("after_fork", &CoreState::after_fork, py::call_guard<WithoutGil>())
      .def("close", &close_core)
      .def("abandon", &CoreState::abandon);
}

}  // namespace llmroute::bindings
