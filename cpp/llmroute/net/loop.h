// One event loop on its own thread.
//
// Start in the constructor, stop and join in stop() or the destructor (never on the loop thread).
// post() is thread-safe and cheap: functions collect in one queue and one wake runs many. Timers run
// on the loop thread by the clock passed in; a manual clock's owner calls poke() after moving it.
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

  void post(Task task);              // any thread; dropped after stop()
  void poke();                       // any thread: look at the timers again
  bool on_loop_thread() const;
  void stop();                       // idempotent; runs what was posted before it, then joins
  const Clock& clock() const;
  Instant now() const { return clock().now(); }
  boost::asio::io_context& context();

  // Loop thread only. `id` is never reused; cancelling an unknown or fired timer does nothing.
  std::uint64_t call_at(Instant when, Task task);
  void cancel_timer(std::uint64_t id);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmroute::net
