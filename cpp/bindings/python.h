// Small things for code that speaks to the interpreter without pybind11.
#pragma once

#include <Python.h>

#include <string>
#include <utility>
#include <vector>

// Before 3.13 the GIL is the lock of every dictionary.
#if PY_VERSION_HEX >= 0x030D0000
#define LLMROUTE_BEGIN_CRITICAL(object) Py_BEGIN_CRITICAL_SECTION(object);
#define LLMROUTE_END_CRITICAL() Py_END_CRITICAL_SECTION();
#else
#define LLMROUTE_BEGIN_CRITICAL(object) {
#define LLMROUTE_END_CRITICAL() }
#endif

namespace llmroute::bindings {

// An owned reference, or none. With the GIL held.
class Ref {
 public:
  Ref() = default;
  static Ref take(PyObject* owned) { return Ref(owned); }
  static Ref share(PyObject* borrowed) {
    Py_XINCREF(borrowed);
    return Ref(borrowed);
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  explicit Ref(PyObject* object) : object_(object) {}
  PyObject* object_ = nullptr;
};

}  // namespace llmroute::bindings
