#include "json_body.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "llmroute/model/defaults.h"
#include "llmroute/wire/json.h"
#include "python.h"

namespace llmroute::bindings {

namespace {

// Longer strings get their room at once: growing by doubling would copy an image twice.
constexpr std::size_t kLongString = 4096;

class Writer {
 public:
  Writer(std::string& out, std::string_view root) : out_(out), root_(root) {}

  bool write(PyObject* value, int depth) {
    if (PyUnicode_Check(value)) return write_string(value);
    if (value == Py_None) return append("null");
    if (value == Py_True) return append("true");
    if (value == Py_False) return append("false");
    if (PyDict_Check(value)) return write_dict(value, depth);
    if (PyList_Check(value) || PyTuple_Check(value)) return write_sequence(value, depth);
    if (PyLong_Check(value)) return write_integer(value);
    if (PyFloat_Check(value)) return write_float(PyFloat_AS_DOUBLE(value));
    return write_foreign(value, depth);
  }

  Error take_error() {
    // The path was built from the inside out.
    std::string path(root_);
    for (auto part = path_.rbegin(); part != path_.rend(); ++part) {
      if (path.empty() && !part->empty() && part->front() == '.') {
        path += part->substr(1);
      } else {
        path += *part;
      }
    }
    return make_error(ErrorKind::invalid_argument, std::move(message_), std::move(path));
  }

 private:
  bool append(std::string_view text) {
    out_.append(text);
    return true;
  }
  bool fail(std::string message) {
    if (message_.empty()) message_ = std::move(message);
    return false;
  }

  bool write_string(PyObject* text) {
    Py_ssize_t size = 0;
    const char* data = nullptr;
    if (PyUnicode_IS_COMPACT_ASCII(text)) {
      data = static_cast<const char*>(PyUnicode_DATA(text));
      size = PyUnicode_GET_LENGTH(text);
    } else {
      data = PyUnicode_AsUTF8AndSize(text, &size);
    }
    if (data == nullptr) {
      PyErr_Clear();
      return fail("holds a lone surrogate, which UTF-8 cannot carry; decode the text properly");
    }
    const auto bytes = static_cast<std::size_t>(size);
    if (bytes > kLongString) out_.reserve(out_.size() + bytes + kLongString);
    out_.push_back('"');
    wire::append_escaped(out_, {data, bytes});
    out_.push_back('"');
    return true;
  }

  bool enter(int depth) {
    if (depth < defaults::kMaxJsonDepth) return true;
    return fail("is nested deeper than " + std::to_string(defaults::kMaxJsonDepth) +
                " levels, or refers to itself");
  }

  bool write_dict(PyObject* dict, int depth) {
    if (!enter(depth)) return false;
    out_.push_back('{');
    bool ok = true;
    LLMROUTE_BEGIN_CRITICAL(dict)
    PyObject *key = nullptr, *value = nullptr;
    Py_ssize_t place = 0;
    bool first = true;
    while (ok && PyDict_Next(dict, &place, &key, &value) != 0) {
      if (!first) out_.push_back(',');
      first = false;
      // Held: a slow road below may run code that changes the dictionary.
      const Ref key_held = Ref::share(key), value_held = Ref::share(value);
      ok = write_key(key);
      if (ok && !write(value, depth + 1)) {
        ok = false;
        path_.push_back("." + to_text(key));
      }
    }
    LLMROUTE_END_CRITICAL()
    out_.push_back('}');
    return ok;
  }

  bool write_key(PyObject* key) {
    if (!PyUnicode_Check(key)) {
      return fail(std::string("has a key that is no string but ") + Py_TYPE(key)->tp_name);
    }
    if (!write_string(key)) return false;
    out_.push_back(':');
    return true;
  }

  bool write_sequence(PyObject* sequence, int depth) {
    if (!enter(depth)) return false;
    out_.push_back('[');
    // The size is read each time: a slow road below may run code that changes the list.
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i) {
      if (i > 0) out_.push_back(',');
      const Ref item = Ref::take(item_of(sequence, i));
      if (item.get() == nullptr) return python_error();
      if (!write(item.get(), depth + 1)) {
        path_.push_back("[" + std::to_string(i) + "]");
        return false;
      }
    }
    out_.push_back(']');
    return true;
  }

  static PyObject* item_of(PyObject* sequence, Py_ssize_t i) {
#if PY_VERSION_HEX >= 0x030D0000
    if (PyList_Check(sequence)) return PyList_GetItemRef(sequence, i);
#endif
    PyObject* item = PySequence_Fast_GET_ITEM(sequence, i);
    Py_INCREF(item);
    return item;
  }

  bool write_integer(PyObject* value) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) return write_text_of(value);
    if (number == -1 && PyErr_Occurred() != nullptr) return python_error();
    std::array<char, 24> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
    out_.append(buffer.data(), end);
    return true;
  }

  bool write_text_of(PyObject* value) {
    const Ref text = Ref::take(PyLong_Type.tp_repr(value));
    if (text.get() == nullptr) return python_error();
    return append(to_text(text.get()));
  }

  bool write_float(double number) {
    if (!std::isfinite(number)) return fail("is not a finite number, which JSON cannot carry");
    std::array<char, 40> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    out_.append(text);
    // 1.0 stays a number with a fraction, as Python's own writer leaves it.
    if (text.find_first_not_of("-0123456789") == std::string_view::npos) out_.append(".0");
    return true;
  }

  bool write_foreign(PyObject* value, int depth) {
    if (!enter(depth)) return false;
    Ref plain = plain_form(value);
    if (plain.get() == nullptr) {
      if (PyErr_Occurred() != nullptr) return python_error();
      return fail(std::string("cannot be written as JSON: ") + Py_TYPE(value)->tp_name);
    }
    return write(plain.get(), depth + 1);
  }

  // A dict, list or scalar that stands for the object; null without an exception where there is
  // none.
  static Ref plain_form(PyObject* value) {
    if (PyType_Check(value)) return {};
    if (PyObject_HasAttrString(value, "model_dump") != 0) return dump_model(value);
    if (PyObject_HasAttrString(value, "__dataclass_fields__") != 0) return dump_dataclass(value);
    if (PyObject_HasAttrString(value, "_value_") != 0) {
      return Ref::take(PyObject_GetAttrString(value, "value"));  // a member of an Enum
    }
    if (PyObject_HasAttrString(value, "keys") != 0 && PyMapping_Check(value) != 0) {
      return Ref::take(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyDict_Type), value));
    }
    const bool bytes_like = PyObject_CheckBuffer(value) != 0;
    if (!bytes_like && PySequence_Check(value) != 0) return Ref::take(PySequence_List(value));
    return {};
  }

  static Ref dump_model(PyObject* value) {
    const Ref method = Ref::take(PyObject_GetAttrString(value, "model_dump"));
    if (method.get() == nullptr) return {};
    const Ref none = Ref::take(PyTuple_New(0));
    const Ref options =
        Ref::take(Py_BuildValue("{s:s,s:O}", "mode", "json", "exclude_none", Py_True));
    if (none.get() == nullptr || options.get() == nullptr) return {};
    return Ref::take(PyObject_Call(method.get(), none.get(), options.get()));
  }

  static Ref dump_dataclass(PyObject* value) {
    const Ref fields = Ref::take(PyObject_GetAttrString(value, "__dataclass_fields__"));
    if (fields.get() == nullptr) return {};
    const Ref names = Ref::take(PySequence_List(fields.get()));
    Ref dict = Ref::take(PyDict_New());
    if (names.get() == nullptr || dict.get() == nullptr) return {};
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names.get()); ++i) {
      PyObject* name = PyList_GET_ITEM(names.get(), i);
      const Ref field = Ref::take(PyObject_GetAttr(value, name));
      if (field.get() == nullptr) return {};
      if (PyDict_SetItem(dict.get(), name, field.get()) != 0) return {};
    }
    return dict;
  }

  bool python_error() { return false; }

  static std::string to_text(PyObject* text) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(text, &size);
    if (data == nullptr) {
      PyErr_Clear();
      return "?";
    }
    return {data, static_cast<std::size_t>(size)};
  }

  std::string& out_;
  std::string_view root_;
  std::string message_;
  std::vector<std::string> path_;
};

}  // namespace

Result<void> append_json(std::string& out, PyObject* value, const char* root) {
  Writer writer(out, root);
  if (writer.write(value, 0)) return {};
  return writer.take_error();
}

Result<void> append_json_string(std::string& out, PyObject* text) {
  return append_json(out, text, "");
}

}  // namespace llmroute::bindings
