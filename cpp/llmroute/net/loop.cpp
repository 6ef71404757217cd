#include "llmroute/net/loop.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "llmroute/net/thread.h"
#include "llmroute/net/timer_heap.h"

namespace llmroute::net {

namespace asio = boost::asio;

namespace {

// A wait longer than this is taken in steps, so that no conversion to the timer's own clock can
// overflow.
constexpr Duration kLongestWait = std::chrono::hours(24);

[[noreturn]] void programming_mistake(const char* what) {
  std::fprintf(stderr, "llmroute: %s\n", what);
  std::abort();
}

}  // namespace

class Loop::Impl {
 public:
  Impl(const Clock& the_clock, std::string thread_name)
      : clock(the_clock), context(1), alarm_(context), work_(context.get_executor()) {
    const SignalsBlocked guard;
    thread_ = std::thread([this, name = std::move(thread_name)] {
      name_this_thread(name);
      context.run();
    });
    thread_id_ = thread_.get_id();
  }

  bool post(Task task) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return false;
      posted_.push_back(std::move(task));
      // Whoever finds tasks in the queue knows that a wake is already on its way.
      if (posted_.size() > 1) return true;
    }
    asio::post(context, [this] { run_posted(); });
    return true;
  }

  bool on_loop_thread() const { return std::this_thread::get_id() == thread_id_; }

  void stop() {
    if (on_loop_thread()) programming_mistake("a Loop was stopped or destroyed on its own thread");
    const std::lock_guard joining(join_mutex_);
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    asio::post(context, [this] {
      run_posted();
      work_.reset();
      context.stop();
    });
    thread_.join();
    thread_id_ = std::thread::id{};  // the system may give the old one to another thread
  }

  std::uint64_t call_at(Instant when, Task task) {
    const std::uint64_t id = timers_.add(when, std::move(task));
    if (!running_timers_) arm();
    return id;
  }

  // The alarm is left as it is: going off early costs one look, resetting it costs a system call.
  void cancel_timer(std::uint64_t id) { timers_.cancel(id); }

  void run_timers() {
    const Instant now = clock.now();
    const std::uint64_t boundary = timers_.boundary();
    running_timers_ = true;
    while (auto task = timers_.pop_due(now, boundary)) (*task)();
    running_timers_ = false;
    arm();
  }

  const Clock& clock;
  asio::io_context context;

 private:
  void run_posted() {
    {
      const std::lock_guard lock(mutex_);
      running_.swap(posted_);
    }
    for (Task& task : running_) {
      task();
      task = nullptr;  // what it holds goes now, not when the last of the batch has run
    }
    running_.clear();
  }

  void arm() {
    const Instant next = timers_.earliest();
    if (next == kNever) return;
    const Instant now = clock.now();
    if (!clock.runs_by_itself()) {
      // Time stands still until poke(); only what is due already needs another turn.
      if (next <= now && !look_posted_) {
        look_posted_ = true;
        asio::post(context, [this] {
          look_posted_ = false;
          run_timers();
        });
      }
      return;
    }
    if (armed_for_ <= next) return;
    armed_for_ = next;
    const Duration wait = std::clamp(next - now, Duration::zero(), kLongestWait);
    alarm_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(wait));
    alarm_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;  // armed anew for something earlier
      armed_for_ = kNever;
      run_timers();
    });
  }

  std::mutex mutex_;
  std::vector<Task> posted_;  // guarded by mutex_
  bool closed_ = false;       // guarded by mutex_
  std::vector<Task> running_;
  TimerHeap timers_;
  asio::steady_timer alarm_;
  Instant armed_for_ = kNever;
  bool look_posted_ = false;
  bool running_timers_ = false;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::mutex join_mutex_;
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_{};
};

Loop::Loop(const Clock& clock, std::string thread_name)
    : impl_(std::make_unique<Impl>(clock, std::move(thread_name))) {}

Loop::~Loop() { impl_->stop(); }

bool Loop::post(Task task) { return impl_->post(std::move(task)); }

void Loop::poke() {
  impl_->post([impl = impl_.get()] { impl->run_timers(); });
}

bool Loop::on_loop_thread() const { return impl_->on_loop_thread(); }

void Loop::stop() { impl_->stop(); }

const Clock& Loop::clock() const { return impl_->clock; }

boost::asio::io_context& Loop::context() { return impl_->context; }

std::uint64_t Loop::call_at(Instant when, Task task) {
  return impl_->call_at(when, std::move(task));
}

void Loop::cancel_timer(std::uint64_t id) { impl_->cancel_timer(id); }

}  // namespace llmroute::net
