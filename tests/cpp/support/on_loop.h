// Running code on a loop's thread from a test, with generous deadlines instead of sleeps.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>

#include "llmroute/net/loop.h"

namespace llmroute::test {

// Long enough for a loaded machine under a sanitizer; only a failing test ever waits that long.
inline constexpr std::chrono::seconds kPatience{60};

// Runs `work` on the loop's thread and waits for it.
inline void on_loop(net::Loop& loop, const std::function<void()>& work) {
  // Shared: the waiting side may be gone before set_value() has returned.
  const auto done = std::make_shared<std::promise<void>>();
  auto finished = done->get_future();
  ASSERT_TRUE(loop.post([&work, done] {
    work();
    done->set_value();
  }));
  ASSERT_EQ(finished.wait_for(kPatience), std::future_status::ready);
}

// A value that threads change and a test waits for.
template <class T>
class Watched {
 public:
  explicit Watched(T value = T{}) : value_(std::move(value)) {}

  template <class F>
  void change(F&& edit) {
    // Notifies under the lock: whoever waits may destroy this object as soon as it can see the value.
    const std::lock_guard lock(mutex_);
    edit(value_);
    changed_.notify_all();
  }
  template <class P>
  [[nodiscard]] bool wait(P&& predicate) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return predicate(value_); });
  }
  T get() {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  T value_;
};

}  // namespace llmroute::test
