// From the completion queue to futures and streams.
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "llmroute/model/defaults.h"
#include "request.h"
#include "state.h"

namespace llmroute::bindings {

namespace {

struct Names {
  PyObject* done = PyUnicode_InternFromString("done");
  PyObject* set_result = PyUnicode_InternFromString("set_result");
};
const Names& names() {
  static const Names instance;
  return instance;
}

EndingPtr ending_of(runtime::Completion& completion) {
  return std::make_shared<Ending>(std::move(completion.decision), std::move(completion.reply));
}

}  // namespace

bool is_done(const Ref& future) {
  const Ref done = Ref::take(PyObject_CallMethodNoArgs(future.get(), names().done));
  if (!done) PyErr_Clear();
  return done.get() == Py_True;
}

void resolve(const Ref& future, py::handle result) {
  if (is_done(future)) return;  // cancelled meanwhile
  const Ref set =
      Ref::take(PyObject_CallMethodOneArg(future.get(), names().set_result, result.ptr()));
  // One broken future must not keep the others from their results.
  if (!set) PyErr_WriteUnraisable(future.get());
}

// --- Feed -----------------------------------------------------------------------------------------

FeedState::~FeedState() {
  if (!ending_) router_->cancel(ticket_);
}

void FeedState::deliver(runtime::Completion& completion) {
  Ref waiter;
  {
    const std::lock_guard lock(mutex_);
    if (next_ == waiting_.size()) {
      waiting_ = std::move(completion.deltas);
      next_ = 0;
    } else {
      for (Delta& delta : completion.deltas) waiting_.push_back(std::move(delta));
    }
    if (completion.last) ending_ = ending_of(completion);
    waiter = std::move(future_);
  }
  if (waiter) resolve(waiter, py::none());
}

py::object FeedState::pop() {
  std::size_t taken = 0;
  std::optional<Delta> delta;
  {
    const std::lock_guard lock(mutex_);
    if (next_ == waiting_.size()) return py::none();
    delta = std::move(waiting_[next_++]);
    note(*delta);
    taken_bytes_ += runtime::weight_of(*delta);
    // Told in portions: a word to the network thread for every delta would cost more than it saves.
    if (taken_bytes_ > defaults::kMaxQueuedDeltaBytes / 4) taken = std::exchange(taken_bytes_, 0);
  }
  if (taken > 0) router_->resume(ticket_, taken);
  // Outside the lock: making objects may run code of the program.
  PyObject* made = make_delta(*delta);
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

py::object FeedState::wait() {
  if (!queue_) throw std::logic_error("this stream is delivered by a port");
  for (;;) {
    py::object delta = pop();
    if (!delta.is_none() || ending()) return delta.is_none() ? pop() : delta;
    try {
      wait_for(*queue_);
    } catch (py::error_already_set&) {
      // The exception's traceback may keep this stream alive for long; its socket must not be.
      cancel();
      throw;
    }
    for (runtime::Completion& completion : queue_->take()) deliver(completion);
  }
}

void FeedState::attach(py::handle future) {
  Ref waiter = Ref::share(future.ptr());
  Ref before;
  {
    const std::lock_guard lock(mutex_);
    before = std::move(future_);
  }
  // Two readers would take each other's deltas, and one of them might never wake.
  if (before && !is_done(before)) {
    const std::lock_guard lock(mutex_);
    future_ = std::move(before);
    throw std::runtime_error("another task is reading this stream");
  }
  {
    const std::lock_guard lock(mutex_);
    if (next_ == waiting_.size() && !ending_) {
      future_ = std::move(waiter);
      return;
    }
  }
  resolve(waiter, py::none());
}

void FeedState::cancel() {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
  }
  router_->cancel(ticket_);
}

EndingPtr FeedState::ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

namespace {

py::object parsed(const std::string& json) {
  return py::module_::import("json").attr("loads")(json);
}

}  // namespace

void FeedState::note(const Delta& delta) {
  switch (delta.kind) {
    case DeltaKind::text:
      if (delta.choice == 0) text_ += delta.text;
      break;
    case DeltaKind::tool_call:
      if (delta.choice == 0) take_tool_fragment(delta);
      break;
    case DeltaKind::finish:
      if (delta.choice == 0) finish_reason_ = delta.finish_reason;
      break;
    case DeltaKind::usage: usage_ = delta.usage; break;
    case DeltaKind::restart:
      text_.clear();
      finish_reason_.clear();
      tool_calls_.clear();
      thinking_blocks_.clear();
      images_.clear();
      annotations_.clear();
      usage_.reset();
      ++restarts_;
      break;
    case DeltaKind::refusal:
    case DeltaKind::reasoning: break;
    case DeltaKind::thinking_block:
      if (delta.choice == 0) thinking_blocks_.push_back(delta.text);
      break;
    case DeltaKind::image:
      if (delta.choice == 0) images_.push_back(delta.text);
      break;
    case DeltaKind::annotation:
      if (delta.choice == 0) annotations_.push_back(delta.text);
      break;
  }
}

void FeedState::take_tool_fragment(const Delta& delta) {
  ToolCall* call = nullptr;
  for (ToolCall& known : tool_calls_) {
    if (known.index == delta.tool_index) call = &known;
  }
  if (call == nullptr) {
    call = &tool_calls_.emplace_back();
    call->index = delta.tool_index;
  }
  call->id += delta.tool_id;
  call->name += delta.tool_name;
  call->arguments += delta.text;
  call->extra += delta.extra;
}

std::string FeedState::text() const {
  const std::lock_guard lock(mutex_);
  return text_;
}

py::object FeedState::finish_reason() const {
  const std::lock_guard lock(mutex_);
  if (finish_reason_.empty()) return py::none();
  return py::str(finish_reason_);
}

py::object FeedState::usage() const {
  std::optional<Usage> usage;
  {
    const std::lock_guard lock(mutex_);
    usage = usage_;
  }
  if (!usage) return py::none();
  return py::cast(*usage);
}

py::list FeedState::parsed_list(const std::vector<std::string> FeedState::*list) const {
  std::vector<std::string> elements;
  {
    const std::lock_guard lock(mutex_);
    elements = this->*list;
  }
  py::list out;
  for (const std::string& element : elements) out.append(parsed(element));
  return out;
}

py::list FeedState::tool_calls() const {
  std::vector<ToolCall> calls;
  {
    const std::lock_guard lock(mutex_);
    calls = tool_calls_;
  }
  py::list out;
  for (const ToolCall& call : calls) {
    py::dict function, entry;
    function["name"] = call.name;
    function["arguments"] = call.arguments;
    entry["id"] = call.id;
    entry["type"] = "function";
    entry["function"] = function;
    if (!call.extra.empty()) entry["extra_content"] = parsed(call.extra);
    out.append(entry);
  }
  return out;
}

std::uint32_t FeedState::restarts() const {
  const std::lock_guard lock(mutex_);
  return restarts_;
}

// --- waiting threads ------------------------------------------------------------------------------

namespace {

// The thread that ends the process, once it does: of the process, not of a router.
std::atomic<std::thread::id> exiting_thread{};

// For a daemon thread at exit: whatever it did, such as print that its router was closed, would meet
// an interpreter that is being taken apart. It stays here, without the GIL, and ends with the process.
bool must_stay() {
  const std::thread::id exiting = exiting_thread;
  return exiting != std::thread::id() && exiting != std::this_thread::get_id();
}
[[noreturn]] void stay() {
  for (;;) ::pause();
}

// Megabytes are judged while other threads run; else that happens on submission.
std::shared_ptr<const ChatRequest> ready(runtime::Router& router, const RequestHandle& handle) {
  if (handle.request->body.size() <= kLongBody) return handle.request;
  const WithoutGil others_may_run;
  return router.judged(handle.request);
}

}  // namespace

void begin_exit() { exiting_thread = std::this_thread::get_id(); }

void wait_for(runtime::CompletionQueue& queue) {
  // A signal may be taken by another thread of the program, which does not interrupt this wait; its
  // handler is due all the same.
  constexpr Duration kLook = milliseconds(100);
  {
    const WithoutGil others_may_run;
    queue.wait(kLook);
    if (must_stay()) stay();
  }
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

EndingPtr call_and_wait(CoreState& core, const RequestHandle& handle) {
  const auto router = core.router();
  auto queue = core.borrow_queue();
  const runtime::Ticket ticket = router->submit(ready(*router, handle), queue);
  for (;;) {
    try {
      wait_for(*queue);
    } catch (py::error_already_set&) {
      router->cancel(ticket);  // the queue is not given back: its last completion is still to come
      throw;
    }
    for (runtime::Completion& completion : queue->take()) {
      if (!completion.last) continue;
      core.give_back(std::move(queue));
      return ending_of(completion);
    }
  }
}

// --- Port -----------------------------------------------------------------------------------------

// The lock is held across the submission, so that no result can come before its waiter is known.
runtime::Ticket PortState::submit(runtime::Router& router, const RequestHandle& handle,
                                  py::handle future) {
  const auto request = ready(router, handle);
  const std::lock_guard lock(mutex_);
  const runtime::Ticket ticket = router.submit(request, queue_);
  waiters_.emplace(ticket, Waiter{Ref::share(future.ptr()), {}});
  return ticket;
}

FeedPtr PortState::open(std::shared_ptr<runtime::Router> router, const RequestHandle& handle) {
  const auto request = ready(*router, handle);
  const std::lock_guard lock(mutex_);
  const runtime::Ticket ticket = router->submit(request, queue_);
  auto feed = std::make_shared<FeedState>(std::move(router), ticket);
  waiters_.emplace(ticket, Waiter{{}, feed});
  return feed;
}

void PortState::forget(runtime::Ticket ticket) {
  Ref future;  // dropped after the lock is
  const std::lock_guard lock(mutex_);
  const auto found = waiters_.find(ticket);
  if (found == waiters_.end()) return;
  future = std::move(found->second.future);
  waiters_.erase(found);
}

void PortState::drain() {
  if (must_stay()) {
    const WithoutGil others_may_run;
    stay();
  }
  std::vector<runtime::Completion> batch;
  queue_->take(batch);
  for (runtime::Completion& completion : batch) deliver(completion);
  release_dropped_references();
}

void PortState::deliver(runtime::Completion& completion) {
  Ref future;
  FeedPtr feed;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiters_.find(completion.ticket);
    if (found == waiters_.end()) return;  // nobody waits any more
    feed = found->second.feed.lock();
    if (completion.last) {
      future = std::move(found->second.future);
      waiters_.erase(found);
    }
  }
  if (feed) {
    feed->deliver(completion);
  } else if (future) {
    resolve(future, py::cast(ending_of(completion)));
  }
}

void bind_delivery(py::module_& module) {
  module.def("begin_exit", &begin_exit);
  py::class_<PortState, std::shared_ptr<PortState>>(module, "Port", py::is_final(),
                                                    plain_metaclass())
      .def(py::init<>())
      .def("fileno", [](const PortState& port) { return port.queue()->wake_fd(); })
      .def("drain", &PortState::drain);
  py::class_<FeedState, FeedPtr>(module, "Feed", py::is_final(), plain_metaclass())
      .def("pop", &FeedState::pop)
      .def("wait", &FeedState::wait)
      .def("attach", &FeedState::attach, py::arg("future"))
      .def("cancel", &FeedState::cancel)
      .def_property_readonly("result", &FeedState::ending)
      .def_property_readonly("text", &FeedState::text)
      .def_property_readonly("finish_reason", &FeedState::finish_reason)
      .def_property_readonly("usage", &FeedState::usage)
      .def_property_readonly("tool_calls", &FeedState::tool_calls)
      .def_property_readonly("thinking_blocks", &FeedState::thinking_blocks)
      .def_property_readonly("images", &FeedState::images)
      .def_property_readonly("annotations", &FeedState::annotations)
      .def_property_readonly("restarts", &FeedState::restarts);
}

}  // namespace llmroute::bindings
