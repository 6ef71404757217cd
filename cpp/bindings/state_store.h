// The state store as Python sees it: five methods, the same of a router and of a file opened alone.
//
// A file opened alone is not for processes that fork. Every call lets other threads run Python while it waits for a disk. What fails is raised as the class
// of its kind: capacity where the store does not answer, config where a file cannot be used, closed
// where its owner was.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "state.h"

namespace llmroute::bindings {

// A state file without a router: for those who read histories and answer requests.
class StateFile {
 public:
  StateFile(const std::string& path, double busy_ms) {
    store::SqliteOptions options;
    options.path = path;
    options.busy = from_ms(busy_ms);
    const WithoutGil others_may_run;
    store_ = value_or_raise(store::open_sqlite_store(options));
  }
  std::shared_ptr<store::StateStore> store() {
    const std::lock_guard lock(mutex_);
    return store_;
  }
  void close() {
    const WithoutGil others_may_run;
    const std::lock_guard lock(mutex_);
    store_.reset();
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<store::StateStore> store_;  // guarded by mutex_; null once closed
};

// Both keep the store alive for as long as a call lasts.
inline std::shared_ptr<store::StateStore> store_of(CoreState& core) {
  if (auto store = core.router()->store()) return store;
  throw Raised(make_error(ErrorKind::closed, "the router is closed; make a new one"));
}
inline std::shared_ptr<store::StateStore> store_of(StateFile& file) {
  if (auto store = file.store()) return store;
  throw Raised(make_error(ErrorKind::closed, "the state file is closed; open it again"));
}

inline WallTime wall_of(const CoreState& core) {
  return core.options().clock ? core.options().clock->wall_now() : system_clock().wall_now();
}
inline WallTime wall_of(const StateFile&) { return system_clock().wall_now(); }

inline WallTime expiry(WallTime now, std::optional<double> ttl_s) {
  constexpr double kForever = 3e9;  // seconds: further than a time reaches
  if (!ttl_s || !(*ttl_s < kForever)) return WallTime::max();
  const std::chrono::duration<double> ttl(std::max(*ttl_s, 0.0));
  return now + std::chrono::duration_cast<Duration>(ttl);
}

inline py::str key_text(const std::string& key) {
  PyObject* text = PyUnicode_DecodeUTF8(key.data(), static_cast<Py_ssize_t>(key.size()), "replace");
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

template <class F>
auto without_gil(F&& call) {
  auto result = [&] {
    const WithoutGil others_may_run;
    return call();
  }();
  if (!result) throw Raised(std::move(result).error());
  return result;
}

template <class Owner>
py::object get_from_store(Owner& owner, const std::string& key) {
  const auto store = store_of(owner);
  const WallTime now = wall_of(owner);
  const auto found = without_gil([&] { return store->get(key, now); });
  if (!*found) return py::none();
  return py::bytes(**found);
}

template <class Owner>
py::list scan_store(Owner& owner, const std::string& prefix, std::size_t most) {
  const auto store = store_of(owner);
  const WallTime now = wall_of(owner);
  const auto found = without_gil([&] { return store->scan(prefix, now, most); });
  py::list out;
  for (const auto& [key, value] : *found) {
    out.append(py::make_tuple(key_text(key), py::bytes(value)));
  }
  return out;
}

template <class Owner, class Bound>
void bind_store_of(Bound& bound) {
  bound
      .def(
          "store_put",
          [](Owner& owner, const std::string& key, const std::string& value,
             std::optional<double> ttl_s) {
            const auto store = store_of(owner);
            const WallTime end = expiry(wall_of(owner), ttl_s);
            without_gil([&] { return store->put(key, value, end); });
          },
          py::arg("key"), py::arg("value"), py::arg("ttl_s") = py::none())
      .def(
          "store_put_new",
          [](Owner& owner, const std::string& key, const std::string& value,
             std::optional<double> ttl_s) {
            const auto store = store_of(owner);
            const WallTime now = wall_of(owner), end = expiry(now, ttl_s);
            return *without_gil([&] { return store->put_new(key, value, end, now); });
          },
          py::arg("key"), py::arg("value"), py::arg("ttl_s") = py::none())
      .def("store_get", &get_from_store<Owner>, py::arg("key"))
      .def(
          "store_erase",
          [](Owner& owner, const std::string& key) {
            const auto store = store_of(owner);
            without_gil([&] { return store->erase(key); });
          },
          py::arg("key"))
      .def("store_scan", &scan_store<Owner>, py::arg("prefix"), py::arg("most"));
}

inline void bind_store(py::module_& module) {
  py::class_<StateFile> file(module, "StateFile", py::is_final(), plain_metaclass());
  file.def(py::init<const std::string&, double>(), py::arg("path"), py::arg("busy_ms") = 1'000.0)
      .def("close", &StateFile::close);
  bind_store_of<StateFile>(file);
}

}  // namespace llmroute::bindings
