// What the translation units of the native module share.
//
// Everything here is used with the GIL held unless it says otherwise; on builds without one, each
// object guards its own state.
#pragma once

#include <Python.h>  // first: it decides how system headers behave
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "llmroute/base/error.h"
#include "llmroute/engine/view.h"
#include "llmroute/model/decision.h"
#include "llmroute/model/delta.h"
#include "llmroute/model/request.h"
#include "llmroute/runtime/completion.h"
#include "python.h"

namespace llmroute::bindings {

namespace py = pybind11;

// The way of a core error to the one translator, which chooses the Python class by kind.
struct Raised : std::exception {
  explicit Raised(Error the_error) : error(std::move(the_error)) {}
  const char* what() const noexcept override { return error.message.c_str(); }
  Error error;
};

// The value, or the error as a Python exception.
template <class T>
T value_or_raise(Result<T> result) {
  if (!result) throw Raised(std::move(result).error());
  return std::move(result).value();
}
inline void check_or_raise(Result<void> result) {
  if (!result) throw Raised(std::move(result).error());
}

inline void throw_if_python_error() {
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
}

// Lets other threads run Python. Unlike pybind11's own, the destructor may be unwound through when
// the interpreter ends the thread at exit.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() noexcept(false) { PyEval_RestoreThread(state_); }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

// Classes are ordinary ones: nothing here has static properties, for which pybind11 has a metaclass
// of its own.
inline py::metaclass plain_metaclass() {
  return py::metaclass(reinterpret_cast<PyObject*>(&PyType_Type));
}

// References to Python objects that were let go where no Python may run are given back here. With
// the GIL held; costs one load where there are none.
void release_dropped_references();

// A prepared request; shared with the core once it is submitted, and not changed after that.
struct RequestHandle {
  ~RequestHandle() {
    request.reset();
    release_dropped_references();
  }
  std::shared_ptr<ChatRequest> request;
  std::uint64_t seed = 0;  // of its decision, where nobody gave one
};

// One deployment as a Python policy sees it.
struct Candidate {
  engine::CandidateView view;
  InventoryPtr inventory;
  const Deployment& deployment() const { return inventory->deployments[view.record.deployment]; }
  // Signals are named by the health layer; one that is not there has nothing to say.
  double signal(std::string_view name, double otherwise) const {
    for (const auto& [known, value] : view.signals) {
      if (known == name) return value;
    }
    return otherwise;
  }
};

Shape shape_of(const std::string& name);

// How a request ended. Shared by threads; what is made on demand is made once.
class Ending {
 public:
  Ending(DecisionPtr the_decision, std::shared_ptr<const runtime::RawReply> the_reply)
      : decision(std::move(the_decision)), reply(std::move(the_reply)) {}

  bool ok() const { return decision->status == DecisionStatus::ok; }
  std::string_view kind() const;  // empty on success
  // The reply in OpenAI's shape; empty where there is none.
  const std::string& openai() const;
  std::string text() const;
  // In a caller's own shape: as it came, where the provider speaks it too. Empty for no reply.
  // `echo`: of the request, as provider::echo_of gives it.
  std::string shaped(const std::string& shape, std::int64_t created, const std::string& echo) const;

  const DecisionPtr decision;
  const std::shared_ptr<const runtime::RawReply> reply;  // null for streams and failures

 private:
  mutable std::mutex mutex_;
  mutable std::string openai_;  // guarded by mutex_ until it is there
  mutable bool turned_ = false;
};
using EndingPtr = std::shared_ptr<Ending>;

// New reference to a Delta object, or null with an exception set.
PyObject* make_delta(const Delta& delta);
// New reference to a dict in OpenAI's shape.
py::dict usage_dict(const Usage& usage);

// What making a router finds wrong with a configuration, without a thread; raises.
Inventory checked_inventory(const std::string& config, const std::string& catalogue);

void bind_module_functions(py::module_& module);
void bind_values(py::module_& module);
void bind_request(py::module_& module);
void bind_delivery(py::module_& module);
void bind_core(py::module_& module);

}  // namespace llmroute::bindings
