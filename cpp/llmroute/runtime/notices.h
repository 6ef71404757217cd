// What should be said once to whoever runs a router: whole sentences, kept until somebody takes them.
//
// Thread-safe. Bounded: of too many the oldest go. Looking costs one atomic read where there are none.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

namespace llmroute::runtime {

class Notices {
 public:
  void add(std::string sentence);
  std::vector<std::string> take();  // oldest first

 private:
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::vector<std::string> sentences_;  // guarded by mutex_
};

}  // namespace llmroute::runtime
