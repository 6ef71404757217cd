// The native module: vocabulary, configuration, errors; the rest is bound in the other files.
#include <unistd.h>

#include "bindings.h"
#include "json_body.h"
#include "llmroute/build_id.h"
#include "llmroute/model/config.h"
#include "llmroute/model/decision.h"
#include "llmroute/policy/policy.h"
#include "llmroute/provider/dialect.h"
#include "llmroute/serve/sim_provider.h"

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
  out["Reason"] = words<Reason>();
  out["DeltaKind"] = words<DeltaKind>();
  out["DecisionStatus"] = words<DecisionStatus>();
  out["CostKind"] = words<CostKind>();
  out["Parameter"] = words<Parameter>();
  out["Capability"] = words<Capability>();
  out["OnInterrupt"] = words<OnInterrupt>();
  out["Fault"] = words<Fault>();
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

}  // namespace

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
  module.def("dumps", &dumps, py::arg("value"));
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
