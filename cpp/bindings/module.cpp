// The native module: vocabulary, configuration, errors; the rest is bound in the other files.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

#include "bindings.h"
#include "json_body.h"
#include "llmroute/build_id.h"
#include "llmroute/model/config.h"
#include "llmroute/model/decision.h"
#include "llmroute/policy/policy.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/serve/sim_provider.h"
#include "llmroute/sim/simulator.h"

namespace llmroute::bindings {

namespace {

// The one place where a core error becomes a Python exception; its kind alone chooses the class.
void raise_in_python(const Error& error) {
  const py::object cls = py::module_::import("llmroute.errors")
                             .attr("error_class")(py::str(std::string(slug(error.kind))));
  py::dict options;
  const bool has_path =
      error.kind == ErrorKind::config || error.kind == ErrorKind::invalid_argument;
  if (has_path) {
    options["path"] = error.path;
    options["nearest"] = error.nearest;
  }
  const py::object raised = cls(error.message, **options);
  PyErr_SetObject(cls.ptr(), raised.ptr());
}

void translate(std::exception_ptr pending) {
  if (!pending) return;
  try {
    std::rethrow_exception(pending);
  } catch (const Raised& raised) {
    try {
      raise_in_python(raised.error);
    } catch (py::error_already_set& other) {
      other.restore();
    }
  }
}

template <class E>
py::tuple words() {
  py::tuple out(slugs<E>().size());
  for (std::size_t i = 0; i < slugs<E>().size(); ++i) out[i] = std::string(slugs<E>()[i]);
  return out;
}

void bind_vocabulary(py::module_& module) {
  py::dict out;
  out["ErrorKind"] = words<ErrorKind>();
  out["Cause"] = words<Cause>();
  out["Reason"] = words<Reason>();
  out["DeltaKind"] = words<DeltaKind>();
  out["DecisionStatus"] = words<DecisionStatus>();
  out["CostKind"] = words<CostKind>();
  out["Parameter"] = words<Parameter>();
  out["Capability"] = words<Capability>();
  out["OnInterrupt"] = words<OnInterrupt>();
  out["CacheUse"] = words<CacheUse>();
  out["CacheStatus"] = words<CacheStatus>();
  out["AffinityKind"] = words<AffinityKind>();
  out["Fault"] = words<Fault>();
  out["RuleMode"] = words<RuleMode>();
  out["Term"] = words<Term>();
  out["FaultKind"] = words<FaultKind>();
  module.attr("vocabulary") = out;
}

py::bytes dumps(const py::object& value) {
  std::string out;
  auto done = append_json(out, value.ptr(), "");
  if (!done) {
    throw_if_python_error();
    throw Raised(std::move(done).error());
  }
  return out;
}

// A simulated provider with a loop of its own. In a child after fork it is left alone: its thread
// lives in the parent.
class Simulation {
 public:
  explicit Simulation(const std::string& config)
      : owner_(::getpid()), loop_(std::make_unique<net::Loop>(system_clock(), "llmroute-sim")) {
    auto options = value_or_raise(serve::parse_sim_options(config));
    provider_ = value_or_raise(serve::SimProvider::start(*loop_, std::move(options)));
  }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;
  ~Simulation() {
    if (::getpid() == owner_) return;
    [[maybe_unused]] const auto* left_provider = provider_.release();
    [[maybe_unused]] const auto* left_loop = loop_.release();
  }
  serve::SimProvider& provider() { return *provider_; }

 private:
  const pid_t owner_;
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<serve::SimProvider> provider_;  // destroyed before its loop
};

// Its own thread answers while this one waits for it.
template <class Call>
auto on_provider(Call call) {
  return [call](Simulation& simulation) {
    const WithoutGil others_may_run;
    return call(simulation.provider());
  };
}

void bind_simulation(py::module_& module) {
  using serve::SimProvider;
  py::class_<Simulation>(module, "SimProvider", py::is_final(), plain_metaclass())
      .def(py::init<std::string>(), py::arg("config_json"))
      .def_property_readonly("port", [](Simulation& s) { return s.provider().port(); })
      .def_property_readonly("url", [](Simulation& s) { return s.provider().url(); })
      .def("stats", on_provider([](SimProvider& p) { return p.stats_json(); }))
      .def(
          "set_faults",
          [](Simulation& s, const std::string& faults) {
            s.provider().set_faults(value_or_raise(serve::parse_faults(faults)));
          },
          py::arg("faults_json"))
      .def("kill", on_provider([](SimProvider& p) { p.kill(); }))
      .def("revive", on_provider([](SimProvider& p) { check_or_raise(p.revive()); }))
      .def("close", on_provider([](SimProvider& p) { p.close(); }));
}

// --- simulation under a virtual clock ---------------------------------------------------------------

// The numbers of a log: bytes of native doubles and integers, as array.array gives them.
template <class T>
std::vector<T> numbers_of(const py::bytes& bytes) {
  const auto view = static_cast<std::string_view>(bytes);
  std::vector<T> out(view.size() / sizeof(T));
  std::memcpy(out.data(), view.data(), out.size() * sizeof(T));
  return out;
}

template <class T>
std::vector<T> column_of(const py::dict& log, const char* name, std::size_t rows) {
  std::vector<T> out = numbers_of<T>(log[name].cast<py::bytes>());
  out.resize(rows);
  return out;
}

Metadata labels_of(const py::handle& pairs) {
  Metadata out;
  for (const py::handle pair : pairs) {
    const auto both = pair.cast<py::tuple>();
    out.emplace_back(both[0].cast<std::string>(), both[1].cast<std::string>());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Traffic._native() of python/llmroute/traffic.py.
sim::Traffic logged_traffic(const py::dict& log) {
  sim::Traffic traffic;
  for (const py::handle name : log["models"]) traffic.models.push_back(name.cast<std::string>());
  traffic.labels.clear();
  for (const py::handle pairs : log["label_sets"]) traffic.labels.push_back(labels_of(pairs));
  traffic.stream = log["stream"].cast<bool>();
  if (!log["deadline_ms"].is_none()) traffic.deadline = from_ms(log["deadline_ms"].cast<double>());
  if (!log["start_s"].is_none()) {
    traffic.start = WallTime(from_ms(1000 * log["start_s"].cast<double>()));
  }
  const auto at_ms = numbers_of<double>(log["at_ms"].cast<py::bytes>());
  traffic.rows.resize(at_ms.size());
  const std::size_t rows = at_ms.size();
  const auto model = column_of<std::uint32_t>(log, "model", rows);
  const auto prompt = column_of<std::int32_t>(log, "prompt_tokens", rows);
  const auto output = column_of<std::int32_t>(log, "output_tokens", rows);
  const auto most = column_of<std::int32_t>(log, "max_output_tokens", rows);
  const auto labels = column_of<std::uint32_t>(log, "labels", rows);
  const auto conversation = column_of<std::uint32_t>(log, "conversation", rows);
  const auto turn = column_of<std::uint32_t>(log, "turn", rows);
  const auto known = column_of<std::int32_t>(log, "known_tokens", rows);
  const auto priority = column_of<std::uint8_t>(log, "priority", rows);
  for (std::size_t i = 0; i < rows; ++i) {
    traffic.rows[i] = {from_ms(at_ms[i]), model[i],        prompt[i], output[i], most[i],
                       labels[i],         conversation[i], turn[i],   known[i],  priority[i]};
  }
  return traffic;
}

template <class T>
py::bytes bytes_of(const std::vector<T>& column) {
  return {reinterpret_cast<const char*>(column.data()), column.size() * sizeof(T)};
}

py::dict columns_of(const sim::Columns& c) {
  py::dict out;
  out["at_ms"] = py::make_tuple("d", bytes_of(c.at_ms));
  out["ok"] = py::make_tuple("B", bytes_of(c.ok));
  out["deployment"] = py::make_tuple("i", bytes_of(c.deployment));
  out["first_deployment"] = py::make_tuple("i", bytes_of(c.first));
  out["first_ok"] = py::make_tuple("B", bytes_of(c.first_ok));
  out["attempts"] = py::make_tuple("i", bytes_of(c.attempts));
  out["hedges"] = py::make_tuple("B", bytes_of(c.hedges));
  out["ttft_ms"] = py::make_tuple("d", bytes_of(c.ttft_ms));
  out["total_ms"] = py::make_tuple("d", bytes_of(c.total_ms));
  out["cost_usd"] = py::make_tuple("d", bytes_of(c.cost_usd));
  out["error"] = py::make_tuple("B", bytes_of(c.error));
  out["tenant"] = py::make_tuple("i", bytes_of(c.tenant));
  out["priority"] = py::make_tuple("B", bytes_of(c.priority));
  out["queued_ms"] = py::make_tuple("d", bytes_of(c.queued_ms));
  out["cache"] = py::make_tuple("B", bytes_of(c.cache));
  out["input_tokens"] = py::make_tuple("i", bytes_of(c.input_tokens));
  out["output_tokens"] = py::make_tuple("i", bytes_of(c.output_tokens));
  out["quality"] = py::make_tuple("d", bytes_of(c.quality));
  out["carbon_g"] = py::make_tuple("d", bytes_of(c.carbon_g));
  return out;
}

// Ctrl-C is heard now and then; it ends the simulation.
bool no_signal() {
  const py::gil_scoped_acquire to_look;
  return PyErr_CheckSignals() == 0;
}

// A Python policy's place in a simulation: `plan(request, label, candidates)` for groups that have one
// (by its label), or for all. What it raises ends the simulation.
class Planner {
 public:
  Planner(py::object plan, bool for_all, std::uint64_t seed)
      : plan_(std::move(plan)), for_all_(for_all), seed_(seed) {}

  void operator()(const std::shared_ptr<ChatRequest>& request, const InventoryPtr& inventory,
                  std::vector<engine::CandidateView> views) {
    if (views.empty() || failed_) return;
    const PolicySpec& spec = inventory->groups[views.front().record.group].policy;
    if (!for_all_ && !spec.python) return;
    auto handle = std::make_shared<RequestHandle>();
    handle->request = request;
    handle->seed = mix64(seed_ ^ ++count_);
    py::list candidates;
    for (engine::CandidateView& view : views) {
      candidates.append(Candidate{std::move(view), inventory});
    }
    try {
      plan_(handle, spec.python ? spec.name : std::string(), candidates);
    } catch (py::error_already_set& error) {
      error.restore();
      failed_ = true;
    }
  }
  bool failed() const { return failed_; }

 private:
  py::object plan_;
  bool for_all_;
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
  bool failed_ = false;
};

py::tuple simulate(const std::string& config, const std::string& catalogue,
                   const std::string& world_json, const py::object& traffic, std::uint64_t seed,
                   const py::object& plan, bool plan_all) {
  const auto inventory = std::make_shared<const Inventory>(checked_inventory(config, catalogue));
  std::vector<std::string_view> names;
  for (const Deployment& deployment : inventory->deployments) names.emplace_back(deployment.name);
  const sim::World world = value_or_raise(sim::parse_world(world_json, names));
  const sim::Traffic rows =
      py::isinstance<py::str>(traffic)
          ? value_or_raise(sim::make_traffic(traffic.cast<std::string>(), seed))
          : logged_traffic(traffic.cast<py::dict>());
  std::optional<Result<sim::Report>> report;
  sim::Hooks hooks;
  if (plan.is_none()) {
    hooks.keep_going = no_signal;
    const WithoutGil others_may_run;
    report = sim::simulate(inventory, world, rows, seed, hooks);
  } else {
    Planner planner(plan, plan_all, seed);
    hooks.keep_going = [&planner] { return !planner.failed() && no_signal(); };
    hooks.choose = std::ref(planner);
    report = sim::simulate(inventory, world, rows, seed, hooks);
  }
  throw_if_python_error();
  const sim::Report done = value_or_raise(std::move(*report));
  const std::string summary = sim::summary_json(done);
  py::dict indices;
  indices["deployments"] = py::cast(done.deployments);
  indices["tenants"] = py::cast(done.tenants);
  return py::make_tuple(summary, columns_of(done.columns), indices);
}

}  // namespace

// What each dialect has a place for, for pages about it.
py::dict dialect_table() {
  py::dict out;
  for (const provider::Dialect* dialect : provider::dialects()) {
    py::list unsupported;
    for (std::size_t i = 0; i < slugs<Parameter>().size(); ++i) {
      if (dialect->unsupported().test(i)) unsupported.append(py::str(slugs<Parameter>()[i]));
    }
    py::dict entry;
    entry["embeddings"] = dialect->has_embeddings();
    entry["unsupported"] = unsupported;
    out[py::str(dialect->name())] = entry;
  }
  return out;
}

Inventory checked_inventory(const std::string& config, const std::string& catalogue) {
  Inventory inventory =
      value_or_raise(parse_config(config, catalogue, policy::policy_schema_json()));
  check_or_raise(provider::resolve_dialects(inventory));
  return inventory;
}

void bind_module_functions(py::module_& module) {
  module.attr("build_id") = kBuildId;
  bind_vocabulary(module);
  bind_simulation(module);
  module.def(
      "check_config",
      [](const std::string& config, const std::string& catalogue) {
        return inventory_json(checked_inventory(config, catalogue));
      },
      py::arg("config_json"), py::arg("catalogue_json"));
  module.def("config_json_schema", [] { return config_json_schema(policy::policy_schema_json()); });
  module.def("policy_schema_json", &policy::policy_schema_json);
  module.def("dialects", &dialect_table);
  module.def("dumps", &dumps, py::arg("value"));
  module.def("simulate", &simulate, py::arg("config_json"), py::arg("catalogue_json"),
             py::arg("world_json"), py::arg("traffic"), py::arg("seed"), py::arg("plan"),
             py::arg("plan_all"));
}

}  // namespace llmroute::bindings

// Every object guards its own state, so a build of Python without a GIL may stay without.
PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  using namespace llmroute::bindings;
  py::register_local_exception_translator(&translate);
  bind_module_functions(module);
  bind_values(module);
  bind_request(module);
  bind_delivery(module);
  bind_core(module);
}
