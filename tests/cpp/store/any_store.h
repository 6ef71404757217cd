// Every kind of store, for what all of them promise.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "llmroute/store/store.h"
#include "support/temporary_folder.h"

namespace llmroute::test {

inline WallTime at_s(std::int64_t s) { return WallTime(seconds(s)); }

inline store::LeaseWish wish(std::string key, std::int64_t limit, std::int64_t want,
                             std::int64_t owed = 0, WallTime expires = at_s(1'000)) {
  return {std::move(key), limit, want, owed, expires};
}

inline std::unique_ptr<store::StateStore> open_file(const std::string& path,
                                                    Duration busy = seconds(60),
                                                    std::size_t max = store::kMaxStoreBytes) {
  store::SqliteOptions options;
  options.path = path;
  options.busy = busy;
  options.max_bytes = max;
  auto opened = store::open_sqlite_store(options);
  EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().message);
  return opened ? std::move(*opened) : nullptr;
}

enum class StoreKind { memory, sqlite };

// Holds one store of the kind; `again` closes and opens it where there is something to open.
class AnyStore {
 public:
  explicit AnyStore(StoreKind kind, std::size_t max_bytes = store::kMaxStoreBytes)
      : kind_(kind), max_bytes_(max_bytes) {
    again();
  }
  void again() {
    if (kind_ == StoreKind::memory && !store_) store_ = store::make_memory_store(max_bytes_);
    if (kind_ == StoreKind::memory) return;
    store_.reset();
    store_ = open_file(folder_ / "state.db", seconds(60), max_bytes_);
  }
  store::StateStore& operator*() { return *store_; }
  store::StateStore* operator->() { return store_.get(); }

 private:
  const StoreKind kind_;
  const std::size_t max_bytes_;
  TemporaryFolder folder_;
  std::unique_ptr<store::StateStore> store_;
};

}  // namespace llmroute::test
