// Values that Python reads: deltas, usage, results. All immutable.
#include "bindings.h"

#include <structmember.h>

#include <array>
#include <cstddef>

#include "llmroute/provider/dialect.h"
#include "llmroute/provider/shapes.h"
#include "llmroute/wire/json.h"

namespace llmroute::bindings {

// --- Delta ----------------------------------------------------------------------------------------
// A plain extension type instead of a pybind11 class: thousands are made per second, and this way
// one costs an allocation and a string.

namespace {

struct DeltaObject {
  PyObject_HEAD PyObject* kind;
  PyObject* text;
  PyObject* choice;
  PyObject* tool_index;
  PyObject* tool_id;
  PyObject* tool_name;
  PyObject* finish_reason;
  PyObject* extra;
  PyObject* usage;
};

// Made when the module is; lives as long as the process.
struct DeltaSupport {
  PyTypeObject* type = nullptr;
  std::array<PyObject*, slugs<DeltaKind>().size()> kinds{};
  PyObject* zero = nullptr;
  PyObject* empty = nullptr;
};
DeltaSupport& support() {
  static DeltaSupport instance;
  return instance;
}

void delta_dealloc(PyObject* self) {
  auto* delta = reinterpret_cast<DeltaObject*>(self);
  Py_XDECREF(delta->kind);
  Py_XDECREF(delta->text);
  Py_XDECREF(delta->choice);
  Py_XDECREF(delta->tool_index);
  Py_XDECREF(delta->tool_id);
  Py_XDECREF(delta->tool_name);
  Py_XDECREF(delta->finish_reason);
  Py_XDECREF(delta->extra);
  Py_XDECREF(delta->usage);
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* delta_repr(PyObject* self) {
  const auto* delta = reinterpret_cast<DeltaObject*>(self);
  const auto is = [&](DeltaKind kind) {
    return delta->kind == support().kinds[static_cast<std::size_t>(kind)];
  };
  if (is(DeltaKind::finish)) {
    return PyUnicode_FromFormat("<Delta finish %R>", delta->finish_reason);
  }
  if (is(DeltaKind::usage)) return PyUnicode_FromFormat("<Delta usage %R>", delta->usage);
  if (is(DeltaKind::tool_call)) {
    return PyUnicode_FromFormat("<Delta tool_call %R %R>", delta->tool_index, delta->text);
  }
  return PyUnicode_FromFormat("<Delta %U %R>", delta->kind, delta->text);
}

PyObject* new_text(const std::string& text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
}

PyObject* text_or_none(const std::string& text) {
  if (text.empty()) return Py_NewRef(Py_None);
  return new_text(text);
}

PyObject* small_int(std::uint16_t value) {
  return value == 0 ? Py_NewRef(support().zero) : PyLong_FromLong(value);
}

PyMemberDef* delta_members() {
  static std::array<PyMemberDef, 10> members = {{
      {"kind", T_OBJECT_EX, offsetof(DeltaObject, kind), READONLY, nullptr},
      {"text", T_OBJECT_EX, offsetof(DeltaObject, text), READONLY, nullptr},
      {"choice", T_OBJECT_EX, offsetof(DeltaObject, choice), READONLY, nullptr},
      {"tool_index", T_OBJECT_EX, offsetof(DeltaObject, tool_index), READONLY, nullptr},
      {"tool_id", T_OBJECT_EX, offsetof(DeltaObject, tool_id), READONLY, nullptr},
      {"tool_name", T_OBJECT_EX, offsetof(DeltaObject, tool_name), READONLY, nullptr},
      {"finish_reason", T_OBJECT_EX, offsetof(DeltaObject, finish_reason), READONLY, nullptr},
      {"extra", T_OBJECT_EX, offsetof(DeltaObject, extra), READONLY, nullptr},
      {"usage", T_OBJECT_EX, offsetof(DeltaObject, usage), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  }};
  return members.data();
}

PyTypeObject* make_delta_type() {
  std::array<PyType_Slot, 4> slots = {{
      {Py_tp_dealloc, reinterpret_cast<void*>(&delta_dealloc)},
      {Py_tp_repr, reinterpret_cast<void*>(&delta_repr)},
      {Py_tp_members, delta_members()},
      {0, nullptr},
  }};
  PyType_Spec spec = {"llmroute._core.Delta", static_cast<int>(sizeof(DeltaObject)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots.data()};
  return reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
}

py::object foreign_delta(const std::string& kind, const std::string& text,
                         const std::string& finish_reason) {
  const auto found = from_slug<DeltaKind>(kind);
  if (!found) throw py::value_error("there is no delta of kind " + kind);
  Delta delta;
  delta.kind = *found;
  delta.text = text;
  delta.finish_reason = finish_reason;
  PyObject* made = make_delta(delta);
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

void bind_delta(py::module_& module) {
  module.def("make_delta", &foreign_delta, py::arg("kind"), py::arg("text"),
             py::arg("finish_reason"));
  DeltaSupport& made = support();
  made.type = make_delta_type();
  throw_if_python_error();
  for (std::size_t i = 0; i < made.kinds.size(); ++i) {
    made.kinds[i] = PyUnicode_InternFromString(std::string(slugs<DeltaKind>()[i]).c_str());
  }
  made.zero = PyLong_FromLong(0);
  made.empty = PyUnicode_InternFromString("");
  module.attr("Delta") = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(made.type));
}

}  // namespace

PyObject* make_delta(const Delta& delta) {
  const DeltaSupport& made = support();
  PyObject* self = made.type->tp_alloc(made.type, 0);
  if (self == nullptr) return nullptr;
  auto* fields = reinterpret_cast<DeltaObject*>(self);
  const bool tool = delta.kind == DeltaKind::tool_call;
  fields->kind = Py_NewRef(made.kinds[static_cast<std::size_t>(delta.kind)]);
  fields->text = delta.text.empty() ? Py_NewRef(made.empty) : new_text(delta.text);
  fields->choice = small_int(delta.choice);
  fields->tool_index = tool ? small_int(delta.tool_index) : Py_NewRef(Py_None);
  fields->tool_id = text_or_none(delta.tool_id);
  fields->tool_name = text_or_none(delta.tool_name);
  fields->finish_reason = text_or_none(delta.finish_reason);
  fields->extra = text_or_none(delta.extra);
  fields->usage =
      delta.kind == DeltaKind::usage ? py::cast(delta.usage).release().ptr() : Py_NewRef(Py_None);
  if (PyErr_Occurred() != nullptr) {
    Py_DECREF(self);
    return nullptr;
  }
  return self;
}

// --- Ending ---------------------------------------------------------------------------------------

std::string_view Ending::kind() const {
  if (ok()) return {};
  if (decision->failure) return slug(decision->failure->kind);
  return slug(ErrorKind::cancelled);
}

const std::string& Ending::openai() const {
  const std::lock_guard lock(mutex_);
  if (turned_) return openai_;
  turned_ = true;
  const provider::Dialect* dialect = reply ? provider::find_dialect(reply->dialect) : nullptr;
  // The body was read as a reply before it was called a success.
  if (dialect != nullptr) {
    openai_ = (reply->operation == Operation::embeddings
                   ? dialect->embeddings_to_openai(reply->body, reply->model)
                   : dialect->to_openai(reply->body, reply->model))
                  .value();
  }
  return openai_;
}

std::string Ending::text() const {
  const std::string& body = openai();
  if (body.empty()) return {};
  const wire::JsonView first = wire::JsonView(body)["choices"].first_element().value();
  return first.at("message", "content").string();
}

std::string Ending::shaped(const std::string& shape, std::int64_t created,
                           const std::string& echo) const {
  const Shape wanted = shape_of(shape);
  if (!reply) return {};
  if (reply->dialect == provider::dialect_of(wanted)) return reply->body;
  return provider::from_chat(wanted, openai(), created, echo);
}

Shape shape_of(const std::string& name) {
  const auto shape = from_slug<Shape>(name);
  if (!shape) throw py::value_error("there is no shape " + name);
  return *shape;
}

// --- bindings -------------------------------------------------------------------------------------

py::dict usage_dict(const Usage& usage) {
  py::dict out;
  out["prompt_tokens"] = usage.input.count;
  out["completion_tokens"] = usage.output.count;
  out["total_tokens"] = (usage.input + usage.output).count;
  py::dict prompt, completion;
  prompt["cached_tokens"] = usage.cached_input.count;
  completion["reasoning_tokens"] = usage.reasoning.count;
  out["prompt_tokens_details"] = prompt;
  out["completion_tokens_details"] = completion;
  return out;
}

namespace {

std::string usage_repr(const Usage& usage) {
  return "<Usage " + std::to_string(usage.input.count) + " in, " +
         std::to_string(usage.output.count) + " out" + (usage.reported ? ">" : ", estimated>");
}

// The events of one stream in a caller's shape, from the deltas that the caller reads.
class EventMaker {
 public:
  EventMaker(const std::string& shape, std::string id, std::string model, std::int64_t created,
             std::string echo)
      : writer_(provider::shape_writer(shape_of(shape), std::move(id), std::move(model), created,
                                       std::move(echo))) {}

  py::list take(const py::handle& object) {
    if (!PyObject_TypeCheck(object.ptr(), support().type)) throw py::type_error("not a delta");
    const auto* fields = reinterpret_cast<const DeltaObject*>(object.ptr());
    Delta delta;
    delta.kind = *from_slug<DeltaKind>(text_in(fields->kind));
    delta.text = text_in(fields->text);
    delta.choice = static_cast<std::uint16_t>(PyLong_AsLong(fields->choice));
    if (fields->tool_index != Py_None) {
      delta.tool_index = static_cast<std::uint16_t>(PyLong_AsLong(fields->tool_index));
    }
    delta.tool_id = text_in(fields->tool_id);
    delta.tool_name = text_in(fields->tool_name);
    delta.finish_reason = text_in(fields->finish_reason);
    delta.extra = text_in(fields->extra);
    std::vector<provider::ShapeWriter::Event> events;
    writer_->take(delta, events);
    return listed(events);
  }
  py::list finish(const Usage& usage) {
    std::vector<provider::ShapeWriter::Event> events;
    writer_->finish(usage, events);
    return listed(events);
  }
  py::list fail(const std::string& kind, const std::string& message) {
    std::vector<provider::ShapeWriter::Event> events;
    writer_->fail(kind, message, events);
    return listed(events);
  }

 private:
  static std::string text_in(PyObject* field) {
    return field == Py_None ? std::string() : py::cast<std::string>(py::handle(field));
  }
  static py::list listed(const std::vector<provider::ShapeWriter::Event>& events) {
    py::list out;
    for (const auto& event : events) out.append(py::make_tuple(event.type, event.data));
    return out;
  }
  std::unique_ptr<provider::ShapeWriter> writer_;
};

void bind_events(py::module_& module) {
  py::class_<EventMaker>(module, "EventMaker", py::is_final(), plain_metaclass())
      .def(py::init<const std::string&, std::string, std::string, std::int64_t, std::string>(),
           py::arg("shape"), py::arg("id"), py::arg("model"), py::arg("created"),
           py::arg("echo") = "{}")
      .def("take", &EventMaker::take, py::arg("delta"))
      .def("finish", &EventMaker::finish, py::arg("usage"))
      .def("fail", &EventMaker::fail, py::arg("kind"), py::arg("message"));
}

void bind_usage(py::module_& module) {
  const auto count = [](Tokens Usage::*field) {
    return [field](const Usage& usage) { return (usage.*field).count; };
  };
  py::class_<Usage>(module, "Usage", py::is_final(), plain_metaclass())
      .def_property_readonly("input_tokens", count(&Usage::input))
      .def_property_readonly("output_tokens", count(&Usage::output))
      .def_property_readonly("cached_input_tokens", count(&Usage::cached_input))
      .def_property_readonly("cache_write_tokens", count(&Usage::cache_write))
      .def_property_readonly("cache_write_hour_tokens", count(&Usage::cache_write_hour))
      .def_property_readonly("reasoning_tokens", count(&Usage::reasoning))
      .def_property_readonly("audio_input_tokens", count(&Usage::audio_input))
      .def_property_readonly("audio_output_tokens", count(&Usage::audio_output))
      .def_property_readonly("image_input_tokens", count(&Usage::image_input))
      .def_property_readonly("image_output_tokens", count(&Usage::image_output))
      .def_property_readonly("total_tokens",
                             [](const Usage& usage) { return (usage.input + usage.output).count; })
      .def_property_readonly("reported", [](const Usage& usage) { return usage.reported; })
      .def("to_dict", &usage_dict)
      .def("__repr__", &usage_repr)
      .def("__eq__",
           [](const Usage& a, const py::object& other) {
             return py::isinstance<Usage>(other) && a == other.cast<const Usage&>();
           })
      .def("__hash__", [](const Usage& usage) {
        return py::hash(py::make_tuple(usage.input.count, usage.output.count, usage.reported));
      });
}

py::object optional_name(const Decision& decision) {
  if (!decision.chosen) return py::none();
  return py::str(decision.inventory->deployments[*decision.chosen].name);
}

py::object finish_reason(const Ending& ending) {
  const auto& attempts = ending.decision->attempts;
  for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt) {
    if (attempt->finished && attempt->outcome.ok()) return py::str(attempt->outcome.finish_reason);
  }
  if (!ending.reply) return py::none();
  // Another request's answer: it says so itself.
  const wire::JsonView first = wire::JsonView(ending.openai())["choices"].first_element().value();
  return py::str(first["finish_reason"].string());
}

py::object cost_usd(const Decision& decision) {
  if (decision.cost.kind == CostKind::unknown) return py::none();
  return py::float_(decision.cost.usd.value());
}

void bind_result(py::module_& module) {
  py::class_<Ending, EndingPtr>(module, "Result", py::is_final(), plain_metaclass())
      .def_property_readonly("ok", &Ending::ok)
      .def_property_readonly("kind", &Ending::kind)
      .def_property_readonly("request_id", [](const Ending& e) { return e.decision->request_id; })
      .def_property_readonly("text", &Ending::text)
      .def_property_readonly(
          "raw", [](const Ending& e) { return py::bytes(e.reply ? e.reply->body : std::string()); })
      .def_property_readonly("status_code",
                             [](const Ending& e) -> py::object {
                               if (!e.reply) return py::none();
                               return py::int_(e.reply->status);
                             })
      .def_property_readonly("openai_json", &Ending::openai)
      .def("shaped_json", &Ending::shaped, py::arg("shape"), py::arg("created"),
           py::arg("echo") = "{}")
      .def_property_readonly("deployment",
                             [](const Ending& e) { return optional_name(*e.decision); })
      .def_property_readonly("finish_reason", &finish_reason)
      .def_property_readonly("usage", [](const Ending& e) { return e.decision->usage; })
      .def_property_readonly("cost_usd", [](const Ending& e) { return cost_usd(*e.decision); })
      .def_property_readonly("cost_kind",
                             [](const Ending& e) { return slug(e.decision->cost.kind); })
      .def_property_readonly("decision_json", [](const Ending& e) { return to_json(*e.decision); })
      .def(
          "why_not",
          [](const Ending& e, const std::string& deployment) {
            return why_not(*e.decision, deployment);
          },
          py::arg("deployment"));
}

}  // namespace

void bind_values(py::module_& module) {
  bind_usage(module);
  bind_delta(module);
  bind_events(module);
  bind_result(module);
}

}  // namespace llmroute::bindings
