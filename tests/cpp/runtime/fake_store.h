// A store in memory that fails, or keeps its callers waiting, when a test says so.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "llmroute/store/store.h"
#include "support/on_loop.h"

namespace llmroute::test {

class FakeStore final : public store::StateStore {
 public:
  struct Seen {
    bool open = true;  // calls may pass
    bool failing = false;
    int waiting = 0;  // calls that stand before the closed gate
    int calls = 0;    // that passed it
    std::vector<WallTime> expired;
    std::thread::id thread;  // of the latest call
  };
  Watched<Seen> seen;

  void set_open(bool open) {
    seen.change([open](Seen& s) { s.open = open; });
  }
  void set_failing(bool failing) {
    seen.change([failing](Seen& s) { s.failing = failing; });
  }

  Result<store::Grant> lease(const store::LeaseWish& wish) override {
    if (!pass()) return broken();
    return inner_->lease(wish);
  }
  Result<void> give_back(std::string_view key, std::int64_t amount) override {
    if (!pass()) return broken();
    return inner_->give_back(key, amount);
  }
  Result<std::int64_t> taken(std::string_view key) override { return inner_->taken(key); }
  Result<void> put(std::string_view key, std::string_view value, WallTime expires) override {
    return inner_->put(key, value, expires);
  }
  Result<bool> put_new(std::string_view key, std::string_view value, WallTime expires,
                       WallTime now) override {
    return inner_->put_new(key, value, expires, now);
  }
  Result<std::optional<std::string>> get(std::string_view key, WallTime now) override {
    if (!pass()) return broken();
    return inner_->get(key, now);
  }
  Result<void> erase(std::string_view key) override { return inner_->erase(key); }
  Result<Entries> scan(std::string_view prefix, WallTime now, std::size_t most) override {
    return inner_->scan(prefix, now, most);
  }
  Result<std::size_t> expire(WallTime now) override {
    seen.change([now](Seen& s) { s.expired.push_back(now); });
    if (!pass()) return broken();
    return inner_->expire(now);
  }

 private:
  bool pass() {
    seen.change([](Seen& s) { ++s.waiting; });
    EXPECT_TRUE(seen.wait([](const Seen& s) { return s.open; }));
    bool works = false;
    seen.change([&works](Seen& s) {
      --s.waiting;
      ++s.calls;
      s.thread = std::this_thread::get_id();
      works = !s.failing;
    });
    return works;
  }
  static Error broken() { return make_error(ErrorKind::capacity, "the disk is on fire"); }

  std::unique_ptr<store::StateStore> inner_ = store::make_memory_store();
};

}  // namespace llmroute::test
