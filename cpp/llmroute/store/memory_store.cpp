#include <algorithm>
#include <map>
#include <mutex>

#include "llmroute/store/rules.h"

namespace llmroute::store {

namespace {

// What a node of the maps costs beside key and value, roughly.
constexpr std::size_t kOverhead = 96;

class MemoryStore final : public StateStore {
 public:
  explicit MemoryStore(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  Result<Grant> lease(const LeaseWish& wish) override {
    if (auto done = check_wish(wish); !done) return done.error();
    const std::lock_guard lock(mutex_);
    const auto found = leases_.find(wish.key);
    const std::int64_t before = found == leases_.end() ? 0 : found->second.taken;
    const Grant grant = decide(before, wish);
    if (grant.taken == before) return grant;
    if (found != leases_.end()) {
      found->second.taken = grant.taken;
      found->second.expires = std::max(found->second.expires, wish.expires);
      return grant;
    }
    const std::size_t size = wish.key.size() + kOverhead;
    if (size > max_bytes_ - std::min(max_bytes_, used_)) return full();
    used_ += size;
    leases_.emplace(wish.key, Lease{grant.taken, wish.expires});
    return grant;
  }

  Result<void> give_back(std::string_view key, std::int64_t amount) override {
    if (auto done = check_amount(key, amount); !done) return done;
    const std::lock_guard lock(mutex_);
    const auto found = leases_.find(key);
    if (found == leases_.end()) return {};
    found->second.taken = std::max<std::int64_t>(0, found->second.taken - amount);
    return {};
  }

  Result<std::int64_t> taken(std::string_view key) override {
    if (auto done = check_key(key); !done) return done.error();
    const std::lock_guard lock(mutex_);
    const auto found = leases_.find(key);
    return found == leases_.end() ? 0 : found->second.taken;
  }

  Result<void> put(std::string_view key, std::string_view value, WallTime expires) override {
    if (auto done = check_entry(key, value); !done) return done;
    const std::lock_guard lock(mutex_);
    return write(key, value, expires);
  }

  Result<bool> put_new(std::string_view key, std::string_view value, WallTime expires,
                       WallTime now) override {
    if (auto done = check_entry(key, value); !done) return done.error();
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end() && !has_expired(found->second.expires, now)) return false;
    if (auto done = write(key, value, expires); !done) return done.error();
    return true;
  }

  Result<std::optional<std::string>> get(std::string_view key, WallTime now) override {
    if (auto done = check_key(key); !done) return done.error();
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || has_expired(found->second.expires, now)) {
      return std::optional<std::string>();
    }
    return std::optional<std::string>(found->second.value);
  }

  Result<void> erase(std::string_view key) override {
    if (auto done = check_key(key); !done) return done;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return {};
    used_ -= size_of(*found);
    entries_.erase(found);
    return {};
  }

  Result<Entries> scan(std::string_view prefix, WallTime now, std::size_t most) override {
    if (auto done = check_prefix(prefix); !done) return done.error();
    const std::lock_guard lock(mutex_);
    Entries out;
    for (auto at = entries_.lower_bound(prefix); at != entries_.end() && out.size() < most; ++at) {
      if (at->first.compare(0, prefix.size(), prefix) != 0) break;
      if (!has_expired(at->second.expires, now)) out.emplace_back(at->first, at->second.value);
    }
    return out;
  }

  Result<std::size_t> expire(WallTime now) override {
    const std::lock_guard lock(mutex_);
    const auto forget = [&](const auto& node) {
      if (!has_expired(node.second.expires, now)) return false;
      used_ -= size_of(node);
      return true;
    };
    return std::erase_if(leases_, forget) + std::erase_if(entries_, forget);
  }

 private:
  struct Lease {
    std::int64_t taken = 0;
    WallTime expires{};
    std::size_t size() const { return 0; }
  };
  struct Entry {
    std::string value;
    WallTime expires{};
    std::size_t size() const { return value.size(); }
  };

  template <class Node>
  static std::size_t size_of(const Node& node) {
    return node.first.size() + node.second.size() + kOverhead;
  }

  Result<void> write(std::string_view key, std::string_view value, WallTime expires) {
    const auto found = entries_.find(key);
    const std::size_t before = found == entries_.end() ? 0 : size_of(*found);
    const std::size_t after = key.size() + value.size() + kOverhead;
    if (used_ - before + after > room_for_values(max_bytes_)) return full();
    used_ += after - before;
    entries_.insert_or_assign(std::string(key), Entry{std::string(value), expires});
    return {};
  }

  Error full() const {
    return make_error(ErrorKind::capacity, "the state kept in memory has reached its bound of " +
                                               std::to_string(max_bytes_) +
                                               " bytes; let some of it expire");
  }

  const std::size_t max_bytes_;
  std::mutex mutex_;  // of all that follows
  std::map<std::string, Lease, std::less<>> leases_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::size_t used_ = 0;
};

}  // namespace

std::unique_ptr<StateStore> make_memory_store(std::size_t max_bytes) {
  return std::make_unique<MemoryStore>(max_bytes);
}

}  // namespace llmroute::store
