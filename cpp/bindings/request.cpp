#include "request.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "json_body.h"
#include "llmroute/analysis/facts.h"
#include "llmroute/base/text.h"
#include "llmroute/model/call_headers.h"
#include "llmroute/model/defaults.h"
#include "llmroute/policy/policy.h"
#include "llmroute/provider/shapes.h"
#include "llmroute/runtime/router.h"
#include "llmroute/wire/http.h"
#include "llmroute/wire/json.h"

namespace llmroute::bindings {

namespace {

[[noreturn]] void invalid(std::string message, std::string path = {}, std::string nearest = {}) {
  throw Raised(make_error(ErrorKind::invalid_argument, std::move(message), std::move(path),
                          std::move(nearest)));
}

void append_or_raise(std::string& out, py::handle value, const char* root) {
  auto done = append_json(out, value.ptr(), root);
  if (done) return;
  throw_if_python_error();
  throw Raised(std::move(done).error());
}

class DroppedReferences {
 public:
  static DroppedReferences& instance() {
    static DroppedReferences only;
    return only;
  }
  void add(PyObject* object) {
    const std::lock_guard lock(mutex_);
    objects_.push_back(object);
    any_.store(true, std::memory_order_release);
  }
  void release() {
    if (!any_.load(std::memory_order_acquire)) return;
    std::vector<PyObject*> objects;
    {
      const std::lock_guard lock(mutex_);
      objects.swap(objects_);
      any_.store(false, std::memory_order_release);
    }
    for (PyObject* object : objects) Py_DECREF(object);
  }

 private:
  std::mutex mutex_;
  std::vector<PyObject*> objects_;  // guarded by mutex_
  std::atomic<bool> any_ = false;
};

// --- body -----------------------------------------------------------------------------------------

std::string_view view_of_bytes(py::handle bytes) {
  if (PyByteArray_Check(bytes.ptr())) {
    return {PyByteArray_AS_STRING(bytes.ptr()),
            static_cast<std::size_t>(PyByteArray_GET_SIZE(bytes.ptr()))};
  }
  return {PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

void append_params(std::string& body, py::handle params) {
  if (params.is_none()) return;
  for (const auto& [key, value] : py::reinterpret_borrow<py::dict>(params)) {
    // None means "not given", as it does for every optional argument in Python.
    if (value.is_none()) continue;
    const auto name = py::cast<std::string>(key);
    if (name == "stream") {
      invalid("chat() gives whole replies; call stream() for a stream", "stream");
    }
    body.push_back(',');
    append_or_raise(body, key, "");
    body.push_back(':');
    append_or_raise(body, value, name.c_str());
  }
}

// The caller's own bytes: they never change, so a reference does.
Body borrow(py::handle bytes, std::string_view text) {
  // The network thread may be the last to let go, and has no business with the interpreter.
  std::shared_ptr<PyObject> owner(
      Py_NewRef(bytes.ptr()), [](PyObject* object) { DroppedReferences::instance().add(object); });
  return {text, std::move(owner)};
}

py::dict dict_of(const Metadata& metadata) {
  py::dict out;
  for (const auto& [key, value] : metadata) out[py::str(key)] = py::str(value);
  return out;
}

// The router's own labels are not the provider's business, but what it stores may carry them: that is
// what OpenAI's `metadata` is for.
void append_stored_metadata(std::string& body, const CallArguments& call,
                            const Metadata& metadata) {
  if (metadata.empty() || call.params.is_none()) return;
  const py::dict params = py::reinterpret_borrow<py::dict>(call.params);
  if (!params.contains("store") || params["store"].ptr() != Py_True) return;
  body += ",\"metadata\":";
  append_or_raise(body, dict_of(metadata), "metadata");
}

Body body_from_bytes(const CallArguments& call, const Metadata& metadata) {
  const std::string_view text = view_of_bytes(call.messages);
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && text[start] == '[') {
    std::string body = "{\"messages\":";
    body.reserve(text.size() + 256);
    body += text;
    append_params(body, call.params);
    append_stored_metadata(body, call, metadata);
    body.push_back('}');
    return body;
  }
  if (!call.params.is_none() && py::len(call.params) > 0) {
    invalid("bytes are sent as the whole body, so parameters belong inside them", "messages");
  }
  const bool long_and_constant = text.size() > kLongBody && PyBytes_Check(call.messages.ptr());
  return long_and_constant ? borrow(call.messages, text) : Body(std::string(text));
}

// What is embedded: a text, or several.
Body embeddings_body(const CallArguments& call) {
  std::string body = "{\"input\":";
  append_or_raise(body, call.messages, "input");
  append_params(body, call.params);
  body.push_back('}');
  return body;
}

Body body_of(const CallArguments& call, const Metadata& metadata) {
  if (call.operation == Operation::embeddings) return embeddings_body(call);
  if (PyBytes_Check(call.messages.ptr()) || PyByteArray_Check(call.messages.ptr())) {
    return body_from_bytes(call, metadata);
  }
  std::string body;
  body.reserve(1024);
  body += "{\"messages\":";
  if (PyUnicode_Check(call.messages.ptr())) {
    body += "[{\"role\":\"user\",\"content\":";
    append_or_raise(body, call.messages, "messages");
    body += "}]";
  } else {
    append_or_raise(body, call.messages, "messages");
  }
  append_params(body, call.params);
  append_stored_metadata(body, call, metadata);
  body.push_back('}');
  return body;
}

// --- options --------------------------------------------------------------------------------------

Duration read_ms(py::handle value, const char* name) {
  double ms = 0;
  try {
    ms = py::cast<double>(value);
  } catch (const py::cast_error&) {
    invalid("must be a number of milliseconds", name);
  }
  if (!std::isfinite(ms) || ms <= 0) invalid("must be above 0 milliseconds", name);
  return from_ms(ms);
}

std::string read_word(py::handle value, const char* name) {
  if (!PyUnicode_Check(value.ptr())) invalid("must be a string", name);
  return py::cast<std::string>(value);
}

// Its UTF-8; half of a surrogate pair has none.
std::string text_of(py::handle value, const std::string& path) {
  if (!PyUnicode_Check(value.ptr())) invalid("must be a string", path);
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (text != nullptr) return {text, static_cast<std::size_t>(size)};
  PyErr_Clear();
  invalid("holds half of a surrogate pair, which is no character", path);
}

void read_attempts(RequestOptions& out, py::handle value) {
  long attempts = 0;
  try {
    attempts = py::cast<long>(value);
  } catch (const py::cast_error&) {
    invalid("must be a whole number", "attempts");
  }
  if (attempts < 1 || attempts > 100) invalid("must be between 1 and 100", "attempts");
  out.attempts = static_cast<int>(attempts);
}

template <class E>
E read_slug(py::handle value, const char* name) {
  const std::string word = read_word(value, name);
  const auto found = from_slug<E>(word);
  if (found) return *found;
  invalid("unknown value \"" + ellipsize(word, 40) + "\"", name,
          std::string(nearest_name(word, slugs<E>())));
}

// A name of the caller's own, such as that of a conversation.
std::string read_label(py::handle value, const char* name) {
  std::string label = text_of(value, name);
  if (label.empty()) invalid("is empty; leave it out instead", name);
  if (label.size() > defaults::kMaxMetadataBytes) {
    invalid("is longer than " + std::to_string(defaults::kMaxMetadataBytes) + " bytes", name);
  }
  return label;
}

Priority read_priority(py::handle value) {
  static constexpr std::array<std::string_view, 3> kWords = {"interactive", "standard", "batch"};
  static constexpr char kKnown[] = "interactive, standard, batch, or 0 (first) to 9 (last)";
  if (PyLong_Check(value.ptr()) && !PyBool_Check(value.ptr())) {
    int overflow = 0;
    const long number = PyLong_AsLongAndOverflow(value.ptr(), &overflow);
    if (overflow == 0 && number >= 0 && number < static_cast<long>(kPriorities)) {
      return static_cast<Priority>(number);
    }
    invalid(std::string("must be ") + kKnown, "priority");
  }
  if (!PyUnicode_Check(value.ptr())) invalid(std::string("must be ") + kKnown, "priority");
  const std::string word = text_of(value, "priority");
  if (const auto found = priority_from(word)) return *found;
  invalid("unknown priority \"" + ellipsize(word, 40) + "\"; known: " + kKnown, "priority",
          std::string(nearest_name(word, kWords)));
}

// --- metadata -------------------------------------------------------------------------------------

// Text as it is; numbers and truth as JSON writes them.
std::string metadata_text(py::handle value, const std::string& path) {
  PyObject* object = value.ptr();
  if (PyUnicode_Check(object)) return text_of(value, path);
  if (PyBool_Check(object)) return object == Py_True ? "true" : "false";
  const bool finite = !PyFloat_Check(object) || std::isfinite(PyFloat_AS_DOUBLE(object));
  if ((PyLong_Check(object) || PyFloat_Check(object)) && finite) {
    // The digits of the number itself, whatever a class derived from it would print.
    const py::object plain = py::reinterpret_steal<py::object>(
        PyLong_Check(object) ? PyLong_Type.tp_repr(object) : PyFloat_Type.tp_repr(object));
    if (plain) return text_of(plain, path);
    PyErr_Clear();  // more digits than Python writes
    invalid("is too large a number", path);
  }
  invalid("must be text, a finite number, or true or false, not " +
              py::cast<std::string>(py::type::handle_of(value).attr("__name__")),
          path);
}

// Texts by name, sorted; what `option` is called in errors.
Metadata read_labels(py::handle value, const std::string& option) {
  const bool table = PyDict_Check(value.ptr()) || py::hasattr(value, "keys");
  if (!table) invalid("must be a table of texts, as in {\"tenant\": \"acme\"}", option);
  const py::dict entries(py::reinterpret_borrow<py::object>(value));
  Metadata out;
  for (const auto& [name, item] : entries) {
    if (!PyUnicode_Check(name.ptr())) invalid("has a key that is not text", option);
    std::string key = text_of(name, option);
    const std::string path = option + "." + ellipsize(key, 60);
    if (key.empty()) invalid("has an empty key", option);
    if (item.is_none()) continue;  // not given
    std::string text = metadata_text(item, path);
    if (key.size() > defaults::kMaxMetadataBytes || text.size() > defaults::kMaxMetadataBytes) {
      invalid("is longer than " + std::to_string(defaults::kMaxMetadataBytes) + " bytes", path);
    }
    out.emplace_back(std::move(key), std::move(text));
  }
  if (out.size() > defaults::kMaxMetadata) {
    invalid("has " + std::to_string(out.size()) + " entries; at most " +
                std::to_string(defaults::kMaxMetadata),
            option);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// --- what rules look at -----------------------------------------------------------------------------

std::vector<std::string> read_tags(py::handle value) {
  std::vector<std::string> tags;
  if (PyUnicode_Check(value.ptr())) {
    tags.push_back(read_label(value, "tags"));
    return tags;
  }
  if (!py::isinstance<py::iterable>(value)) invalid("must be a text or several", "tags");
  for (const py::handle tag : py::iter(value)) tags.push_back(read_label(tag, "tags"));
  if (tags.size() > defaults::kMaxTags) {
    invalid("has " + std::to_string(tags.size()) + " entries; at most " +
                std::to_string(defaults::kMaxTags),
            "tags");
  }
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  return tags;
}

Metadata read_headers(py::handle value) {
  Metadata headers = read_labels(value, "headers");
  for (auto& [name, text] : headers) name = to_lower(name);
  std::stable_sort(headers.begin(), headers.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  headers.erase(std::unique(headers.begin(), headers.end(), same), headers.end());
  for (const auto& [name, text] : headers) {
    const auto checked = wire::check_header(name, text);
    if (!checked) invalid(checked.error().message, "headers." + ellipsize(name, 60));
  }
  return headers;
}

std::vector<Score> read_scores(py::handle value) {
  const bool table = PyDict_Check(value.ptr()) || py::hasattr(value, "keys");
  if (!table) invalid("must be a table, as in {\"sentiment\": -0.4}", "scores");
  std::vector<Score> out;
  for (const auto& [name, item] : py::dict(py::reinterpret_borrow<py::object>(value))) {
    if (item.is_none()) continue;  // not known
    Score score;
    score.name = read_label(name, "scores");
    const std::string path = "scores." + ellipsize(score.name, 60);
    if (PyUnicode_Check(item.ptr())) {
      score.word = read_label(item, path.c_str());
    } else {
      score.number = PyBool_Check(item.ptr()) ? std::nan("") : PyFloat_AsDouble(item.ptr());
      PyErr_Clear();
      const bool number = PyFloat_Check(item.ptr()) || PyLong_Check(item.ptr());
      if (!number || !std::isfinite(score.number)) {
        invalid("must be a finite number or a word", path);
      }
    }
    out.push_back(std::move(score));
  }
  if (out.size() > defaults::kMaxScores) {
    invalid("has " + std::to_string(out.size()) + " entries; at most " +
                std::to_string(defaults::kMaxScores),
            "scores");
  }
  std::sort(out.begin(), out.end(), [](const Score& a, const Score& b) { return a.name < b.name; });
  return out;
}

void read_policy(RequestOptions& out, py::handle value) {
  std::string name = read_word(value, "policy");
  if (policy::find_policy(name) == nullptr) {
    std::vector<std::string_view> names;
    for (const policy::PolicyEntry& entry : policy::policies()) names.push_back(entry.name);
    invalid("unknown policy \"" + ellipsize(name, 40) + "\"", "policy",
            std::string(nearest_name(name, names)));
  }
  out.policy = std::move(name);
}

void read_exclude(RequestOptions& out, py::handle value) {
  if (PyUnicode_Check(value.ptr())) {
    out.exclude.push_back(py::cast<std::string>(value));
    return;
  }
  for (const py::handle name : py::iter(value)) out.exclude.push_back(read_word(name, "exclude"));
}

std::vector<std::string> read_fallbacks(py::handle value) {
  if (PyUnicode_Check(value.ptr())) return {text_of(value, "fallbacks")};
  if (!PyList_Check(value.ptr()) && !PyTuple_Check(value.ptr())) {
    invalid("must be a list of groups and deployments", "fallbacks");
  }
  std::vector<std::string> out;
  for (const py::handle name : value) {
    out.push_back(text_of(name, "fallbacks[" + std::to_string(out.size()) + "]"));
  }
  return out;
}

void read_option(RequestOptions& out, const std::string& name, py::handle value) {
  if (name == "deadline_ms") {
    out.deadline = read_ms(value, "deadline_ms");
  } else if (name == "attempts") {
    read_attempts(out, value);
  } else if (name == "on_interrupt") {
    out.on_interrupt = read_slug<OnInterrupt>(value, "on_interrupt");
  } else if (name == "policy") {
    read_policy(out, value);
  } else if (name == "exclude") {
    read_exclude(out, value);
  } else if (name == "fallbacks") {
    out.fallbacks = read_fallbacks(value);
  } else if (name == "drop_unsupported") {
    out.drop_unsupported = py::cast<bool>(value);
  } else if (name == "metadata") {
    out.metadata = read_labels(value, "metadata");
  } else if (name == "priority") {
    out.priority = read_priority(value);
  } else if (name == "conversation") {
    out.conversation = read_label(value, "conversation");
  } else if (name == "budget") {
    out.budget = read_label(value, "budget");
  } else if (name == "cache") {
    out.cache = read_slug<CacheUse>(value, "cache");
  } else if (name == "tags") {
    out.tags = read_tags(value);
  } else if (name == "headers") {
    out.headers = read_headers(value);
  } else if (name == "region") {
    out.region = read_label(value, "region");
  } else if (name == "scores") {
    out.scores = read_scores(value);
  } else if (name == "seed") {
    out.seed = py::cast<std::uint64_t>(value);
  } else {
    invalid("unknown option", name);
  }
}

// A whole body in the caller's own shape, as bytes.
void read_native(ChatRequest& request, Shape shape, const CallArguments& call) {
  std::string native(view_of_bytes(call.messages));
  const auto valid = wire::validate_json(native, defaults::kMaxJsonDepth);
  if (!valid) invalid("is not JSON: " + valid.error().message, "body");
  if (!wire::JsonView(native).is_object()) invalid("must be a JSON object", "body");
  provider::ChatForm form = value_or_raise(provider::to_chat(shape, native));
  request.body = std::move(form.body);
  request.left_out = std::move(form.left_out);
  request.native = std::move(native);
}

}  // namespace

void release_dropped_references() { DroppedReferences::instance().release(); }

std::shared_ptr<RequestHandle> prepare_request(const CallArguments& call, std::string id,
                                               std::uint64_t seed) {
  release_dropped_references();
  auto request = std::make_shared<ChatRequest>();
  request->id = std::move(id);
  request->options.stream = call.stream;
  if (!call.model.is_none()) request->options.model = read_word(call.model, "model");
  Shape shape = Shape::chat;
  if (!call.options.is_none()) {
    for (const auto& [name, value] : py::reinterpret_borrow<py::dict>(call.options)) {
      if (value.is_none()) continue;
      const std::string option = py::cast<std::string>(name);
      if (option == "shape") {
        shape = read_slug<Shape>(value, "shape");
      } else {
        read_option(request->options, option, value);
      }
    }
  }
  request->operation = call.operation;
  if (shape == Shape::chat) {
    request->body = body_of(call, request->options.metadata);
  } else {
    read_native(*request, shape, call);
  }
  const bool embeds = call.operation == Operation::embeddings;
  if (embeds) request->options.cache = CacheUse::off;  // what is kept are answers to chats
  const auto read = embeds ? &analysis::read_embedding_facts : &analysis::read_facts;
  if (request->body.size() > kLongBody) {
    const WithoutGil others_may_run;
    auto facts = read(request->body);
    if (facts)
      request->facts = std::move(*facts);
    else
      throw Raised(std::move(facts).error());
  } else {
    request->facts = value_or_raise(read(request->body));
  }
  request->facts.shape = shape;
  if (asks_for_betas(request->options.headers)) {
    request->facts.parameters.set(static_cast<std::size_t>(Parameter::beta_headers));
  }
  auto handle = std::make_shared<RequestHandle>();
  handle->request = std::move(request);
  handle->seed = seed;
  return handle;
}

// --- bindings -------------------------------------------------------------------------------------

namespace {

std::vector<std::string> words_of(const CapabilitySet& set) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set[i]) words.emplace_back(slugs<Capability>()[i]);
  }
  return words;
}

void set_order(RequestHandle& handle, std::vector<std::string> order,
               std::vector<std::string> reasons, std::string label) {
  RequestOptions& options = handle.request->options;
  options.order = std::move(order);
  options.order_reasons = std::move(reasons);
  options.policy_label = std::move(label);
  options.seed = handle.seed;
}

void set_stand_in(RequestHandle& handle, const std::string& policy, std::string failure) {
  RequestOptions& options = handle.request->options;
  read_policy(options, py::str(policy));
  options.policy_failure = std::move(failure);
}

void add_score(RequestHandle& handle, const std::string& name, const py::object& value) {
  py::dict one;
  one[py::str(name)] = value;
  std::vector<Score>& scores = handle.request->options.scores;
  for (Score& score : read_scores(one)) scores.push_back(std::move(score));
  std::sort(scores.begin(), scores.end(),
            [](const Score& a, const Score& b) { return a.name < b.name; });
}

py::dict scores_of(const RequestHandle& handle) {
  py::dict out;
  for (const Score& score : handle.request->options.scores) {
    out[py::str(score.name)] =
        score.word.empty() ? py::object(py::float_(score.number)) : py::object(py::str(score.word));
  }
  return out;
}

py::object messages_of(const RequestHandle& handle) {
  if (handle.request->operation == Operation::embeddings) return py::list();
  const std::string_view raw = wire::JsonView(handle.request->body)["messages"].raw();
  return py::module_::import("json").attr("loads")(py::bytes(raw.data(), raw.size()));
}

}  // namespace

void bind_request(py::module_& module) {
  using Handle = RequestHandle;
  py::class_<Handle, std::shared_ptr<Handle>>(module, "Request", py::is_final(), plain_metaclass())
      .def_property_readonly("request_id", [](const Handle& h) { return h.request->id; })
      .def_property_readonly("model", [](const Handle& h) { return h.request->options.model; })
      .def_property_readonly("stream", [](const Handle& h) { return h.request->options.stream; })
      .def_property_readonly("body",
                             [](const Handle& h) {
                               const std::string_view body = h.request->body;
                               return py::bytes(body.data(), body.size());
                             })
      .def_property_readonly("echo",
                             [](const Handle& h) {
                               const auto& request = *h.request;
                               return provider::echo_of(request.facts.shape, request.native);
                             })
      .def_property_readonly("messages", &messages_of)
      .def_property_readonly("prompt_tokens",
                             [](const Handle& h) { return h.request->facts.prompt_tokens.count; })
      .def_property_readonly("max_output_tokens",
                             [](const Handle& h) -> py::object {
                               const auto& most = h.request->facts.max_output_tokens;
                               if (!most) return py::none();
                               return py::int_(most->count);
                             })
      .def_property_readonly(
          "needs",
          [](const Handle& h) { return py::tuple(py::cast(words_of(h.request->facts.needs))); })
      .def_property_readonly("metadata",
                             [](const Handle& h) { return dict_of(h.request->options.metadata); })
      .def_property_readonly(
          "priority",
          [](const Handle& h) { return std::string(priority_word(h.request->options.priority)); })
      .def_property_readonly(
          "tags", [](const Handle& h) { return py::tuple(py::cast(h.request->options.tags)); })
      .def_property_readonly("headers",
                             [](const Handle& h) { return dict_of(h.request->options.headers); })
      .def_property_readonly("region", [](const Handle& h) { return h.request->options.region; })
      .def_property_readonly("scores", &scores_of)
      .def_property_readonly("seed", [](const Handle& h) { return h.seed; })
      .def("add_score", &add_score, py::arg("name"), py::arg("value"))
      .def(
          "add_note",
          [](Handle& h, std::string note) { h.request->options.notes.push_back(std::move(note)); },
          py::arg("note"))
      .def("set_order", &set_order, py::arg("order"), py::arg("reasons"), py::arg("label"))
      .def("set_stand_in", &set_stand_in, py::arg("policy"), py::arg("failure"));
}

}  // namespace llmroute::bindings
