#include "llmroute/runtime/store_worker.h"

#include <utility>

#include "llmroute/net/thread.h"

namespace llmroute::runtime {

StoreWorker::StoreWorker(std::shared_ptr<store::StateStore> store, StoreCalls calls,
                         std::size_t max_waiting)
    : store_(std::move(store)), calls_(calls), max_waiting_(max_waiting) {
  if (calls_ == StoreCalls::on_callers_thread) return;
  const net::SignalsBlocked guard;
  thread_ = std::thread([this] {
    net::name_this_thread("llmroute-store");
    run();
  });
}

StoreWorker::~StoreWorker() { stop(Duration::zero()); }

bool StoreWorker::post(Job job) {
  std::shared_ptr<store::StateStore> store;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return false;
    if (calls_ == StoreCalls::on_own_thread) {
      if (waiting_.size() >= max_waiting_) return false;
      waiting_.push_back(std::move(job));
      news_.notify_one();
      return true;
    }
    store = store_;
  }
  job(*store);
  return true;
}

void StoreWorker::run() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      news_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      if (waiting_.empty()) drained_.notify_all();
    }
    job(*store_);
  }
}

void StoreWorker::stop(Duration patience) {
  const std::lock_guard joining(join_mutex_);
  std::deque<Job> unwanted;
  {
    std::unique_lock lock(mutex_);
    stopped_ = true;
    news_.notify_all();
    drained_.wait_for(lock, patience, [this] { return waiting_.empty(); });
    unwanted.swap(waiting_);
  }
  unwanted.clear();
  if (thread_.joinable()) thread_.join();
  std::shared_ptr<store::StateStore> closed;
  const std::lock_guard lock(mutex_);
  closed.swap(store_);
}

}  // namespace llmroute::runtime
