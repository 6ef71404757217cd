// One event loop on its own thread.
//
// Start in the constructor, stop and join in stop() or the destructor (never on the loop thread:
// that is a programming mistake and aborts). post() is thread-safe and cheap: functions collect in
// one queue and one wake runs many, in the order they were posted. Timers run on the loop thread by
// the clock passed in, which outlives the loop; a manual clock's owner calls poke() after moving
// it. Tasks must not throw. All signals are blocked on the loop thread: they stay with the
// program's own threads, and a write to a closed socket is an error, not a SIGPIPE.
//
// A child process has no loop thread after fork(): it must neither use nor destroy a Loop it
// inherited.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "llmroute/base/time.h"

namespace boost::asio {
class io_context;
}

namespace llmroute::net {

class Loop {
 public:
  using Task = std::function<void()>;

  Loop(const Clock& clock, std::string thread_name);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Any thread. False: stop() was called before, and the task was destroyed without running.
  bool post(Task task);
  void poke();  // any thread: look at the timers again
  bool on_loop_thread() const;
  // Idempotent; runs what was posted before it, then joins. Timers that are still pending are
  // destroyed without running.
  void stop();
  const Clock& clock() const;
  Instant now() const { return clock().now(); }
  boost::asio::io_context& context();

  // Loop thread only. Never called from inside call_at(), even where `when` is past. Ids are never
  // zero and never reused; cancelling an unknown or fired timer does nothing.
  std::uint64_t call_at(Instant when, Task task);
  void cancel_timer(std::uint64_t id);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmroute::net
