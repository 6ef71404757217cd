// Where the calls to a store are made, which may wait for a disk or another process.
//
// By a thread of its own, one after the other in the order they were posted; or, for a store that
// never waits, on the thread that posts. What comes of a job goes wherever the job sends it. post() is
// thread-safe; stop it (or destroy it) on any thread but the worker's. Jobs must not throw.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "llmroute/base/time.h"
#include "llmroute/store/store.h"

namespace llmroute::runtime {

enum class StoreCalls { on_own_thread, on_callers_thread };

class StoreWorker {
 public:
  using Job = std::function<void(store::StateStore&)>;

  StoreWorker(std::shared_ptr<store::StateStore> store, StoreCalls calls, std::size_t max_waiting);
  ~StoreWorker();
  StoreWorker(const StoreWorker&) = delete;
  StoreWorker& operator=(const StoreWorker&) = delete;

  // False, and the job is destroyed without running: as many as may wait do so, or it was stopped.
  bool post(Job job);
  // Takes no further jobs, gives those that wait so long, destroys the rest without running, joins
  // when the job under way has ended and lets go of the store. Idempotent.
  void stop(Duration patience);

 private:
  void run();

  std::shared_ptr<store::StateStore> store_;  // null once stopped; not changed while a job runs
  const StoreCalls calls_;
  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable news_, drained_;
  std::deque<Job> waiting_;  // guarded by mutex_
  bool stopped_ = false;     // guarded by mutex_
  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace llmroute::runtime
