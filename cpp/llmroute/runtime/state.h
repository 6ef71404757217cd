// A router's store, the thread that calls it, and what is said of it.
//
// Opened with the router and kept until that is closed. All calls return at once; answers come on the
// worker's thread, or, with state in memory and where a call is refused, before the call returns. That
// a store does not answer is a notice, once, and so is that it works again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "llmroute/engine/experiments.h"
#include "llmroute/model/limits.h"
#include "llmroute/runtime/notices.h"
#include "llmroute/runtime/store_worker.h"
#include "llmroute/store/store.h"

namespace llmroute::runtime {

class State {
 public:
  // `given` instead of what the configuration says, where it is not null. The notices outlive it.
  static Result<std::unique_ptr<State>> open(const StateSpec& spec,
                                             std::shared_ptr<store::StateStore> given,
                                             Notices& notices);

  // False: there is nobody to hear it any more, and what was granted is given back.
  using Answer = std::function<bool(const Result<store::Grant>&)>;
  // The answer is not called where stop() came first.
  void lease(store::LeaseWish wish, Answer answer);
  void give_back(std::vector<std::pair<std::string, std::int64_t>> amounts);
  void expire(WallTime now);
  // Keeps the state of an experiment for the next process, and tells of it.
  void remember(engine::Switched switched);
  static constexpr std::string_view kExperiments = "experiment/";  // prefix of their keys
  // Any other call. False: refused at once, without running; see StoreWorker.
  bool post(StoreWorker::Job job) { return worker_.post(std::move(job)); }
  // To be told how each call ended. Any thread.
  template <class T>
  void heard(const Result<T>& result) {
    result ? answered() : failed(result.error());
  }

  // See StoreWorker::stop; closes the store, unless somebody else holds it.
  void stop(Duration patience);
  const std::string& path() const { return path_; }
  std::shared_ptr<store::StateStore> store() const;  // null once stopped

 private:
  State(std::string path, const std::shared_ptr<store::StateStore>& store, StoreCalls calls,
        Notices& notices);

  void answered();
  void failed(const Error& error);

  const std::string path_;
  Notices& notices_;
  std::atomic<bool> silent_{false}, stopped_{false};
  mutable std::mutex mutex_;
  std::shared_ptr<store::StateStore> store_;  // guarded by mutex_
  StoreWorker worker_;
};

}  // namespace llmroute::runtime
